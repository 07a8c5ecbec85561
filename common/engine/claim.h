/*
 * claim.h - the claim as statements: their arguments and their answer, row by row.
 */
#ifndef ENGINE_CLAIM_H
#define ENGINE_CLAIM_H

#include "engine/exchange.h"

/*
 * CLAIMS_MAX: ids in one transaction. CLAIMS_MANY: so many are locked by claim_lock_many and looked up by ranges: the
 * claim takes long enough for others to wait for its waves' locks, and neighbours are worth finding.
 */
enum { CLAIMS_MAX = 500, CLAIMS_MANY = 32 };

struct claim_by {
        int64_t worker;
        int shard;
        const char *const *queues;
        size_t nqueues;
        const struct pace_known *known;
        size_t lone; /* as many may be claimed of waves whose bodies are not known to be short */
        bool fresh;  /* only what nothing is special about; the others have no row in the answer */
};
/*
 * Adds the statements of a claim: claim_lock, the locks of pairs unless it is fresh, the claim. n at most CLAIMS_MAX.
 */
void claim_add(struct pg_tx *tx, const int64_t *ids, size_t n, const struct claim_by *by);
/* Whether the statements of a fresh claim of n ids are prepared: it can be added to what was sent (pg_send_part). */
bool claim_can_join(const struct pg *pg, size_t n);
/*
 * False when the worker's own row is dead: then no wave was locked, and nothing claimed. `lock` is the
 * statement claim_lock in the same answer. Not for fresh claims.
 */
bool claim_alive(const struct pg_result *r, size_t lock, size_t claim);
/* How many of the ids have an answer. */
size_t claim_answers(const struct pg_result *r, size_t claim);
/* Leaves of the ids those for which there is none, in their order, and returns how many these are. */
size_t claim_lacks(const struct pg_result *r, size_t claim, int64_t *ids, size_t n);

/* Goes through the answers. */
struct claim_cursor {
        const struct pg_result *r;
        size_t lock, claim;
        int waves;       /* as many rows are of waves */
        int row;         /* the next one */
        int64_t wave_no; /* of the answer that was read last; */
        int lock_row;    /* where it is in the answer of lock, */
        int wave_row;    /* and among the rows of waves; -1: not there */
        bool entered;    /* it is another one than that before, and these are known of it: */
        struct wave_facts facts;
        bool ended; /* the wave is over */
};
void claim_first(struct claim_cursor *c, const struct pg_result *r, size_t lock, size_t claim);
/* The texts of *out live as long as the answer. False: there is no more. */
bool claim_next(struct claim_cursor *c, struct claim_row *out);

#endif
