/* The server over real sockets: good manners, bodies, and what is refused. */
#include <sys/socket.h>

#include "tests/integration/api_rig.h"

/* ---- well-mannered clients ---- */

START_TEST(a_connection_is_kept)
{
        int fd = rawhttp_connect(port);
        for (int i = 0; i < 3; i++) {
                rawhttp_send(fd, "GET /p/a%2Fb?q=x+y HTTP/1.1\r\n" HOST "\r\n");
                ck_assert_int_eq(rawhttp_read(fd, &r), 200);
                ck_assert_str_eq(r.body, "{\"success\":true,\"data\":[\"a/b\",\"x y\",\"\"]}");
                ck_assert_ptr_null(reply_header(&r, "Connection"));
        }
        rawhttp_send(fd, "GET /p/a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        ck_assert_str_eq(reply_header(&r, "Connection"), "close");
        expect_end(fd);
}
END_TEST

START_TEST(pipelined_requests_wait)
{
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "GET /later HTTP/1.1\r\n" HOST "\r\n"
                         "POST /body HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc\r\n"
                         "GET /p/last HTTP/1.1\r\n" HOST "\r\n");
        rawhttp_read(fd, &r);
        ck_assert_str_eq(r.body, "{\"success\":true,\"data\":\"later\"}");
        rawhttp_read(fd, &r);
        ck_assert_ptr_nonnull(strstr(r.body, "\"memory\":3"));
        rawhttp_read(fd, &r);
        ck_assert_ptr_nonnull(strstr(r.body, "last"));
        close(fd);
}
END_TEST

START_TEST(a_thousand_pipelined_requests)
{
        int fd = rawhttp_connect(port);
        for (int i = 0; i < 1000; i++)
                ck_assert(rawhttp_send(fd, "GET /p/a HTTP/1.1\r\n" HOST "\r\n"));
        for (int i = 0; i < 1000; i++)
                ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        close(fd);
}
END_TEST

START_TEST(bytes_may_come_one_by_one)
{
        static const char text[] =
                "POST /body?x=1 HTTP/1.1\r\n" HOST JSON_TYPE "Transfer-Encoding: chunked\r\n\r\n"
                "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n";
        int fd = rawhttp_connect(port);
        for (size_t i = 0; i < sizeof(text) - 1; i++) {
                rawhttp_sendn(fd, text + i, 1);
                usleep(300);
        }
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        ck_assert_ptr_nonnull(strstr(r.body, "\"memory\":5"));
        rawhttp_send(fd, "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        close(fd);
}
END_TEST

START_TEST(http_1_0_is_spoken)
{
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "GET /p/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        ck_assert_str_eq(reply_header(&r, "Connection"), "keep-alive");
        rawhttp_send(fd, "GET /p/a HTTP/1.0\r\n\r\n");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        ck_assert_str_eq(reply_header(&r, "Connection"), "close");
        expect_end(fd);
}
END_TEST

START_TEST(head_is_get_without_the_body)
{
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "HEAD /p/a HTTP/1.1\r\n" HOST "\r\nGET /p/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read_head(fd, &r), 200);
        ck_assert_str_eq(reply_header(&r, "Content-Length"), "35");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        ck_assert_uint_eq(r.body_len, 35);
        close(fd);
}
END_TEST

START_TEST(the_request_id_is_taken_or_made)
{
        rawhttp_once(port, "GET /p/a HTTP/1.1\r\n" HOST "x-request-id: Mine-1.2_3  \r\n\r\n", &r);
        ck_assert_str_eq(reply_header(&r, "X-Request-Id"), "Mine-1.2_3");
        rawhttp_once(port, "GET /p/a HTTP/1.1\r\n" HOST "X-Request-Id: no spaces\r\n\r\n", &r);
        ck_assert_ptr_null(strstr(reply_header(&r, "X-Request-Id"), "spaces"));
        ck_assert_uint_gt(strlen(reply_header(&r, "X-Request-Id")), 10);
}
END_TEST

START_TEST(a_client_may_close_its_half)
{
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "GET /later HTTP/1.1\r\n" HOST "\r\nGET /p/2 HTTP/1.1\r\n" HOST "\r\n");
        shutdown(fd, SHUT_WR);
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        expect_end(fd);
}
END_TEST

