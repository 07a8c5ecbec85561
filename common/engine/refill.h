/*
 * refill.h - puts the pending ids of a wave into its backlog, read in pages from PostgreSQL: after acts on
 * too many rows to be named, when a gate opens, and for waves in which some rows are blocked.
 */
#ifndef ENGINE_REFILL_H
#define ENGINE_REFILL_H

#include "broker/broker.h"
#include "store/pg.h"

struct refill_by {
        struct pg *pg;
        struct broker *broker;
};

/*
 * Begins, and goes on by itself: ids above `after`, of rows that became pending at `since` (text of their
 * updated_at; NULL: all that are pending). A failure is logged; the reconciler does the rest.
 */
void refill_start(const struct refill_by *by, const struct wave_facts *f, const char *since,
                  int64_t after);

#endif
