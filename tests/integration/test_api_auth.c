/* Tokens against a real PostgreSQL: made, looked up, remembered, revoked. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/auth.h"
#include "api/token.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/pg_sync.h"
#include "store/schema.h"
#include "tests/harness/harness.h"

static const char bootstrap[] = "bootstrap-token-of-the-test";

static struct pg_opts pg_opts;
static struct loop *loop;
static struct pg_pool *pool;
static struct auth *auth;

/* ---- the database, without the loop ---- */

static struct pg_sync *open_database(void)
{
        struct err e = ERR_INIT;
        struct pg_sync *c = pg_sync_open(&pg_opts, &e);
        ck_assert_msg(c != NULL, "%s", e.text);
        return c;
}

static void take_rows(const struct pg_result *r, const struct err *e, void *arg)
{
        ck_assert_ptr_null(e);
        *(int *)arg = pg_rows(r, 0);
}

static int run(struct pg_tx *tx)
{
        struct err e = ERR_INIT;
        struct pg_sync *c = open_database();
        int rows = -1;
        ck_assert_msg(pg_sync_run(c, tx, take_rows, &rows, &e) == 0, "%s", e.text);
        pg_sync_close(c);
        return rows;
}

static void make_token(const char *name, const char *role, char token[TOKEN_SIZE])
{
        unsigned char hash[HASH_BYTES];
        struct pg_tx *tx = pg_tx_new();
        token_make(token, hash);
        pg_stmt(tx, SQL_TOKEN_CREATE);
        pg_arg_text(tx, name);
        pg_arg_text(tx, role);
        pg_arg_bytes(tx, hash, HASH_BYTES);
        ck_assert_int_eq(run(tx), 1);
}

static void revoke_token(const char *name)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_TOKEN_REVOKE);
        pg_arg_text(tx, name);
        ck_assert_int_eq(run(tx), 1);
}

/* ---- asking ---- */

struct question {
        struct auth_wait wait;
        int called; /* by auth */
        enum auth_verdict verdict;
        enum role role;
        char name[TOKEN_NAME_MAX + 1];
};

static void take_answer(const struct auth_answer *a, void *arg)
{
        struct question *q = arg;
        q->called++;
        q->verdict = a->verdict;
        q->role = a->role;
        if (a->verdict == AUTH_KNOWN)
                snprintf(q->name, sizeof(q->name), "%s", a->name);
        ck_assert((a->verdict == AUTH_AWAY) == (a->err != NULL));
}

/* True when the answer comes later. */
static bool ask(struct question *q, const char *authorization)
{
        struct auth_answer a;
        *q = (struct question){.wait = {.fn = take_answer, .arg = q}};
        list_init(&q->wait.link);
        auth_check(auth, authorization, &q->wait, &a);
        if (a.verdict == AUTH_LATER)
                return true;
        take_answer(&a, q);
        return false;
}

static void wait_for(const struct question *q)
{
        int64_t left_ms = 10000;
        for (; !q->called && left_ms > 0; left_ms -= 10)
                loop_turn(loop, 10);
        ck_assert_int_eq(q->called, 1);
}

/* Whether it had to be looked up. */
static bool ask_token(struct question *q, const char *token)
{
        autofree char *header = xasprintf("Bearer %s", token);
        bool later = ask(q, header);
        wait_for(q);
        return later;
}

static void open_auth(void)
{
        loop = loop_new();
        pool = pg_pool_new(loop, &pg_opts, 2, NULL, NULL);
        auth = auth_new(bootstrap, pool);
        for (int i = 0; i < 1000 && !pg_pool_up(pool); i++)
                loop_turn(loop, 10);
        ck_assert(pg_pool_up(pool));
}

static void close_auth(void)
{
        clock_release();
        pg_pool_free(pool);
        auth_free(auth);
        loop_free(loop);
}

START_TEST(a_token_is_looked_up_once)
{
        char token[TOKEN_SIZE];
        struct question q;
        make_token("looked up", "operator", token);
        ck_assert_uint_eq(strlen(token), TOKEN_SIZE - 1);
        ck_assert(ask_token(&q, token));
        ck_assert_int_eq(q.verdict, AUTH_KNOWN);
        ck_assert_int_eq(q.role, ROLE_OPERATOR);
        ck_assert_str_eq(q.name, "looked up");
        ck_assert(!ask_token(&q, token));
        ck_assert_int_eq(q.verdict, AUTH_KNOWN);
        ck_assert_str_eq(q.name, "looked up");
}
END_TEST

