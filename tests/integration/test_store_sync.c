/* test_store_sync.c - the blocking connection, COPY, and the schema, applied by many at once. */
#include "store_tools.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "store/pg_sync_inside.h"
#include "store/schema.h"
#include "store/schema_files.h"
static struct pg_sync *open_sync(const struct pg_opts *opts)
{
        struct err e = ERR_INIT;
        struct pg_sync *c = pg_sync_open(opts, &e);
        ck_assert_msg(c != NULL, "%s", e.text);
        return c;
}

static struct pg_sync *open_usual(void)
{
        const struct pg_opts opts = test_opts();
        return open_sync(&opts);
}

static struct answer run(struct pg_sync *c, struct pg_tx *tx)
{
        struct answer a = {0};
        struct err e = ERR_INIT;
        if (pg_sync_run(c, tx, on_answer, &a, &e) < 0) {
                ck_assert_uint_eq(a.calls, 0);
                a.code = e.code;
                snprintf(a.text, sizeof(a.text), "%s", e.text);
                snprintf(a.sqlstate, sizeof(a.sqlstate), "%s", pg_last_sqlstate());
        } else {
                ck_assert_uint_eq(a.calls, 1);
        }
        return a;
}

START_TEST(transactions_and_refusals)
{
        struct pg_sync *c = open_usual();
        sql("CREATE TABLE plain (n int PRIMARY KEY)");
        ck_assert_int_ge(pg_sync_server_version(c), 150000);
        for (int i = 0; i < 3; i++) {
                struct pg_tx *tx = one("plain_put", "INSERT INTO plain VALUES ($1)");
                pg_arg_int(tx, i);
                pg_stmt_text(tx, "plain_all", "SELECT count(*) FROM plain");
                struct answer a = run(c, tx);
                ck_assert_msg(a.code == ERR_OK, "%s", a.text);
                ck_assert_int_eq(strtol(a.first, NULL, 10), i + 1);
        }
        struct pg_tx *tx = one("plain_put", "INSERT INTO plain VALUES ($1)");
        pg_arg_int(tx, 100);
        pg_stmt_text(tx, "plain_put", "INSERT INTO plain VALUES ($1)");
        pg_arg_int(tx, 1);
        struct answer a = run(c, tx);
        ck_assert_int_eq(a.code, ERR_INTERNAL);
        ck_assert_str_eq(a.sqlstate, "23505");
        a = run(c, one("bad", "SELECT nothing"));
        ck_assert_int_eq(a.code, ERR_INTERNAL);
        ck_assert_str_eq(a.sqlstate, "42703");
        ck_assert_int_eq(run(c, one("plain_all", "SELECT count(*) FROM plain")).code, ERR_OK);
        ck_assert_int_eq(sql_int("SELECT count(*) FROM plain"), 3);
        pg_sync_close(c);
        pg_sync_close(NULL);
}
END_TEST

START_TEST(explicit_transactions)
{
        struct err e = ERR_INIT;
        struct pg_sync *c = open_usual();
        sql("CREATE TABLE framed (n int PRIMARY KEY)");
        ck_assert_int_eq(pg_sync_begin(c, &e), 0);
        ck_assert_int_eq(run(c, one("f1", "INSERT INTO framed VALUES (1)")).code, ERR_OK);
        pg_sync_rollback(c);
        ck_assert_int_eq(pg_sync_begin(c, &e), 0);
        ck_assert_int_eq(run(c, one("f1", "INSERT INTO framed VALUES (1)")).code, ERR_OK);
        ck_assert_int_eq(pg_sync_script(c, "INSERT INTO framed VALUES (2)", &e), 0);
        ck_assert_int_eq(pg_sync_commit(c, &e), 0);
        ck_assert_int_eq(sql_int("SELECT sum(n) FROM framed"), 3);
        /* one that failed cannot be committed without noticing */
        ck_assert_int_eq(pg_sync_begin(c, &e), 0);
        ck_assert_int_eq(run(c, one("f3", "INSERT INTO framed VALUES (3)")).code, ERR_OK);
        ck_assert_int_eq(run(c, one("f1", "INSERT INTO framed VALUES (1)")).code, ERR_INTERNAL);
        ck_assert_int_eq(pg_sync_commit(c, &e), -1);
        ck_assert_int_eq(pg_sync_begin(c, &e), 0);
        ck_assert_int_eq(pg_sync_script(c, "nonsense", &e), -1);
        ck_assert_int_eq(e.code, ERR_INTERNAL);
        ck_assert_int_eq(pg_sync_commit(c, &e), -1);
        ck_assert_int_eq(sql_int("SELECT sum(n) FROM framed"), 3);
        pg_sync_close(c);
}
END_TEST

