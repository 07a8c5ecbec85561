/*
 * api_rig.h - what the tests of the server share: a server with handlers of its own, forked by each
 * test with the options it wants and ended with SIGTERM. A server that does not end with code 0 (a
 * sanitizer's complaint, a leak, an assert) fails the test.
 */
#ifndef TESTS_API_RIG_H
#define TESTS_API_RIG_H

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/http/server.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "tests/harness/rawhttp.h"

#define TOKEN "bootstrap-token-of-the-test"
#define HOST "Host: test\r\n"
#define BEARER "Authorization: Bearer " TOKEN "\r\n"
#define JSON_TYPE "Content-Type: application/json\r\n"

enum { BIG_BYTES = 20000000, LATER_MS = 300, MUCH_LATER_MS = 3000 };

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

static void answer_after(struct request *rq, int64_t ms)
{
        struct later *l = xmalloc(sizeof(*l));
        l->rq = rq;
        l->timer = loop_timer_new(loop, on_later, l);
        loop_timer_start(l->timer, ms);
}

static void answer_later(struct request *rq)
{
        answer_after(rq, LATER_MS);
}

static void answer_much_later(struct request *rq)
{
        answer_after(rq, MUCH_LATER_MS);
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
        {"GET", "/much-later", ROLE_OPEN, BODY_NONE, answer_much_later},
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
        struct auth *auth = auth_new(TOKEN, 60000, NULL);
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

static inline void set_options(void)
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

static inline void start(void)
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

static inline void stop(void)
{
        int status = -1;
        reply_free(&r);
        kill(child, SIGTERM);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the server ended with %x",
                      (unsigned)status);
}

static inline void set_up(void)
{
        rand_init();
        set_options();
        start();
}

/* With other options than those of set_options(). */
static inline void restart(void)
{
        stop();
        start();
}

static inline void expect_problem(int status, const char *code)
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

static inline void expect_end(int fd)
{
        ck_assert_msg(rawhttp_ends(fd, 4000), "the connection was not ended in an orderly way");
        close(fd);
}

static inline char *letters(size_t len)
{
        char *data = xmalloc(len);
        for (size_t i = 0; i < len; i++)
                data[i] = (char)('a' + i * i % 26);
        return data;
}

struct rig_case {
        const char *name;
        const TTest *tests[16]; /* ends with NULL */
};

static inline Suite *rig_suite(const char *name, const struct rig_case *cases, size_t count)
{
        Suite *s = suite_create(name);
        for (size_t i = 0; i < count; i++) {
                TCase *t = tcase_create(cases[i].name);
                tcase_add_checked_fixture(t, set_up, stop);
                tcase_set_timeout(t, 60);
                for (size_t k = 0; cases[i].tests[k]; k++)
                        tcase_add_test(t, cases[i].tests[k]);
                suite_add_tcase(s, t);
        }
        return s;
}

static inline int rig_run(Suite *s)
{
        SRunner *sr = srunner_create(s);
        srunner_run_all(sr, CK_ENV);
        int failed = srunner_ntests_failed(sr);
        srunner_free(sr);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
