/*
 * scrape.c - GET /metrics: the numbers of this process, and those of the fleet that PostgreSQL and
 * Redis know, looked up at each scrape. What cannot be had within 2 s is left out.
 */
#include <stdlib.h>
#include <string.h>

#include "api/app.h"
#include "api/routes.h"
#include "base/mem.h"
#include "base/metrics.h"

enum { PATIENCE_MS = 2000, QUEUES_MAX = 256, PAGE_MAX = 1 << 24 };

struct scrape {
        struct app *app;
        struct request *rq; /* NULL: answered; the scrape waits for its questions only */
        struct loop_timer *patience;
        size_t asked; /* questions without an answer */
        const char *queues[QUEUES_MAX];
        size_t queues_count;
        struct arena *arena; /* the names */
};

static const enum metric_id gauges[] = {METRIC_QUEUE_DEPTH, METRIC_QUEUE_READY, METRIC_QUEUE_DEMAND,
                                        METRIC_MIGRATIONS,  METRIC_WAVES,       METRIC_WORKERS};

static void clear_gauges(void)
{
        for (size_t i = 0; i < COUNT_OF(gauges); i++)
                metric_clear(gauges[i]);
}

static void respond(struct scrape *s)
{
        struct request *rq = take(s->rq);
        autobuf page = BUF_INIT(PAGE_MAX);
        metrics_print(&page);
        respond_text(rq, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&page), page.len);
}

/* After each answer: the page goes out with the last, or was sent when patience was over. */
static void go_on(struct scrape *s)
{
        if (s->asked)
                return;
        if (s->rq)
                respond(s);
        loop_timer_free(s->patience);
        arena_free(s->arena);
        free(s);
}

static void on_patience(void *arg)
{
        struct scrape *s = arg;
        if (s->rq)
                respond(s);
}

/* ---- Redis ---- */

static void on_queues(const struct queue_facts *v, size_t n, const struct err *e, void *arg)
{
        struct scrape *s = arg;
        s->asked--;
        for (size_t i = 0; !e && i < n; i++) {
                metric_set(METRIC_QUEUE_DEPTH, (double)v[i].depth, s->queues[i], NULL);
                metric_set(METRIC_QUEUE_READY, (double)v[i].ready, s->queues[i], NULL);
                metric_set(METRIC_QUEUE_DEMAND, (double)v[i].demand, s->queues[i], NULL);
        }
        go_on(s);
}

static void ask_redis(struct scrape *s)
{
        if (!s->queues_count || !broker_up(s->app->broker))
                return;
        s->asked++;
        broker_queues(s->app->broker, s->queues, s->queues_count, on_queues, s);
}

/* ---- PostgreSQL ---- */

static void take_row(struct scrape *s, const char *gauge, const char *label, int64_t value)
{
        if (strcmp(gauge, "queue") == 0 && s->queues_count < QUEUES_MAX)
                s->queues[s->queues_count++] = arena_strdup(s->arena, label);
        else if (strcmp(gauge, "migrations") == 0)
                metric_set(METRIC_MIGRATIONS, (double)value, label, NULL);
        else if (strcmp(gauge, "waves") == 0)
                metric_set(METRIC_WAVES, (double)value, label, NULL);
        else if (strcmp(gauge, "workers") == 0)
                metric_set(METRIC_WORKERS, (double)value, NULL);
}

static void on_gauges(const struct pg_result *r, const struct err *e, void *arg)
{
        struct scrape *s = arg;
        s->asked--;
        clear_gauges();
        for (int row = 0; !e && row < pg_rows(r, 0); row++)
                take_row(s, pg_text(r, 0, row, 0), pg_text(r, 0, row, 1), pg_int(r, 0, row, 2));
        ask_redis(s);
        go_on(s);
}

static void ask_postgres(struct scrape *s)
{
        if (!s->app->schema_ready || !pg_pool_up(s->app->pg)) {
                clear_gauges();
                return;
        }
        s->asked++;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_METRICS_GAUGES);
        pg_pool_send(s->app->pg, tx, on_gauges, s);
}

void metrics_show(struct request *rq)
{
        struct scrape *s = xcalloc(1, sizeof(*s));
        s->app = request_app(rq);
        s->rq = rq;
        s->arena = arena_new(0);
        s->patience = loop_timer_new(s->app->loop, on_patience, s);
        loop_timer_start(s->patience, PATIENCE_MS);
        ask_postgres(s);
        go_on(s);
}
