/* auth.c - tokens and sessions, remembered by their hash. */
#include "api/people/auth.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/people/role.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/pg.h"

static const char bootstrap_name[] = "bootstrap";

/* What is known of one hash. Those that are being looked up stand in no age list. */
struct entry {
        struct auth *auth; /* NULL: auth is gone, the lookup's answer frees it */
        unsigned char hash[HASH_BYTES];
        struct list age;     /* auth.ages, oldest first */
        struct list waiting; /* auth_wait.link */
        bool session;
        bool looking;
        bool ended; /* what is being looked up may be over by the time of the answer */
        int64_t until_ms;
        enum auth_verdict verdict;
        enum role role;
        char name[AUTH_NAME_MAX + 1];
};

struct auth {
        struct pg_pool *pool;
        int64_t idle_ms;
        bool has_bootstrap;
        unsigned char bootstrap[HASH_BYTES];
        struct map *entries; /* by the first eight bytes of the hash */
        struct list ages;
};

/* ---- what is remembered ---- */

static int64_t key_of(const unsigned char hash[HASH_BYTES])
{
        int64_t key;
        memcpy(&key, hash, sizeof(key));
        return key;
}

static void forget(struct auth *a, struct entry *en)
{
        map_remove(a->entries, key_of(en->hash));
        list_remove(&en->age);
        free(en);
}

static struct entry *entry_new(struct auth *a, const unsigned char hash[HASH_BYTES], bool session)
{
        while (map_count(a->entries) >= AUTH_REMEMBERED_MAX && !list_empty(&a->ages))
                forget(a, CONTAINER_OF(a->ages.next, struct entry, age));
        struct entry *en = xcalloc(1, sizeof(*en));
        en->auth = a;
        en->session = session;
        memcpy(en->hash, hash, HASH_BYTES);
        list_init(&en->age);
        list_init(&en->waiting);
        map_put(a->entries, key_of(hash), en);
        return en;
}

/* ---- looking up ---- */

static void tell(struct list *waiting, const struct auth_answer *answer)
{
        struct list *at;
        while ((at = list_pop_front(waiting))) {
                struct auth_wait *w = CONTAINER_OF(at, struct auth_wait, link);
                w->fn(answer, w->arg);
        }
}

static const char *kind_of(const struct entry *en)
{
        return en->session ? "session" : "token";
}

/* That PostgreSQL could not be asked is not remembered. */
static void on_failure(struct entry *en, const struct err *e, struct list *waiting)
{
        struct err why = ERR_INIT;
        if (e->code == ERR_INTERNAL) {
                log_error("auth.lookup_failed", LE(e));
                err_set(&why, ERR_UNAVAILABLE, "could not look up the %s", kind_of(en));
        } else {
                err_set(&why, ERR_UNAVAILABLE,
                        "could not look up the %s: PostgreSQL does not answer", kind_of(en));
        }
        forget(en->auth, en);
        tell(waiting, &(struct auth_answer){.verdict = AUTH_AWAY, .err = &why});
}

static struct auth_answer answer_of(const struct entry *en)
{
        return (struct auth_answer){.verdict = en->verdict, .role = en->role, .name = en->name};
}

/* Good or not, and for how long that is remembered: a session no longer than it lasts. */
static void learn(struct entry *en, const struct pg_result *r)
{
        bool good = pg_rows(r, 0) > 0 && role_parse(pg_text(r, 0, 0, 1), &en->role) == 0;
        int64_t keep_ms = good ? AUTH_GOOD_MS : AUTH_BAD_MS;
        if (good && en->session && pg_int(r, 0, 0, 2) < keep_ms)
                keep_ms = pg_int(r, 0, 0, 2);
        en->verdict = good ? AUTH_KNOWN : AUTH_WRONG;
        snprintf(en->name, sizeof(en->name), "%s", good ? pg_text(r, 0, 0, 0) : "");
        en->until_ms = en->ended ? 0 : clock_mono_ms() + keep_ms;
        en->ended = false;
}

