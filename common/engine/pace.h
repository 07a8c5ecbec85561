/*
 * pace.h - how long bodies take, by wave and altogether: whether jobs may be claimed ahead of the runners
 * that will begin them, and how many.
 *
 * A mean follows what takes longer at once and what takes less slowly, so that a wave whose bodies are now
 * and then long counts as long. Of a wave that no body here has shown anything of, the mean of all workers counts,
 * which a claim has read in PostgreSQL; until there is one, nothing is claimed ahead.
 */
#ifndef ENGINE_PACE_H
#define ENGINE_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace;

enum {
        PACE_WAVES_MAX = 64,  /* the latest ones are remembered */
        PACE_KNOWN_AFTER = 4, /* bodies */
};

/* What is known here. */
struct pace_known {
        int64_t shorts[PACE_WAVES_MAX], longs[PACE_WAVES_MAX]; /* waves */
        size_t nshorts, nlongs;
        int64_t below_us; /* a mean below that is short */
        int tries; /* so many first bodies of a wave of which nobody knows anything are worth a trial */
};

/* ahead_ms: so far ahead; depth_max: at most so many behind one runner's. Either 0: nothing. */
struct pace *pace_new(int64_t ahead_ms, int64_t depth_max);
void pace_free(struct pace *p);
/* A body has run for so long. */
void pace_note(struct pace *p, int64_t wave_no, int64_t took_us);
/* The mean of all where that is short; else 0. */
int64_t pace_short_us(const struct pace *p);
/* How many bodies, one after the other, a runner is through with within ahead_ms. */
unsigned pace_depth(const struct pace *p);
/* How many it had better do one after the other than wake another runner for them. */
unsigned pace_together(const struct pace *p);
bool pace_is_short(const struct pace *p, int64_t wave_no);
/* So short that it is worth waiting for others of them: over within a millisecond. */
bool pace_is_brief(const struct pace *p, int64_t wave_no);
/* All workers' mean of a wave: counts where no body here has shown more. */
void pace_hear(struct pace *p, int64_t wave_no, int64_t mean_us);
void pace_tell(const struct pace *p, struct pace_known *out);

#endif
