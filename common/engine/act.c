/*
 * act.c - an act runs as a small chain: its transaction, then slots are freed and ids pushed in Redis, then
 * waves are judged, then the caller is told. A step that fails after the commit is logged and the chain
 * goes on: PostgreSQL has decided, and the reconciler repairs.
 *
 * Callbacks with an error may come when the engine is gone; they touch nothing of it.
 */
#include "engine/act.h"

#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/after.h"
#include "engine/judge.h"
#include "engine/publish.h"
#include "engine/refill.h"

enum { COL_ID = 6, COL_ROW_STATE, COL_DATA, COL_SINCE, COL_REFILL_AFTER };
static const struct facts_cols act_cols = {0, 1, 2, 3, 4, 5};

struct act {
        struct act_by by;
        size_t last; /* statement that answers */
        enum act_reach reach;
        engine_act_fn fn;
        void *arg;
        char *data;
        int64_t touched;
        struct after
                pending; /* rows that are pending now: their slots are freed, then they are pushed */
        struct after after; /* all the rest */
};

static void act_end(struct act *a, const struct err *e)
{
        if (a->fn)
                a->fn(e ? NULL : a->data ? a->data : "null", a->touched, e, a->arg);
        after_fini(&a->pending);
        after_fini(&a->after);
        free(a->data);
        free(a);
}

static void redis_told(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        (void)ids;
        (void)n;
        (void)e; /* logged where it happened */
        FAULT_POINT(act_told);
        act_end(arg, NULL);
}

static void run_after(struct act *a)
{
        const struct after_opts o = {.pg = a->by.pg, .shard = a->by.shard, .broker = a->by.broker};
        after_run(&a->after, &o, redis_told, a);
}

static void to_judge_known(const struct pg_result *r, const struct err *e, void *arg)
{
        struct act *a = arg;
        judge_question_read(r, e, &a->after);
        if (e) {
                act_end(a, NULL);
                return;
        }
        FAULT_POINT(act_to_judge_known);
        run_after(a);
}

/* Rows that ended by the act may have been the last of their waves, or others depend on them. */
static void ask_to_judge(struct act *a)
{
        if (a->after.ndeliveries == 0) {
                run_after(a);
                return;
        }
        pg_send(a->by.pg, judge_question_of(&a->after), to_judge_known, a);
}

static void slots_freed(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct act *a = arg;
        (void)ids;
        (void)n;
        if (e) {
                log_warn("redis.not_told", LI("deliveries", a->pending.ndeliveries), LE(e));
                act_end(a, NULL);
                return;
        }
        FAULT_POINT(act_slots_freed);
        after_push(a->by.broker, &a->pending, a->pending.deliveries, a->pending.ndeliveries, true);
        FAULT_POINT_AFTER(act_pushed, broker_fault_flush(a->by.broker));
        ask_to_judge(a);
}

/* A row that had a slot gives it up before its id stands in the backlog again. */
static void tell_pending(struct act *a)
{
        if (a->pending.ndeliveries)
                broker_finish(a->by.broker, 0, a->pending.deliveries, a->pending.ndeliveries,
                              a->pending.facts, a->pending.nfacts, NULL, slots_freed, a);
        else
                ask_to_judge(a);
}

static void read_row(struct act *a, const struct pg_result *r, int row)
{
        struct wave_facts f;
        facts_read(r, a->last, row, &act_cols, &f);
        after_facts(&a->after, &f);
        if (pg_is_null(r, a->last, row, COL_ID))
                return;
        a->touched++;
        if (pg_is_null(r, a->last, row, COL_ROW_STATE))
                return;
        enum delivery_end end = end_of_state(pg_text(r, a->last, row, COL_ROW_STATE));
        const struct delivery d = {
                .id = pg_int(r, a->last, row, COL_ID), .wave_no = f.wave_no, .end = END_SETTLED};
        if (end == END_SETTLED)
                after_add(&a->after, &d);
        if (end == END_PENDING) {
                after_add(&a->pending, &d);
                after_facts(&a->pending, &f);
        }
}

/* Ids that the act made pending and that are too many to be named. */
static void refill(const struct act *a, const struct pg_result *r)
{
        const struct refill_by by = {a->by.pg, a->by.broker};
        struct wave_facts f;
        if (pg_is_null(r, a->last, 0, COL_REFILL_AFTER))
                return;
        facts_read(r, a->last, 0, &act_cols, &f);
        refill_start(&by, &f, pg_text(r, a->last, 0, COL_SINCE),
                     pg_int(r, a->last, 0, COL_REFILL_AFTER));
}

/* What its rows are now the reader asks: the answer does not say of which attempt they are. */
static void tell_readers(const struct act *a, const struct pg_result *r)
{
        int rows = pg_rows(r, a->last);
        struct news n = {0};
        bool all = a->reach == ACT_ALL || rows > NEWS_NAMED_MAX ||
                   (a->reach == ACT_MANY && rows && !pg_is_null(r, a->last, 0, COL_SINCE));

        for (int i = 0; i < rows; i++) {
                int64_t wave_no = pg_int(r, a->last, i, act_cols.wave_no);
                if (i == 0 && all)
                        news_wave_rows(&n, wave_no);
                else if (!all && !pg_is_null(r, a->last, i, COL_ID))
                        news_row_unknown(&n, wave_no, pg_int(r, a->last, i, COL_ID));
                else if (i == 0)
                        news_wave(&n, wave_no);
        }
        publish(a->by.broker, &n);
        news_fini(&n);
}

static void committed(const struct pg_result *r, const struct err *e, void *arg)
{
        struct act *a = arg;
        if (e) {
                if (e->code == ERR_LOST) /* it may have been done, and nobody knows to what */
                        publish_reread(a->by.broker);
                act_end(a, e);
                return;
        }
        FAULT_POINT(act_committed);
        int rows = pg_rows(r, a->last);
        const char *data = rows ? pg_text(r, a->last, 0, COL_DATA) : NULL;
        a->data = data ? xstrdup(data) : NULL;
        for (int i = 0; i < rows; i++)
                read_row(a, r, i);
        tell_readers(a, r);
        if (a->reach == ACT_MANY && rows)
                refill(a, r);
        tell_pending(a);
}

void act_run(const struct act_by *by, struct pg_tx *tx, enum act_reach reach, engine_act_fn fn,
             void *arg)
{
        struct act *a = xcalloc(1, sizeof(*a));
        a->by = *by;
        a->last = pg_tx_statements(tx) - 1;
        a->reach = reach;
        a->fn = fn;
        a->arg = arg;
        after_init(&a->pending);
        after_init(&a->after);
        PG_FAULT_SENT(tx, act_sent);
        if (by->pool)
                pg_pool_send(by->pool, tx, committed, a);
        else
                pg_send(by->pg, tx, committed, a);
}
