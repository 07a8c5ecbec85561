/*
 * webhook_batch.c - two lines of those who wait, each with at most two transactions under way: with one, a
 * connection that hangs would hold up everybody.
 */
#include "api/webhook_batch.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

enum { BATCH_MAX = 200, BATCH_BYTES = 1 << 20, UNDER_WAY_MAX = 2 };

struct queue {
        struct pg_pool *pg;
        struct loop_timer *soon; /* those who come in the same turn of the loop go together */
        struct list waiting;
        unsigned under_way;
        struct pg_tx *(*build)(const struct list *sent, size_t n);
        void (*tell)(struct webhook_wait *w, const struct pg_result *r, int *row);
};
struct webhook_batches {
        struct queue asked, kept;
};
struct batch {
        struct queue *q;
        struct list sent;
};

static struct webhook_wait *wait_of(struct list *l)
{
        return CONTAINER_OF(l, struct webhook_wait, link);
}

/* ---- the statements ---- */

struct columns {
        int64_t ids[BATCH_MAX];
        int32_t attempts[BATCH_MAX];
        const char *bodies[BATCH_MAX], *verdicts[BATCH_MAX];
};

static void fill(struct columns *c, const struct list *sent)
{
        size_t i = 0;
        LIST_EACH(l, sent)
        {
                struct webhook_wait *w = wait_of(l);
                c->ids[i] = w->id;
                c->attempts[i] = w->attempt;
                c->bodies[i] = w->body;
                c->verdicts[i] = w->verdict;
                w->place = ++i;
        }
}

static struct pg_tx *build_asked(const struct list *sent, size_t n)
{
        struct columns c;
        struct pg_tx *tx = pg_tx_new();
        fill(&c, sent);
        pg_stmt(tx, SQL_WEBHOOK_ROWS);
        pg_arg_int8s(tx, c.ids, n);
        pg_arg_texts(tx, c.bodies, n);
        return tx;
}

/* Of several webhooks of one migration the last one's. */
static void add_progress(struct pg_tx *tx, const struct list *sent)
{
        int64_t ids[BATCH_MAX];
        int32_t attempts[BATCH_MAX];
        const char *texts[BATCH_MAX];
        size_t n = 0;
        LIST_EACH(l, sent)
        {
                const struct webhook_wait *w = wait_of(l);
                size_t at = 0;
                if (!w->progress)
                        continue;
                while (at < n && (ids[at] != w->id || attempts[at] != w->attempt))
                        at++;
                ids[at] = w->id;
                attempts[at] = w->attempt;
                texts[at] = w->progress;
                n += at == n;
        }
        if (n == 0)
                return;
        pg_stmt(tx, SQL_PROGRESS_SET);
        pg_arg_int8s(tx, ids, n);
        pg_arg_int4s(tx, attempts, n);
        pg_arg_texts(tx, texts, n);
}

static struct pg_tx *build_kept(const struct list *sent, size_t n)
{
        struct columns c;
        struct pg_tx *tx = pg_tx_new();
        fill(&c, sent);
        pg_stmt(tx, SQL_WEBHOOK_NOTES);
        pg_arg_int8s(tx, c.ids, n);
        pg_arg_int4s(tx, c.attempts, n);
        pg_arg_texts(tx, c.verdicts, n);
        pg_arg_texts(tx, c.bodies, n);
        add_progress(tx, sent);
        return tx;
}

/* ---- their answers ---- */

enum { NTH, WAVE_NO, PROJECT, TARGET, STATE, ATTEMPT, MEMO, SECRET };

/* The rows come in the order of those who wait; some have none. */
static void tell_asked(struct webhook_wait *w, const struct pg_result *r, int *row)
{
        int i = *row;
        if (i >= pg_rows(r, 0) || pg_int(r, 0, i, NTH) != (int64_t)w->place) {
                w->fn(NULL, NULL, false, w->arg);
                return;
        }
        const struct webhook_row found = {
                .wave_no = pg_int(r, 0, i, WAVE_NO),
                .target = pg_int(r, 0, i, TARGET),
                .attempt = (int32_t)pg_int(r, 0, i, ATTEMPT),
                .project = pg_text(r, 0, i, PROJECT),
                .state = pg_text(r, 0, i, STATE),
                .memo = pg_text(r, 0, i, MEMO),
                .secret = pg_text(r, 0, i, SECRET),
        };
        ++*row;
        w->fn(&found, NULL, false, w->arg);
}

