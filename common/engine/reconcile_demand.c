/*
 * reconcile_demand.c - the set demand:<queue>, which an autoscaler reads and no wave rebuilds: read,
 * compared with what runs, put right. Nothing waits for it; the next pass comes again.
 */
#include <stdio.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "engine/reconcile.h"

struct demand {
        struct engine_worker *w;
        char queue[QUEUE_NAME_MAX + 1];
};

static void done(const struct err *e, void *arg)
{
        struct demand *d = arg;

        if (e)
                log_debug("demand.not_set", LS("queue", d->queue), LE(e));
        free(d);
}

static void compared(const struct pg_result *r, const struct err *e, void *arg)
{
        struct demand *d = arg;
        size_t rows = r ? (size_t)pg_rows(r, 0) : 0, nadd = 0, ndrop = 0;
        autofree int64_t *add = xreallocarray(NULL, rows + 1, sizeof(*add));
        autofree int64_t *drop = xreallocarray(NULL, rows + 1, sizeof(*drop));

        for (size_t i = 0; i < rows; i++) {
                int64_t id = pg_int(r, 0, (int)i, 0);
                if (pg_bool(r, 0, (int)i, 1))
                        add[nadd++] = id;
                else
                        drop[ndrop++] = id;
        }
        if (e || !rows) {
                done(e, d);
                return;
        }
        FAULT_POINT(demand_compared);
        metric_add(METRIC_RECONCILED, (double)rows, "demand", NULL);
        broker_demand_set(d->w->broker, d->queue, add, nadd, drop, ndrop, done, d);
}

static void seen(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct demand *d = arg;
        struct pg_tx *tx;

        if (e) {
                done(e, d);
                return;
        }
        FAULT_POINT(demand_read);
        tx = pg_tx_new();
        pg_stmt(tx, SQL_RECONCILE_DEMAND);
        pg_arg_text(tx, d->queue);
        pg_arg_int8s(tx, ids, n);
        pg_send(d->w->look, tx, compared, d);
}

void demand_put_right(struct engine_worker *w, const char *queue)
{
        struct demand *d = xcalloc(1, sizeof(*d));

        d->w = w;
        snprintf(d->queue, sizeof(d->queue), "%s", queue);
        broker_demand(w->broker, queue, seen, d);
}
