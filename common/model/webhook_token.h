/*
 * webhook_token.h - the unguessable token in the URL that the migration server posts a result to:
 * one for each attempt, derived and not stored. m<id>.<attempt>.<64 hex digits>, the digits being
 * HMAC-SHA-256 of "<id>.<attempt>" with a key of 32 bytes that the caller keeps. Whoever lacks the
 * key can neither make one nor turn one attempt's token into another's.
 */
#ifndef MODEL_WEBHOOK_TOKEN_H
#define MODEL_WEBHOOK_TOKEN_H

#include <stdint.h>

#include "base/arena.h"

enum { WEBHOOK_KEY_BYTES = 32, WEBHOOK_TOKEN_SIZE = 112 };

#define WEBHOOK_PATH "/api/webhooks/migration-result"

void webhook_token_make(const unsigned char key[WEBHOOK_KEY_BYTES], int64_t id, int32_t attempt,
                        char out[WEBHOOK_TOKEN_SIZE]);
/* 0, and whose it is; -1: none of ours (NULL too). In constant time for tokens of the right form. */
int webhook_token_verify(const unsigned char key[WEBHOOK_KEY_BYTES], const char *token, int64_t *id,
                         int32_t *attempt);
/* public_url (a slash at its end does not matter), the path, ?token=. To be shown: "********". */
char *webhook_url(struct arena *a, const char *public_url, const char *token);

#endif
