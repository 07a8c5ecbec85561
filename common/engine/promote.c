/*
 * promote.c - retries and polls that are due: the due entries of Redis with their scores, what
 * PostgreSQL says they are, and one script that acts only where the score is unchanged. Every worker
 * does it; what one has been given, the others are not for a second.
 */
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/look.h"
#include "engine/worker_internal.h"
#include "model/kind_remote.h"

enum { IDLE_MS = 1000, SOON_MS = 5, AFTER_FAILURE_MS = 1000 };

struct promote {
        struct engine_worker *w;
        struct loop_timer *timer;
        bool busy;
        int64_t next_ms; /* asked for meanwhile; -1: nothing */
        struct due_entry due[BROKER_BATCH_MAX];
        size_t ndue;
        int64_t until_next_ms;
};

static void look(void *arg);

struct promote *promote_new(struct engine_worker *w)
{
        struct promote *p = xcalloc(1, sizeof(*p));

        p->w = w;
        p->next_ms = -1;
        p->timer = loop_timer_new(w->loop, look, p);
        loop_timer_start(p->timer, IDLE_MS);
        return p;
}

void promote_free(struct promote *p)
{
        if (!p)
                return;
        loop_timer_free(p->timer);
        p->timer = NULL;
        if (!p->busy)
                free(p); /* else the answer that is under way frees it */
}

/* An entry that is written now may come due before the timer would look. */
void promote_within(struct promote *p, int64_t ms)
{
        if (ms >= IDLE_MS)
                return;
        if (p->busy) {
                if (p->next_ms < 0 || ms < p->next_ms)
                        p->next_ms = ms;
        } else if (p->timer) {
                loop_timer_start(p->timer, ms + SOON_MS);
        }
}

static void done(struct promote *p, int64_t again_ms)
{
        if (!p->timer) {
                free(p);
                return;
        }
        p->busy = false;
        if (p->next_ms >= 0 && p->next_ms < again_ms)
                again_ms = p->next_ms + SOON_MS;
        p->next_ms = -1;
        loop_timer_start(p->timer, again_ms);
}

static void promoted(const struct err *e, void *arg)
{
        struct promote *p = arg;
        int64_t next = p->until_next_ms;

        if (e) {
                log_warn("promote.failed", LE(e));
                done(p, AFTER_FAILURE_MS);
        } else if (p->ndue == COUNT_OF(p->due)) {
                done(p, 0);
        } else {
                done(p, next >= 0 && next < IDLE_MS ? next + 1 : IDLE_MS);
        }
}

static void looked(const struct pg_result *r, const struct err *e, void *arg)
{
        struct promote *p = arg;
        struct promotion v[BROKER_BATCH_MAX];
        struct after a;
        size_t n = 0;

        if (e || !p->timer) {
                done(p, AFTER_FAILURE_MS);
                return;
        }
        after_init(&a);
        for (int i = 0; i < pg_rows(r, 0); i++) {
                struct wave_facts f;
                bool over;
                if (look_read(r, i, &v[n].d, &f, &over))
                        after_facts(&a, &f);
                for (size_t k = 0; k < p->ndue; k++)
                        if (p->due[k].id == v[n].d.id)
                                v[n].entry = p->due[k];
                n++;
        }
        FAULT_POINT(promote_looked);
        broker_promote(p->w->broker, v, n, a.facts, a.nfacts, REMOTE_LIMIT,
                       p->w->cfg->remote_rate_per_s, promoted, p);
        FAULT_POINT_AFTER(promote_sent, broker_fault_flush(p->w->broker));
        after_fini(&a);
}

static void due(const struct due_entry *v, size_t n, int64_t next_in_ms, const struct err *e,
                void *arg)
{
        struct promote *p = arg;
        int64_t ids[BROKER_BATCH_MAX];
        struct pg_tx *tx;

        if (e || !n || !p->timer) {
                done(p, e                                         ? AFTER_FAILURE_MS
                        : next_in_ms >= 0 && next_in_ms < IDLE_MS ? next_in_ms + 1
                                                                  : IDLE_MS);
                return;
        }
        FAULT_POINT(promote_due_read);
        p->ndue = n < COUNT_OF(p->due) ? n : COUNT_OF(p->due);
        p->until_next_ms = next_in_ms;
        memcpy(p->due, v, p->ndue * sizeof(*v));
        for (size_t i = 0; i < p->ndue; i++)
                ids[i] = v[i].id;
        tx = pg_tx_new();
        pg_stmt(tx, SQL_LOOK);
        pg_arg_int8s(tx, ids, p->ndue);
        pg_send(p->w->look, tx, looked, p);
}

static void look(void *arg)
{
        struct promote *p = arg;

        if (!broker_up(p->w->broker) || !pg_up(p->w->look)) {
                loop_timer_start(p->timer, IDLE_MS);
                return;
        }
        p->busy = true;
        broker_due(p->w->broker, COUNT_OF(p->due), due, p);
}
