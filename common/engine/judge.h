/*
 * judge.h - what becomes of waves when rows of theirs have been settled: dependants are unblocked or
 * cancelled, and a wave ends, pauses (an alarm, a failed canary, too many failures), or lets go on what
 * waited for its canary. One transaction that locks the waves, after the commit of the settlement; if the
 * process dies before it, a reconciler judges within a second or two.
 */
#ifndef ENGINE_JUDGE_H
#define ENGINE_JUDGE_H

#include "engine/after.h"
#include "store/pg.h"

/* Which of the waves of these ids, and of these waves, are to be judged: asked without a lock, behind a commit. NULL
 * and 0 where there are none. */
struct pg_tx *judge_question(const int64_t *ids, size_t nids, const int64_t *waves, size_t nwaves);
/* The same of the waves of what was delivered. */
struct pg_tx *judge_question_of(const struct after *a);
/* Its answer. r NULL: it was not asked, or not answered: e says why, and is logged; a reconciler finds them. */
void judge_question_read(const struct pg_result *r, const struct err *e, struct after *a);

/* The whole transaction. */
struct pg_tx *judge_tx(const int64_t *waves, size_t n, int shard);
/* Its answer: facts, waves that are over, ids and ranges of ids that may go into Redis now. */
void judge_read(const struct pg_result *r, struct after *a);

#endif
