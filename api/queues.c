/*
 * queues.c - queues: what waits in them and who serves them, pausing and resuming.
 *
 * That a queue is paused stands in PostgreSQL, where every claim looks. Redis only releases nothing more
 * of it, so that its ids do not go round between backlog and claim.
 */
#include <string.h>

#include "api/act.h"
#include "api/app.h"
#include "api/reply.h"
#include "api/routes.h"
#include "base/fault.h"
#include "base/log.h"
#include "engine/publish.h"
#include "base/mem.h"

/* ---- the list: who serves them is in PostgreSQL, what waits in Redis ---- */

struct queue {
        const char *name;
        int64_t workers, runners, waves, backlog;
        int64_t in_flight; /* running or parked */
        int64_t age_s;     /* of the oldest wave that has a backlog; 0: none has */
        bool paused;
        const char *changed_by, *changed_at; /* NULL: it was never paused */
};

struct queues {
        struct request *rq;
        struct queue *list;
        const char **names;
        size_t n;
        int64_t *waves; /* not over */
        int64_t *ages;  /* in seconds */
        size_t *of;     /* each one's queue */
        size_t nwaves;
};

static void print_queue(struct json_out *o, const struct queue *q, const struct queue_facts *v)
{
        json_out_object(o, NULL);
        json_out_str(o, "name", q->name);
        json_out_int(o, "ready", v->ready);
        json_out_int(o, "depth", v->depth);
        json_out_int(o, "demand", v->demand);
        json_out_int(o, "backlog", q->backlog);
        json_out_int(o, "in_flight", q->in_flight);
        json_out_int(o, "oldest_wave_age_seconds", q->age_s);
        json_out_int(o, "runners", q->runners);
        json_out_int(o, "workers", q->workers);
        json_out_int(o, "waves", q->waves);
        json_out_bool(o, "paused", q->paused);
        json_out_str(o, "changed_by", q->changed_by);
        json_out_str(o, "changed_at", q->changed_at);
        json_out_object_end(o);
}

static void on_depths(const struct queue_facts *v, size_t n, const struct err *e, void *arg)
{
        const struct queues *q = arg;
        autobuf data = BUF_INIT(SIZE_MAX);
        struct json_out o;
        if (e) {
                respond_error(q->rq, e);
                return;
        }
        json_out_init(&o, &data);
        json_out_array(&o, NULL);
        for (size_t i = 0; i < n; i++)
                print_queue(&o, &q->list[i], &v[i]);
        json_out_array_end(&o);
        respond_made(q->rq, 200, &data, (int64_t)n, NULL);
}

static void on_counts(const struct wave_counts *v, size_t n, const struct err *e, void *arg)
{
        struct queues *q = arg;
        if (e) {
                respond_error(q->rq, e);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                struct queue *of = &q->list[q->of[i]];
                of->backlog += v[i].backlog;
                if (v[i].backlog && of->age_s < q->ages[i])
                        of->age_s = q->ages[i];
        }
        broker_queues(request_app(q->rq)->broker, q->names, q->n, on_depths, q);
}

