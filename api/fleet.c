/* fleet.c - queues, workers, dead letters. */
#include <string.h>

#include "api/app.h"
#include "api/reply.h"
#include "api/routes.h"
#include "base/mem.h"
#include "model/state.h"

/* ---- queues: who serves them is in PostgreSQL, what waits in Redis ---- */

struct queue {
        const char *name;
        int64_t workers, runners, waves, backlog;
};

struct queues {
        struct request *rq;
        struct queue *list;
        const char **names;
        size_t n;
        int64_t *waves; /* not over */
        size_t *of;     /* each one's queue */
        size_t nwaves;
};

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
        for (size_t i = 0; i < n; i++) {
                json_out_object(&o, NULL);
                json_out_str(&o, "name", q->list[i].name);
                json_out_int(&o, "ready", v[i].ready);
                json_out_int(&o, "depth", v[i].depth);
                json_out_int(&o, "demand", v[i].demand);
                json_out_int(&o, "backlog", q->list[i].backlog);
                json_out_int(&o, "runners", q->list[i].runners);
                json_out_int(&o, "workers", q->list[i].workers);
                json_out_int(&o, "waves", q->list[i].waves);
                json_out_object_end(&o);
        }
        json_out_array_end(&o);
        respond_data(q->rq, 200, buf_str(&data), (int64_t)n, NULL);
}

static void on_counts(const struct wave_counts *v, size_t n, const struct err *e, void *arg)
{
        struct queues *q = arg;
        if (e) {
                respond_error(q->rq, e);
                return;
        }
        for (size_t i = 0; i < n; i++)
                q->list[q->of[i]].backlog += v[i].backlog;
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

static void read_queues(struct queues *q, const struct pg_result *r)
{
        struct arena *a = request_arena(q->rq);
        q->n = (size_t)pg_rows(r, 0);
        q->list = ARENA_ARRAY(a, struct queue, q->n + 1);
        q->names = ARENA_ARRAY(a, const char *, q->n + 1);
        for (size_t i = 0; i < q->n; i++) {
                q->names[i] = q->list[i].name = arena_strdup(a, pg_text(r, 0, (int)i, 0));
                q->list[i].workers = pg_int(r, 0, (int)i, 1);
                q->list[i].runners = pg_int(r, 0, (int)i, 2);
        }
        int waves = pg_rows(r, 1);
        q->waves = ARENA_ARRAY(a, int64_t, (size_t)waves + 1);
        q->of = ARENA_ARRAY(a, size_t, (size_t)waves + 1);
        for (int i = 0; i < waves; i++) {
                struct queue *of = queue_of(q, pg_text(r, 1, i, 1));
                if (!of)
                        continue;
                of->waves++;
                q->of[q->nwaves] = (size_t)(of - q->list);
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
        read_queues(q, r);
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

/* ---- workers ---- */

void workers_list(struct request *rq)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_FLEET_WORKERS);
        reply_list(rq, tx);
}

/* ---- dead letters ---- */

void dead_list(struct request *rq)
{
        struct page page;
        struct err e = ERR_INIT;
        enum error_class class;
        const char *of = request_query(rq, "class"), *wave = request_query(rq, "wave");
        if (of && *of && error_class_parse(of, &class) < 0) {
                reply_bad_query(rq, "class",
                                "is none of temporary, dependency, data, critical, crashed, "
                                "timed_out, lost");
                return;
        }
        if (page_read(rq, INT64_MAX, &page, &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_DEAD_LIST);
        pg_arg_text(tx, wave && *wave ? wave : NULL);
        pg_arg_text(tx, of && *of ? of : NULL);
        pg_arg_int(tx, page.from);
        pg_arg_int(tx, page.limit + 1);
        reply_page(rq, tx, &page);
}
