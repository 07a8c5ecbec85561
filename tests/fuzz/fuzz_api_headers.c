/*
 * Headers with a grammar of their own, a line each: Authorization, Idempotency-Key, X-Request-Id,
 * traceparent, Content-Type, X-Dashboard-Session, Cookie, X-CSRF-Token, Origin, Sec-Fetch-Site. The head they
 * make is parsed as it would come.
 */
#include "api/http/gate.h"
#include "api/idempotency.h"
#include "api/http/parse.h"
#include "base/rand.h"
#include "tests/fuzz/fuzz.h"

enum { HEAD_MOST = 1 << 16 };
#define TOKEN "token-of-the-fuzz-target"

static const struct route post = {"POST", "/api/waves", ROLE_OPERATOR, BODY_JSON, NULL};

static void check_auth(struct request *rq, struct auth *auth)
{
        struct auth_answer who = {.verdict = AUTH_LATER};
        struct err e = ERR_INIT;
        struct gate g = {.body_max = 100};
        auth_check(auth, &rq->credential, &rq->waiting, &who);
        must(who.verdict != AUTH_LATER); /* nobody is asked */
        const char *said = request_header(rq, "Authorization");
        if (who.verdict == AUTH_KNOWN)
                must(said && strstr(said, TOKEN) && who.role == ROLE_ADMIN);
        int rc = gate_role(rq, &g, &who, &e);
        must((rc == 0) == (who.verdict == AUTH_KNOWN));
        if (rc == 0 && gate_body(rq, &g, &e) < 0)
                must(e.code == ERR_MEDIA_TYPE);
}

/* What counts is the first that is there, and a piece of its header. */
static void check_credential(struct request *rq)
{
        const char *session = request_header(rq, "X-Dashboard-Session");
        const char *cookie = request_header(rq, "Cookie");
        struct credential *c = &rq->credential;
        credential_find(request_header(rq, "Authorization"), session, cookie, c);
        must((c->proof == PROOF_NONE) == (c->text == NULL) && (c->proof == PROOF_NONE || c->len));
        if (c->proof == PROOF_SESSION)
                must(c->text == session && c->len == strlen(session));
        if (c->proof != PROOF_COOKIE)
                return;
        must(c->text > cookie && c->text + c->len <= cookie + strlen(cookie));
        must(!memchr(c->text, ';', c->len) && strstr(cookie, "dashboard_session="));
}

/* A cookie alone acts nowhere, and with the right token only where no other site is said to be behind it. */
static void check_forgery(struct request *rq)
{
        struct err e = ERR_INIT;
        const char *said = request_header(rq, "X-CSRF-Token");
        const char *site = request_header(rq, "Sec-Fetch-Site");
        char csrf[CSRF_SIZE] = "";
        const struct credential *c = &rq->credential;
        if (looks_like_session(c->text ? c->text : "", c->len))
                csrf_make(c->text, csrf);
        int rc = credential_check_forgery(rq, c, &e);
        must(rc == 0 || e.code == ERR_FORGERY);
        if (c->proof != PROOF_COOKIE) {
                must(rc == 0);
        } else if (rc == 0) {
                must(said && *csrf && strcmp(said, csrf) == 0);
                must(!site || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0);
        }
}

static void check_key(struct request *rq)
{
        struct idempotency key, untouched;
        struct err e = ERR_INIT;
        int rc = idempotency_read(rq, &key, &e);
        if (rc < 0)
                must_explain(&e);
        memset(&untouched, 0, sizeof(untouched));
        const char *said = request_header(rq, "Idempotency-Key");
        must((rc == 0 && said) == key.given);
        if (!key.given)
                must(same_bytes(&key, &untouched, sizeof(key)));
}

static void check_trace(const struct request *rq)
{
        const char *trace = request_traceparent(rq);
        must(!trace || (strlen(trace) <= 128 &&
                        strspn(trace, "0123456789abcdef-") == strlen(trace) && strlen(trace) >= 55));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const names[] = {
                "Authorization", "Idempotency-Key",     "X-Request-Id", "traceparent",
                "Content-Type",  "X-Dashboard-Session", "Cookie",       "X-CSRF-Token",
                "Origin",        "Sec-Fetch-Site"};
        static struct auth *auth;
        if (!auth) {
                rand_init();
                fuzz_quiet();
                auth = auth_new(TOKEN, 60000, NULL);
        }
        struct input in = input_of(data, size);
        autobuf head = BUF_INIT(HEAD_MOST);
        buf_adds(&head, "POST /api/waves HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n");
        for (size_t i = 0; i < COUNT_OF(names); i++) {
                autofree char *line = input_line(&in, NULL);
                if (*line)
                        buf_addf(&head, "%s: %s\r\n", names[i], line);
        }
        buf_adds(&head, "\r\n");
        struct request *rq = request_new();
        struct err e = ERR_INIT;
        size_t used;
        parse_begin(rq);
        rq->match.route = &post;
        if (parse_head(rq, buf_str(&head), head.len, HEAD_MOST, &used, &e) == PARSE_DONE &&
            parse_finish(rq, &e) == 0) {
                must(!rq->id[0] || request_id_ok(rq->id));
                check_credential(rq);
                check_forgery(rq);
                check_auth(rq, auth);
                check_key(rq);
                check_trace(rq);
        }
        request_free(rq);
        return 0;
}
