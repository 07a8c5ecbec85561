/*
 * export.c - from the question where the wave's rows are, page by page, to the last chunk. One that cannot go on
 * ends with a reset, and without the chunk that says that it is whole (RFC 9112, 7.1), so that nobody takes a
 * part for all.
 */
#include "api/reports/export.h"

#include <stdio.h>
#include <string.h>

#include "api/app.h"
#include "api/reports/csv.h"
#include "api/http/stream.h"
#include "api/wave_acts.h"
#include "base/log.h"
#include "base/mem.h"

enum { PAGE_ROWS = 500, PAGE_BYTES = 16 << 20 };

struct export
{
        struct app *app;
        struct request *rq;          /* until it is answered */
        struct connection *c;        /* afterwards, until the client has gone */
        struct loop_timer *patience; /* with a client that takes nothing */
        int64_t wave_no, after_id, last_id;
        bool own; /* the range of ids is the wave's own */
        char *after_project;
        bool chunked, head_only;
        bool bom; /* begins with the mark by which some spreadsheets know UTF-8 */
        bool begun;
        bool asking; /* for a page */
        bool whole;  /* the last page is in `page`, or has gone out */
        bool gone;
        size_t rows;
        struct buf page; /* to be written */
};

static void export_free(struct export *x)
{
        x->app->exports--;
        loop_timer_free(x->patience);
        buf_fini(&x->page);
        free(x->after_project);
        free(x);
}

/* ---- the table ---- */

enum column {
        ID,
        PROJECT,
        TARGET,
        STATUS,
        STATE,
        ATTEMPTS,
        CLASS,
        ERROR,
        DOMAIN,
        STARTED,
        ENDED,
        SECONDS,
        COLUMNS
};

static const struct {
        const char *name;
        bool foreign; /* its text comes from outside */
} columns[COLUMNS] = {
        [ID] = {"id", false},
        [PROJECT] = {"mb_project_uuid", true},
        [TARGET] = {"brz_project_id", false},
        [STATUS] = {"status", false},
        [STATE] = {"state", false},
        [ATTEMPTS] = {"attempts", false},
        [CLASS] = {"class", false},
        [ERROR] = {"error", true},
        [DOMAIN] = {"brizy_project_domain", true},
        [STARTED] = {"started_at", false},
        [ENDED] = {"completed_at", false},
        [SECONDS] = {"seconds", false},
};

static void add_heading(struct buf *out)
{
        struct csv c = {.out = out};
        for (size_t i = 0; i < COLUMNS; i++)
                csv_own(&c, columns[i].name);
        csv_end_row(&c);
}

static void add_rows(struct buf *out, const struct pg_result *r)
{
        struct csv c = {.out = out};
        for (int row = 0; row < pg_rows(r, 0); row++) {
                for (int i = 0; i < COLUMNS; i++)
                        (columns[i].foreign ? csv_text : csv_own)(&c, pg_text(r, 0, row, i));
                csv_end_row(&c);
        }
}

/* The rows of a page as a chunk; behind the last of them, the one that says that it is whole. */
static void frame(struct export *x, const struct buf *rows)
{
        if (!x->chunked) {
                buf_add(&x->page, rows->data, rows->len);
                return;
        }
        if (rows->len) {
                buf_addf(&x->page, "%zx\r\n", rows->len);
                buf_add(&x->page, rows->data, rows->len);
                buf_adds(&x->page, "\r\n");
        }
        if (x->whole)
                buf_adds(&x->page, "0\r\n\r\n");
}

/* ---- reading ---- */

static void advance(struct export *x);

/* What was broken off while a page was on its way ends here. */
static void give_up(struct export *x, const char *reason)
{
        log_warn("export.broken", LI("wave_no", x->wave_no), LI("rows", x->rows),
                 LS("reason", reason));
        if (x->c)
                stream_drop(take(x->c));
        x->gone = true;
        if (!x->asking)
                export_free(x);
}

static void note_last(struct export *x, const struct pg_result *r)
{
        int n = pg_rows(r, 0);
        x->rows += (size_t)n;
        x->whole = n < PAGE_ROWS;
        if (n == 0)
                return;
        x->after_id = pg_int(r, 0, n - 1, ID);
        free(x->after_project);
        x->after_project = xstrdup(pg_text(r, 0, n - 1, PROJECT));
}

