/*
 * lookup.h - host names to addresses without stopping the loop.
 *
 * getaddrinfo() is the only one who knows all that a system may be configured with (nsswitch.conf),
 * and it blocks; so a thread of its own asks it, for one name, and ends. The thread touches nothing
 * but its own memory and a socket to the loop.
 */
#ifndef STORE_LOOKUP_H
#define STORE_LOOKUP_H

#include <stddef.h>

#include "base/loop.h"

enum { LOOKUP_ADDRESS_SIZE = 64, LOOKUP_ADDRESSES_MAX = 16 };

struct lookup;
/* Addresses in text, in the order in which they should be tried; n 0: `problem` says why. */
typedef void (*lookup_fn)(const char (*addresses)[LOOKUP_ADDRESS_SIZE], size_t n,
                          const char *problem, void *arg);

/* fn is called once, never from inside; the lookup is gone before it is called. */
struct lookup *lookup_start(struct loop *l, const char *name, lookup_fn fn, void *arg);
/* fn will not be called. The thread ends by itself, whenever it does. NULL is fine. */
void lookup_cancel(struct lookup *k);

#endif
