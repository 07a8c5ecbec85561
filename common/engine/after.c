/*
 * after.c - one run is a small chain: judge waves, finish, push, close. Each step calls the next from its
 * callback; a step that fails is logged and the chain goes on, since the reconciler repairs.
 */
#include "engine/after.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/judge.h"
#include "engine/publish.h"
#include "engine/refill.h"

struct run {
        struct after a;
        struct after_opts o;
        const char **queues; /* what o names */
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
        free(a->to_judge);
        free(a->over);
        free(a->unblocked);
        free(a->opened);
        news_fini(&a->news);
        after_init(a);
}

/* Room for one more of `list`, whose count is `n`: returns the list, which may have moved. */
static void *with_room(void *list, size_t n, size_t *cap, size_t size)
{
        if (n < *cap)
                return list;
        *cap = *cap ? *cap * 2 : 16;
        return xreallocarray(list, *cap, size);
}
#define WITH_ROOM(a, list) with_room((a)->list, (a)->n##list, &(a)->list##_cap, sizeof(*(a)->list))

void after_add(struct after *a, const struct delivery *d)
{
        a->deliveries = WITH_ROOM(a, deliveries);
        a->deliveries[a->ndeliveries++] = *d;
}

void after_facts(struct after *a, const struct wave_facts *f)
{
        for (size_t i = 0; i < a->nfacts; i++) {
                if (a->facts[i].wave_no == f->wave_no) {
                        if (f->version >= a->facts[i].version)
                                a->facts[i] = *f;
                        return;
                }
        }
        a->facts = WITH_ROOM(a, facts);
        a->facts[a->nfacts++] = *f;
}

void after_to_judge(struct after *a, int64_t wave_no)
{
        for (size_t i = 0; i < a->nto_judge; i++)
                if (a->to_judge[i] == wave_no)
                        return;
        a->to_judge = WITH_ROOM(a, to_judge);
        a->to_judge[a->nto_judge++] = wave_no;
}

void after_over(struct after *a, const struct wave_facts *f)
{
        for (size_t i = 0; i < a->nover; i++)
                if (a->over[i].wave_no == f->wave_no)
                        return;
        a->over = WITH_ROOM(a, over);
        a->over[a->nover++] = *f;
}

void after_unblocked(struct after *a, int64_t id, int64_t wave_no)
{
        a->unblocked = WITH_ROOM(a, unblocked);
        a->unblocked[a->nunblocked++] =
                (struct delivery){.id = id, .wave_no = wave_no, .end = END_PENDING};
}

void after_opened(struct after *a, int64_t wave_no, int64_t after_id)
{
        a->opened = WITH_ROOM(a, opened);
        a->opened[a->nopened++] = (struct opened){wave_no, after_id};
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

/* ---- last: keys of waves that are over, and what may go into Redis now ---- */

static const struct wave_facts *facts_of(const struct after *a, int64_t wave_no)
{
        for (size_t i = 0; i < a->nfacts; i++)
                if (a->facts[i].wave_no == wave_no)
                        return &a->facts[i];
        return NULL;
}

static void pushed(const struct err *e, void *arg)
{
        (void)arg;
        if (e)
                log_warn("redis.not_told", LE(e));
}

void after_push(struct broker *b, const struct after *a, const struct delivery *rows, size_t n,
                bool front)
{
        autofree int64_t *ids = xreallocarray(NULL, n + 1, sizeof(*ids));
        for (size_t w = 0; w < a->nfacts; w++) {
                size_t k = 0;
                for (size_t i = 0; i < n; i++)
                        if (rows[i].wave_no == a->facts[w].wave_no)
                                ids[k++] = rows[i].id;
                if (k)
                        broker_push(b, &a->facts[w], ids, k, front, pushed, NULL);
        }
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
        struct after *a = &run->a;
        const struct refill_by by = {run->o.pg, run->o.broker};

        if (e)
                log_warn("redis.not_told", LI("deliveries", a->ndeliveries), LE(e));
        else
                FAULT_POINT(finish_told);
        if (a->nunblocked || a->nopened)
                FAULT_POINT(freed_unpushed);
        if (a->nunblocked)
                after_push(run->o.broker, a, a->unblocked, a->nunblocked, false);
        for (size_t i = 0; i < a->nopened; i++)
                refill_start(&by, facts_of(a, a->opened[i].wave_no), NULL, a->opened[i].after_id);
        if (a->nover)
                FAULT_POINT(end_told);
        for (size_t i = 0; i < a->nover; i++)
                broker_close_wave(run->o.broker, &a->over[i], closed, NULL);
        if (a->nover)
                FAULT_POINT_AFTER(close_sent, broker_fault_flush(run->o.broker));
        if (run->fn)
                run->fn(ids, n, e, run->arg);
        after_fini(a);
        free(run->queues);
        free(run);
}

static void tell_redis(struct run *run)
{
        const struct after *a = &run->a;

        broker_finish(run->o.broker, run->o.worker, a->deliveries, a->ndeliveries, a->facts,
                      a->nfacts, &run->o.take, finished, run);
        FAULT_POINT_AFTER(finish_sent, broker_fault_flush(run->o.broker));
}

/* ---- first: the judgement ---- */

static void judged(const struct pg_result *r, const struct err *e, void *arg)
{
        struct run *run = arg;

        if (e)
                log_warn("wave.not_judged", LI("waves", run->a.nto_judge), LE(e));
        else
                judge_read(r, &run->a);
        publish(run->o.broker, &run->a.news);
        if (run->a.nfacts)
                FAULT_POINT(judge_committed);
        tell_redis(run);
}

void after_run(struct after *a, const struct after_opts *o, broker_ids_fn fn, void *arg)
{
        struct run *run = xcalloc(1, sizeof(*run));

        run->a = *a;
        after_init(a);
        run->o = *o;
        run->fn = fn;
        run->arg = arg;
        publish(o->broker, &run->a.news);
        if (o->take.nq) {
                run->queues = xcalloc(o->take.nq, sizeof(*run->queues));
                memcpy(run->queues, o->take.queues, o->take.nq * sizeof(*run->queues));
                run->o.take.queues = run->queues;
        }
        if (run->a.nto_judge)
                pg_send(o->pg, judge_tx(run->a.to_judge, run->a.nto_judge, o->shard), judged, run);
        else
                tell_redis(run);
}
