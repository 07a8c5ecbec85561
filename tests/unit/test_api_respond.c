/* Answers as they go out, and what handlers ask of a request. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/problem.h"
#include "api/http/request_inside.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static struct buf sent; /* head and body as they went out */
static const char *body;
static int status;
static struct request *rq;

static void capture(struct request *r, const struct answer *a)
{
        (void)r;
        size_t bytes = 0;
        buf_reset(&sent);
        for (int i = 0; i < a->count; i++) {
                buf_add(&sent, a->parts[i].iov_base, a->parts[i].iov_len);
                bytes += i ? a->parts[i].iov_len : 0;
        }
        ck_assert_uint_eq(bytes, a->body_bytes);
        status = a->status;
        body = strstr(buf_str(&sent), "\r\n\r\n") + 4;
}

static void begin(void)
{
        log_set_fd(-1);
        buf_init(&sent, SIZE_MAX);
        clock_drive(1000, 784111777000); /* Sun, 06 Nov 1994 08:49:37 GMT */
        rq = request_new();
        rq->deliver = capture;
        rq->parser.http_minor = 1;
        rq->method = "GET";
        rq->path = "/api/waves/%41";
        snprintf(rq->id, sizeof(rq->id), "id-1");
}

static void finish(void)
{
        request_free(rq);
        buf_fini(&sent);
        clock_release();
}

static bool has_line(const char *line)
{
        autofree char *whole = xasprintf("\r\n%s\r\n", line);
        const char *at = strstr(buf_str(&sent), whole);
        return at && at < body;
}

START_TEST(data_is_enveloped)
{
        respond_data(rq, 201, "[1,2]", 2, "said \"so\"");
        ck_assert_int_eq(status, 201);
        ck_assert_str_eq(body, "{\"success\":true,\"data\":[1,2],\"count\":2,"
                               "\"message\":\"said \\\"so\\\"\"}");
        ck_assert(strncmp(buf_str(&sent), "HTTP/1.1 201 Created\r\n", 22) == 0);
        autofree char *length = xasprintf("Content-Length: %zu", strlen(body));
        ck_assert(has_line(length));
}
END_TEST

START_TEST(count_and_message_may_be_left_out)
{
        respond_data(rq, 200, NULL, -1, NULL);
        ck_assert_str_eq(body, "{\"success\":true,\"data\":null}");
}
END_TEST

START_TEST(every_answer_has_its_headers)
{
        respond_json(rq, 200, "{}", 2);
        ck_assert(has_line("Content-Type: application/json"));
        ck_assert(has_line("Date: Sun, 06 Nov 1994 08:49:37 GMT"));
        ck_assert(has_line("Cache-Control: no-store"));
        ck_assert(has_line("X-Content-Type-Options: nosniff"));
        ck_assert(has_line("X-Request-Id: id-1"));
        ck_assert_ptr_null(strstr(buf_str(&sent), "Server:"));
        ck_assert_ptr_null(strstr(buf_str(&sent), "Connection:"));
}
END_TEST

START_TEST(a_handler_may_set_its_own)
{
        respond_header(rq, "cache-control", "max-age=60");
        respond_header(rq, "ETag", "\"x\"\r\nSet-Cookie: a=b");
        rq->close = true;
        respond_text(rq, 200, "text/plain", "hello", 5);
        ck_assert(has_line("cache-control: max-age=60"));
        ck_assert(!has_line("Cache-Control: no-store"));
        ck_assert(has_line("ETag: \"x\"  Set-Cookie: a=b"));
        ck_assert(has_line("Connection: close"));
        ck_assert_str_eq(body, "hello");
}
END_TEST

START_TEST(head_has_the_length_and_no_body)
{
        rq->method = "HEAD";
        respond_json(rq, 200, "{}", 2);
        ck_assert_str_eq(body, "");
        ck_assert(has_line("Content-Length: 2"));
}
END_TEST

START_TEST(no_content_has_no_length)
{
        respond_text(rq, 204, "text/plain", "", 0);
        ck_assert_ptr_null(strstr(buf_str(&sent), "\r\nContent-"));
}
END_TEST

