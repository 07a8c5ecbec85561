/* placeholder_fill: names are filled in, all else stays as it is, and `{{` is the way to say a brace. */
#include "model/placeholder.h"
#include "tests/fuzz/fuzz.h"

enum { MOST = 1 << 20 };

/* As a text that is the same when it is read again. */
static int as_it_was(const char *name, struct buf *out, void *arg, struct err *e)
{
        (void)arg;
        (void)e;
        must(name[0] && !strpbrk(name, "{} \t\r\n\"'`,:;$"));
        buf_addf(out, "{%s}", name);
        return 0;
}

static int refuse(const char *name, struct buf *out, void *arg, struct err *e)
{
        (void)out;
        ++*(int *)arg;
        return err_set(e, ERR_INVALID, "there is no '%s'", name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = input_of(data, size);
        autofree char *text = input_rest(&in, NULL);
        struct err e = ERR_INIT;
        autobuf filled = BUF_INIT(MOST), escaped = BUF_INIT(MOST), again = BUF_INIT(MOST);
        must(placeholder_fill(text, &filled, as_it_was, NULL, &e) == 0 && e.code == ERR_OK);

        /* Every piece written down such that it must be read as itself. */
        const char *at = text;
        struct placeholder_piece p;
        size_t names = 0;
        while (placeholder_next(&at, &p)) {
                must(p.len > 0);
                names += p.name;
                for (size_t i = 0; i < p.len && !p.name; i++)
                        buf_adds(&escaped, p.text[i] == '{' ? "{{" : (char[]){p.text[i], '\0'});
                if (p.name)
                        buf_addf(&escaped, "{%.*s}", (int)p.len, p.text);
        }
        must(*at == '\0');
        must(placeholder_fill(buf_str(&escaped), &again, as_it_was, NULL, &e) == 0);
        must(strcmp(buf_str(&filled), buf_str(&again)) == 0);

        int refused = 0;
        autobuf nothing = BUF_INIT(MOST);
        int rc = placeholder_fill(text, &nothing, refuse, &refused, &e);
        must((rc < 0) == (names > 0) && refused == (names > 0));
        return 0;
}