static void tell_kept(struct webhook_wait *w, const struct pg_result *r, int *row)
{
        (void)r;
        (void)row;
        w->fn(NULL, NULL, false, w->arg);
}

/* JSON that jsonb cannot hold (a number beyond all measure). */
static bool is_unfit(const struct err *e)
{
        return e->code == ERR_INTERNAL && strncmp(pg_last_sqlstate(), "22", 2) == 0;
}

static void each_alone(struct batch *b)
{
        LIST_EACH(l, &b->sent)
        {
                wait_of(l)->alone = true;
        }
        list_splice(&b->sent, &b->q->waiting);
        list_splice(&b->q->waiting, &b->sent);
}

static void kick(struct queue *q);

/* Each may be gone, or wait in the other queue, once it has been told. */
static void on_answer(const struct pg_result *r, const struct err *e, void *arg)
{
        struct batch *b = arg;
        struct queue *q = b->q;
        bool unfit = e && is_unfit(e);
        struct list *l;
        int row = 0;
        if (unfit && !wait_of(b->sent.next)->alone)
                each_alone(b);
        while ((l = list_pop_front(&b->sent))) {
                struct webhook_wait *w = wait_of(l);
                if (e)
                        w->fn(NULL, e, unfit, w->arg);
                else
                        q->tell(w, r, &row);
        }
        free(b);
        q->under_way--;
        kick(q);
}

/* ---- the lines ---- */

static size_t cut_batch(struct queue *q, struct list *sent)
{
        size_t n = 0, bytes = 0;
        while (!list_empty(&q->waiting) && n < BATCH_MAX && bytes < BATCH_BYTES) {
                struct webhook_wait *w = wait_of(q->waiting.next);
                if (w->alone && n > 0)
                        break;
                list_remove(&w->link);
                list_push_back(sent, &w->link);
                bytes += strlen(w->body);
                n++;
                if (w->alone)
                        break;
        }
        return n;
}

static void kick(struct queue *q)
{
        while (q->under_way < UNDER_WAY_MAX && !list_empty(&q->waiting)) {
                struct batch *b = xmalloc(sizeof(*b));
                b->q = q;
                list_init(&b->sent);
                size_t n = cut_batch(q, &b->sent);
                q->under_way++;
                pg_pool_send(q->pg, q->build(&b->sent, n), on_answer, b);
        }
}

static void on_soon(void *arg)
{
        kick(arg);
}

static void enter(struct queue *q, struct webhook_wait *w)
{
        w->alone = false;
        list_init(&w->link);
        list_push_back(&q->waiting, &w->link);
        if (q->under_way < UNDER_WAY_MAX)
                loop_timer_start(q->soon, 0);
}

void webhook_ask(struct webhook_batches *b, struct webhook_wait *w)
{
        enter(&b->asked, w);
}

void webhook_keep(struct webhook_batches *b, struct webhook_wait *w)
{
        enter(&b->kept, w);
}

/* ---- life ---- */

static void queue_init(struct queue *q, struct loop *l, struct pg_pool *pg)
{
        q->pg = pg;
        q->soon = loop_timer_new(l, on_soon, q);
        list_init(&q->waiting);
}

struct webhook_batches *webhook_batches_new(struct loop *l, struct pg_pool *pg)
{
        struct webhook_batches *b = xcalloc(1, sizeof(*b));
        queue_init(&b->asked, l, pg);
        queue_init(&b->kept, l, pg);
        b->asked.build = build_asked;
        b->asked.tell = tell_asked;
        b->kept.build = build_kept;
        b->kept.tell = tell_kept;
        return b;
}

void webhook_batches_stop(struct webhook_batches *b)
{
        if (!b)
                return;
        kick(&b->asked);
        kick(&b->kept);
}

void webhook_batches_free(struct webhook_batches *b)
{
        if (!b)
                return;
        assert(list_empty(&b->asked.waiting) && list_empty(&b->kept.waiting));
        loop_timer_free(b->asked.soon);
        loop_timer_free(b->kept.soon);
        free(b);
}
