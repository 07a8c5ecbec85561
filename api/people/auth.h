/*
 * auth.h - who is asking: tokens of programs and sessions of people, and their roles.
 *
 * The bootstrap token of the configuration is known at once and always. Any other token and every session is
 * looked up by its SHA-256 in wavefleet.tokens or wavefleet.sessions; what was found is remembered for 5 s,
 * that there is none for 1 s, in a table of bounded size, and requests that wait for the same one share one
 * question. So a token that was revoked, or a session that was ended elsewhere, works at most 5 s longer.
 * They themselves are kept nowhere and never logged.
 */
#ifndef API_PEOPLE_AUTH_H
#define API_PEOPLE_AUTH_H

#include "api/people/credential.h"
#include "base/list.h"

struct pg_pool;

enum {
        AUTH_NAME_MAX = 64,
        AUTH_GOOD_MS = 5000,
        AUTH_BAD_MS = 1000,
        AUTH_REMEMBERED_MAX = 4096,
};

enum auth_verdict {
        AUTH_KNOWN,   /* role and name are filled in */
        AUTH_MISSING, /* nothing was brought */
        AUTH_WRONG,   /* there is no such token or session, or it is over */
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
/*
 * bootstrap: NULL or "": none. idle_ms: a session that nobody uses for so long is over. pool: NULL in tests
 * without PostgreSQL.
 */
struct auth *auth_new(const char *bootstrap, int64_t idle_ms, struct pg_pool *pool);
/* Nobody waits any more (auth_cancel); lookups under way are forgotten. */
void auth_free(struct auth *a);
/* Any verdict but AUTH_LATER is final, fn is not called. The credential is looked at now only. */
void auth_check(struct auth *a, const struct credential *c, struct auth_wait *w,
                struct auth_answer *out);
void auth_cancel(struct auth_wait *w); /* fine when not waiting */
/* The session or token with this hash has been ended: it is asked for again the next time. */
void auth_forget(struct auth *a, const unsigned char hash[32]);

#endif
