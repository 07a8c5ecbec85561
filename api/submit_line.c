/* submit_line.c - who waits, who is under way with whom, and what became of them. */
#include "api/submit_line.h"

#include <assert.h>

#include "api/submit.h"
#include "base/list.h"
#include "base/mem.h"

enum { TRIPS_MAX = 2 }; /* under way: one whose connection hangs does not hold up everybody */

struct submit_line {
        struct pg_pool *pool;
        struct list waiting;
        size_t trips;
};

struct place {
        struct list link;
        const struct submission *s;
        submit_line_fn fn;
        void *arg;
};

/* A transaction under way. */
struct trip {
        struct submit_line *line;
        struct list places;
        size_t count;
};

static struct place *place_of(struct list *l)
{
        return CONTAINER_OF(l, struct place, link);
}

static void start(struct submit_line *l);
static void on_answer(const struct pg_result *r, const struct err *e, void *arg);

static void send(struct trip *t)
{
        const struct submission *all[GROUP_WAVES_MAX];
        size_t n = 0;
        LIST_EACH(at, &t->places)
        all[n++] = place_of(at)->s;
        struct pg_tx *tx = pg_tx_new();
        if (n == 1) {
                submission_add_wave(tx, all[0]);
                submission_add_migrations(tx, all[0]);
        } else {
                submission_add_group(tx, all, n);
        }
        t->line->trips++;
        submit_send(t->line->pool, tx, on_answer, t);
}

static struct trip *trip_new(struct submit_line *l)
{
        struct trip *t = xcalloc(1, sizeof(*t));
        t->line = l;
        list_init(&t->places);
        return t;
}

static void board(struct trip *t, struct place *p)
{
        list_push_back(&t->places, &p->link);
        t->count++;
}

static void tell(struct place *p, const struct submitted *w, bool more, const struct err *e)
{
        p->fn(w, more, e, p->arg);
        free(p);
}

/* It was refused, and for good: for which of them is not said. */
static bool is_refusal(const struct err *e)
{
        return e->code != ERR_LOST && e->code != ERR_UNAVAILABLE;
}

static void each_alone(struct trip *t)
{
        struct list *at;
        while ((at = list_pop_front(&t->places))) {
                struct trip *alone = trip_new(t->line);
                board(alone, place_of(at));
                send(alone);
        }
}

static void tell_all(struct trip *t, const struct pg_result *r, const struct err *e)
{
        struct list *at;
        for (size_t i = 0; (at = list_pop_front(&t->places)); i++) {
                struct place *p = place_of(at);
                struct submitted w;
                if (!e && t->count == 1)
                        submission_read_wave(r, 0, p->s, &w);
                else if (!e)
                        submission_read_group(r, i, p->s, &w);
                tell(p, e ? NULL : &w, !list_empty(&t->places), e);
        }
}

/* The next are on their way while these are told. */
static void on_answer(const struct pg_result *r, const struct err *e, void *arg)
{
        struct trip *t = arg;
        t->line->trips--;
        start(t->line);
        if (e && t->count > 1 && is_refusal(e))
                each_alone(t);
        else
                tell_all(t, r, e);
        free(t);
}

static void start(struct submit_line *l)
{
        size_t migrations = 0;
        if (l->trips >= TRIPS_MAX || list_empty(&l->waiting))
                return;
        struct trip *t = trip_new(l);
        while (t->count < GROUP_WAVES_MAX && !list_empty(&l->waiting)) {
                struct place *p = place_of(l->waiting.next);
                migrations += p->s->count;
                if (t->count && migrations > GROUP_MIGRATIONS_MAX)
                        break;
                list_remove(&p->link);
                board(t, p);
        }
        send(t);
}

void submit_line_add(struct submit_line *l, const struct submission *s, submit_line_fn fn, void *arg)
{
        assert(submission_is_plain(s));
        struct place *p = xmalloc(sizeof(*p));
        *p = (struct place){.s = s, .fn = fn, .arg = arg};
        list_push_back(&l->waiting, &p->link);
        start(l);
}

struct submit_line *submit_line_new(struct pg_pool *pool)
{
        struct submit_line *l = xcalloc(1, sizeof(*l));
        l->pool = pool;
        list_init(&l->waiting);
        return l;
}

void submit_line_free(struct submit_line *l)
{
        if (!l)
                return;
        assert(l->trips == 0 && list_empty(&l->waiting));
        free(l);
}
