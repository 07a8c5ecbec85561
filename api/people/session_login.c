/*
 * session_login.c - POST /api/auth/login: a place in the line of passwords, an attempt granted by PostgreSQL
 * (for the name and for the address, so that it holds for all API processes), the password looked at, a
 * session opened. What is wrong is told to the log, not to the one who tries; a name that nobody has takes
 * the same time as one with a wrong password.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "api/act.h"
#include "api/app.h"
#include "api/people/credential.h"
#include "api/people/hashing.h"
#include "api/routes.h"
#include "api/people/session.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/rand.h"

/* FORGOTTEN_AFTER_S: as login_take.sql has it. */
enum {
        FORGOTTEN_AFTER_S = 3600,
        NAME_CAP_S = 60,
        ADDRESS_CAP_S = 900,
        KEY_SIZE = 8 + HASH_HEX_SIZE,
        ANSWER_MAX = 1 << 16
};

struct login {
        struct request *rq;
        struct app *app;
        const char *username, *password; /* as they came */
        char name_key[KEY_SIZE], address_key[KEY_SIZE];
        bool known, disabled;
        int64_t user_id;
        char name[USERNAME_MAX + 1]; /* where it is known */
        char hash[PASSWORD_HASH_SIZE];
        char id[SECRET_SIZE];
};

static const struct json_field fields[] = {
        {.name = "username",
         .want = WANT_STRING,
         .required = true,
         .min = 1,
         .max = 255,
         .offset = offsetof(struct login, username),
         .present = NO_PRESENT},
        {.name = "password",
         .want = WANT_STRING,
         .required = true,
         .min = 1,
         .max = PASSWORD_MAX,
         .offset = offsetof(struct login, password),
         .present = NO_PRESENT},
};

/* ---- its ends ---- */

static void end(struct login *l, const char *result)
{
        hashing_leave(l->app->hashing);
        metric_add(METRIC_LOGINS, 1, result, NULL);
}

static void fail(struct login *l, const struct err *e)
{
        end(l, "failed");
        respond_error(l->rq, e);
}

/* A name that nobody has is not logged: it may be a password in the wrong field. */
static void log_refusal(const struct login *l, const char *reason)
{
        log_warn("auth.login_refused", LS("reason", reason), LS("user", l->known ? l->name : ""),
                 LS("peer", request_peer(l->rq)), LS("request_id", request_id(l->rq)));
}

static void refuse(struct login *l, const char *reason)
{
        log_refusal(l, reason);
        end(l, "wrong");
        respond_header(l->rq, "WWW-Authenticate", "Bearer");
        respond_errorf(l->rq, ERR_UNAUTHORIZED, "the name or the password is wrong");
}

static void throttle(struct login *l, int64_t wait_s)
{
        struct err e = ERR_INIT;
        log_refusal(l, "too many attempts");
        end(l, "throttled");
        err_set(&e, ERR_RATE, "too many attempts to log in: try again in %lld s", (long long)wait_s);
        e.retry_after_ms = (uint32_t)wait_s * 1000;
        respond_rate(l->rq, l->app->config->login_attempts, FORGOTTEN_AFTER_S, 0, wait_s);
        respond_error(l->rq, &e);
}

static void welcome(struct login *l, const struct session_user *u)
{
        autobuf data = BUF_INIT(ANSWER_MAX);
        struct json_out o;
        char csrf[CSRF_SIZE];
        log_info("auth.login", LS("user", l->name), LS("peer", request_peer(l->rq)),
                 LS("request_id", request_id(l->rq)));
        end(l, "ok");
        csrf_make(l->id, csrf);
        json_out_init(&o, &data);
        json_out_object(&o, NULL);
        json_out_str(&o, "session_id", l->id);
        json_out_str(&o, "csrf_token", csrf);
        json_out_str(&o, "expires_at", u->expires_at);
        session_print_user(u, &o);
        json_out_object_end(&o);
        session_set_cookie(l->rq, l->id);
        session_respond(l->rq, &data);
}

/* ---- its steps, the last one first ---- */

static void on_open(const struct pg_result *r, const struct err *e, void *arg)
{
        struct login *l = arg;
        struct session_user u;
        if (e)
                fail(l, e);
        else if (session_read(r, 0, &u) < 0)
                refuse(l, "disabled, or another password, meanwhile");
        else
                welcome(l, &u);
}

