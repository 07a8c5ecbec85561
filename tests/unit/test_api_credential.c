/* test_api_credential.c - what counts as a credential, and what a cookie needs beside it to act. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/people/credential.h"
#include "api/http/parse.h"
#include "api/http/request_inside.h"
#include "api/people/role.h"
#include "base/mem.h"
#include "base/rand.h"

#define ID "ws_0123456789012345678901234567890123456789012"
/* By Python: hmac.new(ID[-32:], b"csrf", sha256) */
#define CSRF "93cce84eeb798917e8fa05e8f2b4c252643a2c8e42136a0888c5b997398b90c9"
#define OTHER_CSRF "93cce84eeb798917e8fa05e8f2b4c252643a2c8e42136a0888c5b997398b90c8"

START_TEST(the_first_that_is_there_counts)
{
        static const struct {
                const char *authorization, *session, *cookie;
                enum proof proof;
                const char *text;
        } cases[] = {
                {NULL, NULL, NULL, PROOF_NONE, NULL},
                {"Bearer t", "s", "dashboard_session=c", PROOF_TOKEN, "t"},
                {"bearer   t", NULL, NULL, PROOF_TOKEN, "t"},
                {"Bearer", "s", "dashboard_session=c", PROOF_SESSION, "s"},
                {"Basic YTpi", "s", NULL, PROOF_SESSION, "s"},
                {"", "", "dashboard_session=c", PROOF_COOKIE, "c"},
                {NULL, NULL, "dashboard_session=", PROOF_NONE, NULL},
                {NULL, NULL, "dashboard_session", PROOF_NONE, NULL},
                {NULL, NULL, "other=1", PROOF_NONE, NULL},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct credential c;
                credential_find(cases[i].authorization, cases[i].session, cases[i].cookie, &c);
                ck_assert_int_eq(c.proof, cases[i].proof);
                if (!cases[i].text)
                        continue;
                ck_assert_uint_eq(c.len, strlen(cases[i].text));
                ck_assert_int_eq(memcmp(c.text, cases[i].text, c.len), 0);
        }
}
END_TEST

START_TEST(cookies)
{
        static const struct {
                const char *cookie, *value; /* NULL: none */
        } cases[] = {
                {"a=1", "1"},     {"a=", ""},        {"a", NULL},      {"", NULL},
                {";;; ;", NULL},  {"b=2; a=1", "1"}, {"b=2;a=1", "1"}, {"a=1; a=2", "1"},
                {"aa=1", NULL},   {"b=a=1", NULL},   {"A=1", NULL},    {"a=1 ; b=2", "1"},
                {"a=\"1\"", "1"}, {"a=\"", "\""},    {"a=1=2", "1=2"}, {"=; a=1", "1"},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                size_t len = 99;
                const char *value = cookie_value(cases[i].cookie, "a", &len);
                ck_assert_msg((value == NULL) == (cases[i].value == NULL), "%s", cases[i].cookie);
                if (value)
                        ck_assert_msg(len == strlen(cases[i].value) &&
                                              memcmp(value, cases[i].value, len) == 0,
                                      "%s", cases[i].cookie);
        }
}
END_TEST

START_TEST(sessions_and_tokens_are_told_apart)
{
        char token[SECRET_SIZE], id[SECRET_SIZE], csrf[CSRF_SIZE];
        unsigned char hash[HASH_BYTES], again[HASH_BYTES];
        rand_init();
        token_make(token, hash);
        hash_sha256(token, strlen(token), again);
        ck_assert(hash_equal(hash, again, sizeof(hash)));
        session_make(id, hash);
        ck_assert(looks_like_token(token, strlen(token)) &&
                  !looks_like_session(token, strlen(token)));
        ck_assert(looks_like_session(id, strlen(id)) && !looks_like_token(id, strlen(id)));
        ck_assert(!looks_like_session(id, strlen(id) - 1));
        id[10] = ';';
        ck_assert(!looks_like_session(id, strlen(id)));
        id[10] = '\0'; /* a NUL inside is no letter */
        ck_assert(!looks_like_session(id, SECRET_SIZE - 1));
        csrf_make(ID, csrf);
        ck_assert_str_eq(csrf, CSRF);
}
END_TEST

/* ---- forged requests ---- */

#define COOKIE "Cookie: dashboard_session=" ID "\r\n"
#define WITH_CSRF COOKIE "X-CSRF-Token: " CSRF "\r\n"

