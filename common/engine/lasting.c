#include "engine/lasting.h"

#include <stdlib.h>

#include "base/fault.h"
#include "base/mem.h"

/* As long as claim_note leaves a claim to itself. */
enum { EVERY_MS = 1000 };

struct lasting {
        struct loop_timer *timer;
        bool set, due;
        void (*on_due)(void *arg);
        void *arg;
};

static void now_due(void *arg)
{
        struct lasting *t = arg;

        t->set = false;
        t->due = true;
        t->on_due(t->arg);
}

struct lasting *lasting_new(struct loop *l, void (*due)(void *arg), void *arg)
{
        struct lasting *t = xcalloc(1, sizeof(*t));

        t->on_due = due;
        t->arg = arg;
        t->timer = loop_timer_new(l, now_due, t);
        return t;
}

void lasting_free(struct lasting *t)
{
        if (!t)
                return;
        loop_timer_free(t->timer);
        free(t);
}

void lasting_renew(struct lasting *t)
{
        if (!t)
                return;
        loop_timer_stop(t->timer);
        t->set = t->due = false;
}

void lasting_claims(struct lasting *t)
{
        if (!t->set)
                loop_timer_start(t->timer, EVERY_MS);
        t->set = true;
}

bool lasting_due(const struct lasting *t)
{
        return t && t->due;
}

void lasting_add(struct lasting *t, struct pg_tx *tx, int64_t worker)
{
        t->due = false;
        pg_stmt(tx, SQL_CLAIM_NOTE);
        pg_arg_int(tx, worker);
        PG_FAULT_SENT(tx, note_sent);
}

bool lasting_can_join(const struct pg *pg)
{
        return pg_knows(pg, SQL_CLAIM_NOTE);
}

void lasting_read(struct lasting *t, const struct pg_result *r, size_t s)
{
        if (r)
                FAULT_POINT(note_committed);
        if (!r || pg_bool(r, s, 0, 0))
                lasting_claims(t);
}