START_TEST(http_1_0_is_told_that_it_may_go_on)
{
        rq->parser.http_minor = 0;
        respond_json(rq, 200, "{}", 2);
        ck_assert(has_line("Connection: keep-alive"));
}
END_TEST

/* ---- problems ---- */

static struct json *problem(void)
{
        struct err e = ERR_INIT;
        struct json *v = json_parse(body, strlen(body), &e);
        ck_assert_msg(v != NULL, "%s: %s", e.text, body);
        ck_assert(has_line("Content-Type: application/problem+json"));
        return v;
}

START_TEST(a_problem_has_all_members)
{
        struct mistakes *m = request_mistakes(rq);
        mistake_add(m, ERR_INVALID, "#/name", "is missing");
        mistake_add(m, ERR_INVALID, "#/project_uuids/3", "is empty");
        struct err e = ERR_INIT;
        mistakes_check(m, &e);
        respond_error(rq, &e);
        ck_assert_int_eq(status, 422);
        struct json *v = problem();
        ck_assert_str_eq(json_str(json_get(v, "type")), "urn:wavefleet:problem:invalid");
        ck_assert_str_eq(json_str(json_get(v, "title")), "Unprocessable Entity");
        int64_t number;
        ck_assert_int_eq(json_int(json_get(v, "status"), &number), 0);
        ck_assert_int_eq(number, 422);
        ck_assert_str_eq(json_str(json_get(v, "detail")), e.text);
        ck_assert_str_eq(json_str(json_get(v, "error")), e.text);
        ck_assert_str_eq(json_str(json_get(v, "instance")), "/api/waves/%41");
        ck_assert(!json_bool(json_get(v, "success")));
        ck_assert_int_eq(json_type_of(json_get(v, "success")), JSON_BOOL);
        ck_assert_str_eq(json_str(json_get(v, "code")), "invalid");
        ck_assert_str_eq(json_str(json_get(v, "request_id")), "id-1");
        const struct json *errors = json_get(v, "errors");
        ck_assert_uint_eq(json_count(errors), 2);
        const struct json *second = json_next(json_first(errors));
        ck_assert_str_eq(json_str(json_get(second, "pointer")), "#/project_uuids/3");
        ck_assert_str_eq(json_str(json_get(second, "detail")), "is empty");
        json_free(v);
}
END_TEST

START_TEST(unavailable_says_when_to_come_again)
{
        respond_errorf(rq, ERR_UNAVAILABLE, "Redis is away since %d s", 3);
        ck_assert_int_eq(status, 503);
        ck_assert(has_line("Retry-After: 5"));
        struct json *v = problem();
        ck_assert_str_eq(json_str(json_get(v, "detail")), "Redis is away since 3 s");
        ck_assert_uint_eq(json_count(json_get(v, "errors")), 0);
        json_free(v);
}
END_TEST

START_TEST(rate_limits_are_told)
{
        struct err e = ERR_INIT;
        err_set(&e, ERR_RATE, "too fast");
        e.retry_after_ms = 29001;
        respond_rate(rq, 100, 60, 0, 30);
        respond_error(rq, &e);
        ck_assert_int_eq(status, 429);
        ck_assert(has_line("Retry-After: 30"));
        ck_assert(has_line("RateLimit-Policy: \"default\";q=100;w=60"));
        ck_assert(has_line("RateLimit: \"default\";r=0;t=30"));
}
END_TEST

START_TEST(what_went_wrong_inside_stays_inside)
{
        respond_errorf(rq, ERR_INTERNAL, "relation \"tokens\" does not exist");
        ck_assert_int_eq(status, 500);
        ck_assert_ptr_null(strstr(body, "tokens"));
        ck_assert_ptr_nonnull(strstr(body, "id-1"));
}
END_TEST

START_TEST(a_problem_may_carry_data)
{
        struct err e = ERR_INIT;
        err_set(&e, ERR_CONFLICT, "no");
        respond_error_data(rq, &e, "{\"state\":\"paused\"}");
        struct json *v = problem();
        ck_assert_str_eq(json_str(json_get(json_get(v, "data"), "state")), "paused");
        json_free(v);
}
END_TEST

