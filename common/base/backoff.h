/*
 * backoff.h - exponential backoff with full jitter: a random wait between nothing and
 * min(cap, base * factor^(n-1)), which spreads the load best of the known kinds
 * (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
        int64_t base_ms;
        int64_t cap_ms;
        unsigned factor; /* at least 1 */
};

/* The upper bound for the n-th wait, n from 1; never over the cap, no overflow at any n. */
int64_t backoff_ceiling(const struct backoff *b, unsigned n);
/* A wait in [0, ceiling]; `random` is a uniformly random number, the caller's. */
int64_t backoff_wait(const struct backoff *b, unsigned n, uint64_t random);

#endif
