/*
 * The server over real sockets, with handlers of its own: each test forks a server with the options
 * it wants, talks to it, and ends it with SIGTERM; a server that does not end with code 0 (a
 * sanitizer's complaint, a leak, an assert) fails the test.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/server.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "tests/harness/harness.h"
#include "tests/harness/rawhttp.h"

#define TOKEN "bootstrap-token-of-the-test"
#define HOST "Host: test\r\n"
#define BEARER "Authorization: Bearer " TOKEN "\r\n"
#define JSON_TYPE "Content-Type: application/json\r\n"

enum { BIG_BYTES = 20000000, LATER_MS = 300 };

/* ---- the server's side ---- */

static struct loop *loop;
static char *big;

static void echo_params(struct request *rq)
{
        const char *q = request_query(rq, "q");
        char *data = arena_printf(request_arena(rq), "[\"%s\",\"%s\",\"%s\"]",
                                  request_param(rq, "name"), q ? q : "", request_principal(rq));
        respond_data(rq, 200, data, -1, NULL);
}

static void echo_body(struct request *rq)
{
        size_t len;
        const char *body = request_body(rq, &len);
        char hash[HASH_HEX_SIZE];
        hash_hex(request_body_hash(rq), HASH_BYTES, hash);
        int fd = request_spool(rq);
        struct stat st = {0};
        if (fd >= 0)
                fstat(fd, &st);
        bool at_start = fd < 0 || lseek(fd, 0, SEEK_CUR) == 0;
        char *data = arena_printf(request_arena(rq),
                                  "{\"memory\":%zu,\"file\":%lld,\"start\":%d,\"hash\":\"%s\","
                                  "\"first\":\"%.1s\"}",
                                  len, (long long)st.st_size, at_start, hash, body);
        respond_data(rq, 200, data, -1, NULL);
}

static void take_json(struct request *rq)
{
        if (request_json(rq))
                respond_data(rq, 201, "true", -1, NULL);
}

static void show_big(struct request *rq)
{
        respond_text(rq, 200, "text/plain", big, BIG_BYTES);
}

struct later {
        struct request *rq;
        struct loop_timer *timer;
};

static void on_later(void *arg)
{
        struct later *l = arg;
        respond_data(l->rq, 200, "\"later\"", -1, NULL);
        loop_timer_free(l->timer);
        free(l);
}

static void answer_later(struct request *rq)
{
        struct later *l = xmalloc(sizeof(*l));
        l->rq = rq;
        l->timer = loop_timer_new(loop, on_later, l);
        loop_timer_start(l->timer, LATER_MS);
}

static const struct route table[] = {
        {"GET", "/p/:name", ROLE_OPEN, BODY_NONE, echo_params},
        {"GET", "/viewer/:name", ROLE_VIEWER, BODY_NONE, echo_params},
        {"POST", "/json", ROLE_OPEN, BODY_JSON, take_json},
        {"POST", "/body", ROLE_OPEN, BODY_JSON, echo_body},
        {"PUT", "/body", ROLE_OPEN, BODY_ANY, echo_body},
        {"POST", "/wave", ROLE_OPERATOR, BODY_WAVE, echo_body},
        {"POST", "/none", ROLE_OPEN, BODY_NONE, echo_body},
        {"GET", "/big", ROLE_OPEN, BODY_NONE, show_big},
        {"GET", "/later", ROLE_OPEN, BODY_NONE, answer_later},
        {"*", "/gone*", ROLE_OPEN, BODY_NONE, NULL},
};

static struct server_opts opts; /* a test changes them before it starts the server */
static rlim_t descriptors;      /* 0: as they are */
static pid_t child;
static int port;
static struct reply r;

static void on_stopped(void *arg)
{
        (void)arg;
        loop_stop(loop);
}

static void on_term(int signo, void *arg)
{
        (void)signo;
        server_stop(arg, on_stopped, NULL);
}

