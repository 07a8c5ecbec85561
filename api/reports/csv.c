/* csv.c - see the header. */
#include "api/reports/csv.h"

#include <string.h>

#include "base/mem.h"

static bool is_formula(const char *s)
{
        static const char *const wide[] = {"＝", "＋", "－", "＠"};
        if (*s && strchr("=+-@\t\r", *s))
                return true;
        for (size_t i = 0; i < COUNT_OF(wide); i++) {
                if (strncmp(s, wide[i], strlen(wide[i])) == 0)
                        return true;
        }
        return false;
}

static void add_quoted(struct buf *out, const char *s, bool defused)
{
        buf_adds(out, defused ? "\"'" : "\"");
        for (size_t len; *s; s += len) {
                len = strcspn(s, "\"");
                buf_add(out, s, len);
                if (s[len] == '"') {
                        buf_adds(out, "\"\"");
                        len++;
                }
        }
        buf_addc(out, '"');
}

static void add_field(struct csv *c, const char *s, bool defused)
{
        if (c->fields++)
                buf_addc(c->out, ',');
        if (!s)
                return;
        if (defused || s[strcspn(s, "\",\r\n")])
                add_quoted(c->out, s, defused);
        else
                buf_adds(c->out, s);
}

void csv_text(struct csv *c, const char *s)
{
        add_field(c, s, s && is_formula(s));
}

void csv_own(struct csv *c, const char *s)
{
        add_field(c, s, false);
}

void csv_end_row(struct csv *c)
{
        buf_adds(c->out, "\r\n");
        c->fields = 0;
}
