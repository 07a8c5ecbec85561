/* due.c - one question with two answers: waves to be judged, and acts whose time has come. */
#include "engine/due.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/act.h"
#include "engine/hurry.h"
#include "model/wave_id.h"

/* Acts may take seconds; neither the lease nor settlements wait behind them. */
struct due {
        struct engine_worker *w;
        struct pg_pool *acts; /* one connection, opened when it is first needed */
        bool busy, closing;
};

struct due *due_new(struct engine_worker *w)
{
        struct due *d = xcalloc(1, sizeof(*d));

        d->w = w;
        return d;
}

void due_free(struct due *d)
{
        if (!d)
                return;
        d->closing = true;
        pg_pool_free(take(d->acts));
        if (!d->busy)
                free(d);
}

/* ---- acts ---- */

struct asked {
        struct engine_worker *w;
        const char *act; /* a literal */
        char wave_id[WAVE_ID_SIZE];
};

static void acted(const char *data, int64_t touched, const struct err *e, void *arg)
{
        struct asked *a = arg;

        (void)touched;
        if (e) {
                log_warn("wave.not_acted", LS("act", a->act), LS("wave", a->wave_id), LE(e));
        } else if (strcmp(data, "null") != 0) {
                log_info(!strcmp(a->act, "start") ? "wave.started" : "wave.stopped",
                         LS("wave", a->wave_id));
                hurry_workers(a->w->broker, data);
        }
        free(a);
}

static void act(struct due *d, const char *name, const char *wave_id, const char *why)
{
        struct engine_worker *w = d->w;
        const struct act_by by = {
                .pool = d->acts, .pg = w->pg, .broker = w->broker, .shard = w->shard};
        bool start = !strcmp(name, "start");
        FAULT_POINT(due_act_known);
        struct asked *a = xcalloc(1, sizeof(*a));
        struct pg_tx *tx = pg_tx_new();

        a->w = w;
        a->act = start ? "start" : "stop";
        snprintf(a->wave_id, sizeof(a->wave_id), "%s", wave_id);
        pg_stmt(tx, SQL_ACT_LOCK_WAVE);
        pg_arg_text(tx, wave_id);
        pg_stmt(tx, start ? SQL_ACT_START : SQL_ACT_STOP);
        pg_arg_text(tx, wave_id);
        if (!start) {
                pg_arg_int(tx, w->shard);
                pg_arg_text(tx, why);
        }
        act_run(&by, tx, start ? ACT_NAMED : ACT_ALL, acted, a);
}

static bool can_act(struct due *d)
{
        const struct config *cfg = d->w->cfg;
        const struct pg_opts opts = {.url = cfg->database_url,
                                     .name = "wavefleet-worker acts",
                                     .connect_timeout_ms = cfg->database_connect_timeout_ms,
                                     .query_timeout_ms = cfg->database_query_timeout_ms};

        if (!d->acts)
                d->acts = pg_pool_new(d->w->loop, &opts, 1, NULL, NULL);
        return pg_pool_up(d->acts);
}

/* ---- the look ---- */

enum { TO_JUDGE, DUE };

static void judge(struct engine_worker *w, const struct pg_result *r)
{
        struct after a;

        after_init(&a);
        for (int i = 0; i < pg_rows(r, TO_JUDGE); i++)
                after_to_judge(&a, pg_int(r, TO_JUDGE, i, 0));
        if (a.nto_judge)
                FAULT_POINT(due_to_judge_known);
        if (a.nto_judge)
                exchange_after(w->exchange, &a, 0, false);
        after_fini(&a);
}

static void looked(const struct pg_result *r, const struct err *e, void *arg)
{
        struct due *d = arg;

        d->busy = false;
        if (d->closing) {
                free(d);
                return;
        }
        if (e)
                return; /* logged by the connection; the next look comes in a second */
        judge(d->w, r);
        if (pg_rows(r, DUE) && !can_act(d))
                return; /* the next look finds them again */
        for (int i = 0; i < pg_rows(r, DUE); i++)
                act(d, pg_text(r, DUE, i, 1), pg_text(r, DUE, i, 0), pg_text(r, DUE, i, 2));
}

void due_look(struct due *d)
{
        struct pg_tx *tx;

        if (d->busy)
                return;
        d->busy = true;
        tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVES_TO_JUDGE);
        pg_arg_null(tx);
        pg_arg_null(tx);
        pg_stmt(tx, SQL_WAVES_DUE);
        pg_send(d->w->look, tx, looked, d);
}
