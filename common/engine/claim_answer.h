/*
 * claim_answer.h - what the two statements of a claim answered, row by row.
 */
#ifndef ENGINE_CLAIM_ANSWER_H
#define ENGINE_CLAIM_ANSWER_H

#include "engine/exchange.h"

/* False in every row when the worker's own row is dead: nothing was claimed. */
bool claim_answer_alive(const struct pg_result *r, size_t claim);
/*
 * Reads one row; `lock` is the statement claim_lock in the same answer. `*ended`: its wave is over.
 * Returns whether `facts` was filled.
 */
bool claim_answer_row(const struct pg_result *r, size_t lock, size_t claim, int row,
                      struct claim_row *out, struct wave_facts *facts, bool *ended);

#endif