START_TEST(copy_in)
{
        enum { ROWS = 300000 };
        struct err e = ERR_INIT;
        struct pg_sync *c = open_usual();
        autobuf rows = BUF_INIT(SIZE_MAX);
        sql("CREATE TABLE copied (id int, name text)");
        for (int i = 0; i < ROWS; i++)
                buf_addf(&rows, "%d\tproject \\\\%d\n", i, i);
        ck_assert_int_eq(pg_sync_begin(c, &e), 0);
        ck_assert_int_eq(pg_sync_copy_text(c, "copied", "COPY copied FROM STDIN", &e), 0);
        ck_assert_int_eq(pg_sync_copy_data(c, rows.data, 1000, &e), 0);
        ck_assert_int_eq(pg_sync_copy_data(c, rows.data + 1000, rows.len - 1000, &e), 0);
        ck_assert_int_eq(pg_sync_copy_data(c, "", 0, &e), 0);
        ck_assert_int_eq(pg_sync_copy_end(c, &e), 0);
        ck_assert_str_eq(run(c, one("n", "SELECT count(*) FROM copied")).first, "300000");
        ck_assert_int_eq(pg_sync_commit(c, &e), 0);
        /* a bad row fails the whole */
        ck_assert_int_eq(pg_sync_copy_text(c, "copied", "COPY copied FROM STDIN", &e), 0);
        ck_assert_int_eq(pg_sync_copy_data(c, "1\tx\nzwei\ty\n", 11, &e), 0);
        ck_assert_int_eq(pg_sync_copy_data(c, rows.data, rows.len, &e), 0);
        ck_assert_int_eq(pg_sync_copy_end(c, &e), -1);
        ck_assert_int_eq(e.code, ERR_INTERNAL);
        ck_assert_str_eq(pg_last_sqlstate(), "22P02");
        ck_assert_int_eq(pg_sync_copy_text(c, "x", "SELECT 1", &e), -1);
        ck_assert_str_eq(run(c, one("n", "SELECT count(*) FROM copied")).first, "300000");
        pg_sync_close(c);
}
END_TEST

START_TEST(conflicts_are_tried_again)
{
        sql("CREATE SEQUENCE tries; CREATE FUNCTION clash(good_at int) RETURNS bigint"
            " LANGUAGE plpgsql AS $$DECLARE n bigint := nextval('tries'); BEGIN"
            " IF n < good_at THEN RAISE 'again' USING ERRCODE = '40P01'; END IF; RETURN n; END$$");
        struct pg_sync *c = open_usual();
        struct pg_tx *tx = one("clash", "SELECT clash($1)");
        pg_arg_int(tx, 4);
        ck_assert_str_eq(run(c, tx).first, "4");
        tx = one("clash", "SELECT clash($1)");
        pg_arg_int(tx, 1000);
        struct answer a = run(c, tx);
        ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
        ck_assert_str_eq(a.sqlstate, "40P01");
        ck_assert_int_eq(sql_int("SELECT last_value FROM tries"), 10);
        pg_sync_close(c);
}
END_TEST

START_TEST(a_server_that_stands_still_costs_a_timeout)
{
        struct err e = ERR_INIT;
        struct pg_opts opts = test_opts();
        opts.query_timeout_ms = 200;
        struct pg_sync *c = open_sync(&opts);
        struct answer a = run(c, one("slow", "SELECT pg_sleep(3)"));
        ck_assert_str_eq(a.sqlstate, "57014");
        pid_t backend =
                (pid_t)strtol(run(c, one("pid", "SELECT pg_backend_pid()")).first, NULL, 10);
        pg_sync_set_patience(c, 500);
        kill(backend, SIGSTOP);
        int64_t begin_ms = clock_mono_ms();
        struct pg_tx *tx = one("one", "SELECT 1");
        pg_stmt_text(tx, "one", "SELECT 1");
        a = run(c, tx);
        kill(backend, SIGCONT);
        ck_assert_int_ge(clock_mono_ms() - begin_ms, 500);
        ck_assert_int_le(clock_mono_ms() - begin_ms, 4000); /* else it would be 5200 */
        ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
        a = run(c, one("one", "SELECT 1"));
        ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
        ck_assert_int_eq(pg_sync_begin(c, &e), -1);
        pg_sync_rollback(c);
        pg_sync_close(c);
}
END_TEST

