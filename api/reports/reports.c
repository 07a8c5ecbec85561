/*
 * reports.c - the report of a wave, as JSON, as a page, or as a table of its migrations (api/reports/export.h). PostgreSQL
 * counts it all in one statement (wave_report.sql), asked through api/costly.h.
 */
#include <string.h>

#include "api/http/accept.h"
#include "api/app.h"
#include "api/costly.h"
#include "api/reports/export.h"
#include "api/reply.h"
#include "api/reports/report_html.h"
#include "api/routes.h"
#include "api/wave_acts.h"
#include "base/mem.h"

enum { FAILURES_LOOKED_AT = 20000, SLOWEST_SHOWN = 20, PAGE_BYTES = 4 << 20 };

enum form { AS_JSON, AS_HTML, AS_CSV, FORMS };
static const char *const form_names[FORMS] = {"json", "html", "csv"};
static const char *const form_types[FORMS] = {"application/json", "text/html", "text/csv"};

CLEANUP_DEFINE(json, struct json *, json_free)

static void name_file(struct request *rq, const char *how, const char *ending)
{
        respond_header(rq, "Content-Disposition",
                       arena_printf(request_arena(rq), "%s; filename=\"wave-%s.%s\"", how,
                                    request_param(rq, "id"), ending));
}

static void answer_page(struct request *rq, const char *text)
{
        struct err e = ERR_INIT;
        struct json *report cleanup(json_cleanup) = json_parse(text, strlen(text), &e);
        autobuf page = BUF_INIT(PAGE_BYTES);
        if (!report) {
                respond_errorf(rq, e.code == ERR_UNAVAILABLE ? e.code : ERR_INTERNAL,
                               "cannot read the report: %s", e.text);
                return;
        }
        report_html(report, &page);
        if (buf_check(&page, "the report", &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        name_file(rq, "inline", "html");
        respond_header(rq, "Content-Security-Policy", REPORT_HTML_POLICY);
        respond_text(rq, 200, "text/html; charset=utf-8", page.data, page.len);
}

struct asking {
        struct request *rq;
        enum form form;
};

static void report_read(const char *json, const struct err *e, void *arg)
{
        const struct asking *a = arg;
        if (json && !e && a->form == AS_HTML)
                answer_page(a->rq, json);
        else
                wave_told(json, e, a->rq);
}

static void ask(struct request *rq, enum form form)
{
        struct asking *a = ARENA_NEW(request_arena(rq), struct asking);
        const char *id = request_param(rq, "id");
        struct pg_tx *tx = pg_tx_new();
        *a = (struct asking){rq, form};
        pg_stmt(tx, SQL_COSTLY_MEMORY);
        pg_stmt(tx, SQL_WAVE_REPORT);
        pg_arg_text(tx, id);
        pg_arg_int(tx, FAILURES_LOOKED_AT);
        pg_arg_int(tx, SLOWEST_SHOWN);
        costly_ask(request_app(rq)->costly, arena_printf(request_arena(rq), "report %s", id), tx,
                   report_read, a);
}

/* -1: answered. */
static int read_form(struct request *rq)
{
        const char *format = request_query(rq, "format");
        if (!format)
                return (int)accept_best(request_header(rq, "Accept"), form_types, FORMS);
        for (int f = 0; f < FORMS; f++) {
                if (strcmp(format, form_names[f]) == 0)
                        return f;
        }
        reply_bad_query(rq, "format", "is none of json, html, csv");
        return -1;
}

void waves_report(struct request *rq)
{
        if (!wave_named(rq))
                return;
        respond_header(rq, "Vary", "Accept");
        int form = read_form(rq);
        if (form == AS_CSV)
                export_wave(rq);
        else if (form >= 0)
                ask(rq, (enum form)form);
}
