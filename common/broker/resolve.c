/* resolve.c - see resolve.h. */
#include "broker/resolve.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct resolve {
        struct loop *loop;
        struct evdns_base *dns;
        struct evdns_getaddrinfo_request *request; /* NULL before and after */
        struct resolve **owner;                    /* where the one who asked holds it */
        resolve_fn fn;                             /* NULL: cancelled */
        void *arg;
};

static void free_later(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        struct resolve *r = arg;
        evdns_base_free(r->dns, 0);
        free(r);
}

/* libevent still uses its resolver when this returns: it is freed in the next turn. */
static void on_answer(int result, struct evutil_addrinfo *found, void *arg)
{
        struct resolve *r = arg;
        struct timeval now = {0};
        r->request = NULL;
        event_base_once(loop_base(r->loop), -1, EV_TIMEOUT, free_later, r, &now);
        if (!r->fn) {
                if (found)
                        evutil_freeaddrinfo(found);
                return;
        }
        *r->owner = NULL;
        r->fn(found, found ? NULL : evutil_gai_strerror(result), r->arg);
}

static struct evdns_base *dns_new(struct loop *l)
{
        struct evdns_base *dns = evdns_base_new(
                loop_base(l), EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        if (dns)
                return dns;
        dns = evdns_base_new(loop_base(l), 0);
        if (dns)
                evdns_base_load_hosts(dns, NULL);
        return dns;
}

void resolve_start(struct loop *l, const char *host, uint16_t port, struct resolve **out,
                   resolve_fn fn, void *arg)
{
        struct addrinfo *found = NULL;
        struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
                                        .ai_socktype = SOCK_STREAM,
                                        .ai_protocol = IPPROTO_TCP,
                                        .ai_flags = EVUTIL_AI_NUMERICHOST | EVUTIL_AI_NUMERICSERV};
        char service[8];
        snprintf(service, sizeof(service), "%u", port);
        *out = NULL;
        if (evutil_getaddrinfo(host, service, &hints, &found) == 0) {
                fn(found, NULL, arg);
                return;
        }
        struct evdns_base *dns = dns_new(l);
        if (!dns) {
                fn(NULL, "the resolver could not be set up", arg);
                return;
        }
        struct resolve *r = xcalloc(1, sizeof(*r));
        *r = (struct resolve){.loop = l, .dns = dns, .owner = out, .fn = fn, .arg = arg};
        *out = r;
        hints.ai_flags = EVUTIL_AI_NUMERICSERV;
        struct evdns_getaddrinfo_request *request =
                evdns_getaddrinfo(dns, host, service, &hints, on_answer, r);
        /* NULL: on_answer has been called, and r may serve no more. */
        if (request)
                r->request = request;
}

void resolve_cancel(struct resolve *r)
{
        if (!r)
                return;
        *r->owner = NULL;
        r->fn = NULL;
        if (r->request)
                evdns_getaddrinfo_cancel(r->request);
}
