/* costly.c - the questions: in line, under way, or answered a moment ago. */
#include "api/costly.h"

#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"

enum { KEPT_BYTES = 32 << 20 };

/* While those who asked are told, they may ask again: the question stays. */
enum stage { IN_LINE, UNDER_WAY, TELLING, ANSWERED };

struct costly {
        struct pg_pool *pool;
        struct list questions; /* in the order in which they were first asked */
        size_t at_once, in_line;
        size_t kept; /* bytes of the answers */
        bool ready, closing;
};

struct question {
        struct list link;
        struct costly *of;
        char *key;
        enum stage stage;
        struct pg_tx *tx; /* while in line */
        struct list askers;
        size_t answer; /* which of its statements answers */
        int64_t sent_ms;
        char *json; /* answered; NULL: with no row */
        size_t size;
        int64_t fresh_until_ms;
};

struct asker {
        struct list link;
        costly_fn fn;
        void *arg;
};

static struct question *question_of(struct list *l)
{
        return CONTAINER_OF(l, struct question, link);
}

static void forget(struct question *q)
{
        list_remove(&q->link);
        q->of->kept -= q->size;
        pg_tx_free(q->tx);
        free(q->key);
        free(q->json);
        free(q);
}

/* Answers that are out of date, and the oldest while all of them are too large. */
static void sweep(struct costly *c)
{
        int64_t now_ms = clock_mono_ms();
        LIST_EACH(l, &c->questions)
        {
                struct question *q = question_of(l);
                if (q->stage == ANSWERED && (q->fresh_until_ms <= now_ms || c->kept > KEPT_BYTES))
                        forget(q);
        }
}

static struct question *find(struct costly *c, const char *key)
{
        LIST_EACH(l, &c->questions)
        {
                if (strcmp(question_of(l)->key, key) == 0)
                        return question_of(l);
        }
        return NULL;
}

static void tell(struct question *q, const struct err *e)
{
        struct list askers, *at;
        list_init(&askers);
        list_splice(&askers, &q->askers);
        while ((at = list_pop_front(&askers))) {
                struct asker *a = CONTAINER_OF(at, struct asker, link);
                a->fn(e ? NULL : q->json, e, a->arg);
                free(a);
        }
}

static int keep(struct question *q, const struct pg_result *r, struct err *e)
{
        int64_t now_ms = clock_mono_ms(), kept_ms = (now_ms - q->sent_ms) * COSTLY_KEPT_FOR;
        q->fresh_until_ms = now_ms + (kept_ms < COSTLY_KEPT_MS ? kept_ms : COSTLY_KEPT_MS);
        if (pg_rows(r, q->answer) == 0 || pg_is_null(r, q->answer, 0, 0))
                return 0;
        q->json = mem_try_strdup(pg_text(r, q->answer, 0, 0));
        if (!q->json)
                return err_set(e, ERR_UNAVAILABLE, "there is no memory for the answer now");
        q->size = pg_length(r, q->answer, 0, 0) + 1;
        q->of->kept += q->size;
        return 0;
}

static void advance(struct costly *c);

static void on_answer(const struct pg_result *r, const struct err *e, void *arg)
{
        struct question *q = arg;
        struct costly *c = q->of;
        struct err starved = ERR_INIT;
        c->at_once--;
        if (!e && keep(q, r, &starved) < 0)
                e = &starved;
        if (e)
                list_remove(&q->link); /* who asks from now on, asks anew */
        q->stage = TELLING;
        tell(q, e);
        q->stage = ANSWERED;
        if (e)
                forget(q);
        advance(c);
}

static void advance(struct costly *c)
{
        if (c->closing)
                return;
        LIST_EACH(l, &c->questions)
        {
                struct question *q = question_of(l);
                if (c->at_once == COSTLY_AT_ONCE)
                        return;
                if (q->stage != IN_LINE)
                        continue;
                q->stage = UNDER_WAY;
                q->sent_ms = clock_mono_ms();
                c->in_line--;
                c->at_once++;
                pg_pool_send(c->pool, take(q->tx), on_answer, q);
        }
}

static struct question *add_question(struct costly *c, const char *key, struct pg_tx *tx)
{
        struct question *q = xcalloc(1, sizeof(*q));
        *q = (struct question){.of = c, .key = xstrdup(key), .stage = IN_LINE, .tx = tx};
        q->answer = pg_tx_statements(tx) - 1;
        list_init(&q->askers);
        list_push_back(&c->questions, &q->link);
        c->in_line++;
        return q;
}

static void refuse(const struct costly *c, costly_fn fn, void *arg)
{
        struct err e = ERR_INIT;
        if (c->closing)
                err_set(&e, ERR_UNAVAILABLE, "this program is stopping");
        else
                err_set(&e, ERR_UNAVAILABLE, "%d reports wait to be made already", COSTLY_IN_LINE);
        fn(NULL, &e, arg);
}

void costly_ask(struct costly *c, const char *key, struct pg_tx *tx, costly_fn fn, void *arg)
{
        sweep(c);
        struct question *q = find(c, key);
        if (c->closing || (!q && c->in_line == COSTLY_IN_LINE)) {
                pg_tx_free(tx);
                refuse(c, fn, arg);
                return;
        }
        if (!q)
                q = add_question(c, key, tx);
        else
                pg_tx_free(tx);
        if (q->stage >= TELLING) {
                fn(q->json, NULL, arg);
                return;
        }
        struct asker *a = xmalloc(sizeof(*a));
        *a = (struct asker){.fn = fn, .arg = arg};
        list_push_back(&q->askers, &a->link);
        advance(c);
}

struct costly *costly_new(struct pg_pool *pool)
{
        struct costly *c = xcalloc(1, sizeof(*c));
        list_init(&c->questions);
        c->pool = pool;
        return c;
}

bool costly_ready(struct costly *c)
{
        c->ready |= pg_pool_up(c->pool);
        return c->ready;
}

void costly_free(struct costly *c)
{
        struct err e = ERR_INIT;
        if (!c)
                return;
        c->closing = true;
        pg_pool_free(c->pool);
        err_set(&e, ERR_UNAVAILABLE, "this program is stopping");
        LIST_EACH(l, &c->questions)
        {
                tell(question_of(l), &e);
                forget(question_of(l));
        }
        free(c);
}
