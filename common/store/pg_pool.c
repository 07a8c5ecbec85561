/*
 * pg_pool.c - several connections, as few as will do.
 *
 * A transaction goes to the connection with the fewest under way, at once: it never waits for one to
 * be opened. When all have something to do, one more is opened for those that follow. One that has
 * been idle for a minute is closed, down to two; one that breaks is closed while others are there,
 * and opened again when it is needed.
 */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/pg.h"
#include "store/pg_failure.h"
#include "store/pg_inside.h"

enum { LOOK_MS = 5000, IDLE_MS = 60000, KEPT = 2, TROUBLE_MS = 5000 };

struct member {
        struct pg_pool *pool;
        struct pg *pg;
};

struct pg_pool {
        struct loop *loop;
        struct pg_opts opts;
        char *url, *name;
        void (*on_change)(bool up, void *arg);
        void *arg;
        struct member **members;
        size_t count, size;
        struct loop_timer *look;
        struct pg_voice voice;
        bool up; /* as on_change was told */
        bool closing;
};

static void on_member(bool up, void *arg);

static void add_member(struct pg_pool *p)
{
        struct member *m = xmalloc(sizeof(*m));
        m->pool = p;
        p->members[p->count++] = m;
        m->pg = pg_new_member(p->loop, &p->opts, &p->voice, on_member, m);
}

/* Callbacks of what it had under way may send again: it stays in the row until they are made. */
static void remove_member(struct pg_pool *p, struct member *m)
{
        size_t i = 0;
        pg_free(m->pg);
        while (p->members[i] != m)
                i++;
        p->members[i] = p->members[--p->count];
        free(m);
}

static size_t count_up(const struct pg_pool *p)
{
        size_t n = 0;
        for (size_t i = 0; i < p->count; i++)
                n += pg_up(p->members[i]->pg);
        return n;
}

/* One by one they break when PostgreSQL goes: the last one stays and connects again. */
static void on_member(bool up, void *arg)
{
        struct member *m = arg;
        struct pg_pool *p = m->pool;
        bool was_up = p->up;
        if (p->closing)
                return;
        p->up = count_up(p) > 0;
        if (!up && p->count > 1)
                remove_member(p, m);
        if (p->up != was_up && p->on_change)
                p->on_change(p->up, p->arg);
}

/* The last ones in the row go first: those at its head get most of the work. */
static void on_look(void *arg)
{
        struct pg_pool *p = arg;
        int64_t now_ms = clock_mono_ms();
        for (size_t i = p->count; i-- > 0 && p->count > KEPT;) {
                struct member *m = p->members[i];
                bool spare = !pg_up(m->pg) || count_up(p) > KEPT;
                if (spare && !pg_in_flight(m->pg) && now_ms - pg_used_ms(m->pg) >= IDLE_MS)
                        remove_member(p, m);
        }
}

struct pg_pool *pg_pool_new(struct loop *l, const struct pg_opts *opts, size_t size,
                            void (*on_change)(bool up, void *arg), void *arg)
{
        struct pg_pool *p = xcalloc(1, sizeof(*p));
        assert(size > 0);
        p->loop = l;
        p->url = xstrdup(opts->url);
        p->name = xstrdup(opts->name ? opts->name : "wavefleet");
        p->opts = *opts;
        p->opts.url = p->url;
        p->opts.name = p->name;
        p->on_change = on_change;
        p->arg = arg;
        p->size = size;
        p->members = xcalloc(size, sizeof(struct member *));
        p->look = loop_timer_new(l, on_look, p);
        loop_timer_every(p->look, LOOK_MS);
        add_member(p);
        return p;
}

void pg_pool_free(struct pg_pool *p)
{
        if (!p)
                return;
        p->closing = true;
        p->up = false;
        while (p->count)
                remove_member(p, p->members[p->count - 1]);
        loop_timer_free(p->look);
        free(p->members);
        free(p->url);
        free(p->name);
        free(p);
}

void pg_pool_forget(struct pg_pool *p)
{
        for (size_t i = 0; i < p->count; i++)
                pg_forget(p->members[i]->pg);
}

bool pg_pool_up(const struct pg_pool *p)
{
        return p->up;
}

void pg_pool_hurry(struct pg_pool *p)
{
        for (size_t i = 0; i < p->count; i++)
                pg_hurry(p->members[i]->pg);
}

const char *pg_pool_trouble(const struct pg_pool *p)
{
        const struct pg_voice *v = &p->voice;
        if (!p->up)
                return pg_trouble_of(v->said);
        return v->trouble && clock_mono_ms() - v->trouble_ms < TROUBLE_MS ? v->trouble : NULL;
}

/* Ready ones before others, then by what is under way. */
static struct pg *best_of(const struct pg_pool *p, bool *dialling)
{
        struct pg *best = p->members[0]->pg;
        *dialling = pg_dialling(best);
        for (size_t i = 1; i < p->count; i++) {
                struct pg *pg = p->members[i]->pg;
                *dialling = *dialling || pg_dialling(pg);
                bool better = pg_ready(pg) != pg_ready(best) ? pg_ready(pg)
                              : pg_up(pg) != pg_up(best)     ? pg_up(pg)
                                                         : pg_in_flight(pg) < pg_in_flight(best);
                if (better)
                        best = pg;
        }
        return best;
}

void pg_pool_send(struct pg_pool *p, struct pg_tx *tx, pg_fn fn, void *arg)
{
        bool dialling;
        struct pg *pg = best_of(p, &dialling);
        if (pg_up(pg) && pg_in_flight(pg) > 0 && p->count < p->size && !dialling && !p->closing)
                add_member(p);
        pg_send(pg, tx, fn, arg);
}

int64_t pg_pool_oldest_ms(const struct pg_pool *p)
{
        int64_t oldest_ms = 0;
        for (size_t i = 0; i < p->count; i++) {
                int64_t ms = pg_oldest_ms(p->members[i]->pg);
                if (ms > oldest_ms)
                        oldest_ms = ms;
        }
        return oldest_ms;
}