__attribute__((noreturn)) static void serve(int out)
{
        struct err e = ERR_INIT;
        log_set_fd(open("/dev/null", O_WRONLY));
        sigaction(SIGTERM, &(struct sigaction){.sa_handler = SIG_IGN}, NULL); /* not libcheck's */
        if (descriptors)
                setrlimit(RLIMIT_NOFILE, &(struct rlimit){descriptors, descriptors});
        loop = loop_new();
        big = xmalloc(BIG_BYTES);
        memset(big, 'b', BIG_BYTES);
        struct auth *auth = auth_new(TOKEN, NULL);
        opts.auth = auth;
        struct server *s = server_new(loop, &opts, &e);
        if (!s) {
                fprintf(stderr, "%s\n", e.text);
                exit(3);
        }
        loop_signal(loop, SIGTERM, on_term, s);
        dprintf(out, "%s\n", strrchr(server_address(s), ':') + 1);
        close(out);
        loop_run(loop);
        server_free(s);
        auth_free(auth);
        loop_free(loop);
        free(big);
        exit(0);
}

static void set_options(void)
{
        opts = (struct server_opts){
                .listen = "127.0.0.1:0",
                .gate = {.routes = table,
                         .routes_count = COUNT_OF(table),
                         .body_max = 1048576,
                         .wave_body_max = 16000000},
                .header_max = 16384,
                .header_timeout_ms = 10000,
                .body_timeout_ms = 10000,
                .idle_timeout_ms = 10000,
                .connections_max = 4096,
                .connections_per_address_max = 4096,
                .spool_dir = "/tmp",
        };
        descriptors = 0;
}

static void start(void)
{
        int ends[2];
        char text[16] = "";
        ck_assert_int_eq(pipe(ends), 0);
        fflush(NULL);
        child = fork();
        if (child == 0) {
                close(ends[0]);
                serve(ends[1]);
        }
        close(ends[1]);
        ck_assert_int_gt(read(ends[0], text, sizeof(text) - 1), 0);
        close(ends[0]);
        port = (int)strtol(text, NULL, 10);
}

static void stop(void)
{
        int status = -1;
        reply_free(&r);
        kill(child, SIGTERM);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the server ended with %x",
                      (unsigned)status);
}

static void set_up(void)
{
        rand_init();
        set_options();
        start();
}

/* With other options than those of set_options(). */
static void restart(void)
{
        stop();
        start();
}

static void expect_problem(int status, const char *code)
{
        ck_assert_msg(r.status == status, "%d instead of %d: %s", r.status, status,
                      r.body ? r.body : "no body");
        ck_assert_str_eq(reply_header(&r, "Content-Type"), "application/problem+json");
        struct err e = ERR_INIT;
        struct json *v = json_parse(r.body, r.body_len, &e);
        ck_assert_msg(v != NULL, "%s", e.text);
        ck_assert_str_eq(json_str(json_get(v, "code")), code);
        ck_assert(json_get(v, "request_id") != NULL);
        json_free(v);
}

static void expect_end(int fd)
{
        ck_assert_msg(rawhttp_ends(fd, 4000), "the connection was not ended in an orderly way");
        close(fd);
}

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

