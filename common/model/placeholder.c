/* placeholder.c - a text as literal pieces and names. */
#include "model/placeholder.h"

#include <string.h>

#include "base/mem.h"

int placeholder_next(const char **at, struct placeholder_piece *piece, struct err *e)
{
        const char *s = *at;
        if (!*s)
                return 0;
        if (s[0] == '{' && s[1] == '{') {
                *piece = (struct placeholder_piece){.text = s, .len = 1};
                *at = s + 2;
                return 1;
        }
        if (s[0] != '{') {
                size_t len = strcspn(s, "{");
                *piece = (struct placeholder_piece){.text = s, .len = len};
                *at = s + len;
                return 1;
        }
        const char *end = strpbrk(s + 1, "{}");
        if (!end || *end == '{')
                return err_set(e, ERR_INVALID, "has a { that no } closes; a brace itself is {{");
        if (end == s + 1)
                return err_set(e, ERR_INVALID, "has {} without a name in it; a brace itself is {{");
        *piece = (struct placeholder_piece){
                .text = s + 1, .len = (size_t)(end - s - 1), .name = true};
        *at = end + 1;
        return 1;
}

int placeholder_fill(const char *text, struct buf *out, placeholder_fn fn, void *arg,
                     struct err *e)
{
        struct placeholder_piece p;
        int more;
        while ((more = placeholder_next(&text, &p, e)) > 0) {
                if (!p.name) {
                        buf_add(out, p.text, p.len);
                        continue;
                }
                autofree char *name = xstrndup(p.text, p.len);
                if (fn(name, out, arg, e) < 0)
                        return -1;
        }
        return more;
}
