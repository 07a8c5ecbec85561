/* Tokens and sessions against a real PostgreSQL: made, looked up, remembered, ended. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/people/auth.h"
#include "api/people/token.h"
#include "api/people/user.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/pg_sync.h"
#include "store/schema.h"
#include "tests/harness/harness.h"

enum { IDLE_MS = 600000 };
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

static void make_token(const char *name, const char *role, char token[SECRET_SIZE])
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
        char name[AUTH_NAME_MAX + 1];
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
static bool ask_with(struct question *q, const char *authorization, const char *session)
{
        struct auth_answer a;
        struct credential c;
        *q = (struct question){.wait = {.fn = take_answer, .arg = q}};
        list_init(&q->wait.link);
        credential_find(authorization, session, NULL, &c);
        auth_check(auth, &c, &q->wait, &a);
        if (a.verdict == AUTH_LATER)
                return true;
        take_answer(&a, q);
        return false;
}

static bool ask(struct question *q, const char *authorization)
{
        return ask_with(q, authorization, NULL);
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
        auth = auth_new(bootstrap, IDLE_MS, pool);
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
        char token[SECRET_SIZE];
        struct question q;
        make_token("looked up", "operator", token);
        ck_assert_uint_eq(strlen(token), SECRET_SIZE - 1);
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
        char token[SECRET_SIZE];
        struct question q;
        make_token("revoked", "viewer", token);
        int64_t now = clock_mono_ms(), wall = clock_wall_ms();
        clock_drive(now, wall);
        ask_token(&q, token);
        revoke_token("revoked");
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
        char token[SECRET_SIZE];
        unsigned char hash[HASH_BYTES];
        struct question q;
        token_make(token, hash);
        clock_drive(clock_mono_ms(), clock_wall_ms());
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
        char token[SECRET_SIZE];
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

/* ---- sessions ---- */

/* A user, once for all tests, and a session of hers. */
static void make_session(char id[SECRET_SIZE], unsigned char hash[HASH_BYTES])
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, "a_user",
                     "INSERT INTO users (username, role, password_hash) "
                     "VALUES ('anna', 'operator', 'x') "
                     "ON CONFLICT (username) DO UPDATE SET role = 'operator', disabled_at = NULL");
        run(tx);
        session_make(id, hash);
        tx = pg_tx_new();
        pg_stmt_text(tx, "a_session",
                     "INSERT INTO sessions (session_hash, user_id, idle_until, expires_at) "
                     "SELECT $1::bytea, user_id, now() + interval '10 minutes', now() + interval "
                     "'1 hour' "
                     "FROM users WHERE username = 'anna'");
        pg_arg_bytes(tx, hash, HASH_BYTES);
        run(tx);
}

static void change_session(const char *name, const char *text, const unsigned char hash[HASH_BYTES])
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, name, text);
        pg_arg_bytes(tx, hash, HASH_BYTES);
        run(tx);
}

static bool ask_session(struct question *q, const char *id)
{
        bool later = ask_with(q, NULL, id);
        wait_for(q);
        return later;
}

START_TEST(a_session_is_looked_up_once_and_forgotten_when_it_is_ended)
{
        char id[SECRET_SIZE];
        unsigned char hash[HASH_BYTES];
        struct question q;
        make_session(id, hash);
        ck_assert(ask_session(&q, id));
        ck_assert_int_eq(q.verdict, AUTH_KNOWN);
        ck_assert_int_eq(q.role, ROLE_OPERATOR);
        ck_assert_str_eq(q.name, "anna");
        ck_assert(!ask_session(&q, id));
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_SESSION_END);
        pg_arg_bytes(tx, hash, sizeof(hash));
        ck_assert_int_eq(run(tx), 1);
        ck_assert(!ask_session(&q, id)); /* this process has not heard of it */
        auth_forget(auth, hash);
        ck_assert(ask_session(&q, id));
        ck_assert_int_eq(q.verdict, AUTH_WRONG);
}
END_TEST

