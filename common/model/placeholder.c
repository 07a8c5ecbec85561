/* placeholder.c - a text as literal pieces and names. */
#include "model/placeholder.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

/* Length of the name that s begins with, where a brace closes it; else 0. */
static size_t name_length(const char *s)
{
        static const char never[] = "{}\"'`,:;$ \t\r\n\v\f";
        size_t len = strcspn(s, never);
        return (isalpha((unsigned char)s[0]) || s[0] == '_') && s[len] == '}' ? len : 0;
}

bool placeholder_next(const char **at, struct placeholder_piece *piece)
{
        const char *s = *at;
        if (!*s)
                return false;
        size_t len = strcspn(s, "{"), name = s[len] ? name_length(s + len + 1) : 0;
        if (len == 0 && name > 0) {
                *piece = (struct placeholder_piece){.text = s + 1, .len = name, .name = true};
                *at = s + name + 2;
                return true;
        }
        if (s[len] == '{' && name == 0)
                len++; /* a brace that is one */
        *piece = (struct placeholder_piece){.text = s, .len = len};
        *at = s + len + (s[len - 1] == '{' && s[len] == '{' ? 1 : 0);
        return true;
}

int placeholder_fill(const char *text, struct buf *out, placeholder_fn fn, void *arg, struct err *e)
{
        struct placeholder_piece p;
        while (placeholder_next(&text, &p)) {
                if (!p.name) {
                        buf_add(out, p.text, p.len);
                        continue;
                }
                autofree char *name = xstrndup(p.text, p.len);
                if (fn(name, out, arg, e) < 0)
                        return -1;
        }
        return 0;
}
