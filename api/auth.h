/*
 * auth.h - who is asking: bearer tokens and their roles.
 *
 * The bootstrap token of the configuration is known at once and always. Any other token is looked up
 * by its SHA-256 in wavefleet.tokens; what was found is remembered for 5 s, that there is none for
 * 1 s, in a table of bounded size, and requests that wait for the same token share one question. So a
 * revoked token works at most 5 s longer. Tokens themselves are kept nowhere and never logged.
 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "api/request.h"
#include "base/list.h"

struct pg_pool;

enum {
        TOKEN_BYTES = 32,
        TOKEN_SIZE = 3 + 43 + 1, /* "wf_", base64, NUL */
        TOKEN_NAME_MAX = 64,
        AUTH_GOOD_MS = 5000,
        AUTH_BAD_MS = 1000,
        AUTH_REMEMBERED_MAX = 4096,
};

enum auth_verdict {
        AUTH_KNOWN,   /* role and name are filled in */
        AUTH_MISSING, /* no bearer token */
        AUTH_WRONG,   /* there is no such token, or it was revoked */
        AUTH_AWAY,    /* could not be looked up (fn only) */
        AUTH_LATER,   /* fn will be called */
};
struct auth_answer {
        enum auth_verdict verdict;
        enum role role;        /* AUTH_KNOWN */
        const char *name;      /* AUTH_KNOWN; valid until the next turn of the loop */
        const struct err *err; /* AUTH_AWAY; valid during the call */
};
typedef void (*auth_fn)(const struct auth_answer *a, void *arg);

/* The one who waits; the link is initialised by its owner (list_init). */
struct auth_wait {
        struct list link;
        auth_fn fn;
        void *arg;
};

struct auth;
/* bootstrap: NULL or "": none. pool: NULL in tests without PostgreSQL. */
struct auth *auth_new(const char *bootstrap, struct pg_pool *pool);
/* Nobody waits any more (auth_cancel); lookups under way are forgotten. */
void auth_free(struct auth *a);
/* authorization: the header's value, or NULL. Any verdict but AUTH_LATER is final, fn is not called. */
void auth_check(struct auth *a, const char *authorization, struct auth_wait *w,
                struct auth_answer *out);
void auth_cancel(struct auth_wait *w); /* fine when not waiting */

const char *role_name(enum role role);
int role_parse(const char *name, enum role *out); /* viewer, operator, admin; 0 or -1 */
/* A fresh token and its hash. */
void token_make(char token[TOKEN_SIZE], unsigned char hash[32]);
/* 1 to 64 bytes of text in one line, no spaces at its ends, and not "bootstrap". */
bool token_name_ok(const char *name);

#endif
