/* session.c - who is logged in, and the end of it. */
#include "api/people/session.h"

#include <stdio.h>
#include <string.h>

#include "api/act.h"
#include "api/app.h"
#include "api/people/credential.h"
#include "api/people/role.h"
#include "api/routes.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"

enum { ANSWER_MAX = 1 << 16 };

/* ---- shared with session_login.c ---- */

int session_read(const struct pg_result *r, size_t statement, struct session_user *out)
{
        struct session_user u;
        if (pg_rows(r, statement) == 0)
                return -1;
        u.expires_at = pg_text(r, statement, 0, 0);
        u.id = pg_int(r, statement, 0, 1);
        u.username = pg_text(r, statement, 0, 2);
        u.full_name = pg_text(r, statement, 0, 3);
        u.email = pg_text(r, statement, 0, 4);
        if (role_parse(pg_text(r, statement, 0, 5), &u.role) < 0)
                return -1;
        *out = u;
        return 0;
}

void session_print_user(const struct session_user *u, struct json_out *o)
{
        if (!u) {
                json_out_null(o, "user");
                return;
        }
        json_out_object(o, "user");
        if (u->id)
                json_out_int(o, "id", u->id);
        else
                json_out_null(o, "id");
        json_out_str(o, "username", u->username);
        json_out_str(o, "full_name", u->full_name);
        json_out_str(o, "email", u->email);
        role_print(u->role, o);
        json_out_object_end(o);
}

void session_respond(struct request *rq, const struct buf *object)
{
        autobuf body = BUF_INIT(ANSWER_MAX * 2);
        if (!buf_ok(object)) {
                respond_starved(rq);
                return;
        }
        buf_adds(&body, "{\"success\":true,\"data\":");
        buf_adds(&body, buf_str(object));
        buf_addc(&body, ',');
        buf_adds(&body, buf_str(object) + 1); /* its brace ends the whole */
        if (buf_ok(&body))
                respond_json(rq, 200, body.data, body.len);
        else
                respond_starved(rq);
}

void session_set_cookie(struct request *rq, const char *id)
{
        char text[SECRET_SIZE + 128];
        bool secure = strncmp(request_app(rq)->public_url, "https://", 8) == 0;
        snprintf(text, sizeof(text), SESSION_COOKIE "=%s; HttpOnly; SameSite=Strict; Path=/%s%s",
                 id ? id : "", secure ? "; Secure" : "", id ? "" : "; Max-Age=0");
        respond_header(rq, "Set-Cookie", text);
        mem_wipe(text, sizeof(text));
}

/* Somebody is known, by a session. */
static bool has_session(const struct request *rq)
{
        enum proof proof = request_credential(rq)->proof;
        return *request_principal(rq) && (proof == PROOF_SESSION || proof == PROOF_COOKIE);
}

/* ---- GET /api/auth/check ---- */

static void answer_check(struct request *rq, const struct session_user *u)
{
        const struct credential *c = request_credential(rq);
        autobuf data = BUF_INIT(ANSWER_MAX);
        struct json_out o;
        char csrf[CSRF_SIZE];
        json_out_init(&o, &data);
        json_out_object(&o, NULL);
        json_out_bool(&o, "authenticated", u != NULL);
        session_print_user(u, &o);
        if (u && u->id) {
                csrf_make(c->text, csrf);
                json_out_str(&o, "csrf_token", csrf);
                json_out_str(&o, "expires_at", u->expires_at);
        } else {
                json_out_null(&o, "csrf_token");
        }
        json_out_bool(&o, "login_required", true);
        json_out_object_end(&o);
        session_respond(rq, &data);
}

static void on_shown(const struct pg_result *r, const struct err *e, void *arg)
{
        struct request *rq = arg;
        struct session_user u;
        if (e)
                respond_error(rq, e);
        else
                answer_check(rq, session_read(r, 0, &u) == 0 ? &u : NULL);
}

static void send_by_hash(struct request *rq, enum sql_id id, pg_fn fn)
{
        const struct credential *c = request_credential(rq);
        unsigned char hash[HASH_BYTES];
        struct pg_tx *tx = pg_tx_new();
        hash_sha256(c->text, c->len, hash);
        pg_stmt(tx, id);
        pg_arg_bytes(tx, hash, sizeof(hash));
        pg_pool_send(request_app(rq)->pg, tx, fn, rq);
}

void session_check(struct request *rq)
{
        const char *name = request_principal(rq);
        const struct session_user token = {
                .username = name, .full_name = "", .email = "", .role = request_role(rq)};
        if (has_session(rq))
                send_by_hash(rq, SQL_SESSION_SHOW, on_shown);
        else
                answer_check(rq, *name ? &token : NULL);
}

/* ---- POST /api/auth/logout ---- */

static void answer_logout(struct request *rq, bool ended)
{
        session_set_cookie(rq, NULL);
        respond_data(rq, 200, ended ? "{\"logged_out\":true}" : "{\"logged_out\":false}", -1,
                     ended ? "the session has ended" : "there was no session to end");
}

static void on_ended(const struct pg_result *r, const struct err *e, void *arg)
{
        struct request *rq = arg;
        const struct credential *c = request_credential(rq);
        unsigned char hash[HASH_BYTES];
        if (e) {
                respond_error(rq, e);
                return;
        }
        hash_sha256(c->text, c->len, hash);
        auth_forget(request_app(rq)->auth, hash);
        bool ended = pg_rows(r, 0) > 0;
        if (ended)
                log_info("auth.logout", LS("user", pg_text(r, 0, 0, 0)),
                         LS("peer", request_peer(rq)), LS("request_id", request_id(rq)));
        answer_logout(rq, ended);
}

void session_logout(struct request *rq)
{
        if (act_read(rq, NULL, 0, NULL) < 0)
                return;
        if (has_session(rq))
                send_by_hash(rq, SQL_SESSION_END, on_ended);
        else
                answer_logout(rq, false);
}