START_TEST(the_absolute_form_is_understood)
{
        rawhttp_once(port, "GET http://x.example/p/abs?q=1 HTTP/1.1\r\n" HOST "\r\n", &r);
        ck_assert_str_eq(r.body, "{\"success\":true,\"data\":[\"abs\",\"1\",\"\"]}");
        rawhttp_once(port, "GET http://x.example?q=1 HTTP/1.1\r\n" HOST "\r\n", &r);
        expect_problem(404, "not_found");
}
END_TEST

START_TEST(an_upgrade_is_ignored)
{
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "GET /p/a HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\n"
                         "Upgrade: h2c\r\n\r\nGET /p/b HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        close(fd);
}
END_TEST

START_TEST(a_large_answer_arrives_whole)
{
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "GET /big HTTP/1.1\r\n" HOST "\r\nGET /p/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        ck_assert_uint_eq(r.body_len, BIG_BYTES);
        ck_assert_int_eq(r.body[BIG_BYTES - 1], 'b');
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        close(fd);
}
END_TEST

/* ---- bodies ---- */

static const char wave_head[] = "POST /wave HTTP/1.1\r\n" HOST BEARER JSON_TYPE;

static void expect_body(size_t memory, size_t file, const void *data, size_t len)
{
        unsigned char hash[HASH_BYTES];
        char hex[HASH_HEX_SIZE];
        hash_sha256(data, len, hash);
        hash_hex(hash, HASH_BYTES, hex);
        autofree char *want = xasprintf("{\"memory\":%zu,\"file\":%zu,\"start\":1,\"hash\":\"%s\"",
                                        memory, file, hex);
        ck_assert_int_eq(r.status, 200);
        ck_assert_msg(strstr(r.body, want) != NULL, "%s\n%s", want, r.body);
}

START_TEST(a_body_up_to_one_mib_stays_in_memory)
{
        autofree char *data = letters(1048576);
        int fd = rawhttp_connect(port);
        autofree char *head = xasprintf("%sContent-Length: 1048576\r\n\r\n", wave_head);
        rawhttp_send(fd, head);
        rawhttp_sendn(fd, data, 1048576);
        rawhttp_read(fd, &r);
        expect_body(1048576, 0, data, 1048576);
        close(fd);
}
END_TEST

START_TEST(a_larger_one_goes_to_a_file)
{
        enum { LEN = 7000001 };
        autofree char *data = letters(LEN);
        int fd = rawhttp_connect(port);
        autofree char *head = xasprintf("%sContent-Length: %d\r\n\r\n", wave_head, LEN);
        rawhttp_send(fd, head);
        rawhttp_sendn(fd, data, LEN);
        rawhttp_read(fd, &r);
        expect_body(0, LEN, data, LEN);
        rawhttp_send(fd, "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        close(fd);
}
END_TEST

/* Chunks of one byte cost six on the wire; the file gets pieces. */
START_TEST(small_chunks_go_to_a_file_in_pieces)
{
        enum { LEN = 1200000 };
        autofree char *data = letters(LEN);
        autobuf text = BUF_INIT(16 << 20);
        buf_adds(&text, wave_head);
        buf_adds(&text, "Transfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < LEN; i++)
                buf_addf(&text, "1\r\n%c\r\n", data[i]);
        buf_adds(&text, "0\r\n\r\n");
        int fd = rawhttp_connect(port);
        rawhttp_sendn(fd, text.data, text.len);
        rawhttp_read(fd, &r);
        expect_body(0, LEN, data, LEN);
        close(fd);
}
END_TEST

START_TEST(a_spool_folder_that_is_not_there)
{
        opts.spool_dir = "/nonexistent/folder";
        restart();
        autofree char *data = letters(3000000);
        int fd = rawhttp_connect(port);
        autofree char *head = xasprintf("%sContent-Length: 3000000\r\n\r\n", wave_head);
        rawhttp_send(fd, head);
        rawhttp_sendn(fd, data, 3000000);
        rawhttp_read(fd, &r);
        expect_problem(503, "unavailable");
        expect_end(fd);
}
END_TEST

START_TEST(a_body_nobody_wants_is_ignored)
{
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "POST /none HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        ck_assert_ptr_nonnull(strstr(r.body, "\"memory\":0"));
        rawhttp_send(fd, "POST /none HTTP/1.1\r\n" HOST "Content-Length: 1025\r\n\r\n");
        rawhttp_read(fd, &r);
        expect_problem(413, "body_too_large");
        expect_end(fd);
}
END_TEST

/* ---- what is refused at the end of the headers ---- */