START_TEST(a_lost_commit_is_lost)
{
        struct err e = ERR_INIT;
        struct pg_sync *c = open_usual();
        pid_t backend =
                (pid_t)strtol(run(c, one("pid", "SELECT pg_backend_pid()")).first, NULL, 10);
        ck_assert_int_eq(pg_sync_begin(c, &e), 0);
        pg_sync_set_patience(c, 300);
        kill(backend, SIGSTOP);
        ck_assert_int_eq(pg_sync_commit(c, &e), -1);
        kill(backend, SIGCONT);
        ck_assert_int_eq(e.code, ERR_LOST);
        pg_sync_close(c);
}
END_TEST

START_TEST(opening_fails_with_a_reason)
{
        struct err e = ERR_INIT;
        struct pg_opts opts = test_opts();
        opts.url = "postgresql://u:SECRET@127.0.0.1:1/x";
        ck_assert_ptr_null(pg_sync_open(&opts, &e));
        ck_assert_int_eq(e.code, ERR_UNAVAILABLE);
        ck_assert_ptr_nonnull(strstr(e.text, "refused"));
        ck_assert_ptr_null(strstr(e.text, "SECRET"));
        opts.url = "postgresql://u:SECRET@h:x/y";
        ck_assert_ptr_null(pg_sync_open(&opts, &e));
        ck_assert_int_eq(e.code, ERR_CONFIG);
}
END_TEST

/* ---- the schema ---- */

static char database_url[300];

/* A database of its own for each test. */
static struct pg_opts fresh_database(const char *name)
{
        const char *url = harness_stack_up()->database_url;
        autofree char *create = xasprintf("CREATE DATABASE %s", name);
        sql(create);
        snprintf(database_url, sizeof(database_url), "%.*s/%s", (int)(strrchr(url, '/') - url), url,
                 name);
        struct pg_opts opts = test_opts();
        opts.url = database_url;
        return opts;
}

static void apply(struct pg_sync *c)
{
        struct err e = ERR_INIT;
        int version = -1;
        ck_assert_msg(schema_apply(c, &e) == 0, "%s", e.text);
        ck_assert_int_eq(schema_version(c, &version, &e), 0);
        ck_assert_int_eq(version, schema_version_wanted());
}

START_TEST(the_schema_is_applied_once)
{
        struct err e = ERR_INIT;
        int version = -1;
        const struct pg_opts opts = fresh_database("applied_once");
        struct pg_sync *c = open_sync(&opts);
        ck_assert_int_eq(schema_version(c, &version, &e), 0);
        ck_assert_int_eq(version, 0);
        apply(c);
        apply(c);
        struct answer a = run(c, one("c", "SELECT count(*), to_regclass('wavefleet.waves')::text,"
                                          " min(length(checksum)) FROM schema_versions"));
        ck_assert_int_eq(strtol(a.first, NULL, 10), schema_version_wanted());
        /* a newer database is fine, an edited file is a warning */
        ck_assert_int_eq(
                pg_sync_script(c,
                               "UPDATE schema_versions SET checksum = 'other' WHERE version = 1;"
                               " INSERT INTO schema_versions VALUES (9999, 'newer', '')",
                               &e),
                0);
        ck_assert_int_eq(schema_apply(c, &e), 0);
        pg_sync_close(c);
}
END_TEST

START_TEST(a_schema_that_is_there_needs_no_rights_on_the_database)
{
        struct err e = ERR_INIT;
        const struct pg_opts opts = fresh_database("prepared_by_somebody");
        struct pg_sync *c = open_sync(&opts);
        ck_assert_int_eq(pg_sync_script(c,
                                        "CREATE ROLE plain_user LOGIN; CREATE SCHEMA wavefleet"
                                        " AUTHORIZATION plain_user; SET ROLE plain_user",
                                        &e),
                         0);
        apply(c);
        pg_sync_close(c);
}
END_TEST

