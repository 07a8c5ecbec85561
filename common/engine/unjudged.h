/*
 * unjudged.h - waves of which something has been settled: whether they are to be judged is asked right behind the
 * commit, or, where it was asked a moment ago, a moment later for all of them, so that many small batches do not each
 * pay for a question.
 */
#ifndef ENGINE_UNJUDGED_H
#define ENGINE_UNJUDGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "engine/after.h"
#include "engine/settle.h"
#include "store/pg.h"

/* What a batch has settled: waves, and ids whose wave is not known here. */
struct touched {
        int64_t ids[SETTLE_MAX], waves[SETTLE_MAX];
        size_t nids, nwaves;
};
void touched_wave(struct touched *t, int64_t wave_no);
void touched_id(struct touched *t, int64_t id);
/* As two arrays, of ids and of waves. */
void touched_args(struct pg_tx *tx, const struct touched *t);

struct unjudged;
/* known: waves were found that are to be judged; what is left in a afterwards is freed. */
struct unjudged *unjudged_new(struct loop *l, struct pg *pg,
                              void (*known)(struct after *a, void *arg), void *arg);
void unjudged_free(struct unjudged *u); /* after the connection, whose callbacks come back to it */
/* Asks for these now. */
void unjudged_ask(struct unjudged *u, const struct touched *t, pg_fn fn, void *arg);
/* Whether these can wait: it was asked a moment ago, or is about to be, and there is room for them. */
bool unjudged_can_wait(const struct unjudged *u, const struct touched *t);
void unjudged_add(struct unjudged *u, const struct touched *t);
/* How many wait, or are asked for because they have waited. */
size_t unjudged_count(const struct unjudged *u);

#endif
