/* refill.c - a page is read, pushed, and the next one read. */
#include "engine/refill.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

enum { PAGE = 2000 };

struct refill {
        struct refill_by by;
        struct wave_facts facts;
        char *since;
        int64_t at;
};

static void next_page(struct refill *f);

static void refill_end(struct refill *f, const struct err *e)
{
        if (e)
                log_warn("wave.not_refilled", LI("wave_no", f->facts.wave_no), LE(e));
        free(f->since);
        free(f);
}

static void pushed(const struct err *e, void *arg)
{
        FAULT_POINT(refill_pushed);
        if (e)
                refill_end(arg, e);
        else
                next_page(arg);
}

static void page_read(const struct pg_result *r, const struct err *e, void *arg)
{
        struct refill *f = arg;
        int64_t ids[PAGE];
        size_t n = 0;

        if (e) {
                refill_end(f, e);
                return;
        }
        for (int i = 0; i < pg_rows(r, 0) && n < PAGE; i++)
                ids[n++] = pg_int(r, 0, i, 0);
        if (n == 0) {
                refill_end(f, NULL);
                return;
        }
        f->at = ids[n - 1];
        FAULT_POINT(refill_read);
        broker_push(f->by.broker, &f->facts, ids, n, false, pushed, f);
}

static void next_page(struct refill *f)
{
        struct pg_tx *tx = pg_tx_new();

        pg_stmt(tx, SQL_ACT_REFILL);
        pg_arg_int(tx, f->facts.wave_no);
        pg_arg_text(tx, f->since);
        pg_arg_int(tx, f->at);
        pg_arg_int(tx, PAGE);
        pg_send(f->by.pg, tx, page_read, f);
}

void refill_start(const struct refill_by *by, const struct wave_facts *f, const char *since,
                  int64_t after)
{
        struct refill *r = xcalloc(1, sizeof(*r));

        r->by = *by;
        r->facts = *f;
        r->since = since ? xstrdup(since) : NULL;
        r->at = after;
        next_page(r);
}
