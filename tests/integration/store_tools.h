/* store_tools.h - what the tests of the store share: one loop, answers that are noted, SQL at once. */
#ifndef TESTS_STORE_TOOLS_H
#define TESTS_STORE_TOOLS_H

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/pg.h"
#include "store/pg_sync.h"
#include "store/pg_tx.h"
#include "tests/harness/harness.h"

/* One answer, as it came. */
struct answer {
        unsigned calls;
        enum err_code code; /* ERR_OK: done */
        char text[ERR_TEXT_MAX];
        char sqlstate[6];
        int rows;
        char first[256]; /* the first column of the last statement's first row; "NULL" */
};

static inline void on_answer(const struct pg_result *r, const struct err *e, void *arg)
{
        struct answer *a = arg;
        ck_assert((r == NULL) != (e == NULL));
        a->calls++;
        a->code = e ? e->code : ERR_OK;
        snprintf(a->text, sizeof(a->text), "%s", e ? e->text : "");
        snprintf(a->sqlstate, sizeof(a->sqlstate), "%s", pg_last_sqlstate());
        a->rows = 0;
        a->first[0] = '\0';
        if (r && r->count) {
                size_t last = r->count - 1;
                a->rows = pg_rows(r, last);
                const char *first = a->rows ? pg_text(r, last, 0, 0) : "";
                snprintf(a->first, sizeof(a->first), "%s", first ? first : "NULL");
        }
}

static inline struct pg_opts test_opts(void)
{
        return (struct pg_opts){.url = harness_stack_up()->database_url,
                                .name = "test-store",
                                .connect_timeout_ms = 3000,
                                .query_timeout_ms = 10000};
}

/* Turns the loop until *counter is at least `wanted`. */
static inline bool turn_until(struct loop *l, const volatile unsigned *counter, unsigned wanted,
                              int64_t limit_ms)
{
        int64_t end_ms = clock_mono_ms() + limit_ms;
        while (*counter < wanted && clock_mono_ms() < end_ms)
                loop_turn(l, 20);
        return *counter >= wanted;
}

static inline bool turn_until_up(struct loop *l, const struct pg *pg, int64_t limit_ms)
{
        int64_t end_ms = clock_mono_ms() + limit_ms;
        while (!pg_up(pg) && clock_mono_ms() < end_ms)
                loop_turn(l, 20);
        return pg_up(pg);
}

static inline struct pg_tx *one(const char *name, const char *text)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, name, text);
        return tx;
}

/* Runs SQL on a connection of its own; for what a test prepares and looks up. */
static inline void sql(const char *text)
{
        struct err e = ERR_INIT;
        const struct pg_opts opts = test_opts();
        struct pg_sync *c = pg_sync_open(&opts, &e);
        ck_assert_msg(c != NULL, "%s", e.text);
        ck_assert_msg(pg_sync_script(c, text, &e) == 0, "%s: %s", text, e.text);
        pg_sync_close(c);
}

static inline void on_number(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)e;
        *(int64_t *)arg = pg_int(r, 0, 0, 0);
}

static inline int64_t sql_int(const char *text)
{
        struct err e = ERR_INIT;
        int64_t v = -1;
        const struct pg_opts opts = test_opts();
        struct pg_sync *c = pg_sync_open(&opts, &e);
        ck_assert_msg(c != NULL, "%s", e.text);
        ck_assert_msg(pg_sync_run(c, one("q", text), on_number, &v, &e) == 0, "%s", e.text);
        pg_sync_close(c);
        return v;
}

/* All of main(): the exit status. */
static inline int run_suite(Suite *(*suite)(void))
{
        rand_init();
        harness_stack_up();
        SRunner *sr = srunner_create(suite());
        srunner_run_all(sr, CK_ENV);
        int failed = srunner_ntests_failed(sr);
        srunner_free(sr);
        return failed ? 1 : 0;
}

/* A socket that takes connections and never says a word. */
static inline int silent_port(unsigned *port)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        ck_assert_int_eq(listen(fd, 8), 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
        *port = ntohs(a.sin_port);
        return fd;
}

#endif
