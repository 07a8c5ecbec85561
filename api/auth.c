/* auth.c - tokens, remembered by their hash. */
#include "api/auth.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/pg.h"

static const char token_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789_-";
static const char bootstrap_name[] = "bootstrap";

/* What is known of one hash. Those that are being looked up stand in no age list. */
struct entry {
        struct auth *auth; /* NULL: auth is gone, the lookup's answer frees it */
        unsigned char hash[HASH_BYTES];
        struct list age;     /* auth.ages, oldest first */
        struct list waiting; /* auth_wait.link */
        bool looking;
        int64_t until_ms;
        enum auth_verdict verdict;
        enum role role;
        char name[TOKEN_NAME_MAX + 1];
};

struct auth {
        struct pg_pool *pool;
        bool has_bootstrap;
        unsigned char bootstrap[HASH_BYTES];
        struct map *entries; /* by the first eight bytes of the hash */
        struct list ages;
};

/* ---- words ---- */

const char *role_name(enum role role)
{
        static const char *const names[] = {
                [ROLE_OPEN] = "open",
                [ROLE_VIEWER] = "viewer",
                [ROLE_OPERATOR] = "operator",
                [ROLE_ADMIN] = "admin",
        };
        _Static_assert(COUNT_OF(names) == ROLE_ADMIN + 1, "each role has a name");
        return names[role];
}

int role_parse(const char *name, enum role *out)
{
        for (enum role r = ROLE_VIEWER; r <= ROLE_ADMIN; r++) {
                if (strcmp(name, role_name(r)) == 0) {
                        *out = r;
                        return 0;
                }
        }
        return -1;
}

void token_make(char token[TOKEN_SIZE], unsigned char hash[32])
{
        char random[TOKEN_BYTES * 4 / 3 + 2];
        rand_token(random, TOKEN_BYTES);
        snprintf(token, TOKEN_SIZE, "wf_%s", random);
        hash_sha256(token, strlen(token), hash);
        mem_wipe(random, sizeof(random));
}

bool token_name_ok(const char *name)
{
        size_t len = strlen(name);
        if (len == 0 || len > TOKEN_NAME_MAX || name[0] == ' ' || name[len - 1] == ' ')
                return false;
        for (const char *p = name; *p; p++) {
                if ((unsigned char)*p < ' ' || *p == 0x7f)
                        return false;
        }
        return utf8_valid(name, len) && strcmp(name, bootstrap_name) != 0;
}

/* "wf_" and 43 characters: anything else is not worth a question. */
static bool looks_like_token(const char *token, size_t len)
{
        return len == TOKEN_SIZE - 1 && strncmp(token, "wf_", 3) == 0 &&
               strspn(token, token_letters) == len;
}

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

static struct entry *entry_new(struct auth *a, const unsigned char hash[HASH_BYTES])
{
        while (map_count(a->entries) >= AUTH_REMEMBERED_MAX && !list_empty(&a->ages))
                forget(a, CONTAINER_OF(a->ages.next, struct entry, age));
        struct entry *en = xcalloc(1, sizeof(*en));
        en->auth = a;
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

/* That PostgreSQL could not be asked is not remembered. */
static void on_failure(struct entry *en, const struct err *e, struct list *waiting)
{
        struct err why = ERR_INIT;
        if (e->code == ERR_INTERNAL) {
                log_error("auth.lookup_failed", LE(e));
                err_set(&why, ERR_UNAVAILABLE, "could not look up the token");
        } else {
                err_set(&why, ERR_UNAVAILABLE,
                        "could not look up the token: PostgreSQL does not answer");
        }
        forget(en->auth, en);
        tell(waiting, &(struct auth_answer){.verdict = AUTH_AWAY, .err = &why});
}

static struct auth_answer answer_of(const struct entry *en)
{
        return (struct auth_answer){.verdict = en->verdict, .role = en->role, .name = en->name};
}

static void on_token(const struct pg_result *r, const struct err *e, void *arg)
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
        bool good = pg_rows(r, 0) > 0 && role_parse(pg_text(r, 0, 0, 1), &en->role) == 0;
        en->verdict = good ? AUTH_KNOWN : AUTH_WRONG;
        snprintf(en->name, sizeof(en->name), "%s", good ? pg_text(r, 0, 0, 0) : "");
        en->until_ms = clock_mono_ms() + (good ? AUTH_GOOD_MS : AUTH_BAD_MS);
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
        pg_stmt(tx, SQL_TOKEN_FIND);
        pg_arg_bytes(tx, en->hash, HASH_BYTES);
        pg_pool_send(a->pool, tx, on_token, en);
}

/* ---- asking ---- */

static bool is_bootstrap(const struct auth *a, const unsigned char hash[HASH_BYTES])
{
        return hash_equal(a->bootstrap, hash, HASH_BYTES) && a->has_bootstrap;
}

/* The credentials behind "Bearer", or NULL. */
static const char *bearer(const char *authorization)
{
        if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
                return NULL;
        const char *token = authorization + 7;
        token += strspn(token, " ");
        return *token ? token : NULL;
}

static void ask(struct auth *a, const unsigned char hash[HASH_BYTES], struct auth_wait *w,
                struct auth_answer *out)
{
        struct entry *en = map_get(a->entries, key_of(hash));
        if (en && !hash_equal(en->hash, hash, HASH_BYTES)) {
                out->verdict = AUTH_WRONG; /* shares eight bytes with another: none of ours does */
        } else if (en && !en->looking && clock_mono_ms() < en->until_ms) {
                *out = answer_of(en);
        } else {
                out->verdict = AUTH_LATER;
                look_up(a, en ? en : entry_new(a, hash), w);
        }
}

void auth_check(struct auth *a, const char *authorization, struct auth_wait *w,
                struct auth_answer *out)
{
        *out = (struct auth_answer){.verdict = AUTH_MISSING};
        const char *token = bearer(authorization);
        if (!token)
                return;
        unsigned char hash[HASH_BYTES];
        size_t len = strlen(token);
        hash_sha256(token, len, hash);
        if (is_bootstrap(a, hash))
                *out = (struct auth_answer){AUTH_KNOWN, ROLE_ADMIN, bootstrap_name, NULL};
        else if (!a->pool || !looks_like_token(token, len))
                out->verdict = AUTH_WRONG;
        else
                ask(a, hash, w, out);
}

void auth_cancel(struct auth_wait *w)
{
        list_remove(&w->link);
}

/* ---- its life ---- */

struct auth *auth_new(const char *bootstrap, struct pg_pool *pool)
{
        struct auth *a = xcalloc(1, sizeof(*a));
        a->pool = pool;
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