START_TEST(every_error_has_a_status_with_a_name)
{
        enum err_code code = (enum err_code)_i;
        int http = err_http_status(code);
        ck_assert(code == ERR_OK || (http >= 400 && http <= 599));
        ck_assert_str_ne(status_phrase(http), "<unknown>");
}
END_TEST

/* ---- what handlers ask ---- */

START_TEST(text_is_decoded)
{
        struct arena *a = rq->arena;
        ck_assert_str_eq(request_decode(a, "a%2Fb%20c+d", 11, false), "a/b c+d");
        ck_assert_str_eq(request_decode(a, "a+b", 3, true), "a b");
        ck_assert_str_eq(request_decode(a, "%D0%96", 6, false), "\xD0\x96");
        ck_assert_ptr_null(request_decode(a, "%", 1, false));
        ck_assert_ptr_null(request_decode(a, "%4", 2, false));
        ck_assert_ptr_null(request_decode(a, "%zz", 3, false));
        ck_assert_ptr_null(request_decode(a, "a%00b", 5, false));
        ck_assert_ptr_null(request_decode(a, "%D0", 3, false));
        ck_assert_ptr_null(request_decode(a, "\x80", 1, false));
}
END_TEST

START_TEST(the_query_is_read)
{
        struct err e = ERR_INIT;
        rq->query_text = "a=1&b=x%26y&&c&a=2&=z&d=p+q";
        ck_assert_int_eq(request_read_query(rq, &e), 0);
        ck_assert_str_eq(request_query(rq, "a"), "1");
        ck_assert_str_eq(request_query(rq, "b"), "x&y");
        ck_assert_str_eq(request_query(rq, "c"), "");
        ck_assert_str_eq(request_query(rq, "d"), "p q");
        ck_assert_ptr_null(request_query(rq, "e"));
}
END_TEST

START_TEST(a_bad_query_is_refused)
{
        struct err e = ERR_INIT;
        rq->query_text = "a=%2";
        ck_assert_int_eq(request_read_query(rq, &e), -1);
        ck_assert_int_eq(e.code, ERR_BAD_REQUEST);
        rq->query_count = 0;
        autobuf many = BUF_INIT(4096);
        for (int i = 0; i < REQUEST_QUERY_MAX + 1; i++)
                buf_addf(&many, "a%d&", i);
        rq->query_text = buf_str(&many);
        ck_assert_int_eq(request_read_query(rq, &e), -1);
}
END_TEST

START_TEST(integers_of_the_query)
{
        static const struct {
                const char *text;
                int rc;
                int64_t value;
                enum err_code code;
        } cases[] = {
                {"n=5", 0, 5, ERR_OK},           {"n=-3", 0, -3, ERR_OK},
                {"m=1", 0, 7, ERR_OK},           {"n=", -1, 0, ERR_WRONG_TYPE},
                {"n=x", -1, 0, ERR_WRONG_TYPE},  {"n=5x", -1, 0, ERR_WRONG_TYPE},
                {"n=+5", -1, 0, ERR_WRONG_TYPE}, {"n=501", -1, 0, ERR_INVALID},
                {"n=-11", -1, 0, ERR_INVALID},   {"n=99999999999999999999", -1, 0, ERR_INVALID},
        };
        struct err e = ERR_INIT;
        int64_t n = 0;
        rq->query_text = cases[_i].text;
        ck_assert_int_eq(request_read_query(rq, &e), 0);
        ck_assert_int_eq(request_query_int(rq, "n", 7, -10, 500, &n, &e), cases[_i].rc);
        if (cases[_i].rc == 0)
                ck_assert_int_eq(n, cases[_i].value);
        else
                ck_assert_int_eq(e.code, cases[_i].code);
}
END_TEST

START_TEST(ids_that_clients_may_choose)
{
        char longest[REQUEST_ID_MAX + 2];
        memset(longest, 'a', sizeof(longest));
        longest[REQUEST_ID_MAX + 1] = '\0';
        ck_assert(!request_id_ok(longest));
        longest[REQUEST_ID_MAX] = '\0';
        ck_assert(request_id_ok(longest));
        ck_assert(request_id_ok("A.b_c-9"));
        ck_assert(!request_id_ok(""));
        ck_assert(!request_id_ok("a b"));
        ck_assert(!request_id_ok("a\nb"));
}
END_TEST

