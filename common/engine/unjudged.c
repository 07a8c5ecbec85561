/* unjudged.c - see unjudged.h. */
#include "engine/unjudged.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "engine/judge.h"

/* A wave may end so much before it is found out. */
enum { WAIT_MS = 10 };

struct unjudged {
        struct pg *pg;
        struct touched waiting;
        unsigned asking;  /* questions about such that are under way */
        int64_t asked_ms; /* when it was asked last, of any */
        struct loop_timer *soon;
        void (*known)(struct after *a, void *arg);
        void *arg;
};

void touched_wave(struct touched *t, int64_t wave_no)
{
        for (size_t i = 0; i < t->nwaves; i++)
                if (t->waves[i] == wave_no)
                        return;
        t->waves[t->nwaves++] = wave_no;
}

void touched_id(struct touched *t, int64_t id)
{
        t->ids[t->nids++] = id;
}

void touched_args(struct pg_tx *tx, const struct touched *t)
{
        pg_arg_int8s(tx, t->ids, t->nids);
        pg_arg_int8s(tx, t->waves, t->nwaves);
}

static void answered(const struct pg_result *r, const struct err *e, void *arg)
{
        struct unjudged *u = arg;
        struct after a;

        after_init(&a);
        u->asking--;
        judge_question_read(r, e, &a);
        if (a.nto_judge)
                u->known(&a, u->arg);
        after_fini(&a);
}

static void ask_waiting(void *arg)
{
        struct unjudged *u = arg;

        u->asking++;
        unjudged_ask(u, &u->waiting, answered, u);
        u->waiting.nwaves = 0;
}

struct unjudged *unjudged_new(struct loop *l, struct pg *pg,
                              void (*known)(struct after *a, void *arg), void *arg)
{
        struct unjudged *u = xcalloc(1, sizeof(*u));

        u->pg = pg;
        u->known = known;
        u->arg = arg;
        u->soon = loop_timer_new(l, ask_waiting, u);
        return u;
}

void unjudged_free(struct unjudged *u)
{
        if (!u)
                return;
        loop_timer_free(u->soon);
        free(u);
}

void unjudged_ask(struct unjudged *u, const struct touched *t, pg_fn fn, void *arg)
{
        u->asked_ms = clock_mono_ms();
        pg_send(u->pg, judge_question(t->ids, t->nids, t->waves, t->nwaves), fn, arg);
}

bool unjudged_can_wait(const struct unjudged *u, const struct touched *t)
{
        bool soon = u->waiting.nwaves || clock_mono_ms() - u->asked_ms < WAIT_MS;

        return soon && t->nids == 0 && t->nwaves + u->waiting.nwaves <= SETTLE_MAX;
}

void unjudged_add(struct unjudged *u, const struct touched *t)
{
        if (u->waiting.nwaves == 0)
                loop_timer_start(u->soon, WAIT_MS);
        for (size_t i = 0; i < t->nwaves; i++)
                touched_wave(&u->waiting, t->waves[i]);
        FAULT_POINT(settle_unjudged);
}

size_t unjudged_count(const struct unjudged *u)
{
        return u->waiting.nwaves + u->asking;
}
