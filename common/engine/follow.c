/* follow.c - see follow.h. */
#include "engine/follow.h"

#include <assert.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/mem.h"

/* After one time when it was of no use, so many bodies end before it is asked again: REST_TIMES as many as were asked
 * for, and REST at least. */
enum { ENDED_MAX = BROKER_BATCH_MAX, PATIENCE_MS = 5, REST = 50, REST_TIMES = 4 };

struct question {
        struct follow *f;
        size_t n;
        unsigned generation;
};

struct follow {
        struct follow_opts o;
        unsigned generation; /* answers to an older identity are dropped */
        struct delivery ended[ENDED_MAX];
        size_t n;
        bool brief, mixed;      /* what is in ended: brief ones; of several waves */
        size_t rest;            /* bodies to end before it is worth asking */
        struct question *asked; /* under way */
        size_t taking;
        bool waits;
        struct loop_timer *patience;
};

static void go_without(void *arg)
{
        struct follow *f = arg;

        f->waits = false;
        f->o.on_go(f->o.arg);
}

struct follow *follow_new(const struct follow_opts *o)
{
        struct follow *f = xcalloc(1, sizeof(*f));

        f->o = *o;
        f->patience = loop_timer_new(o->loop, go_without, f);
        return f;
}

void follow_free(struct follow *f)
{
        if (!f)
                return;
        loop_timer_free(f->patience);
        free(f);
}

void follow_renew(struct follow *f)
{
        if (!f)
                return;
        f->generation++;
        f->n = f->taking = 0;
        f->rest = 0;
        f->asked = NULL;
        f->waits = false;
        loop_timer_stop(f->patience);
}

void follow_add(struct follow *f, int64_t id, int64_t wave_no, bool brief)
{
        if (f->rest) {
                f->rest--;
                return;
        }
        if (f->n && f->brief != brief) {
                if (brief)
                        return; /* what had a runner for itself goes first */
                f->n = 0;
        }
        if (f->n == ENDED_MAX)
                return;
        if (!f->n)
                f->mixed = false;
        f->brief = brief;
        f->ended[f->n++] = (struct delivery){.id = id, .wave_no = wave_no};
        f->mixed |= wave_no != f->ended[0].wave_no;
}

bool follow_pending(const struct follow *f)
{
        return f && f->n && !f->asked;
}

bool follow_waits(const struct follow *f)
{
        return f && f->waits;
}

size_t follow_taking(const struct follow *f)
{
        return f ? f->taking : 0;
}

/* It was of no use for n. */
static void take_a_rest(struct follow *f, size_t n)
{
        f->rest = n * REST_TIMES > REST ? n * REST_TIMES : REST;
}

static void answered(const int64_t *ids, size_t n, bool freed, const struct err *e, void *arg)
{
        struct question *q = arg;
        struct follow *f = q->f;
        bool ours = q->generation == f->generation;
        size_t asked = q->n;

        free(q);
        if (!ours)
                return;
        if (!freed && !e) /* where it failed the finish frees the slots and takes what follows */
                take_a_rest(f, asked);
        f->asked = NULL;
        f->taking = 0;
        f->waits = false;
        loop_timer_stop(f->patience);
        f->o.on_ids(ids, n, f->o.arg);
}

void follow_ask(struct follow *f, int64_t worker, size_t want)
{
        size_t n = f->n < want ? f->n : want;
        bool vain = f->brief && f->mixed;

        assert(follow_pending(f));
        f->n = 0;
        if (vain)
                take_a_rest(f, n);
        if (vain || !n)
                return;
        f->asked = xmalloc(sizeof(*f->asked));
        *f->asked = (struct question){f, n, f->generation};
        f->taking = n;
        f->waits = true;
        loop_timer_start(f->patience, PATIENCE_MS);
        broker_follow(f->o.broker, worker, f->ended, n, f->o.queues, f->o.nqueues, n, f->brief,
                      answered, f->asked);
        FAULT_POINT_AFTER(follow_sent, broker_fault_flush(f->o.broker));
}