START_TEST(the_body_as_json)
{
        static const char text[] = "{\"name\":\"x\"}";
        buf_add(&rq->body, text, strlen(text));
        const struct json *v = request_json(rq);
        ck_assert_str_eq(json_str(json_get(v, "name")), "x");
        ck_assert_ptr_eq(request_json(rq), v);
}
END_TEST

START_TEST(no_body_is_an_empty_object)
{
        const struct json *v = request_json(rq);
        ck_assert_int_eq(json_type_of(v), JSON_OBJECT);
        ck_assert_uint_eq(json_count(v), 0);
        size_t len = 9;
        ck_assert_str_eq(request_body(rq, &len), "");
        ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(a_body_that_is_no_object_is_answered)
{
        static const struct {
                const char *text;
                const char *code;
        } cases[] = {{"{\"a\":", "malformed_json"},
                     {"[1]", "wrong_type"},
                     {"{\"a\":1,\"a\":2}", "malformed_json"}};
        buf_adds(&rq->body, cases[_i].text);
        ck_assert_ptr_null(request_json(rq));
        ck_assert_int_eq(status, 400);
        struct json *v = problem();
        ck_assert_str_eq(json_str(json_get(v, "code")), cases[_i].code);
        json_free(v);
}
END_TEST

START_TEST(reset_forgets_everything)
{
        buf_adds(&rq->body, "{}");
        request_json(rq);
        respond_header(rq, "X-A", "b");
        rq->query_text = "a=1";
        rq->close = true;
        struct err e = ERR_INIT;
        ck_assert_int_eq(request_read_query(rq, &e), 0);
        respond_json(rq, 200, "{}", 2);
        request_reset(rq);
        ck_assert_ptr_null(request_query(rq, "a"));
        ck_assert_str_eq(request_path(rq), "");
        rq->parser.http_minor = 1;
        respond_json(rq, 200, "[]", 2);
        ck_assert_ptr_null(strstr(buf_str(&sent), "X-A"));
        ck_assert_ptr_null(strstr(buf_str(&sent), "Connection"));
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("api_respond");
        TCase *t = tcase_create("answers");
        tcase_add_checked_fixture(t, begin, finish);
        tcase_add_test(t, data_is_enveloped);
        tcase_add_test(t, count_and_message_may_be_left_out);
        tcase_add_test(t, every_answer_has_its_headers);
        tcase_add_test(t, a_handler_may_set_its_own);
        tcase_add_test(t, head_has_the_length_and_no_body);
        tcase_add_test(t, no_content_has_no_length);
        tcase_add_test(t, http_1_0_is_told_that_it_may_go_on);
        tcase_add_test(t, a_problem_has_all_members);
        tcase_add_test(t, unavailable_says_when_to_come_again);
        tcase_add_test(t, rate_limits_are_told);
        tcase_add_test(t, what_went_wrong_inside_stays_inside);
        tcase_add_test(t, a_problem_may_carry_data);
        tcase_add_loop_test(t, every_error_has_a_status_with_a_name, 0, ERR_COUNT);
        suite_add_tcase(s, t);
        t = tcase_create("questions");
        tcase_add_checked_fixture(t, begin, finish);
        tcase_add_test(t, text_is_decoded);
        tcase_add_test(t, the_query_is_read);
        tcase_add_test(t, a_bad_query_is_refused);
        tcase_add_loop_test(t, integers_of_the_query, 0, 10);
        tcase_add_test(t, ids_that_clients_may_choose);
        tcase_add_test(t, the_body_as_json);
        tcase_add_test(t, no_body_is_an_empty_object);
        tcase_add_loop_test(t, a_body_that_is_no_object_is_answered, 0, 3);
        tcase_add_test(t, reset_forgets_everything);
        suite_add_tcase(s, t);
        return s;
}

int main(void)
{
        SRunner *r = srunner_create(suite());
        srunner_run_all(r, CK_ENV);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
