/*
 * wave_report.c - what became of a wave, and what a wave still lacks. The API makes both; without --format
 * the report is shown as it comes: facts by name, lists as tables.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/api.h"
#include "cli/checks.h"
#include "cli/table.h"
#include "cli/text.h"

enum { DEPTH_MAX = 6, LABEL_WIDTH = 22 };

/* ---- to read ---- */

static bool is_object_list(const struct json *v)
{
        const struct json *first = json_type_of(v) == JSON_ARRAY ? json_first(v) : NULL;
        return first && json_type_of(first) == JSON_OBJECT;
}

/* "p95_ms" as "p95 ms", in capitals for titles. */
static char *label_of(const char *name, bool capitals)
{
        char *label = xstrdup(name);
        for (char *p = label; *p; p++) {
                if (*p == '_')
                        *p = ' ';
                else if (capitals || p == label)
                        *p = (char)toupper((unsigned char)*p);
        }
        return label;
}

static enum cell cell_of(const char *name, const struct json *v)
{
        size_t len = strlen(name);
        if (json_type_of(v) == JSON_NUMBER)
                return CELL_NUMBER;
        if (len > 3 && strcmp(name + len - 3, "_at") == 0)
                return CELL_TIME;
        return strcmp(name, "status") == 0 || strcmp(name, "state") == 0 ? CELL_STATE : CELL_TEXT;
}

/* A list of objects as a table, whose columns are the members of the first. */
static int print_list(struct cli *c, const struct json *list, struct err *e)
{
        struct column columns[COLUMNS_MAX];
        char *titles[COLUMNS_MAX];
        struct table t;
        size_t n = 0;
        for (const struct json *i = json_first(json_first(list)); i && n < COLUMNS_MAX;
             i = json_next(i)) {
                titles[n] = label_of(json_name(i), true);
                columns[n] = (struct column){json_name(i), titles[n], cell_of(json_name(i), i),
                                             json_str(i) ? COLUMN_ELASTIC : 0};
                n++;
        }
        int rc = n ? table_init(&t, c, columns, n, e) : 0;
        if (n && rc == 0)
                table_rows(&t, list);
        while (n > 0)
                free(titles[--n]);
        return rc;
}

static int print_members(struct cli *c, const struct json *v, unsigned depth, struct err *e);

static void print_fact(const struct json *v, unsigned depth)
{
        autofree char *label = label_of(json_name(v), false);
        autobuf text = BUF_INIT(SIZE_MAX);
        autobuf out = BUF_INIT(SIZE_MAX);
        size_t indent = (size_t)2 * depth;
        cell_text(v, cell_of(json_name(v), v), &text);
        for (size_t i = 0; i < indent; i++)
                buf_addc(&out, ' ');
        text_fit(&out, label, LABEL_WIDTH, ALIGN_LEFT, "");
        buf_adds(&out, "  ");
        text_wrap(&out, buf_str(&text), term_width(), indent + LABEL_WIDTH + 2,
                  indent + LABEL_WIDTH + 2);
        buf_addc(&out, '\n');
        cli_write(&out);
}

static int print_part(struct cli *c, const struct json *v, unsigned depth, struct err *e)
{
        autofree char *label = label_of(json_name(v), false);
        printf("\n%*s%s%s%s\n", (int)(2 * depth), "", term_colour(&c->term, COLOUR_BOLD), label,
               term_plain(&c->term));
        return is_object_list(v) ? print_list(c, v, e) : print_members(c, v, depth + 1, e);
}

/* What is one line first, then what has parts. */
static int print_members(struct cli *c, const struct json *v, unsigned depth, struct err *e)
{
        for (const struct json *i = json_first(v); i; i = json_next(i)) {
                bool parts = json_type_of(i) == JSON_OBJECT || is_object_list(i);
                if ((!parts || depth >= DEPTH_MAX) && json_type_of(i) != JSON_NULL)
                        print_fact(i, depth);
        }
        for (const struct json *i = json_first(v); i && depth < DEPTH_MAX; i = json_next(i)) {
                bool parts = json_type_of(i) == JSON_OBJECT || is_object_list(i);
                if (parts && json_count(i) && print_part(c, i, depth, e) < 0)
                        return -1;
        }
        return 0;
}

/* ---- as it comes ---- */

static int write_out(const struct cli *c, const struct buf *body, struct err *e)
{
        const char *path = args_value(&c->args, OPT_file);
        FILE *f;
        bool written;
        if (!path) {
                cli_write(body);
                return EXIT_DONE;
        }
        f = fopen(path, "we");
        if (!f)
                return err_errno(e, ERR_CONFIG, "could not open %s", path);
        written = fwrite(body->data, 1, body->len, f) == body->len;
        if (fclose(f) != 0 || !written)
                return err_errno(e, ERR_INTERNAL, "could not write %s", path);
        cli_say(c, "written to %s", path);
        return EXIT_DONE;
}

static int report_file(struct cli *c, const char *format, struct buf *path, struct err *e)
{
        static const struct {
                const char *format, *accept;
        } known[] = {{"json", "application/json"}, {"csv", "text/csv"}, {"html", "text/html"}};
        for (size_t i = 0; i < COUNT_OF(known); i++) {
                autoanswer a = {0};
                if (strcmp(format, known[i].format) != 0)
                        continue;
                url_query(path, "format", format);
                struct call q = {.path = buf_str(path), .accept = known[i].accept};
                return api_call(c, &q, &a, e) < 0 ? -1 : write_out(c, &a.reply.body, e);
        }
        return err_set(e, ERR_CONFIG, "--format is json, csv or html, not \"%s\"", format);
}

int wave_report(struct cli *c, struct err *e)
{
        const char *format = args_value(&c->args, OPT_format);
        autobuf path = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        if (api_wave_path(c, c->args.words[0], "/report", &path, e) < 0)
                return -1;
        if (!format && c->output == OUTPUT_CSV)
                format = "csv";
        if (!format && args_has(&c->args, OPT_file))
                return err_set(e, ERR_CONFIG, "--file wants to know the --format");
        if (format)
                return report_file(c, format, &path, e);
        if (api_get(c, buf_str(&path), &a, e) < 0)
                return -1;
        if (c->output == OUTPUT_JSON) {
                api_print_raw(c, &a);
                return EXIT_DONE;
        }
        return print_members(c, a.data, 0, e) < 0 ? -1 : EXIT_DONE;
}

int wave_readiness(struct cli *c, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        const char *json;
        size_t len;
        if (api_wave_path(c, c->args.words[0], "/readiness", &path, e) < 0 ||
            api_get(c, buf_str(&path), &a, e) < 0)
                return -1;
        api_raw(&a, &json, &len);
        return checks_show(c, a.data, json, len, e);
}
