/*
 * after.h - what follows the commit of a settlement (or of an act), in this order: waves without a row
 * left that is not terminal are ended, a wave hit by a critical failure is paused, then Redis is told
 * (slots, retries, polls, release), then the keys of ended waves are deleted. If the process dies in
 * between, the reconciler does what is missing.
 */
#ifndef ENGINE_AFTER_H
#define ENGINE_AFTER_H

#include "broker/broker.h"
#include "store/pg.h"

/* Rows as a transaction saw them, gathered for one finish. */
struct after {
        struct delivery *deliveries;
        size_t n, cap;
        struct wave_facts *facts; /* one per wave, the newest version */
        size_t nf, facts_cap;
        int64_t *ending; /* waves that may have ended */
        size_t nending, ending_cap;
        struct wave_facts *over; /* waves that are over: their keys go */
        size_t nover, over_cap;
        int64_t critical; /* a wave to pause (0: none); one at a time, the next batch brings the next */
        char why[256];
};
void after_init(struct after *a);
void after_fini(struct after *a);
void after_add(struct after *a, const struct delivery *d);
/* Keeps the newest of each wave. */
void after_facts(struct after *a, const struct wave_facts *f);
void after_ending(struct after *a, int64_t wave_no);
void after_over(struct after *a, const struct wave_facts *f);
void after_critical(struct after *a, int64_t wave_no, const char *why);

/* Facts from columns: wave_no, version, state, batch_size, priority, queue. */
struct facts_cols {
        int wave_no, version, state, batch_size, priority, queue;
};
void facts_read(const struct pg_result *r, size_t s, int row, const struct facts_cols *c,
                struct wave_facts *out);
/* How a delivery ends for a row in this state (text of migration_state; NULL: no such row). */
enum delivery_end end_of_state(const char *state);

struct after_opts {
        struct pg *pg; /* for the end of waves */
        struct broker *broker;
        int64_t worker;            /* whose processing list; 0: nobody's */
        const char *const *queues; /* to take from, and how many */
        size_t nq;
        size_t want;
};
/*
 * Takes over what `a` holds and leaves it empty. fn gets the ids that were taken (and the error when
 * Redis could not be told); it may be NULL.
 */
void after_run(struct after *a, const struct after_opts *o, broker_ids_fn fn, void *arg);

#endif
