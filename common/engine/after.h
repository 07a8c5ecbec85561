/*
 * after.h - what follows the commit of a settlement (or of an act), in this order: waves of which more than
 * one row may have changed are judged (judge.h), then Redis is told (slots, retries, polls, release), then
 * ids that the judgement set free are pushed, then the keys of ended waves are deleted. If the process
 * dies in between, the reconciler does what is missing.
 */
#ifndef ENGINE_AFTER_H
#define ENGINE_AFTER_H

#include "broker/broker.h"
#include "model/news.h"
#include "store/pg.h"

/* Rows as a transaction saw them, gathered for one finish. */
struct after {
        struct delivery *deliveries;
        size_t ndeliveries, deliveries_cap;
        struct wave_facts *facts; /* one per wave, the newest version */
        size_t nfacts, facts_cap;
        int64_t *to_judge; /* waves */
        size_t nto_judge, to_judge_cap;
        struct wave_facts *over; /* waves that are over: their keys go */
        size_t nover, over_cap;
        struct delivery *unblocked; /* rows that are pending by the judgement, by wave */
        size_t nunblocked, unblocked_cap;
        struct opened {
                int64_t wave_no, after_id;
        } * opened; /* waves whose pending ids above after_id may go into Redis */
        size_t nopened, opened_cap;
        struct news news; /* what the commit changed, for the live views; after_run publishes it */
};
void after_init(struct after *a);
void after_fini(struct after *a);
void after_add(struct after *a, const struct delivery *d);
/* Keeps the newest of each wave. */
void after_facts(struct after *a, const struct wave_facts *f);
void after_to_judge(struct after *a, int64_t wave_no);
void after_over(struct after *a, const struct wave_facts *f);
/* Their waves' facts must be there, too. */
void after_unblocked(struct after *a, int64_t id, int64_t wave_no);
void after_opened(struct after *a, int64_t wave_no, int64_t after_id);

/* Facts from columns: wave_no, version, state, batch_size, priority, queue. */
struct facts_cols {
        int wave_no, version, state, batch_size, priority, queue;
};
void facts_read(const struct pg_result *r, size_t s, int row, const struct facts_cols *c,
                struct wave_facts *out);
/* How a delivery ends for a row in this state (text of migration_state; NULL: no such row). */
enum delivery_end end_of_state(const char *state);

struct after_opts {
        struct pg *pg; /* for the judgement of waves */
        int shard;
        struct broker *broker;
        int64_t worker; /* whose processing list; 0: nobody's */
        struct broker_take take;
};
/* Pushes rows that are pending now into the backlogs of their waves, whose facts `a` holds. */
void after_push(struct broker *b, const struct after *a, const struct delivery *rows, size_t n,
                bool front);
/*
 * Takes over what `a` holds and leaves it empty. fn gets the ids that were taken (and the error when
 * Redis could not be told); it may be NULL.
 */
void after_run(struct after *a, const struct after_opts *o, broker_ids_fn fn, void *arg);

#endif