static char *letters(size_t len)
{
        char *data = xmalloc(len);
        for (size_t i = 0; i < len; i++)
                data[i] = (char)('a' + i * i % 26);
        return data;
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

/* ---- slow clients ---- */

static void expect_cut_off(const char *begin, const char *dribble, int status)
{
        int fd = rawhttp_connect(port);
        int64_t begun = clock_mono_ms();
        rawhttp_send(fd, begin);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        while (poll(&p, 1, 50) == 0 && clock_mono_ms() - begun < 5000)
                rawhttp_send(fd, dribble);
        int64_t took = clock_mono_ms() - begun;
        ck_assert_msg(took >= 350 && took < 2000, "cut off after %d ms", (int)took);
        if (status) {
                rawhttp_read(fd, &r);
                expect_problem(status, "request_timeout");
        }
        expect_end(fd);
}

START_TEST(slow_heads_are_cut_off)
{
        opts.header_timeout_ms = 400;
        restart();
        expect_cut_off("GET /p/a HT", "", 408);
        expect_cut_off("GET /p/a", "b", 408);
        expect_cut_off("GET /p/a HTTP/1.1\r\n" HOST, "X: y\r\n", 408);
        expect_cut_off("", "", 0);
        expect_cut_off("", "\r\n", 0);
}
END_TEST

START_TEST(slow_bodies_are_cut_off)
{
        opts.body_timeout_ms = 400;
        restart();
        expect_cut_off("POST /body HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n", "", 408);
        expect_cut_off("POST /body HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n", "x", 408);
        expect_cut_off("POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
                       "1\r\nx\r\n", 408);
}
END_TEST

START_TEST(a_second_more_for_every_64_kib)
{
        opts.body_timeout_ms = 400;
        restart();
        autofree char *data = letters(70000);
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 70001\r\n\r\n");
        rawhttp_sendn(fd, data, 70000);
        usleep(800000);
        rawhttp_send(fd, "x");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        close(fd);
}
END_TEST

START_TEST(idle_connections_end)
{
        opts.idle_timeout_ms = 400;
        restart();
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        int64_t begun = clock_mono_ms();
        expect_end(fd);
        int64_t took = clock_mono_ms() - begun;
        ck_assert_msg(took >= 350 && took < 2000, "ended after %d ms", (int)took);
}
END_TEST

/* Processor time of the server so far. */
static long used_ms(void)
{
        char path[64], text[1024] = "";
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
        int fd = open(path, O_RDONLY);
        ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
        close(fd);
        long user = 0, system = 0;
        sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user,
               &system);
        return (user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

START_TEST(who_does_not_read_is_cut_off)
{
        opts.body_timeout_ms = 400;
        restart();
        int fd = rawhttp_connect(port), small = 100000;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        rawhttp_send(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
        usleep(1200000);
        ck_assert_int_eq(rawhttp_read(fd, &r), 0); /* not whole */
        close(fd);
}
END_TEST

/* 20 MB at 1 MB in 100 ms: over the time-out, but never slow. */
START_TEST(who_reads_steadily_gets_all)
{
        opts.body_timeout_ms = 400;
        restart();
        int fd = rawhttp_connect(port), small = 100000;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        rawhttp_send(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read_head(fd, &r), 200);
        autofree char *data = xmalloc(1000000);
        size_t total = 0;
        for (ssize_t n = 1; n > 0 && total<BIG_BYTES; total += n> 0 ? (size_t)n : 0) {
                n = recv(fd, data, 1000000, MSG_WAITALL);
                usleep(100000);
        }
        ck_assert_uint_eq(total, BIG_BYTES);
        close(fd);
}
END_TEST

/* ---- many clients ---- */

START_TEST(too_many_connections)
{
        opts.connections_max = 3;
        restart();
        int fds[3];
        for (int i = 0; i < 3; i++) {
                fds[i] = rawhttp_connect(port);
                rawhttp_send(fds[i], "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
                ck_assert_int_eq(rawhttp_read(fds[i], &r), 200);
        }
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
        rawhttp_read(fd, &r);
        expect_problem(503, "unavailable");
        ck_assert_str_eq(reply_header(&r, "Retry-After"), "1");
        expect_end(fd);
        close(fds[0]);
        usleep(100000);
        ck_assert_int_eq(rawhttp_once(port, "GET /p/a HTTP/1.1\r\n" HOST "\r\n", &r), 200);
        close(fds[1]);
        close(fds[2]);
}
END_TEST

START_TEST(too_many_from_one_address)
{
        opts.connections_per_address_max = 2;
        restart();
        int one = rawhttp_connect(port), two = rawhttp_connect(port), three = rawhttp_connect(port);
        rawhttp_read(three, &r);
        expect_problem(429, "too_many_requests");
        expect_end(three);
        rawhttp_send(two, "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(two, &r), 200);
        close(one);
        close(two);
}
END_TEST

/* Whoever comes when there are no descriptors left is told, or waits; nothing spins. */
START_TEST(out_of_descriptors)
{
        enum { MANY = 60 };
        descriptors = 30;
        restart();
        int fds[MANY];
        for (int i = 0; i < MANY; i++)
                fds[i] = rawhttp_connect(port);
        usleep(300000);
        long before = used_ms();
        usleep(1000000);
        ck_assert_int_lt(used_ms() - before, 300);
        rawhttp_send(fds[0], "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(fds[0], &r), 200);
        int told = 0;
        for (int i = 1; i < MANY; i++) {
                struct pollfd p = {.fd = fds[i], .events = POLLIN};
                if (poll(&p, 1, 0) == 1 && rawhttp_read(fds[i], &r) == 503)
                        told++;
        }
        ck_assert_int_ge(told, 1);
        for (int i = 0; i < MANY; i++)
                close(fds[i]);
        usleep(500000);
        ck_assert_int_eq(rawhttp_once(port, "GET /p/a HTTP/1.1\r\n" HOST "\r\n", &r), 200);
}
END_TEST

/* ---- ends ---- */

START_TEST(clients_that_leave)
{
        static const char *const begins[] = {
                "",
                "GET",
                "GET /p/a HTTP/1.1\r\n",
                "GET /later HTTP/1.1\r\n" HOST "\r\n",
                "GET /big HTTP/1.1\r\n" HOST "\r\n",
                "POST /body HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nabc",
                "GET /later HTTP/1.1\r\n" HOST "\r\nGET /later HTTP/1.1\r\n" HOST "\r\n"};
        for (size_t i = 0; i < COUNT_OF(begins); i++) {
                for (int reset = 0; reset < 2; reset++) {
                        int fd = rawhttp_connect(port);
                        struct linger at_once = {.l_onoff = 1};
                        rawhttp_send(fd, begins[i]);
                        usleep(20000);
                        if (reset)
                                setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
                        close(fd);
                }
        }
        usleep(2 * LATER_MS * 1000);
        ck_assert_int_eq(rawhttp_once(port, "GET /p/a HTTP/1.1\r\n" HOST "\r\n", &r), 200);
}
END_TEST

START_TEST(stopping_finishes_what_has_begun)
{
        int idle = rawhttp_connect(port), busy = rawhttp_connect(port),
            slow = rawhttp_connect(port);
        rawhttp_send(idle, "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(idle, &r), 200);
        rawhttp_send(busy, "GET /later HTTP/1.1\r\n" HOST "\r\n");
        rawhttp_send(slow, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na");
        usleep(50000);
        kill(child, SIGTERM);
        usleep(20000);
        ck_assert_int_eq(rawhttp_connect(port), -1);
        rawhttp_send(slow, "bc");
        ck_assert_int_eq(rawhttp_read(slow, &r), 200);
        ck_assert_str_eq(reply_header(&r, "Connection"), "close");
        ck_assert_int_eq(rawhttp_read(busy, &r), 200);
        ck_assert_str_eq(reply_header(&r, "Connection"), "close");
        expect_end(busy);
        expect_end(slow);
        expect_end(idle);
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("api_server");
        const struct {
                const char *name;
                const TTest *tests[16];
        } cases[] = {
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
                {"slow",
                 {slow_heads_are_cut_off, slow_bodies_are_cut_off, a_second_more_for_every_64_kib,
                  idle_connections_end, who_does_not_read_is_cut_off, who_reads_steadily_gets_all}},
                {"many", {too_many_connections, too_many_from_one_address, out_of_descriptors}},
                {"ends", {clients_that_leave, stopping_finishes_what_has_begun}},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                TCase *t = tcase_create(cases[i].name);
                tcase_add_checked_fixture(t, set_up, stop);
                tcase_set_timeout(t, 60);
                for (size_t k = 0; cases[i].tests[k]; k++)
                        tcase_add_test(t, cases[i].tests[k]);
                if (strcmp(cases[i].name, "refusals") == 0)
                        tcase_add_loop_test(t, refused, 0, COUNT_OF(refusals));
                suite_add_tcase(s, t);
        }
        return s;
}

int main(void)
{
        SRunner *sr = srunner_create(suite());
        srunner_run_all(sr, CK_ENV);
        int failed = srunner_ntests_failed(sr);
        srunner_free(sr);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
