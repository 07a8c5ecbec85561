/*
 * hands.c - the table of what this worker has in hand, and its comparison with the worker's processing
 * list in Redis and its rows in PostgreSQL: a reply that was lost leaves an id that only they know.
 */
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/worker_internal.h"

enum { SPARE_MS = 50, SOON_MS = 2 };

static void give_spare_back(void *arg);

static void want(void *arg)
{
        hands_want(arg);
}

void hands_new(struct engine_worker *w)
{
        w->hands = map_new();
        w->strangers = map_new();
        w->repairs = map_new();
        w->stray_rows = map_new();
        w->spare = loop_timer_new(w->loop, give_spare_back, w);
        w->want = loop_timer_new(w->loop, want, w);
}

static void empty(struct map *m, bool free_values)
{
        size_t at;
        int64_t id;
        void *v;

        while (at = 0, (v = map_next(m, &at, &id))) {
                map_remove(m, id);
                if (free_values)
                        free(v);
        }
}

void hands_clear(struct engine_worker *w)
{
        empty(w->hands, true);
        w->running = w->lone = w->brief = 0;
        empty(w->strangers, false);
        empty(w->stray_rows, false);
}

void hands_free(struct engine_worker *w)
{
        hands_clear(w);
        map_free(w->hands);
        map_free(w->strangers);
        map_free(w->repairs);
        map_free(w->stray_rows);
        loop_timer_free(w->spare);
        loop_timer_free(w->want);
}

/* A delivery that comes while the last one is not over waits for its end: only then does PostgreSQL
 * say what the row has become. */
static void take_one(struct engine_worker *w, int64_t id)
{
        struct hand *h = map_get(w->hands, id);

        map_remove(w->strangers, id);
        if (h) {
                h->again = true;
                return;
        }
        if (w->draining) {
                exchange_look(w->exchange, &id, 1, w->id);
                return;
        }
        h = xcalloc(1, sizeof(*h));
        h->id = id;
        h->state = HAND_CLAIMING;
        map_put(w->hands, id, h);
        exchange_claim(w->exchange, id);
}

void hands_take(struct engine_worker *w, const int64_t *ids, size_t n)
{
        if (!w->id || w->dead || !n)
                return;
        for (size_t i = 0; i < n; i++)
                take_one(w, ids[i]);
        loop_timer_start(w->spare, SPARE_MS);
}

/* More ids came than runners are idle: what found none for a moment is for somebody else. */
static void give_spare_back(void *arg)
{
        struct engine_worker *w = arg;

        if (w->idle + w->behind == 0)
                hands_give_unclaimed(w);
}

void hands_give_unclaimed(struct engine_worker *w)
{
        int64_t ids[64];
        size_t n;

        while ((n = exchange_unclaim(w->exchange, ids, COUNT_OF(ids))))
                hands_give_back(w, ids, n);
}

void hands_give_back(struct engine_worker *w, const int64_t *ids, size_t n)
{
        FAULT_POINT(ids_given_back);
        for (size_t i = 0; i < n; i++) {
                struct hand *h = map_get(w->hands, ids[i]);
                if (h)
                        h->state = HAND_FINISHING;
        }
        exchange_look(w->exchange, ids, n, w->id);
}

/* What brief bodies make room for is taken with their finish, many at once; popped, each id comes alone. */
static bool finishes_soon(struct engine_worker *w)
{
        int64_t left = w->brief_ms + SOON_MS - clock_mono_ms();

        if (exchange_finishes_soon(w->exchange))
                return true;
        if (!w->brief || left <= 0)
                return false;
        loop_timer_start(w->want, left);
        return true;
}

/* Not before a renewal is confirmed: what is claimed until then may not run, and would have to be handed back. */
void hands_want(struct engine_worker *w)
{
        bool wanted = w->id && w->fence_ms && !w->draining && settings_known(w->settings) &&
                      w->idle > exchange_claiming(w->exchange) && !finishes_soon(w) &&
                      !exchange_rests(w->exchange);

        for (size_t i = 0; i < w->nqueues; i++)
                if (w->pops[i])
                        broker_pop_want(w->pops[i], wanted);
}

/* ---- the processing list ---- */

struct list_check {
        struct engine_worker *w;
        int64_t worker;
        bool at_once;
};

static void list_seen(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct list_check *c = arg;
        struct engine_worker *w = c->w;
        struct map *before = w->strangers;

        if (e || w->id != c->worker || w->dead) {
                free(c);
                return;
        }
        w->strangers = map_new();
        for (size_t i = 0; i < n; i++) {
                if (map_get(w->hands, ids[i]))
                        continue;
                if (c->at_once || map_get(before, ids[i])) {
                        log_info("delivery.taken_up", LI("id", ids[i]));
                        FAULT_POINT(list_taken_up);
                        hands_take(w, &ids[i], 1);
                } else {
                        map_put(w->strangers, ids[i], w);
                }
        }
        map_free(before);
        free(c);
        exchange_kick(w->exchange);
}

void hands_check_list(struct engine_worker *w, bool at_once)
{
        struct list_check *c;

        if (!w->id || w->dead || !broker_up(w->broker))
                return;
        c = xmalloc(sizeof(*c));
        *c = (struct list_check){w, w->id, at_once};
        broker_processing(w->broker, w->id, list_seen, c);
}

/* ---- the rows ---- */

static void hand_back(struct engine_worker *w, int64_t id, int32_t attempt)
{
        struct outcome o = {.kind = OUTCOME_HANDED_BACK, .due_in_ms = -1};

        log_warn("attempt.handed_back", LI("id", id), LI("attempt", attempt),
                 LS("why", "the answer to its claim was lost"));
        FAULT_POINT(stray_row_found);
        exchange_settle(w->exchange, &(struct attempt){.id = id, .number = attempt}, &o, NULL, NULL,
                        NULL);
}

/*
 * A row that no hand knows at two checks in a row is
 * handed back (at one it may just have been settled); bodies that ran before the question and have no
 * row are ended, and so are those that people asked to end.
 */
void hands_check_rows(struct engine_worker *w, const struct pg_result *r, size_t s, uint64_t check)
{
        struct map *rows = map_new(), *before = w->stray_rows;
        size_t at = 0;
        int64_t id;
        struct hand *h;

        w->stray_rows = map_new();
        for (int i = 0; i < pg_rows(r, s); i++) {
                intptr_t attempt = (intptr_t)pg_int(r, s, i, 1);
                const char *cancel = pg_text(r, s, i, 2), *note = pg_text(r, s, i, 3);
                id = pg_int(r, s, i, 0);
                map_put(rows, id, w);
                h = map_get(w->hands, id);
                if (!h && (intptr_t)map_get(before, id) == attempt)
                        hand_back(w, id, (int32_t)attempt);
                else if (!h)
                        map_put(w->stray_rows, id, (void *)attempt);
                else if (h->state == HAND_RUNNING && h->attempt == attempt && cancel)
                        w->ev.on_cancel(id, h->attempt, note ? note : cancel, w->ev.arg);
        }
        while ((h = map_next(w->hands, &at, &id)))
                if (h->state == HAND_RUNNING && !h->poll && h->since < check && !map_get(rows, id)) {
                        log_warn("attempt.given_up", LI("id", id), LI("attempt", h->attempt));
                        w->ev.on_cancel(id, h->attempt, "the attempt was given up", w->ev.arg);
                }
        map_free(rows);
        map_free(before);
        exchange_kick(w->exchange);
}
