/*
 * reconcile.h - holding Redis against PostgreSQL. reconcile.c leads and keeps the depths, a pass compares
 * counts wave by wave (reconcile_pass.c), and only what differs is read id by id and put right
 * (reconcile_wave.c). Its cost depends on what is active, never on the size of a backlog that is right.
 */
#ifndef ENGINE_RECONCILE_H
#define ENGINE_RECONCILE_H

#include "engine/worker_internal.h"

/* A wave as PostgreSQL has it, and its counts in Redis. */
struct wave_view {
        struct wave_facts facts;
        int64_t pending; /* those that may be released */
        int64_t inflight, retrying;
        struct wave_counts redis;
};

/* From a row of reconcile_waves. */
void wave_view_read(const struct pg_result *r, int row, struct wave_view *v);

/*
 * How many are in PostgreSQL and not in Redis, which was counted before. Between the two, ids only leave the sum of
 * pending, running and parked, so these are nowhere, or have no slot any more although they are not settled yet.
 */
int64_t wave_view_lacks(const struct wave_view *v);

struct pass; /* one pass, all waves */
typedef void (*pass_fn)(bool complete, const struct wave_view *waves, size_t n, void *arg);
/* Runs one pass; fn is called at its end with the waves as they were seen. */
void pass_start(struct engine_worker *w, pass_fn fn, void *arg);

/*
 * Reads one wave id by id and puts right what is missing or wrong; fn at the end. Not `whole`: only its
 * slots are looked at, and the backlog only when one of them is nobody's, or more is missing than they explain.
 */
void rebuild_start(struct engine_worker *w, const struct wave_view *v, bool whole,
                   const int64_t *workers, size_t nworkers, void (*fn)(void *arg), void *arg);

/* Holds demand:<queue> against what runs, in its own time. */
void demand_put_right(struct engine_worker *w, const char *queue);

#endif