static const struct refusal {
        const char *text;
        int status;
        const char *code;
        const char *header, *value; /* NULL: not looked at */
} refusals[] = {
        {"GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 404, "not_found", NULL, NULL},
        {"GET /gone/by HTTP/1.1\r\n" HOST "\r\n", 404, "not_offered", NULL, NULL},
        {"DELETE /body HTTP/1.1\r\n" HOST "\r\n", 405, "method_not_allowed", "Allow", "POST, PUT"},
        {"POST /p/a HTTP/1.1\r\n" HOST "\r\n", 405, "method_not_allowed", "Allow", "GET, HEAD"},
        {"GET /viewer/a HTTP/1.1\r\n" HOST "\r\n", 401, "unauthorized", "WWW-Authenticate",
         "Bearer"},
        {"GET /viewer/a HTTP/1.1\r\n" HOST "Authorization: Bearer wf_x\r\n\r\n", 401,
         "unauthorized", "WWW-Authenticate", "Bearer error=\"invalid_token\""},
        {"GET /viewer/a HTTP/1.1\r\n" HOST "Authorization: Basic Ojo=\r\n\r\n", 401, "unauthorized",
         "WWW-Authenticate", "Bearer"},
        {"POST /wave HTTP/1.1\r\n" HOST "Content-Length: 9999999\r\n\r\n", 401, "unauthorized",
         "Connection", "close"},
        {"POST /json HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n",
         415, "unsupported_media_type", NULL, NULL},
        {"POST /json HTTP/1.1\r\n" HOST JSON_TYPE
         "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n",
         415, "unsupported_media_type", NULL, NULL},
        {"POST /json HTTP/1.1\r\n" HOST "Content-Length: 1048577\r\n\r\n", 413, "body_too_large",
         "Connection", "close"},
        {"POST /wave HTTP/1.1\r\n" HOST BEARER "Content-Length: 16000001\r\n\r\n", 413,
         "body_too_large", NULL, NULL},
        {"POST /json HTTP/1.1\r\n" HOST "Expect: a-miracle\r\nContent-Length: 2\r\n\r\n", 417,
         "expectation_failed", NULL, NULL},
        {"POST /json HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
         400, "bad_request", "Connection", "close"},
        {"POST /json HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
         400, "bad_request", "Connection", "close"},
        {"POST /json HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400,
         "bad_request", NULL, NULL},
        {"POST /json HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n", 400, "bad_request", NULL,
         NULL},
        {"POST /json HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\n", 400, "bad_request", NULL,
         NULL},
        {"POST /json HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 400,
         "bad_request", NULL, NULL},
        {"POST /json HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501, "not_implemented",
         NULL, NULL},
        {"POST /json HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501,
         "not_implemented", NULL, NULL},
        {"POST /json HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "bad_request", NULL,
         NULL},
        {"POST /json HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
         "bad_request", NULL, NULL},
        {"hello there\r\n\r\n", 400, "bad_request", "Connection", "close"},
        {"\x16\x03\x01\x02", 400, "bad_request", NULL, NULL},
        {"GET /a b HTTP/1.1\r\n\r\n", 400, "bad_request", NULL, NULL},
        {"GET / HTTP/2.0\r\n" HOST "\r\n", 505, "http_version", NULL, NULL},
        {"GET / HTTP/1.2\r\n" HOST "\r\n", 505, "http_version", NULL, NULL},
        {"GET /\r\n\r\n", 505, "http_version", NULL, NULL},
        {"GET / HTTP/1.1\r\n\r\n", 400, "bad_request", NULL, NULL},
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, "bad_request", NULL, NULL},
        {"GET / HTTP/1.1\r\n" HOST "A b: c\r\n\r\n", 400, "bad_request", NULL, NULL},
        {"GET / HTTP/1.1\r\n" HOST "A : c\r\n\r\n", 400, "bad_request", NULL, NULL},
        {"GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", 400, "bad_request", NULL, NULL},
        {"GET / HTTP/1.1\r\n" HOST "A: \001b\r\n\r\n", 400, "bad_request", NULL, NULL},
        {"GET / HTTP/1.1\r\n" HOST "nocolon\r\n\r\n", 400, "bad_request", NULL, NULL},
        {"GET /p/%zz HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request", NULL, NULL},
        {"GET /p/%00 HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request", NULL, NULL},
        {"GET /p/a?q=%ff HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request", NULL, NULL},
        {"POST /json HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n{\"a\":", 400, "malformed_json",
         NULL, NULL},
};