static void on_found(const struct pg_result *r, const struct err *e, void *arg)
{
        struct entry *en = arg;
        if (!en->auth) {
                free(en);
                return;
        }
        struct list waiting;
        list_init(&waiting);
        list_splice(&waiting, &en->waiting);
        en->looking = false;
        if (e) {
                on_failure(en, e, &waiting);
                return;
        }
        learn(en, r);
        list_push_back(&en->auth->ages, &en->age);
        struct auth_answer answer = answer_of(en);
        tell(&waiting, &answer);
}

static void look_up(struct auth *a, struct entry *en, struct auth_wait *w)
{
        list_push_back(&en->waiting, &w->link);
        if (en->looking)
                return;
        en->looking = true;
        list_remove(&en->age);
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, en->session ? SQL_SESSION_FIND : SQL_TOKEN_FIND);
        pg_arg_bytes(tx, en->hash, HASH_BYTES);
        if (en->session)
                pg_arg_int(tx, a->idle_ms);
        pg_pool_send(a->pool, tx, on_found, en);
}

/* ---- asking ---- */

static bool is_bootstrap(const struct auth *a, const unsigned char hash[HASH_BYTES])
{
        return hash_equal(a->bootstrap, hash, HASH_BYTES) && a->has_bootstrap;
}

static void ask(struct auth *a, const unsigned char hash[HASH_BYTES], bool session,
                struct auth_wait *w, struct auth_answer *out)
{
        struct entry *en = map_get(a->entries, key_of(hash));
        if (en && !hash_equal(en->hash, hash, HASH_BYTES)) {
                out->verdict = AUTH_WRONG; /* shares eight bytes with another: none of ours does */
        } else if (en && !en->looking && clock_mono_ms() < en->until_ms) {
                *out = answer_of(en);
        } else {
                out->verdict = AUTH_LATER;
                look_up(a, en ? en : entry_new(a, hash, session), w);
        }
}

void auth_check(struct auth *a, const struct credential *c, struct auth_wait *w,
                struct auth_answer *out)
{
        *out = (struct auth_answer){.verdict = AUTH_MISSING};
        if (c->proof == PROOF_NONE)
                return;
        bool session = c->proof != PROOF_TOKEN;
        unsigned char hash[HASH_BYTES];
        hash_sha256(c->text, c->len, hash);
        if (!session && is_bootstrap(a, hash))
                *out = (struct auth_answer){AUTH_KNOWN, ROLE_ADMIN, bootstrap_name, NULL};
        else if (a->pool && (session ? looks_like_session : looks_like_token)(c->text, c->len))
                ask(a, hash, session, w, out);
        else
                out->verdict = AUTH_WRONG;
}

void auth_forget(struct auth *a, const unsigned char hash[HASH_BYTES])
{
        struct entry *en = map_get(a->entries, key_of(hash));
        if (!en || !hash_equal(en->hash, hash, HASH_BYTES))
                return;
        if (en->looking)
                en->ended = true;
        else
                forget(a, en);
}

void auth_cancel(struct auth_wait *w)
{
        list_remove(&w->link);
}

/* ---- its life ---- */

struct auth *auth_new(const char *bootstrap, int64_t idle_ms, struct pg_pool *pool)
{
        struct auth *a = xcalloc(1, sizeof(*a));
        a->pool = pool;
        a->idle_ms = idle_ms;
        a->has_bootstrap = bootstrap && *bootstrap;
        if (a->has_bootstrap)
                hash_sha256(bootstrap, strlen(bootstrap), a->bootstrap);
        a->entries = map_new();
        list_init(&a->ages);
        return a;
}

void auth_free(struct auth *a)
{
        if (!a)
                return;
        size_t at = 0;
        int64_t key;
        struct entry *en;
        while ((en = map_next(a->entries, &at, &key))) {
                assert(list_empty(&en->waiting));
                if (en->looking)
                        en->auth = NULL;
                else
                        free(en);
        }
        map_free(a->entries);
        free(a);
}