static void take_page(struct export *x, const struct pg_result *r)
{
        autobuf rows = BUF_INIT(PAGE_BYTES);
        if (!x->begun && x->bom)
                buf_adds(&rows, "\xEF\xBB\xBF");
        if (!x->begun)
                add_heading(&rows);
        x->begun = true;
        note_last(x, r);
        add_rows(&rows, r);
        if (buf_ok(&rows))
                frame(x, &rows);
        if (buf_ok(&rows) && buf_ok(&x->page))
                advance(x);
        else
                give_up(x, "there is no memory for a page");
}

static void on_page(const struct pg_result *r, const struct err *e, void *arg)
{
        struct export *x = arg;
        x->asking = false;
        if (x->gone)
                export_free(x);
        else if (e)
                give_up(x, e->text);
        else
                take_page(x, r);
}

static void ask(struct export *x)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_ROWS);
        pg_arg_int(tx, x->wave_no);
        pg_arg_bool(tx, x->own);
        pg_arg_int(tx, x->after_id);
        pg_arg_int(tx, x->last_id);
        pg_arg_text(tx, x->after_project ? x->after_project : "");
        pg_arg_int(tx, PAGE_ROWS);
        x->asking = true;
        pg_pool_send(x->app->pg, tx, on_page, x);
}

/* ---- writing ---- */

static void on_impatience(void *arg)
{
        give_up(arg, "the client takes nothing");
}

static void finish(struct export *x)
{
        stream_end(take(x->c));
        export_free(x);
}

/* A page is read while the one before goes out. */
static void advance(struct export *x)
{
        if (x->page.len && !stream_blocked(x->c)) {
                if (stream_write(x->c, &(struct iovec){x->page.data, x->page.len}, 1) < 0) {
                        give_up(x, "the connection is broken");
                        return;
                }
                buf_reset(&x->page);
        }
        if (stream_blocked(x->c))
                loop_timer_start(x->patience, x->app->config->http_body_timeout_ms);
        else
                loop_timer_stop(x->patience);
        if (x->page.len == 0 && x->whole)
                finish(x);
        else if (x->page.len == 0 && !x->asking)
                ask(x);
}

static void on_opened(struct connection *c, void *arg)
{
        struct export *x = arg;
        x->c = c;
        if (x->head_only)
                finish(x);
        else
                advance(x);
}

static void on_drained(void *arg)
{
        advance(arg);
}

static void on_gone(void *arg)
{
        struct export *x = arg;
        x->c = NULL;
        x->gone = true;
        if (!x->asking)
                export_free(x);
}

/* What has begun comes to its end: the server waits for it. */
static void on_stop(void *arg)
{
        (void)arg;
}

static const struct stream_ops ops = {
        .opened = on_opened, .drained = on_drained, .stop = on_stop, .gone = on_gone};

/* ---- the answer ---- */

static void answer(struct export *x)
{
        struct request *rq = take(x->rq);
        respond_header(rq, "Content-Disposition",
                       arena_printf(request_arena(rq), "attachment; filename=\"wave-%s.csv\"",
                                    request_param(rq, "id")));
        if (x->chunked)
                respond_header(rq, "Transfer-Encoding", "chunked");
        respond_stream(rq, 200, "text/csv; charset=utf-8; header=present", &ops, x);
}

static void on_span(const struct pg_result *r, const struct err *e, void *arg)
{
        struct export *x = arg;
        if (wave_found(x->rq, r, e)) {
                x->wave_no = pg_int(r, 0, 0, 0);
                x->own = pg_bool(r, 0, 0, 1);
                x->after_id = pg_int(r, 0, 0, 2);
                x->last_id = pg_int(r, 0, 0, 3);
                answer(x);
                return;
        }
        export_free(x);
}

void export_wave(struct request *rq)
{
        struct app *app = request_app(rq);
        if (app->exports == EXPORTS_MAX) {
                respond_errorf(rq, ERR_UNAVAILABLE, "%d tables are being written already",
                               EXPORTS_MAX);
                return;
        }
        const char *bom = request_query(rq, "bom");
        struct export *x = xcalloc(1, sizeof(*x));
        app->exports++;
        *x = (struct export){.app = app,
                             .rq = rq,
                             .chunked = request_takes_chunks(rq),
                             .bom = bom && strcmp(bom, "1") == 0,
                             .head_only = strcmp(request_method(rq), "HEAD") == 0,
                             .page = BUF_INIT(2 * PAGE_BYTES)};
        x->patience = loop_timer_new(app->loop, on_impatience, x);
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_SPAN);
        pg_arg_text(tx, request_param(rq, "id"));
        pg_pool_send(app->pg, tx, on_span, x);
}