START_TEST(many_processes_at_once)
{
        enum { PROCESSES = 10 };
        const struct pg_opts opts = fresh_database("at_once");
        pid_t pids[PROCESSES];
        for (int i = 0; i < PROCESSES; i++) {
                pids[i] = fork();
                if (pids[i] == 0) {
                        struct err e = ERR_INIT;
                        struct pg_sync *c = pg_sync_open(&opts, &e);
                        int failed = !c || schema_apply(c, &e) < 0;
                        if (failed)
                                fprintf(stderr, "%s\n", e.text);
                        _exit(failed);
                }
        }
        for (int i = 0; i < PROCESSES; i++) {
                int status = -1;
                waitpid(pids[i], &status, 0);
                ck_assert_int_eq(status, 0);
        }
        struct pg_sync *c = open_sync(&opts);
        struct answer a = run(c, one("c", "SELECT count(*) FROM schema_versions"));
        ck_assert_int_eq(strtol(a.first, NULL, 10), schema_version_wanted());
        pg_sync_close(c);
}
END_TEST

static void count_call(void *arg)
{
        ++*(unsigned *)arg;
}

START_TEST(jobs_wait_and_apply)
{
        unsigned waited = 0, applied = 0;
        struct loop *loop = loop_new();
        const struct pg_opts opts = fresh_database("by_jobs");
        struct schema_job *waiting = schema_start(loop, &opts, false, count_call, &waited);
        for (int i = 0; i < 50; i++)
                loop_turn(loop, 10);
        ck_assert_uint_eq(waited, 0);
        struct schema_job *applying = schema_start(loop, &opts, true, count_call, &applied);
        ck_assert(turn_until(loop, &applied, 1, 20000));
        ck_assert(turn_until(loop, &waited, 1, 20000));
        for (int i = 0; i < 10; i++)
                loop_turn(loop, 10);
        ck_assert_uint_eq(applied, 1);
        ck_assert_uint_eq(waited, 1);
        schema_job_free(waiting);
        schema_job_free(applying);
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
        loop_free(loop);
}
END_TEST

START_TEST(jobs_do_not_stop_the_loop)
{
        unsigned done = 0, port;
        struct loop *loop = loop_new();
        int fd = silent_port(&port);
        autofree char *url = xasprintf("postgresql://127.0.0.1:%u/x", port);
        struct pg_opts opts = test_opts();
        opts.url = url;
        opts.connect_timeout_ms = 10000;
        int64_t begin_ms = clock_mono_ms();
        struct schema_job *j = schema_start(loop, &opts, true, count_call, &done);
        for (int i = 0; i < 20; i++)
                loop_turn(loop, 10);
        schema_job_free(j);
        ck_assert_int_le(clock_mono_ms() - begin_ms, 5000);
        ck_assert_uint_eq(done, 0);
        loop_free(loop);
        close(fd);
}
END_TEST

START_TEST(jobs_outlive_an_outage_and_may_be_freed)
{
        unsigned done = 0;
        struct loop *loop = loop_new();
        struct pg_opts opts = test_opts();
        opts.url = "postgresql://127.0.0.1:1/x";
        struct schema_job *j = schema_start(loop, &opts, true, count_call, &done);
        for (int i = 0; i < 100; i++)
                loop_turn(loop, 10);
        ck_assert_uint_eq(done, 0);
        schema_job_free(j);
        for (int i = 0; i < 10; i++) {
                opts = test_opts();
                j = schema_start(loop, &opts, false, count_call, &done);
                for (int k = 0; k < i; k++)
                        loop_turn(loop, 1);
                schema_job_free(j);
        }
        schema_job_free(NULL);
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
        loop_free(loop);
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("store_sync");
        TCase *t = tcase_create("blocking");
        tcase_set_timeout(t, 120);
        tcase_add_test(t, transactions_and_refusals);
        tcase_add_test(t, explicit_transactions);
        tcase_add_test(t, copy_in);
        tcase_add_test(t, conflicts_are_tried_again);
        tcase_add_test(t, a_server_that_stands_still_costs_a_timeout);
        tcase_add_test(t, a_lost_commit_is_lost);
        tcase_add_test(t, opening_fails_with_a_reason);
        tcase_add_test(t, the_schema_is_applied_once);
        tcase_add_test(t, a_schema_that_is_there_needs_no_rights_on_the_database);
        tcase_add_test(t, many_processes_at_once);
        tcase_add_test(t, jobs_wait_and_apply);
        tcase_add_test(t, jobs_do_not_stop_the_loop);
        tcase_add_test(t, jobs_outlive_an_outage_and_may_be_freed);
        suite_add_tcase(s, t);
        return s;
}

int main(void)
{
        return run_suite(suite);
}
