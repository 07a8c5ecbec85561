/*
 * settle.h - the settlement as statements: settle_lock and settle, their arguments and their answer.
 * Whoever settles (a worker, the API, a reaper) does it through here, with the same fence.
 */
#ifndef ENGINE_SETTLE_H
#define ENGINE_SETTLE_H

#include "base/config.h"
#include "engine/after.h"
#include "model/job.h"
#include "store/pg.h"

enum { SETTLE_MAX = 500 }; /* outcomes in one transaction */

struct settle_row {
        int64_t id;
        int32_t attempt;
        bool poll; /* the outcome of a poll, fits a parked row too */
        const struct outcome *o;
};
struct settle_by {
        const struct config *cfg;
        int64_t worker; /* 0: a webhook or a person */
        int shard;
        bool careful;    /* a batch with these outcomes has failed before */
        bool claims;     /* a claim by claim_lock_many follows in the same transaction */
        size_t promised; /* slots that its claims have taken already: all must have completed */
        int64_t reap; /* a worker marked dead by a statement before: its rows are lost; 0: none */
};
/*
 * Adds the settle statement alone; the caller has locked the waves. n at most SETTLE_MAX. Returns whether all
 * have completed.
 */
bool settle_add(struct pg_tx *tx, const struct settle_row *rows, size_t n,
                const struct settle_by *by);
/*
 * Turns the answer into deliveries and facts, and tells the state of each row that was given, NULL: it was refused.
 * The texts live as long as the answer. n is 0 where `reap` was asked for.
 */
void settle_read(const struct pg_result *r, size_t s, const struct settle_row *rows, size_t n,
                 const char **states, struct after *a);
/* The same where all have completed, */
void settle_read_completed(const struct pg_result *r, size_t s, const struct settle_row *rows,
                           size_t n, const char **states, struct after *a);
/* and whether that can let others go, or open a wave. */
bool settle_is_watched(const struct pg_result *r, size_t s);

#endif
