/*
 * seal.h - secrets at rest: libsodium's secretbox (XSalsa20-Poly1305) under the key of the
 * configuration, with a random nonce each, as text: "sealed:v1:" and base64 of nonce and box.
 *
 * The key is `auth.secret_key`, 64 hex digits. Results are the caller's: free(), an opened one after
 * mem_wipe(). In every view a secret is SEAL_MASK; a secret that comes in as the mask means the
 * stored one.
 */
#ifndef MODEL_SEAL_H
#define MODEL_SEAL_H

#include <stdbool.h>

#include "base/err.h"

#define SEAL_MASK "********"

/* -1: ERR_UNAVAILABLE where there is no key, or no memory; ERR_CONFIG where it is none. */
int seal(const char *key_hex, const char *plain, char **out, struct err *e);
/* -1: ERR_CONFIG: no key, or not the one that it was sealed with; ERR_UNAVAILABLE: no memory for it. */
int unseal(const char *key_hex, const char *sealed, char **out, struct err *e);
bool seal_is(const char *text);

#endif
