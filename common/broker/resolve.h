/*
 * resolve.h - addresses of a host without blocking the loop: at once where the host is an address,
 * else by libevent's own resolver (/etc/hosts and the name servers of /etc/resolv.conf, read anew for
 * each question).
 */
#ifndef BROKER_RESOLVE_H
#define BROKER_RESOLVE_H

#include <stdint.h>

#include "base/loop.h"

struct addrinfo;
struct resolve;

/* `found` is the callee's, freed with evutil_freeaddrinfo(); NULL: `problem` says why. */
typedef void (*resolve_fn)(struct addrinfo *found, const char *problem, void *arg);

/* fn may be called before this returns; then, and in the end, the question frees itself. */
void resolve_start(struct loop *l, const char *host, uint16_t port, struct resolve **out,
                   resolve_fn fn, void *arg);
/* fn is not called any more. NULL is fine. */
void resolve_cancel(struct resolve *r);

#endif
