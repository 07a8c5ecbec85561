/*
 * password.h - names and passwords of people: what may be one, and passwords as hashes (Argon2id, by
 * libsodium, with 64 MiB and two passes: about 70 ms, so never in a loop). A hash is text with its parameters
 * and its salt inside, so these may rise later and old ones still be read.
 */
#ifndef MODEL_PASSWORD_H
#define MODEL_PASSWORD_H

#include <stdbool.h>

#include "base/err.h"

enum {
        USERNAME_MAX = 64,
        PASSWORD_MIN = 8,
        PASSWORD_MAX = 1024,
        PASSWORD_HASH_SIZE = 128, /* crypto_pwhash_STRBYTES */
};

/*
 * 1 to 64 of [A-Za-z0-9._@+-], not "bootstrap"; `out` gets it in small letters, which is how names are kept
 * and compared. -1: it cannot be a name.
 */
int username_fold(const char *name, char out[USERNAME_MAX + 1]);
/* 0, or ERR_INVALID: too short, too long, no UTF-8, or the name itself. */
int password_check(const char *username, const char *password, struct err *e);

/* -1: there was no memory for it. */
int password_hash(const char *password, char out[PASSWORD_HASH_SIZE], struct err *e);
enum password_verdict { PASSWORD_WRONG, PASSWORD_RIGHT, PASSWORD_STARVED };
/* hash NULL: the same work for nobody's password, which is wrong. */
enum password_verdict password_verify(const char *hash, const char *password);

#endif
