/*
 * repair.c - the window of a wave in Redis, after a claim was refused for a full one: add what
 * PostgreSQL says is running or parked, read those rows again, free what no longer is. Without it the
 * refused id would be released and refused for ever.
 */
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "engine/worker_internal.h"

struct repair {
        struct engine_worker *w;
        struct wave_facts facts;
        int64_t *ids;
        size_t n;
};

static void repair_free(struct repair *p)
{
        map_remove(p->w->repairs, p->facts.wave_no);
        free(p->ids);
        free(p);
}

static void freed(const struct err *e, void *arg)
{
        (void)e;
        FAULT_POINT(repair_freed);
        repair_free(arg);
}

static void looked_again(const struct pg_result *r, const struct err *e, void *arg)
{
        struct repair *p = arg;
        struct map *still;
        size_t n = 0;

        if (e) {
                repair_free(p);
                return;
        }
        still = map_new();
        for (int i = 0; i < pg_rows(r, 0); i++)
                map_put(still, pg_int(r, 0, i, 0), p);
        for (size_t i = 0; i < p->n; i++)
                if (!map_get(still, p->ids[i]))
                        p->ids[n++] = p->ids[i];
        map_free(still);
        FAULT_POINT(repair_looked_again);
        broker_window_set(p->w->broker, &p->facts, NULL, 0, p->ids, n, freed, p);
}

static void ask(struct repair *p, pg_fn fn)
{
        struct pg_tx *tx = pg_tx_new();

        pg_stmt(tx, SQL_WAVE_INFLIGHT);
        pg_arg_int(tx, p->facts.wave_no);
        pg_send(p->w->look, tx, fn, p);
}

static void added(const struct err *e, void *arg)
{
        FAULT_POINT(repair_added);
        if (e)
                repair_free(arg);
        else
                ask(arg, looked_again);
}

/* Columns of wave_inflight: id, version, state, batch_size, priority, queue, wave_no. */
static const struct facts_cols cols = {6, 1, 2, 3, 4, 5};

static void looked(const struct pg_result *r, const struct err *e, void *arg)
{
        struct repair *p = arg;

        if (e || !pg_rows(r, 0)) {
                repair_free(p);
                return;
        }
        FAULT_POINT(repair_read);
        facts_read(r, 0, 0, &cols, &p->facts);
        p->ids = xreallocarray(NULL, (size_t)pg_rows(r, 0), sizeof(*p->ids));
        for (int i = 0; i < pg_rows(r, 0); i++)
                p->ids[p->n++] = pg_int(r, 0, i, 0);
        broker_window_set(p->w->broker, &p->facts, p->ids, p->n, NULL, 0, added, p);
}

void repair_window(struct engine_worker *w, int64_t wave_no)
{
        struct repair *p;

        if (map_get(w->repairs, wave_no))
                return;
        p = xcalloc(1, sizeof(*p));
        p->w = w;
        p->facts.wave_no = wave_no;
        map_put(w->repairs, wave_no, p);
        ask(p, looked);
}