START_TEST(refused)
{
        const struct refusal *f = &refusals[_i];
        rawhttp_once(port, f->text, &r);
        expect_problem(f->status, f->code);
        if (f->header) {
                const char *value = reply_header(&r, f->header);
                ck_assert_msg(value && strcmp(value, f->value) == 0, "%s: %s", f->header,
                              value ? value : "not there");
        }
}
END_TEST

START_TEST(a_refusal_without_a_body_keeps_the_connection)
{
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "GET /viewer/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(fd, &r), 401);
        rawhttp_send(fd, "GET /viewer/a HTTP/1.1\r\n" HOST BEARER "\r\n");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        ck_assert_ptr_nonnull(strstr(r.body, "bootstrap"));
        close(fd);
}
END_TEST

/* The client sends all of its body before it looks: it must find the answer, not a reset. */
START_TEST(a_refusal_is_read_by_who_sends_first)
{
        enum { LEN = 30000000 };
        autofree char *data = letters(LEN);
        autofree char *head =
                xasprintf("POST /wave HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n", LEN);
        int fd = rawhttp_connect(port);
        ck_assert(rawhttp_send(fd, head));
        ck_assert(rawhttp_sendn(fd, data, LEN));
        rawhttp_read(fd, &r);
        expect_problem(401, "unauthorized");
        expect_end(fd);
}
END_TEST

START_TEST(a_chunked_body_over_the_limit)
{
        autofree char *data = letters(65536);
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 17; i++) {
                rawhttp_send(fd, "10000\r\n");
                rawhttp_sendn(fd, data, 65536);
                rawhttp_send(fd, "\r\n");
        }
        rawhttp_read(fd, &r);
        expect_problem(413, "body_too_large");
        expect_end(fd);
}
END_TEST

START_TEST(expectations_are_answered_after_the_checks)
{
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "POST /body HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                         "Content-Length: 3\r\n\r\n");
        ck_assert_int_eq(rawhttp_read_head(fd, &r), 100);
        rawhttp_send(fd, "abc");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        rawhttp_send(fd, "POST /wave HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                         "Content-Length: 3\r\n\r\n");
        rawhttp_read(fd, &r);
        expect_problem(401, "unauthorized");
        expect_end(fd);
}
END_TEST

static void expect_too_much(const char *begin, const char *more, int times, int status,
                            const char *code)
{
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, begin);
        for (int i = 0; i < times; i++)
                rawhttp_send(fd, more);
        rawhttp_read(fd, &r);
        expect_problem(status, code);
        expect_end(fd);
}

START_TEST(heads_over_the_limits)
{
        expect_too_much("GET / HTTP/1.1\r\n" HOST "X: ", "xxxxxxxxxxxxxxxx", 2000, 431,
                        "headers_too_large");
        expect_too_much("GET / HTTP/1.1\r\n" HOST, "X: y\r\n", 150, 431, "headers_too_large");
        expect_too_much("GET /", "xxxxxxxxxxxxxxxx", 1000, 414, "uri_too_long");
        opts.header_max = 1024;
        restart();
        expect_too_much("GET /", "xxxxxxxxxxxxxxxx", 100, 414, "uri_too_long");
}
END_TEST

int main(void)
{
        const struct rig_case cases[] = {
                {"manners",
                 {a_connection_is_kept, pipelined_requests_wait, a_thousand_pipelined_requests,
                  bytes_may_come_one_by_one, http_1_0_is_spoken, head_is_get_without_the_body,
                  the_request_id_is_taken_or_made, a_client_may_close_its_half,
                  the_absolute_form_is_understood, an_upgrade_is_ignored,
                  a_large_answer_arrives_whole}},
                {"bodies",
                 {a_body_up_to_one_mib_stays_in_memory, a_larger_one_goes_to_a_file,
                  small_chunks_go_to_a_file_in_pieces, a_spool_folder_that_is_not_there,
                  a_body_nobody_wants_is_ignored}},
                {"refusals",
                 {a_refusal_without_a_body_keeps_the_connection,
                  a_refusal_is_read_by_who_sends_first, a_chunked_body_over_the_limit,
                  expectations_are_answered_after_the_checks, heads_over_the_limits}},
        };
        Suite *s = rig_suite("api_server", cases, COUNT_OF(cases));
        TCase *t = tcase_create("refusals one by one");
        tcase_add_checked_fixture(t, set_up, stop);
        tcase_add_loop_test(t, refused, 0, COUNT_OF(refusals));
        suite_add_tcase(s, t);
        return rig_run(s);
}
