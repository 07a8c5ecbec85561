/*
 * after.c - one run is a small chain: end waves, pause one, finish, close. Each step calls the next
 * from its callback; a step that fails is logged and the chain goes on, since the reconciler repairs.
 */
#include "engine/after.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

struct run {
        struct after a;
        struct pg *pg;
        struct broker *broker;
        int64_t worker;
        const char **queues;
        size_t nq;
        size_t want;
        broker_ids_fn fn;
        void *arg;
};

void after_init(struct after *a)
{
        memset(a, 0, sizeof(*a));
}

void after_fini(struct after *a)
{
        free(a->deliveries);
        free(a->facts);
        free(a->ending);
        free(a->over);
        after_init(a);
}

void after_add(struct after *a, const struct delivery *d)
{
        if (a->n == a->cap) {
                a->cap = a->cap ? a->cap * 2 : 32;
                a->deliveries = xreallocarray(a->deliveries, a->cap, sizeof(*a->deliveries));
        }
        a->deliveries[a->n++] = *d;
}

void after_facts(struct after *a, const struct wave_facts *f)
{
        for (size_t i = 0; i < a->nf; i++) {
                if (a->facts[i].wave_no == f->wave_no) {
                        if (f->version >= a->facts[i].version)
                                a->facts[i] = *f;
                        return;
                }
        }
        if (a->nf == a->facts_cap) {
                a->facts_cap = a->facts_cap ? a->facts_cap * 2 : 8;
                a->facts = xreallocarray(a->facts, a->facts_cap, sizeof(*a->facts));
        }
        a->facts[a->nf++] = *f;
}

void after_ending(struct after *a, int64_t wave_no)
{
        for (size_t i = 0; i < a->nending; i++)
                if (a->ending[i] == wave_no)
                        return;
        if (a->nending == a->ending_cap) {
                a->ending_cap = a->ending_cap ? a->ending_cap * 2 : 8;
                a->ending = xreallocarray(a->ending, a->ending_cap, sizeof(*a->ending));
        }
        a->ending[a->nending++] = wave_no;
}

void after_over(struct after *a, const struct wave_facts *f)
{
        for (size_t i = 0; i < a->nover; i++)
                if (a->over[i].wave_no == f->wave_no)
                        return;
        if (a->nover == a->over_cap) {
                a->over_cap = a->over_cap ? a->over_cap * 2 : 8;
                a->over = xreallocarray(a->over, a->over_cap, sizeof(*a->over));
        }
        a->over[a->nover++] = *f;
}

void after_critical(struct after *a, int64_t wave_no, const char *why)
{
        a->critical = wave_no;
        snprintf(a->why, sizeof(a->why), "%s", why ? why : "a critical failure");
}

void facts_read(const struct pg_result *r, size_t s, int row, const struct facts_cols *c,
                struct wave_facts *out)
{
        const char *state = pg_text(r, s, row, c->state);
        const char *queue = pg_text(r, s, row, c->queue);

        memset(out, 0, sizeof(*out));
        out->wave_no = pg_int(r, s, row, c->wave_no);
        out->version = (int32_t)pg_int(r, s, row, c->version);
        out->paused = !state || strcmp(state, "running") != 0;
        out->batch_size = (int32_t)pg_int(r, s, row, c->batch_size);
        out->priority = (int32_t)pg_int(r, s, row, c->priority);
        snprintf(out->queue, sizeof(out->queue), "%s", queue ? queue : "default");
}

enum delivery_end end_of_state(const char *state)
{
        if (!state || !strcmp(state, "blocked"))
                return END_SETTLED;
        if (!strcmp(state, "pending"))
                return END_PENDING;
        if (!strcmp(state, "running"))
                return END_RUNNING;
        if (!strcmp(state, "parked"))
                return END_PARKED;
        if (!strcmp(state, "retrying"))
                return END_RETRYING;
        return END_SETTLED;
}

static void run_free(struct run *run)
{
        after_fini(&run->a);
        free(run->queues);
        free(run);
}

