/*
 * claim_answer.h - what the two statements of a claim answered, row by row.
 */
#ifndef ENGINE_CLAIM_ANSWER_H
#define ENGINE_CLAIM_ANSWER_H

#include "engine/exchange.h"

/*
 * False when the worker's own row is dead: then no wave was locked, and nothing claimed. `lock` is the
 * statement claim_lock in the same answer.
 */
bool claim_answer_alive(const struct pg_result *r, size_t lock, size_t claim);
/* Whether a wave of it is wide: the next claim had better be by claim_lock_many. */
bool claim_answer_wide(const struct pg_result *r, size_t lock);
/* Leaves of the ids those for which there is no row, in their order, and returns how many these are. */
size_t claim_answer_lacks(const struct pg_result *r, size_t claim, int64_t *ids, size_t n);
/*
 * Reads one row. `*ended`: its wave is over.
 * Returns whether `facts` was filled.
 */
bool claim_answer_row(const struct pg_result *r, size_t lock, size_t claim, int row,
                      struct claim_row *out, struct wave_facts *facts, bool *ended);

#endif
