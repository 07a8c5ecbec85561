/*
 * reconcile_demand.c - the set demand:<queue>, which an autoscaler reads and no wave rebuilds: read,
 * compared with what runs, put right: added, looked at again, taken out. Nothing waits for it; the next pass comes
 * again.
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
        int64_t *added; /* NULL: nothing yet */
        size_t nadded;
        bool again;
};

static void done(const struct err *e, void *arg)
{
        struct demand *d = arg;

        if (e)
                log_debug("demand.not_set", LS("queue", d->queue), LE(e));
        free(d->added);
        free(d);
}

static void compare(struct demand *d, const int64_t *ids, size_t n);

/* What was added may have ended since PostgreSQL was asked, and its finish may have been before. */
static void mended(const struct err *e, void *arg)
{
        struct demand *d = arg;

        if (e || d->again || !d->nadded) {
                done(e, d);
                return;
        }
        d->again = true;
        compare(d, d->added, d->nadded);
}

static void compared(const struct pg_result *r, const struct err *e, void *arg)
{
        struct demand *d = arg;
        size_t rows = r ? (size_t)pg_rows(r, 0) : 0, nadd = 0, ndrop = 0;
        autofree int64_t *add = xreallocarray(NULL, rows + 1, sizeof(*add));
        autofree int64_t *drop = xreallocarray(NULL, rows + 1, sizeof(*drop));

        for (size_t i = 0; i < rows; i++) {
                int64_t id = pg_int(r, 0, (int)i, 0);
                if (!pg_bool(r, 0, (int)i, 1))
                        drop[ndrop++] = id;
                else if (!d->again)
                        add[nadd++] = id;
        }
        if (e || !(nadd + ndrop)) {
                done(e, d);
                return;
        }
        FAULT_POINT(demand_compared);
        metric_add(METRIC_RECONCILED, (double)(nadd + ndrop), "demand", NULL);
        if (!d->again) {
                d->added = take(add);
                d->nadded = nadd;
        }
        broker_demand_set(d->w->broker, d->queue, d->added, nadd, drop, ndrop, mended, d);
}

static void compare(struct demand *d, const int64_t *ids, size_t n)
{
        struct pg_tx *tx = pg_tx_new();

        pg_stmt(tx, SQL_RECONCILE_DEMAND);
        pg_arg_text(tx, d->queue);
        pg_arg_int8s(tx, ids, n);
        pg_send(d->w->look, tx, compared, d);
}

static void seen(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct demand *d = arg;

        if (e) {
                done(e, d);
                return;
        }
        FAULT_POINT(demand_read);
        compare(d, ids, n);
}

void demand_put_right(struct engine_worker *w, const char *queue)
{
        struct demand *d = xcalloc(1, sizeof(*d));

        d->w = w;
        snprintf(d->queue, sizeof(d->queue), "%s", queue);
        broker_demand(w->broker, queue, seen, d);
}
