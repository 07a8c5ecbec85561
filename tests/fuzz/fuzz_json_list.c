/* json_parse_head: an object with lists read from the text says the same as the tree of all of it. */
#include "base/json_list.h"
#include "tests/fuzz/fuzz.h"

static const char *const names[] = {"projects", "ids"};
enum { LISTS = COUNT_OF(names), HEAD_MAX = 4096 };

static void must_match(const struct json_piece *p, const struct json *v)
{
        must(v && p->type == json_type_of(v));
        struct err e = ERR_INIT;
        struct json *alone = json_parse(p->text, p->len, &e);
        must(json_same(alone, v));
        json_free(alone);
        if (p->type != JSON_STRING)
                return;
        autofree char *plain = xmalloc(p->len);
        size_t len = json_piece_string(p, plain);
        must(len == strlen(json_str(v)) && memcmp(plain, json_str(v), len) == 0);
}

/* Where the list was left in the text: its elements are those of the tree. */
static void must_match_list(struct json_list *l, const struct json *whole)
{
        struct json_piece p;
        const struct json *v = json_first(whole);
        for (; json_list_next(l, &p); v = json_next(v))
                must_match(&p, v);
        must(!v);
}

static void must_match_head(const struct json *head, struct json_list *lists,
                            const struct json *whole)
{
        const struct json *h = json_first(head), *w = json_first(whole);
        for (; h && w; h = json_next(h), w = json_next(w)) {
                must(strcmp(json_name(h), json_name(w)) == 0);
                size_t i = 0;
                while (i < LISTS && strcmp(names[i], json_name(h)) != 0)
                        i++;
                if (i < LISTS && lists[i].at)
                        must_match_list(&lists[i], w);
                else
                        must(json_same(h, w));
        }
        must(!h && !w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = input_of(data, size);
        autofree char *text = input_rest(&in, NULL);
        struct json_list lists[LISTS];
        struct err e = ERR_INIT, why = ERR_INIT;
        struct json *whole = json_parse(text, size, &why);
        struct json *head = json_parse_head(text, size, names, LISTS, lists, HEAD_MAX, &e);
        if (!head)
                must_explain(&e);
        if (head && whole)
                must_match_head(head, lists, whole);
        if (!head && whole)
                must(json_type_of(whole) != JSON_OBJECT || e.code == ERR_TOO_LARGE);
        /* What only the tree refuses is a name that stands twice within the elements of a list. */
        if (head && !whole)
                must(strstr(why.text, "stands twice"));
        json_free(head);
        json_free(whole);
        return 0;
}
