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
        bool careful; /* a batch with these outcomes has failed before */
        bool claims;  /* a claim by claim_lock_many follows in the same transaction */
        int64_t reap; /* a worker marked dead by a statement before: its rows are lost; 0: none */
};
/*
 * Adds the settle statement alone; the caller has locked the waves. n at most SETTLE_MAX. Returns whether all
 * have completed.
 */
bool settle_add(struct pg_tx *tx, const struct settle_row *rows, size_t n,
                const struct settle_by *by);
/* Turns each row of the answer into a delivery and facts. */
void settle_read(const struct pg_result *r, size_t s, struct after *a);
/* The row of the answer for this attempt, or -1: it was refused. Looks at `next` first, where it usually is. */
int settle_find(const struct pg_result *r, size_t s, int next, int64_t id, int32_t attempt);
/* Where all have completed: whether that can let others go, or open a wave. */
bool settle_is_watched(const struct pg_result *r, size_t s);
const char *settle_state(const struct pg_result *r, size_t s, int row);

#endif