/* Its end comes while it is being looked up: the answer may be older, so it is not remembered. */
START_TEST(a_session_that_ends_while_it_is_looked_up)
{
        char id[SECRET_SIZE];
        unsigned char hash[HASH_BYTES];
        struct question q;
        make_session(id, hash);
        ck_assert(ask_with(&q, NULL, id));
        auth_forget(auth, hash);
        wait_for(&q);
        ck_assert_int_eq(q.verdict, AUTH_KNOWN);
        ck_assert(ask_session(&q, id));
        ck_assert(!ask_session(&q, id));
}
END_TEST

START_TEST(a_session_is_remembered_no_longer_than_it_lasts)
{
        char id[SECRET_SIZE];
        unsigned char hash[HASH_BYTES];
        struct question q;
        make_session(id, hash);
        change_session("soon",
                       "UPDATE sessions SET expires_at = now() + interval '4 s' WHERE session_hash "
                       "= $1::bytea",
                       hash);
        ck_assert(ask_session(&q, id));
        ck_assert_int_eq(q.verdict, AUTH_KNOWN);
        clock_drive(clock_mono_ms() + 4001, clock_wall_ms());
        change_session("over",
                       "UPDATE sessions SET expires_at = now() WHERE session_hash = $1::bytea",
                       hash);
        ck_assert(ask_session(&q, id));
        ck_assert_int_eq(q.verdict, AUTH_WRONG);
}
END_TEST

START_TEST(a_session_that_is_used_does_not_grow_idle)
{
        static const char late[] = "UPDATE sessions SET idle_until = now() + interval '1 minute' "
                                   "WHERE session_hash = $1::bytea";
        static const char was_moved[] = "SELECT 1 FROM sessions WHERE session_hash = $1::bytea AND "
                                        "idle_until > now() + interval '9 minutes'";
        char id[SECRET_SIZE];
        unsigned char hash[HASH_BYTES];
        struct question q;
        make_session(id, hash);
        change_session("late", late, hash);
        ask_session(&q, id);
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, "moved", was_moved);
        pg_arg_bytes(tx, hash, HASH_BYTES);
        ck_assert_int_eq(run(tx), 1);
        change_session("idle",
                       "UPDATE sessions SET idle_until = now() WHERE session_hash = $1::bytea",
                       hash);
        auth_forget(auth, hash);
        ask_session(&q, id);
        ck_assert_int_eq(q.verdict, AUTH_WRONG);
}
END_TEST

START_TEST(a_disabled_user_has_no_session)
{
        char id[SECRET_SIZE];
        unsigned char hash[HASH_BYTES];
        struct question q;
        make_session(id, hash);
        change_session("disable",
                       "UPDATE users SET disabled_at = now() FROM sessions s WHERE s.session_hash "
                       "= $1::bytea",
                       hash);
        ask_session(&q, id);
        ck_assert_int_eq(q.verdict, AUTH_WRONG);
}
END_TEST

/* A session's id is none where a token is wanted, nor the other way. */
START_TEST(each_proof_is_of_its_kind)
{
        char id[SECRET_SIZE], token[SECRET_SIZE];
        unsigned char hash[HASH_BYTES];
        struct question q;
        make_session(id, hash);
        token_make(token, hash);
        autofree char *header = xasprintf("Bearer %s", id);
        ck_assert(!ask(&q, header));
        ck_assert_int_eq(q.verdict, AUTH_WRONG);
        ck_assert(!ask_with(&q, NULL, token));
        ck_assert_int_eq(q.verdict, AUTH_WRONG);
        ck_assert(!ask_with(&q, NULL, bootstrap));
        ck_assert_int_eq(q.verdict, AUTH_WRONG);
}
END_TEST

