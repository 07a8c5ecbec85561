/*
 * wave_report.c - what became of a wave, and what a wave still lacks. The API makes both; without --format
 * the report is shown as an outline.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/api.h"
#include "cli/checks.h"
#include "cli/outline.h"
#include "cli/text.h"

/* ---- as it comes ---- */

/* Line by line without what would steer the terminal. */
static void show(const struct buf *body)
{
        const char *end = body->data + body->len;
        for (const char *line = body->data; line && line < end;) {
                const char *eol = memchr(line, '\n', (size_t)(end - line));
                size_t len = (size_t)((eol ? eol : end) - line);
                autobuf clean = BUF_INIT(SIZE_MAX);
                text_clean(&clean, line, len);
                buf_addc(&clean, '\n');
                cli_write(&clean);
                line += len + 1;
        }
}

static int write_out(const struct cli *c, const struct buf *body, struct err *e)
{
        const char *path = args_value(&c->args, OPT_file);
        FILE *f;
        bool written;
        if (!path) {
                if (c->term.safe)
                        show(body);
                else
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
        return outline_print(c, a.data, e) < 0 ? -1 : EXIT_DONE;
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