START_TEST(a_revoked_token_works_5_s_at_most)
{
        char token[TOKEN_SIZE];
        struct question q;
        make_token("revoked", "viewer", token);
        ask_token(&q, token);
        revoke_token("revoked");
        int64_t now = clock_mono_ms(), wall = clock_wall_ms();
        clock_drive(now + AUTH_GOOD_MS - 200, wall);
        ck_assert(!ask_token(&q, token));
        ck_assert_int_eq(q.verdict, AUTH_KNOWN);
        clock_drive(now + AUTH_GOOD_MS + 1, wall);
        ck_assert(ask_token(&q, token));
        ck_assert_int_eq(q.verdict, AUTH_WRONG);
}
END_TEST

START_TEST(that_there_is_none_is_remembered_for_a_second)
{
        char token[TOKEN_SIZE];
        unsigned char hash[HASH_BYTES];
        struct question q;
        token_make(token, hash);
        ck_assert(ask_token(&q, token));
        ck_assert_int_eq(q.verdict, AUTH_WRONG);
        ck_assert(!ask_token(&q, token));
        clock_drive(clock_mono_ms() + AUTH_BAD_MS + 1, clock_wall_ms());
        ck_assert(ask_token(&q, token));
        ck_assert_int_eq(q.verdict, AUTH_WRONG);
}
END_TEST

START_TEST(those_who_wait_share_the_answer)
{
        char token[TOKEN_SIZE];
        struct question q[3];
        make_token("shared", "admin", token);
        autofree char *header = xasprintf("bearer  %s", token);
        for (int i = 0; i < 3; i++)
                ck_assert(ask(&q[i], header));
        auth_cancel(&q[1].wait);
        wait_for(&q[0]);
        wait_for(&q[2]);
        ck_assert_int_eq(q[1].called, 0);
        ck_assert_int_eq(q[2].role, ROLE_ADMIN);
}
END_TEST

START_TEST(what_is_no_token_is_not_looked_up)
{
        static const struct {
                const char *header;
                enum auth_verdict verdict;
        } cases[] = {
                {NULL, AUTH_MISSING},
                {"", AUTH_MISSING},
                {"Bearer", AUTH_MISSING},
                {"Bearer ", AUTH_MISSING},
                {"Basic abc", AUTH_MISSING},
                {"Bearer abc", AUTH_WRONG},
                {"Bearer wf_abc", AUTH_WRONG},
                {"Bearer wf_0123456789012345678901234567890123456789012'", AUTH_WRONG},
                {"Bearer bootstrap-token-of-the-tesT", AUTH_WRONG},
                {"Bearer bootstrap-token-of-the-test ", AUTH_WRONG},
                {"Bearer bootstrap-token-of-the-test", AUTH_KNOWN},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct question q;
                ck_assert(!ask(&q, cases[i].header));
                ck_assert_msg(q.verdict == cases[i].verdict, "%s", cases[i].header);
        }
}
END_TEST

/* More than are remembered, all strangers. */
START_TEST(the_memory_is_bounded)
{
        enum { AT_ONCE = 100 };
        static struct question q[AT_ONCE];
        for (int round = 0; round < AUTH_REMEMBERED_MAX / AT_ONCE + 5; round++) {
                for (int i = 0; i < AT_ONCE; i++) {
                        char token[TOKEN_SIZE];
                        unsigned char hash[HASH_BYTES];
                        token_make(token, hash);
                        autofree char *header = xasprintf("Bearer %s", token);
                        ck_assert(ask(&q[i], header));
                }
                for (int i = 0; i < AT_ONCE; i++) {
                        wait_for(&q[i]);
                        ck_assert_int_eq(q[i].verdict, AUTH_WRONG);
                }
        }
}
END_TEST

START_TEST(without_postgres_only_the_bootstrap_token_works)
{
        struct pg_opts nowhere = pg_opts;
        nowhere.url = "postgresql://127.0.0.1:1/nothing";
        pg_pool_free(pool);
        auth_free(auth);
        pool = pg_pool_new(loop, &nowhere, 1, NULL, NULL);
        auth = auth_new(bootstrap, pool);
        char token[TOKEN_SIZE];
        unsigned char hash[HASH_BYTES];
        struct question q;
        token_make(token, hash);
        for (int i = 0; i < 2; i++) {
                ck_assert(ask_token(&q, token));
                ck_assert_int_eq(q.verdict, AUTH_AWAY);
        }
        ck_assert(!ask_token(&q, bootstrap));
        ck_assert_int_eq(q.role, ROLE_ADMIN);
}
END_TEST

