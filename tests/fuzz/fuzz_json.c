/* json_parse, json_print: what was printed is read again as the same value. */
#include "tests/fuzz/fuzz.h"

static struct json *parse(const char *text, size_t len)
{
        struct err e = ERR_INIT;
        struct json *v = json_parse(text, len, &e);
        if (v)
                must(e.code == ERR_OK);
        else
                must_explain(&e);
        return v;
}

/* Everything that can be asked of a value, anywhere in it. */
static void look_at(const struct json *v, struct arena *a)
{
        int64_t i;
        if (json_int(v, &i) == 0)
                must(i >= -JSON_INT_MAX && i <= JSON_INT_MAX && (double)i == json_double(v));
        if (json_str(v))
                must(utf8_valid(json_str(v), strlen(json_str(v))));
        size_t n = 0;
        for (const struct json *m = json_first(v); m; m = json_next(m), n++) {
                if (json_type_of(v) == JSON_OBJECT) {
                        must(json_get(v, json_name(m)) == m);
                        json_get_text(v, json_name(m), a);
                }
                look_at(m, a);
        }
        must(n == json_count(v));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct json *v = parse((const char *)data, size);
        if (!v)
                return 0;
        struct arena *a = arena_new(0);
        look_at(v, a);
        autobuf once = BUF_INIT(SIZE_MAX), twice = BUF_INIT(SIZE_MAX);
        json_print(v, &once);
        must(buf_ok(&once) && utf8_valid(once.data, once.len));
        struct json *again = parse(once.data, once.len);
        must(json_same(v, again));
        json_print(again, &twice);
        must(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
        json_free(again);
        json_free(v);
        arena_free(a);
        return 0;
}
