/* accept.c - see the header. */
#include "api/http/accept.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "api/http/negotiate.h"

static const char blank[] = " \t";

/* Of the parameters of one item, from its first ';' on. */
static int quality(const char *item, size_t len)
{
        const char *end = item + len;
        for (const char *p = item; p < end; p++) {
                if (*p != ';')
                        continue;
                p++;
                p += strspn(p, blank);
                if (end - p > 2 && strncasecmp(p, "q=", 2) == 0)
                        return negotiate_weight(p + 2, p + 2 + strcspn(p + 2, "; \t,"));
                p--;
        }
        return 1000;
}

/* How exactly an item names a type: 3 itself, 2 its kind, 1 any, 0 not. */
static int fit(const char *item, size_t len, const char *type)
{
        size_t kind = strcspn(type, "/") + 1;
        if (len == strlen(type) && strncasecmp(item, type, len) == 0)
                return 3;
        if (len == kind + 1 && strncasecmp(item, type, kind) == 0 && item[kind] == '*')
                return 2;
        return len == 3 && strncmp(item, "*/*", 3) == 0;
}

/* What names it most exactly decides. */
static int quality_of(const char *accept, const char *type)
{
        int best = 0, found = 0;
        for (const char *p = accept; *p;) {
                p += strspn(p, " \t,");
                size_t item = strcspn(p, ","), name = strcspn(p, ",; \t");
                int how = fit(p, name, type);
                if (how > best) {
                        best = how;
                        found = quality(p, item);
                }
                p += item;
        }
        return found;
}

size_t accept_best(const char *accept, const char *const *types, size_t n)
{
        size_t best = 0;
        int most = 0;
        for (size_t i = 0; accept && i < n; i++) {
                int q = quality_of(accept, types[i]);
                if (q > most) {
                        most = q;
                        best = i;
                }
        }
        return best;
}
