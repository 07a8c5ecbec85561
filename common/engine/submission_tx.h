/*
 * submission_tx.h - a submission as statements: its wave, and its migrations where they are few enough
 * to travel as parameters. Many are loaded with the statement submit_copy instead.
 */
#ifndef ENGINE_SUBMISSION_TX_H
#define ENGINE_SUBMISSION_TX_H

#include "broker/broker.h"
#include "engine/submission.h"
#include "store/pg.h"

struct submitted {
        struct wave_facts facts;
        int64_t first, last; /* ids of its migrations */
};

void submission_add_wave(struct pg_tx *tx, const struct submission *s);
/* What statement `at`, the one above, has answered. */
void submission_read_wave(const struct pg_result *r, size_t at, const struct submission *s,
                          struct submitted *out);
void submission_add_migrations(struct pg_tx *tx, const struct submission *s);

#endif