/* More than are remembered, all strangers. */
START_TEST(the_memory_is_bounded)
{
        enum { AT_ONCE = 100 };
        static struct question q[AT_ONCE];
        for (int round = 0; round < AUTH_REMEMBERED_MAX / AT_ONCE + 5; round++) {
                for (int i = 0; i < AT_ONCE; i++) {
                        char token[SECRET_SIZE];
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
        auth = auth_new(bootstrap, IDLE_MS, pool);
        char token[SECRET_SIZE];
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
        char token[SECRET_SIZE];
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
        struct subcommand_flags flags;
        struct err e = ERR_INIT;
        autofree char *copy = xstrdup(words);
        char *argv[16] = {[0] = "wavefleet-api"}, *rest = copy;
        int argc = 1;
        for (char *word; (word = strsep(&rest, " "));)
                argv[argc++] = word;
        if (subcommand_take_flags(&argc, argv, &flags, &e) < 0)
                return 2;
        config_defaults(&config);
        free(config.database_url);
        config.database_url = xstrdup(pg_opts.url);
        int rc = strcmp(argv[1], "token") == 0 ? token_command(&config, argc, argv, &flags)
                                               : user_command(&config, argc, argv, &flags);
        config_fini(&config);
        return rc;
}

/* Passwords come from the standard input: one line of this file for each command that takes one. */
START_TEST(the_subcommand_about_users)
{
        static const struct {
                const char *words, *typed;
                int rc;
        } cases[] = {
                {"user create Boris --role viewer --full-name B --email b@x --password-stdin",
                 "a long password", 0},
                {"user create boris --role admin --password-stdin", "a long password", 1},
                {"user create short --role viewer --password-stdin", "seven77", 1},
                {"user create samesame --role viewer --password-stdin", "SameSame", 1},
                {"user create bad\xff --role viewer --password-stdin", "a long password", 2},
                {"user create latin --role viewer --password-stdin", "latin1 \xe4\xe4\xe4", 1},
                {"user list", "", 0},
                {"user role boris operator", "", 0},
                {"user role nobody operator", "", 1},
                {"user role boris emperor", "", 2},
                {"user password boris --password-stdin", "another password", 0},
                {"user password nobody --password-stdin", "another password", 1},
                {"user disable boris", "", 0},
                {"user disable boris", "", 0},
                {"user enable boris", "", 0},
                {"user enable nobody", "", 1},
                {"user", "", 2},
                {"user melt", "", 2},
                {"user list all", "", 2},
                {"user list --password-stdin", "", 2},
                {"user create", "", 2},
                {"user create dora", "", 2},
                {"user create dora --role emperor", "", 2},
                {"user create bootstrap --role viewer", "", 2},
                {"user create --name dora --role viewer", "", 2},
                {"user role boris --role viewer", "", 2},
                {"user password boris --role viewer", "", 2},
                {"user disable", "", 2},
                {"token create --role viewer --name boris", "", 1},
                {"token create --role viewer --name vera", "", 0},
                {"user create vera --role viewer --password-stdin", "a long password", 1},
        };
        int nothing = open("/dev/null", O_WRONLY);
        dup2(nothing, STDOUT_FILENO);
        dup2(nothing, STDERR_FILENO);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                int ends[2];
                ck_assert_int_eq(pipe(ends), 0);
                dprintf(ends[1], "%s\nand the next line", cases[i].typed);
                close(ends[1]);
                dup2(ends[0], STDIN_FILENO);
                close(ends[0]);
                int rc = command(cases[i].words);
                ck_assert_msg(rc == cases[i].rc, "%s: %d", cases[i].words, rc);
        }
}
END_TEST

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
                {"token list --password-stdin", 2},
                {"token create --role viewer --name x --email x", 2},
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
        t = tcase_create("sessions");
        tcase_add_checked_fixture(t, open_auth, close_auth);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, a_session_is_looked_up_once_and_forgotten_when_it_is_ended);
        tcase_add_test(t, a_session_that_ends_while_it_is_looked_up);
        tcase_add_test(t, a_session_is_remembered_no_longer_than_it_lasts);
        tcase_add_test(t, a_session_that_is_used_does_not_grow_idle);
        tcase_add_test(t, a_disabled_user_has_no_session);
        tcase_add_test(t, each_proof_is_of_its_kind);
        suite_add_tcase(s, t);
        t = tcase_create("subcommand");
        tcase_set_timeout(t, 60);
        tcase_add_test(t, the_subcommand);
        tcase_add_test(t, the_subcommand_about_users);
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