static void closed(const struct err *e, void *arg)
{
        (void)arg;
        if (e)
                log_warn("wave.keys_left", LE(e));
}

static void finished(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct run *run = arg;

        if (e)
                log_warn("redis.not_told", LI("deliveries", run->a.n), LE(e));
        for (size_t i = 0; i < run->a.nover; i++)
                broker_close_wave(run->broker, &run->a.over[i], closed, NULL);
        if (run->fn)
                run->fn(ids, n, e, run->arg);
        run_free(run);
}

static void tell_redis(struct run *run)
{
        broker_finish(run->broker, run->worker, run->a.deliveries, run->a.n, run->a.facts,
                      run->a.nf, run->queues, run->nq, run->want, finished, run);
}

/* Columns of wave_pause: wave_no, wave_id, state, version, batch_size, priority, queue. */
static const struct facts_cols paused_cols = {0, 3, 2, 4, 5, 6};

static void paused(const struct pg_result *r, const struct err *e, void *arg)
{
        struct run *run = arg;

        if (e)
                log_warn("wave.not_paused", LI("wave_no", run->a.critical), LE(e));
        if (r && pg_rows(r, 1) > 0) {
                struct wave_facts f;
                facts_read(r, 1, 0, &paused_cols, &f);
                after_facts(&run->a, &f);
                log_warn("wave.paused", LS("wave", pg_text(r, 1, 0, 1)), LS("why", run->a.why));
        }
        tell_redis(run);
}

static void pause_critical(struct run *run)
{
        struct pg_tx *tx;

        if (!run->a.critical) {
                tell_redis(run);
                return;
        }
        tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_LOCK);
        pg_arg_int8s(tx, &run->a.critical, 1);
        pg_stmt(tx, SQL_WAVE_PAUSE);
        pg_arg_int(tx, run->a.critical);
        pg_arg_text(tx, run->a.why);
        pg_send(run->pg, tx, paused, run);
}

/* Columns of wave_end: wave_no, wave_id, state, version, batch_size, priority, queue, … */
static const struct facts_cols end_cols = {0, 3, 2, 4, 5, 6};

static void ended(const struct pg_result *r, const struct err *e, void *arg)
{
        struct run *run = arg;
        int rows = r ? pg_rows(r, 1) : 0;

        if (e)
                log_warn("wave.not_ended", LI("waves", run->a.nending), LE(e));
        for (int i = 0; i < rows; i++) {
                struct wave_facts f;
                facts_read(r, 1, i, &end_cols, &f);
                after_facts(&run->a, &f);
                after_over(&run->a, &f);
                metric_add(METRIC_WAVES_ENDED, 1, pg_text(r, 1, i, 2), NULL);
                log_info("wave.ended", LS("wave", pg_text(r, 1, i, 1)),
                         LS("state", pg_text(r, 1, i, 2)), LI("completed", pg_int(r, 1, i, 7)),
                         LI("failed", pg_int(r, 1, i, 8)), LI("cancelled", pg_int(r, 1, i, 9)));
        }
        pause_critical(run);
}

void after_run(struct after *a, const struct after_opts *o, broker_ids_fn fn, void *arg)
{
        struct run *run = xcalloc(1, sizeof(*run));

        run->a = *a;
        after_init(a);
        run->pg = o->pg;
        run->broker = o->broker;
        run->worker = o->worker;
        run->nq = o->nq;
        run->want = o->want;
        run->fn = fn;
        run->arg = arg;
        if (o->nq) {
                run->queues = xcalloc(o->nq, sizeof(*run->queues));
                memcpy(run->queues, o->queues, o->nq * sizeof(*run->queues));
        }
        if (run->a.nending) {
                struct pg_tx *tx = pg_tx_new();
                pg_stmt(tx, SQL_WAVE_LOCK);
                pg_arg_int8s(tx, run->a.ending, run->a.nending);
                pg_stmt(tx, SQL_WAVE_END);
                pg_arg_int8s(tx, run->a.ending, run->a.nending);
                pg_send(run->pg, tx, ended, run);
        } else {
                pause_critical(run);
        }
}