static void open_session(struct login *l)
{
        const struct config *cfg = l->app->config;
        unsigned char hash[HASH_BYTES];
        struct pg_tx *tx = pg_tx_new();
        session_make(l->id, hash);
        pg_stmt(tx, SQL_LOGIN_DONE);
        pg_arg_int(tx, l->user_id);
        pg_arg_text(tx, l->hash);
        pg_arg_bytes(tx, hash, sizeof(hash));
        pg_arg_int(tx, cfg->session_idle_ms);
        pg_arg_int(tx, cfg->session_max_ms);
        pg_arg_text(tx, l->name_key);
        pg_arg_text(tx, l->address_key);
        pg_pool_send(l->app->pg, tx, on_open, l);
}

static void on_verdict(enum password_verdict verdict, void *arg)
{
        struct login *l = arg;
        struct err e = ERR_INIT;
        if (verdict == PASSWORD_STARVED) {
                err_set(&e, ERR_UNAVAILABLE, "could not look at the password: out of memory");
                fail(l, &e);
        } else if (!l->known) {
                refuse(l, "no such user");
        } else if (verdict == PASSWORD_WRONG) {
                refuse(l, "wrong password");
        } else if (l->disabled) {
                refuse(l, "disabled");
        } else {
                open_session(l);
        }
}

static void on_attempt(const struct pg_result *r, const struct err *e, void *arg)
{
        enum { TAKE = 1 }; /* behind login_lock */
        struct login *l = arg;
        if (e) {
                fail(l, e);
                return;
        }
        l->known = !pg_is_null(r, TAKE, 0, 2);
        if (l->known) {
                l->user_id = pg_int(r, TAKE, 0, 2);
                snprintf(l->hash, sizeof(l->hash), "%s", pg_text(r, TAKE, 0, 3));
                l->disabled = pg_bool(r, TAKE, 0, 4);
        }
        if (pg_bool(r, TAKE, 0, 0))
                hashing_verify(l->app->hashing, l->known ? l->hash : NULL, l->password, on_verdict,
                               l);
        else
                throttle(l, pg_int(r, TAKE, 0, 1));
}

static void take_attempt(struct login *l, bool may_exist)
{
        const struct config *cfg = l->app->config;
        const char *keys[] = {l->name_key, l->address_key};
        const int32_t free_attempts[] = {(int32_t)cfg->login_attempts,
                                         (int32_t)cfg->login_attempts_address};
        const int32_t caps_s[] = {NAME_CAP_S, ADDRESS_CAP_S};
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_LOGIN_LOCK);
        pg_arg_texts(tx, keys, COUNT_OF(keys));
        pg_stmt(tx, SQL_LOGIN_TAKE);
        pg_arg_texts(tx, keys, COUNT_OF(keys));
        pg_arg_int4s(tx, free_attempts, COUNT_OF(free_attempts));
        pg_arg_int4s(tx, caps_s, COUNT_OF(caps_s));
        pg_arg_text(tx, may_exist ? l->name : NULL);
        pg_pool_send(l->app->pg, tx, on_attempt, l);
}

/* ---- the first ---- */

static void make_key(char out[KEY_SIZE], const char *what, const void *data, size_t len)
{
        unsigned char hash[HASH_BYTES];
        int n = snprintf(out, KEY_SIZE, "%s:", what);
        hash_sha256(data, len, hash);
        hash_hex(hash, sizeof(hash), out + n);
}

/* What counts as one address: an IPv4 address, or the /64 that one IPv6 customer has. */
static void make_address_key(struct login *l)
{
        struct in6_addr v6;
        const char *peer = request_peer(l->rq);
        if (inet_pton(AF_INET6, peer, &v6) == 1)
                make_key(l->address_key, "address", &v6, 8);
        else
                make_key(l->address_key, "address", peer, strlen(peer));
}

/* The Origin is looked at so that no other site logs a browser in under a name of its own choice. */
void session_login(struct request *rq)
{
        struct app *app = request_app(rq);
        struct login *l = arena_alloc(request_arena(rq), sizeof(*l));
        struct err e = ERR_INIT;
        memset(l, 0, sizeof(*l));
        l->rq = rq;
        l->app = app;
        if (credential_check_site(rq, &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        if (act_read(rq, fields, COUNT_OF(fields), l) < 0)
                return;
        if (!hashing_enter(app->hashing)) {
                metric_add(METRIC_LOGINS, 1, "busy", NULL);
                err_set(&e, ERR_UNAVAILABLE, "too many people are logging in at this moment");
                e.retry_after_ms = 1000;
                respond_error(rq, &e);
                return;
        }
        bool may_exist = username_fold(l->username, l->name) == 0;
        const char *name = may_exist ? l->name : l->username;
        make_key(l->name_key, "name", name, strlen(name));
        make_address_key(l);
        take_attempt(l, may_exist);
}
