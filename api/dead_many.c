/* dead_many.c - see the header. */
#include "api/dead_many.h"

#include <string.h>

#include "api/app.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

CLEANUP_DEFINE(json, struct json *, json_free)

enum { WAVES_MAX = 10000, REFUSED_MAX = 1000 };

struct wave {
        const char *wave_id;
        const char *ids; /* as PostgreSQL writes an array; NULL: by the filter */
        int64_t n;
        const char *classes; /* JSON: class to number */
};

struct deal {
        struct request *rq;
        struct dead_wish wish;
        struct wave *waves;
        size_t n, at;
        int64_t matched, left; /* in all waves; in those beyond the first WAVES_MAX */
        int64_t done;
        size_t nrefused;
        struct err refusal; /* the last one */
        struct buf done_text, refused_text;
        struct json_out done_out, refused_out;
};

static const char *verb(const struct deal *d)
{
        return d->wish.restart ? "restart" : "discard";
}

/* ---- the answer ---- */

static void tell_wave(struct deal *d, const struct wave *w, int64_t count)
{
        json_out_object(&d->done_out, NULL);
        json_out_str(&d->done_out, "wave_id", w->wave_id);
        json_out_int(&d->done_out, "count", count);
        if (d->wish.dry_run)
                json_out_raw(&d->done_out, "classes", w->classes);
        json_out_object_end(&d->done_out);
}

static void tell_refused(struct deal *d, const char *name, const char *what, const char *reason)
{
        if (++d->nrefused > REFUSED_MAX)
                return;
        json_out_object(&d->refused_out, NULL);
        json_out_str(&d->refused_out, name, what);
        json_out_str(&d->refused_out, "reason", reason);
        json_out_object_end(&d->refused_out);
}

static void write_data(struct deal *d, struct buf *out)
{
        struct json_out o;
        json_out_array_end(&d->done_out);
        json_out_array_end(&d->refused_out);
        json_out_init(&o, out);
        json_out_object(&o, NULL);
        json_out_int(&o, "matched", d->matched);
        json_out_int(&o, d->wish.restart ? "restarted" : "discarded", d->done);
        json_out_int(&o, "left", d->left);
        json_out_bool(&o, "dry_run", d->wish.dry_run);
        json_out_raw(&o, "waves", buf_str(&d->done_text));
        json_out_raw(&o, "refused", buf_str(&d->refused_text));
        json_out_object_end(&o);
        /* A list of which a part is missing is no answer. */
        out->failed |= !buf_ok(&d->done_text) || !buf_ok(&d->refused_text);
}

static const char *message(const struct deal *d)
{
        if (!d->wish.one)
                return NULL;
        if (d->wish.restart)
                return "it is pending again";
        return d->done ? "it is off the list; it stays failed, and can be restarted"
                       : "it was off the list already";
}

/* e: what kept it from going on; what was done by then is told beside it. */
static void finish(struct deal *d, const struct err *e)
{
        autobuf data = BUF_INIT(SIZE_MAX);
        write_data(d, &data);
        buf_fini(&d->done_text);
        buf_fini(&d->refused_text);
        log_info("dead.act", LS("act", verb(d)), LB("dry_run", d->wish.dry_run),
                 LI("matched", d->matched), LI("done", d->done), LI("waves", d->n),
                 LI("refused", d->nrefused), LS("by", request_principal(d->rq)),
                 LS("request_id", request_id(d->rq)));
        if (e && d->wish.one)
                respond_error(d->rq, e);
        else if (e)
                respond_error_data(d->rq, e, buf_ok(&data) ? buf_str(&data) : NULL);
        else if (d->wish.one && d->nrefused)
                respond_error(d->rq, &d->refusal);
        else
                respond_made(d->rq, 200, &data, -1, message(d));
}

/* ---- wave by wave ---- */

static void next(struct deal *d);

static bool refuses(const struct err *e)
{
        return e->code == ERR_CONFLICT || e->code == ERR_NOT_FOUND;
}

static void on_wave(const char *data, int64_t touched, const struct err *e, void *arg)
{
        struct deal *d = arg;
        const struct wave *w = &d->waves[d->at++];
        int64_t count = 0;
        (void)touched;
        if (e && !refuses(e)) {
                finish(d, e);
                return;
        }
        if (e) {
                d->refusal = *e;
                tell_refused(d, "wave_id", w->wave_id, e->text);
        } else {
                struct json *v cleanup(json_cleanup) = json_parse(data, strlen(data), NULL);
                json_int(json_get(v, d->wish.restart ? "restarted" : "discarded"), &count);
                d->done += count;
                tell_wave(d, w, count);
        }
        FAULT_POINT(dead_wave_done);
        next(d);
}