/* Queues come in the order of their bytes. */
static struct queue *queue_of(const struct queues *q, const char *name)
{
        size_t low = 0, high = q->n;
        while (low < high) {
                size_t mid = low + (high - low) / 2;
                int c = strcmp(q->names[mid], name);
                if (c == 0)
                        return &q->list[mid];
                if (c < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        return NULL;
}

static const char *copy(struct arena *a, const char *s)
{
        return s ? arena_strdup(a, s) : NULL;
}

static void read_names(struct queues *q, const struct pg_result *r)
{
        struct arena *a = request_arena(q->rq);
        q->n = (size_t)pg_rows(r, 0);
        q->list = ARENA_ARRAY(a, struct queue, q->n + 1);
        q->names = ARENA_ARRAY(a, const char *, q->n + 1);
        for (size_t i = 0; i < q->n; i++) {
                struct queue *l = &q->list[i];
                q->names[i] = l->name = arena_strdup(a, pg_text(r, 0, (int)i, 0));
                l->workers = pg_int(r, 0, (int)i, 1);
                l->runners = pg_int(r, 0, (int)i, 2);
                l->paused = pg_bool(r, 0, (int)i, 3);
                l->changed_by = copy(a, pg_text(r, 0, (int)i, 4));
                l->changed_at = copy(a, pg_text(r, 0, (int)i, 5));
        }
}

static void read_waves(struct queues *q, const struct pg_result *r)
{
        struct arena *a = request_arena(q->rq);
        int waves = pg_rows(r, 1);
        q->waves = ARENA_ARRAY(a, int64_t, (size_t)waves + 1);
        q->ages = ARENA_ARRAY(a, int64_t, (size_t)waves + 1);
        q->of = ARENA_ARRAY(a, size_t, (size_t)waves + 1);
        for (int i = 0; i < waves; i++) {
                struct queue *of = queue_of(q, pg_text(r, 1, i, 1));
                if (!of)
                        continue;
                of->waves++;
                of->in_flight += pg_int(r, 1, i, 3);
                q->of[q->nwaves] = (size_t)(of - q->list);
                q->ages[q->nwaves] = pg_int(r, 1, i, 2);
                q->waves[q->nwaves++] = pg_int(r, 1, i, 0);
        }
}

static void on_queues(const struct pg_result *r, const struct err *e, void *arg)
{
        struct queues *q = arg;
        struct broker *broker = request_app(q->rq)->broker;
        if (e) {
                respond_error(q->rq, e);
                return;
        }
        read_names(q, r);
        read_waves(q, r);
        if (q->n == 0)
                respond_data(q->rq, 200, "[]", 0, NULL);
        else if (q->nwaves)
                broker_wave_counts(broker, q->waves, q->nwaves, on_counts, q);
        else
                broker_queues(broker, q->names, q->n, on_depths, q);
}

void queues_list(struct request *rq)
{
        struct queues *q = ARENA_NEW(request_arena(rq), struct queues);
        q->rq = rq;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_QUEUES_LIST);
        pg_stmt(tx, SQL_QUEUES_WAVES);
        pg_pool_send(request_app(rq)->pg, tx, on_queues, q);
}

/* ---- pausing and resuming ---- */

struct pausing {
        struct request *rq;
        const char *queue;
        bool paused;
        const char *data; /* the answer */
};

static void tell_redis(const struct pausing *p, int64_t runners)
{
        struct broker *b = request_app(p->rq)->broker;
        if (!broker_up(b))
                return; /* the workers tell it, with their next renewal */
        if (p->paused)
                broker_hold_queue(b, p->queue);
        else
                broker_set_runners(b, p->queue, runners);
}

static void claims_over(const struct pg_result *r, const struct err *e, void *arg)
{
        const struct pausing *p = arg;
        struct err lasting = ERR_INIT;
        (void)r;
        if (!e) {
                respond_data(p->rq, 200, p->data, -1, NULL);
                return;
        }
        lasting = *e;
        err_wrap(&lasting,
                 "the queue is paused, but what was being claimed just then is not known");
        respond_error(p->rq, &lasting);
}

static void changed(const struct pg_result *r, const struct err *e, void *arg)
{
        struct pausing *p = arg;
        if (e) {
                respond_error(p->rq, e);
                return;
        }
        FAULT_POINT(queue_changed);
        p->data = arena_strdup(request_arena(p->rq), pg_text(r, 0, 0, 0));
        log_info("queue.act", LS("act", p->paused ? "pause" : "resume"), LS("queue", p->queue),
                 LB("changed", pg_bool(r, 0, 0, 1)), LS("by", request_principal(p->rq)),
                 LS("request_id", request_id(p->rq)));
        tell_redis(p, pg_int(r, 0, 0, 2));
        publish_queue(request_app(p->rq)->broker, p->queue, p->paused);
        if (!p->paused) {
                respond_data(p->rq, 200, p->data, -1, NULL);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_QUEUE_CLAIMS);
        pg_arg_text(tx, p->queue);
        engine_ask(request_app(p->rq)->engine, tx, claims_over, p);
}

/* -1: answered. */
static int check_name(struct request *rq)
{
        struct err e = ERR_INIT;
        if (queue_name_ok(request_param(rq, "name")))
                return 0;
        mistake_add(request_mistakes(rq), ERR_INVALID, "#/name",
                    "must consist of 1 to %d lower-case letters, digits, \"_\" and \"-\"",
                    QUEUE_NAME_MAX);
        mistakes_check(request_mistakes(rq), &e);
        respond_error(rq, &e);
        return -1;
}

static void set_paused(struct request *rq, bool paused)
{
        if (act_read(rq, NULL, 0, NULL) < 0 || check_name(rq) < 0)
                return;
        struct pausing *p = ARENA_NEW(request_arena(rq), struct pausing);
        *p = (struct pausing){.rq = rq, .queue = request_param(rq, "name"), .paused = paused};
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_QUEUE_PAUSE);
        pg_arg_text(tx, p->queue);
        pg_arg_bool(tx, paused);
        pg_arg_text(tx, request_principal(rq));
        engine_ask(request_app(rq)->engine, tx, changed, p);
}

void queue_pause(struct request *rq)
{
        set_paused(rq, true);
}

void queue_resume(struct request *rq)
{
        set_paused(rq, false);
}
