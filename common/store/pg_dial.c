/* pg_dial.c - lookups, then PQconnectPoll() step by step. */
#include "store/pg_dial.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/lookup.h"
#include "store/pg_libpq.h"

struct pg_dial {
        struct loop *loop;
        const struct pg_params *params;
        pg_dial_fn fn;
        void *arg;
        size_t host;                            /* the one that is being tried */
        size_t address;                         /* likewise, of those that were looked up for it */
        char (*addresses)[LOOKUP_ADDRESS_SIZE]; /* of the host; none: it needs no lookup */
        size_t n_addresses;
        struct lookup *lookup;
        PGconn *conn;
        struct event *event;             /* the socket's */
        struct loop_timer *timer;        /* the time-out, or the next host at once */
        char reason[PG_REASON_MAX + 64]; /* why the first failure */
};

static void try_host(struct pg_dial *d);

/* ---- ending ---- */

/* The event goes before its descriptor does. */
static void drop_event(struct pg_dial *d)
{
        if (d->event)
                event_free(d->event);
        d->event = NULL;
}

void pg_dial_cancel(struct pg_dial *d)
{
        if (!d)
                return;
        drop_event(d);
        lookup_cancel(d->lookup);
        loop_timer_free(d->timer);
        PQfinish(d->conn);
        free(d->addresses);
        free(d);
}

void pg_dial_forget(struct pg_dial *d)
{
        if (d)
                pg_detach(d->conn);
}

static void finish(struct pg_dial *d, PGconn *conn)
{
        char reason[sizeof(d->reason)];
        memcpy(reason, d->reason, sizeof(reason));
        pg_dial_fn fn = d->fn;
        void *arg = d->arg;
        d->conn = NULL;
        pg_dial_cancel(d);
        fn(conn, conn ? NULL : reason, arg);
}

/* The next address, the next host, or the end; in the next turn, so that none is ever in a hurry. */
static void fail(struct pg_dial *d, const char *text)
{
        if (!*d->reason) {
                char reason[PG_REASON_MAX];
                pg_reason(reason, text);
                snprintf(d->reason, sizeof(d->reason), "%s", reason);
        }
        drop_event(d);
        PQfinish(take(d->conn));
        if (++d->address >= d->n_addresses) {
                d->host++;
                d->address = 0;
                d->n_addresses = 0;
        }
        loop_timer_start(d->timer, 0);
}

/* ---- one address ---- */

static void wait_for(struct pg_dial *d, short what);

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        struct pg_dial *d = arg;
        /* libpq may close this descriptor and open another with the same number. */
        drop_event(d);
        switch (PQconnectPoll(d->conn)) {
        case PGRES_POLLING_READING:
                wait_for(d, EV_READ);
                break;
        case PGRES_POLLING_WRITING:
                wait_for(d, EV_WRITE);
                break;
        case PGRES_POLLING_OK:
                finish(d, d->conn);
                break;
        case PGRES_POLLING_FAILED:
        case PGRES_POLLING_ACTIVE:
                fail(d, PQerrorMessage(d->conn));
                break;
        }
}

static void wait_for(struct pg_dial *d, short what)
{
        d->event = event_new(loop_base(d->loop), PQsocket(d->conn), what, on_socket, d);
        assert(d->event);
        event_add(d->event, NULL);
}

static void connect_to(struct pg_dial *d, const struct pg_host *h)
{
        const char *keywords[PG_KEYWORDS_MAX], *values[PG_KEYWORDS_MAX];
        pg_params_fill(d->params, h, keywords, values);
        d->conn = PQconnectStartParams(keywords, values, 0);
        if (!d->conn) {
                fail(d, "out of memory");
                return;
        }
        PQsetNoticeReceiver(d->conn, pg_log_notice, NULL);
        if (PQstatus(d->conn) == CONNECTION_BAD) {
                fail(d, PQerrorMessage(d->conn));
                return;
        }
        loop_timer_start(d->timer, pg_params_connect_timeout_ms(d->params));
        wait_for(d, EV_WRITE);
}

/* ---- one host ---- */

static void on_lookup(const char (*addresses)[LOOKUP_ADDRESS_SIZE], size_t n, const char *problem,
                      void *arg)
{
        struct pg_dial *d = arg;
        d->lookup = NULL;
        if (!n) {
                autofree char *text = xasprintf("could not find the address of host \"%s\": %s",
                                                pg_params_host(d->params, d->host)->name, problem);
                fail(d, text);
                return;
        }
        free(d->addresses);
        d->addresses = xreallocarray(NULL, n, LOOKUP_ADDRESS_SIZE);
        memcpy(d->addresses, addresses, n * LOOKUP_ADDRESS_SIZE);
        d->n_addresses = n;
        try_host(d);
}

static void try_host(struct pg_dial *d)
{
        if (d->host == pg_params_hosts(d->params)) {
                finish(d, NULL);
                return;
        }
        struct pg_host h = *pg_params_host(d->params, d->host);
        if (pg_host_needs_lookup(&h) && !d->n_addresses) {
                d->lookup = lookup_start(d->loop, h.name, on_lookup, d);
                return;
        }
        if (d->n_addresses)
                h.address = d->addresses[d->address];
        connect_to(d, &h);
}

static void on_timer(void *arg)
{
        struct pg_dial *d = arg;
        if (!d->conn) {
                try_host(d);
                return;
        }
        autofree char *text = xasprintf("no answer from %s within %lld ms",
                                        PQhost(d->conn) ? PQhost(d->conn) : "the server",
                                        (long long)pg_params_connect_timeout_ms(d->params));
        fail(d, text);
}

struct pg_dial *pg_dial_start(struct loop *l, const struct pg_params *params, pg_dial_fn fn,
                              void *arg)
{
        struct pg_dial *d = xcalloc(1, sizeof(*d));
        *d = (struct pg_dial){.loop = l, .params = params, .fn = fn, .arg = arg};
        d->timer = loop_timer_new(l, on_timer, d);
        loop_timer_start(d->timer, 0);
        return d;
}