static void restart_wave(struct deal *d, struct pg_tx *tx, const struct wave *w)
{
        struct engine *engine = request_app(d->rq)->engine;
        pg_stmt(tx, SQL_ACT_RESTART_MANY);
        pg_arg_text(tx, w->wave_id);
        pg_arg_null(tx);
        pg_arg_null(tx);
        pg_arg_int(tx, engine_shard(engine));
        pg_arg_text(tx, request_principal(d->rq));
        pg_arg_text(tx, w->ids);
        pg_arg_text(tx, "error");
        ended_filter_add(tx, &d->wish.filter);
        pg_arg_bool(tx, true);
        pg_arg_bool(tx, false);
        engine_act_many(engine, tx, on_wave, d);
}

static void discard_wave(struct deal *d, struct pg_tx *tx, const struct wave *w)
{
        pg_stmt(tx, SQL_DEAD_DISCARD);
        pg_arg_text(tx, w->wave_id);
        pg_arg_text(tx, request_principal(d->rq));
        pg_arg_text(tx, w->ids);
        ended_filter_add(tx, &d->wish.filter);
        engine_act(request_app(d->rq)->engine, tx, on_wave, d);
}

static void next(struct deal *d)
{
        if (d->at == d->n) {
                finish(d, NULL);
                return;
        }
        const struct wave *w = &d->waves[d->at];
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_ACT_LOCK_WAVE);
        pg_arg_text(tx, w->wave_id);
        if (d->wish.restart)
                restart_wave(d, tx, w);
        else
                discard_wave(d, tx, w);
}

/* ---- which are meant ---- */

enum { PICK_WAVE_NO, PICK_WAVE_ID, PICK_N, PICK_IDS, PICK_CLASSES, PICK_ALL };

static void read_waves(struct deal *d, const struct pg_result *r)
{
        struct arena *a = request_arena(d->rq);
        d->n = (size_t)pg_rows(r, 0);
        d->waves = ARENA_ARRAY(a, struct wave, d->n + 1);
        for (int i = 0; i < pg_rows(r, 0); i++) {
                const char *ids = pg_text(r, 0, i, PICK_IDS);
                d->waves[i] =
                        (struct wave){.wave_id = arena_strdup(a, pg_text(r, 0, i, PICK_WAVE_ID)),
                                      .ids = ids ? arena_try_strndup(a, ids, SIZE_MAX) : NULL,
                                      .n = pg_int(r, 0, i, PICK_N),
                                      .classes = arena_strdup(a, pg_text(r, 0, i, PICK_CLASSES))};
                d->matched = pg_int(r, 0, i, PICK_ALL);
                d->left += d->waves[i].n;
        }
        d->left = d->matched - d->left;
}

static void read_missing(struct deal *d, const struct pg_result *r)
{
        for (int i = 0; i < pg_rows(r, 1); i++) {
                const char *state = pg_text(r, 1, i, 1);
                const char *ref = arena_printf(request_arena(d->rq), "m%s", pg_text(r, 1, i, 0));
                if (state)
                        err_set(&d->refusal, ERR_CONFLICT,
                                "migration %s is %s: it is no dead letter", ref, state);
                else
                        err_set(&d->refusal, ERR_NOT_FOUND, "there is no migration %s", ref);
                tell_refused(d, "ref", ref, d->refusal.text);
        }
}

static void picked(const struct pg_result *r, const struct err *e, void *arg)
{
        struct deal *d = arg;
        if (e) {
                respond_error(d->rq, e);
                return;
        }
        d->done_text = d->refused_text = BUF_INIT(SIZE_MAX);
        json_out_init(&d->done_out, &d->done_text);
        json_out_array(&d->done_out, NULL);
        json_out_init(&d->refused_out, &d->refused_text);
        json_out_array(&d->refused_out, NULL);
        read_waves(d, r);
        if (arena_failed(request_arena(d->rq))) { /* never act on more than was meant */
                buf_fini(&d->done_text);
                buf_fini(&d->refused_text);
                respond_starved(d->rq);
                return;
        }
        if (d->wish.n)
                read_missing(d, r);
        for (; d->wish.dry_run && d->at < d->n; d->at++)
                tell_wave(d, &d->waves[d->at], d->waves[d->at].n);
        next(d);
}

void dead_many(struct request *rq, const struct dead_wish *wish)
{
        struct app *app = request_app(rq);
        struct deal *d = ARENA_NEW(request_arena(rq), struct deal);
        *d = (struct deal){.rq = rq, .wish = *wish};
        if (wish->restart && !wish->dry_run && !broker_up(app->broker)) {
                respond_errorf(rq, ERR_UNAVAILABLE, "Redis is away: nothing was done");
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_DEAD_PICK);
        if (wish->n)
                pg_arg_int8s(tx, wish->ids, wish->n);
        else
                pg_arg_null(tx);
        pg_arg_text(tx, wish->filter.wave);
        ended_filter_add(tx, &wish->filter);
        pg_arg_int(tx, WAVES_MAX);
        if (wish->n) {
                pg_stmt(tx, SQL_DEAD_MISSING);
                pg_arg_int8s(tx, wish->ids, wish->n);
                pg_arg_int(tx, REFUSED_MAX);
        }
        engine_ask(app->engine, tx, picked, d);
}
