/*
 * secret_hide.h - somebody else's words without a secret of ours: the migration server gets the
 * source's secret with each start, and may say it back.
 */
#ifndef API_SECRET_HIDE_H
#define API_SECRET_HIDE_H

#include <stddef.h>

#include "base/arena.h"

/*
 * text with every occurrence of the secret, plain or percent-encoded, replaced by the mask, in the
 * arena; `*len` is changed with it. sealed: as stored; NULL, not to be opened, or too short to be told
 * from a common word: text as it is.
 */
const char *secret_hide(struct arena *a, const char *text, size_t *len, const char *sealed,
                        const char *key_hex);

#endif