static const struct forgery {
        const char *method, *headers;
        bool allowed;
} forgeries[] = {
        {"GET", COOKIE, true},
        {"HEAD", COOKIE, true},
        {"GET", COOKIE "Origin: http://evil\r\n", true}, /* it cannot read the answer */
        {"GET", COOKIE "Upgrade: websocket\r\n", true},
        {"GET", COOKIE "Upgrade: websocket\r\nOrigin: http://ours:8088\r\n", true},
        {"GET", COOKIE "Upgrade: websocket\r\nOrigin: http://ours:9999\r\n", false},
        {"POST", COOKIE, false},
        {"DELETE", COOKIE, false},
        {"POST", COOKIE "X-CSRF-Token: " OTHER_CSRF "\r\n", false},
        {"POST", COOKIE "X-CSRF-Token: \r\n", false},
        {"POST", COOKIE "X-CSRF-Token: " ID "\r\n", false},
        {"POST", WITH_CSRF, true},
        {"PATCH", WITH_CSRF, true},
        {"POST", WITH_CSRF "Sec-Fetch-Site: same-origin\r\n", true},
        {"POST", WITH_CSRF "Sec-Fetch-Site: none\r\n", true},
        {"POST", WITH_CSRF "Sec-Fetch-Site: same-site\r\n", false},
        {"POST", WITH_CSRF "Sec-Fetch-Site: cross-site\r\n", false},
        {"POST", WITH_CSRF "Sec-Fetch-Site: same-origin\r\nOrigin: http://proxied\r\n", true},
        {"POST", WITH_CSRF "Origin: http://ours:8088\r\n", true},
        {"POST", WITH_CSRF "Origin: https://OURS:8088\r\n", true},
        {"POST", WITH_CSRF "Origin: http://ours\r\n", false},
        {"POST", WITH_CSRF "Origin: http://ours:8088.evil\r\n", false},
        {"POST", WITH_CSRF "Origin: http://evil/ours:8088\r\n", false},
        {"POST", WITH_CSRF "Origin: null\r\n", false},
        {"POST", WITH_CSRF "Origin: \r\n", false},
        /* the others prove it by themselves */
        {"POST", "X-Dashboard-Session: " ID "\r\nOrigin: http://evil\r\n", true},
        {"POST", "Authorization: Bearer t\r\n" COOKIE "Origin: http://evil\r\n", true},
        {"POST", "", true},
};

START_TEST(a_cookie_reads_and_needs_more_to_act)
{
        const struct forgery *f = &forgeries[_i];
        struct request *rq = request_new();
        struct err e = ERR_INIT;
        size_t used;
        autofree char *head =
                xasprintf("%s / HTTP/1.1\r\nHost: ours:8088\r\n%s\r\n", f->method, f->headers);
        parse_begin(rq);
        ck_assert_int_eq(parse_head(rq, head, strlen(head), 4096, &used, &e), PARSE_DONE);
        ck_assert_int_eq(parse_finish(rq, &e), 0);
        struct credential c;
        credential_find(request_header(rq, "Authorization"),
                        request_header(rq, "X-Dashboard-Session"), request_header(rq, "Cookie"),
                        &c);
        int rc = credential_check_forgery(rq, &c, &e);
        ck_assert_msg((rc == 0) == f->allowed, "%s %s", f->method, f->headers);
        ck_assert(rc == 0 || e.code == ERR_FORGERY);
        request_free(rq);
}
END_TEST

/* ---- roles ---- */

static size_t permissions_of(enum role role, const char *wanted)
{
        autobuf out = BUF_INIT(65536);
        struct json_out o;
        json_out_init(&o, &out);
        json_out_object(&o, NULL);
        role_print(role, &o);
        json_out_object_end(&o);
        struct json *v = json_parse(out.data, out.len, NULL);
        ck_assert_ptr_nonnull(v);
        const char *name = json_str(json_get(json_first(json_get(v, "roles")), "name"));
        ck_assert_str_eq(name, role_name(role));
        size_t count = json_count(json_get(v, "permissions"));
        ck_assert(!wanted || strstr(buf_str(&out), wanted));
        json_free(v);
        return count;
}

START_TEST(a_higher_role_may_do_more)
{
        size_t viewer = permissions_of(ROLE_VIEWER, "{\"resource\":\"waves\",\"action\":\"view\"}");
        size_t operator=
                permissions_of(ROLE_OPERATOR, "{\"resource\":\"dead\",\"action\":\"restart\"}");
        size_t admin =
                permissions_of(ROLE_ADMIN, "{\"resource\":\"settings\",\"action\":\"edit\"}");
        ck_assert(0 < viewer && viewer < operator&& operator<admin);
        enum role role;
        ck_assert_int_lt(role_parse("anyone", &role), 0); /* it is nobody's role */
        ck_assert_int_lt(role_parse("open", &role), 0);
        ck_assert_int_eq(role_parse("operator", &role), 0);
        ck_assert_int_eq(role, ROLE_OPERATOR);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("api_credential");
        TCase *t = tcase_create("credentials");
        tcase_add_test(t, the_first_that_is_there_counts);
        tcase_add_test(t, cookies);
        tcase_add_test(t, sessions_and_tokens_are_told_apart);
        tcase_add_loop_test(t, a_cookie_reads_and_needs_more_to_act, 0, COUNT_OF(forgeries));
        tcase_add_test(t, a_higher_role_may_do_more);
        suite_add_tcase(s, t);
        SRunner *sr = srunner_create(s);
        srunner_run_all(sr, CK_ENV);
        int failed = srunner_ntests_failed(sr);
        srunner_free(sr);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