/* close_auth() gives the lookup its answer when the pool goes. */
START_TEST(it_may_end_while_it_asks)
{
        char token[TOKEN_SIZE];
        unsigned char hash[HASH_BYTES];
        struct question q;
        token_make(token, hash);
        autofree char *header = xasprintf("Bearer %s", token);
        ck_assert(ask(&q, header));
        auth_cancel(&q.wait);
        if (_i == 0)
                return;
        auth_free(auth);
        auth = NULL;
}
END_TEST

/* ---- the subcommand ---- */

static int command(const char *words)
{
        struct config config;
        struct token_flags flags;
        struct err e = ERR_INIT;
        autofree char *copy = xstrdup(words);
        char *argv[16] = {"wavefleet-api"}, *rest = copy;
        int argc = 1;
        for (char *word; (word = strsep(&rest, " "));)
                argv[argc++] = word;
        if (token_take_flags(&argc, argv, &flags, &e) < 0)
                return 2;
        config_defaults(&config);
        free(config.database_url);
        config.database_url = xstrdup(pg_opts.url);
        int rc = token_command(&config, argc, argv, &flags);
        config_fini(&config);
        return rc;
}

START_TEST(the_subcommand)
{
        static const struct {
                const char *words;
                int rc;
        } cases[] = {
                {"token create --role viewer --name ci", 0},
                {"token create --role=admin --name=ci", 1},
                {"token list", 0},
                {"token revoke --name ci", 0},
                {"token revoke --name ci", 0},
                {"token create --role viewer --name ci", 1},
                {"token revoke --name nobody", 1},
                {"token", 2},
                {"token melt", 2},
                {"token list all", 2},
                {"token list --name x", 2},
                {"token create --role viewer", 2},
                {"token create --name x", 2},
                {"token create --role emperor --name x", 2},
                {"token create --role viewer --name bootstrap", 2},
                {"token create --role viewer --name", 2},
                {"token revoke", 2},
        };
        int nothing = open("/dev/null", O_WRONLY);
        dup2(nothing, STDOUT_FILENO);
        dup2(nothing, STDERR_FILENO);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                int rc = command(cases[i].words);
                ck_assert_msg(rc == cases[i].rc, "%s: %d", cases[i].words, rc);
        }
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("api_auth");
        TCase *t = tcase_create("tokens");
        tcase_add_checked_fixture(t, open_auth, close_auth);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, a_token_is_looked_up_once);
        tcase_add_test(t, a_revoked_token_works_5_s_at_most);
        tcase_add_test(t, that_there_is_none_is_remembered_for_a_second);
        tcase_add_test(t, those_who_wait_share_the_answer);
        tcase_add_test(t, what_is_no_token_is_not_looked_up);
        tcase_add_test(t, the_memory_is_bounded);
        tcase_add_test(t, without_postgres_only_the_bootstrap_token_works);
        tcase_add_loop_test(t, it_may_end_while_it_asks, 0, 2);
        suite_add_tcase(s, t);
        t = tcase_create("subcommand");
        tcase_set_timeout(t, 60);
        tcase_add_test(t, the_subcommand);
        suite_add_tcase(s, t);
        return s;
}

int main(void)
{
        struct err e = ERR_INIT;
        pg_opts = (struct pg_opts){.url = harness_stack_up()->database_url,
                                   .name = "test",
                                   .connect_timeout_ms = 5000,
                                   .query_timeout_ms = 5000};
        rand_init();
        log_set_fd(open("/dev/null", O_WRONLY));
        struct pg_sync *c = pg_sync_open(&pg_opts, &e);
        if (!c || schema_apply(c, &e) < 0) {
                fprintf(stderr, "%s\n", e.text);
                return 99;
        }
        pg_sync_close(c);
        SRunner *sr = srunner_create(suite());
        srunner_run_all(sr, CK_ENV);
        int failed = srunner_ntests_failed(sr);
        srunner_free(sr);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
