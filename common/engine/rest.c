#include "engine/rest.h"

#include "base/clock.h"
#include "base/mem.h"

/*
 * FIRST_MS: what has just been ended has lined up something by then, or there is nothing more. LOOK_MS: a group or two of
 * a worker that holds many have ended meanwhile, on a disk that needs 5 ms for a flush. EMPTY: looks in a row at which
 * nothing is lined up any more, so that what comes next is not popped one by one. OFTEN: after so many looks it is known
 * that the processors are busy, and who stands back looks every CROWDED_MS, since a look wakes him and Redis.
 */
enum { FIRST_MS = 1, LOOK_MS = 20, OFTEN = 3, CROWDED_MS = 100, EMPTY = 5, AFTER_VAIN_MS = 1000 };

struct rest {
        struct rest_opts o;
        bool on;
        bool back;           /* stands back */
        unsigned looks;      /* of one that does */
        unsigned generation; /* answers to an older rest are dropped */
        int64_t *heads;      /* what stood first in each queue at the last look; 0: nothing */
        size_t asked;        /* answers to come of this look */
        size_t lined_up;     /* seen by it */
        bool still;          /* what stood first somewhere stands there still */
        bool failed; /* nobody knows: the rest ends, but not in the answer, which may come with the program's end */
        unsigned empty;
        int64_t not_before_ms;
        struct loop_timer *timer;
};

struct look {
        struct rest *r;
        unsigned generation;
        size_t queue;
};

static void end(struct rest *r)
{
        r->on = false;
        r->o.on_end(r->o.arg);
}

static bool is_over(const struct rest *r)
{
        if (r->back)
                return r->o.crowding(r->o.arg) == CROWD_FINE;
        return r->lined_up >= REST_MANY || r->empty == EMPTY;
}

static void judge(struct rest *r)
{
        r->empty = r->lined_up ? 0 : r->empty + 1;
        if (r->still)
                r->not_before_ms = clock_mono_ms() + AFTER_VAIN_MS;
        if (!r->failed && (r->still || is_over(r)))
                end(r);
        else
                loop_timer_start(r->timer, r->back && ++r->looks > OFTEN ? CROWDED_MS : LOOK_MS);
}

static void seen(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct look *k = arg;
        struct rest *r = k->r;
        int64_t head = n ? ids[0] : 0;
        bool ours = k->generation == r->generation;

        if (ours) {
                r->failed |= e != NULL;
                r->still |= head && head == r->heads[k->queue];
                r->heads[k->queue] = head;
                r->lined_up += n;
                if (--r->asked == 0)
                        judge(r);
        }
        free(k);
}

static void look(void *arg)
{
        struct rest *r = arg;

        if (r->failed) {
                end(r);
                return;
        }
        r->lined_up = 0;
        r->still = false;
        r->asked = r->o.nqueues;
        for (size_t q = 0; q < r->o.nqueues; q++) {
                struct look *k = xmalloc(sizeof(*k));
                *k = (struct look){r, r->generation, q};
                broker_queue_head(r->o.broker, r->o.queues[q], REST_MANY, seen, k);
        }
}

struct rest *rest_new(const struct rest_opts *o)
{
        struct rest *r = xcalloc(1, sizeof(*r));

        r->o = *o;
        r->heads = xcalloc(o->nqueues + 1, sizeof(*r->heads));
        r->timer = loop_timer_new(o->loop, look, r);
        return r;
}

void rest_free(struct rest *r)
{
        if (!r)
                return;
        loop_timer_free(r->timer);
        free(r->heads);
        free(r);
}

void rest_renew(struct rest *r)
{
        if (!r)
                return;
        r->generation++;
        r->on = false;
        loop_timer_stop(r->timer);
}

static void begin(struct rest *r, bool back)
{
        if (r->on || clock_mono_ms() < r->not_before_ms)
                return;
        r->on = true;
        r->back = back;
        r->looks = 0;
        r->generation++;
        r->empty = EMPTY - 1;
        r->failed = false;
        for (size_t q = 0; q < r->o.nqueues; q++)
                r->heads[q] = 0;
        loop_timer_start(r->timer, FIRST_MS);
}

void rest_begin(struct rest *r)
{
        begin(r, false);
}

void rest_stand_back(struct rest *r, bool brief)
{
        enum crowding now = r->on ? CROWD_FINE : r->o.crowding(r->o.arg);

        if (now == CROWD_UNKNOWN || (now == CROWD_FULL && brief))
                begin(r, true);
}

bool rest_on(const struct rest *r)
{
        return r && r->on;
}
