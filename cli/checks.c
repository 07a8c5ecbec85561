/* checks.c - see checks.h. */
#include "cli/checks.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/api.h"
#include "cli/table.h"
#include "cli/text.h"

enum { STATUS_WIDTH = 4, GAP = 2, NAME_MAX_WIDTH = 28, NARROW = 60 };

static const struct column columns[] = {
        {"name", "CHECK", CELL_TEXT, 0},
        {"status", "STATUS", CELL_STATE, 0},
        {"detail", "DETAIL", CELL_TEXT, 0},
        {"mend", "MEND", CELL_TEXT, 0},
};

static size_t name_width(const struct json *checks)
{
        size_t widest = 0;
        for (const struct json *i = json_first(checks); i; i = json_next(i)) {
                size_t width = text_width(json_str_at(i, "name"));
                if (width > widest)
                        widest = width;
        }
        return widest < NAME_MAX_WIDTH ? widest : NAME_MAX_WIDTH;
}

static void add_text(struct buf *out, const struct json *check, const char *member,
                     const char *before, size_t indent)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        buf_adds(&text, before);
        text_clean(&text, json_str_at(check, member), strlen(json_str_at(check, member)));
        text_wrap(out, buf_str(&text), term_width(), indent, indent);
        buf_addc(out, '\n');
}

/* On a narrow terminal the name has a line of its own. */
static void print_check(const struct cli *c, const struct json *check, size_t names, struct buf *out)
{
        const char *status = json_str_at(check, "status");
        bool narrow = term_width() && term_width() < NARROW;
        size_t indent = narrow ? STATUS_WIDTH + GAP : STATUS_WIDTH + names + 2 * GAP;
        autobuf clean = BUF_INIT(SIZE_MAX);
        autobuf name = BUF_INIT(SIZE_MAX);
        text_clean(&clean, status, strlen(status));
        text_clean(&name, json_str_at(check, "name"), strlen(json_str_at(check, "name")));
        buf_adds(out, term_colour(&c->term, state_colour(status)));
        text_fit(out, buf_str(&clean), STATUS_WIDTH, ALIGN_LEFT, "");
        buf_adds(out, term_plain(&c->term));
        text_spaces(out, GAP);
        if (narrow) {
                text_cut(out, buf_str(&name), term_width() - indent, "");
                buf_addc(out, '\n');
                text_spaces(out, indent);
        } else {
                text_fit(out, buf_str(&name), names, ALIGN_LEFT, "");
                text_spaces(out, GAP);
        }
        add_text(out, check, "detail", "", indent);
        if (*json_str_at(check, "mend") && strcmp(status, "ok") != 0) {
                text_spaces(out, indent);
                add_text(out, check, "mend", "mend: ", indent);
        }
}

static size_t count(const struct json *checks, const char *status)
{
        size_t n = 0;
        for (const struct json *i = json_first(checks); i; i = json_next(i))
                n += strcmp(json_str_at(i, "status"), status) == 0;
        return n;
}

int checks_show(struct cli *c, const struct json *data, const char *json, size_t len, struct err *e)
{
        const struct json *checks = json_get(data, "checks");
        size_t failed = count(checks, "fail"), warned = count(checks, "warn");
        autobuf out = BUF_INIT(SIZE_MAX);
        struct table t;
        if (table_init(&t, c, columns, COUNT_OF(columns), e) < 0)
                return -1;
        if (c->output == OUTPUT_JSON) {
                api_print_json(c, json, len);
                buf_addc(&out, '\n');
        } else if (c->output == OUTPUT_CSV) {
                table_rows(&t, checks);
        } else {
                for (const struct json *i = json_first(checks); i; i = json_next(i)) {
                        if (!c->quiet || strcmp(json_str_at(i, "status"), "ok") != 0)
                                print_check(c, i, name_width(checks), &out);
                }
                if (!c->quiet)
                        buf_addf(&out, "%zu checks: %zu failed, %zu warn\n", json_count(checks),
                                 failed, warned);
        }
        cli_write(&out);
        return failed ? EXIT_FAILED : EXIT_DONE;
}
