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
        int64_t first, last;   /* ids of its migrations */
        int64_t released_last; /* the last that does not wait for a canary */
        bool some_blocked;     /* by others that they depend on */
};

void submission_add_wave(struct pg_tx *tx, const struct submission *s);
/* What they have answered, of which the first is statement `at`. */
void submission_read_wave(const struct pg_result *r, size_t at, const struct submission *s,
                          struct submitted *out);
void submission_add_migrations(struct pg_tx *tx, const struct submission *s);
/* What depends on what; after the migrations. Nothing where nothing does. */
void submission_add_dependencies(struct pg_tx *tx, const struct submission *s);
/* How many statements submission_add_wave() adds. */
size_t submission_wave_statements(const struct submission *s);

/*
 * Several at once, each with its migrations, as one statement: of those that submission_is_plain(), and
 * no more than this of them and of their migrations together.
 */
enum { GROUP_WAVES_MAX = 32, GROUP_MIGRATIONS_MAX = 512 };
bool submission_is_plain(const struct submission *s);
void submission_add_group(struct pg_tx *tx, const struct submission *const *all, size_t n);
/* What became of the i-th. */
void submission_read_group(const struct pg_result *r, size_t i, const struct submission *s,
                           struct submitted *out);

#endif
