/*
 * lasting.h - what is claimed many at once has one row of `claims`, until it has ended; what of it lasts gets a row
 * of its own in `active` (claim_note.sql), a second or two later. When to ask for that, and whether there is
 * anything to ask for.
 */
#ifndef ENGINE_LASTING_H
#define ENGINE_LASTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "store/pg.h"

struct lasting;

/* due: it is time to ask, lasting_due() says so until it was. */
struct lasting *lasting_new(struct loop *l, void (*due)(void *arg), void *arg);
void lasting_free(struct lasting *t);
/* A new identity: nothing of the old one's is noted any more. */
void lasting_renew(struct lasting *t);
/* Many are claimed with what is sent now. */
void lasting_claims(struct lasting *t);
bool lasting_due(const struct lasting *t);
/* Adds the statement, which belongs into the session that settles. */
void lasting_add(struct lasting *t, struct pg_tx *tx, int64_t worker);
/* Whether it is prepared: it can be added to what was sent (pg_send_part). */
bool lasting_can_join(const struct pg *pg);
/* The answer to it. r NULL: there is none; it is asked again. */
void lasting_read(struct lasting *t, const struct pg_result *r, size_t s);

#endif
