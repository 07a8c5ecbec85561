/* test_store_parts.c - a transaction that goes in two parts. */
#include "store_tools.h"

static struct loop *loop;
static struct pg *pg;

static const char put[] = "INSERT INTO parts VALUES ($1)";

static struct pg_tx *add_put(struct pg_tx *tx, int64_t n)
{
        pg_stmt_text(tx, "put", put);
        pg_arg_int(tx, n);
        return tx;
}

static struct pg_tx *put_of(int64_t n)
{
        return add_put(pg_tx_new(), n);
}

static int64_t there(void)
{
        return sql_int("SELECT coalesce(sum(n), 0) FROM parts");
}

static void done(struct pg_tx *tx)
{
        struct answer a = {0};
        pg_send(pg, tx, on_answer, &a);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_msg(a.code == ERR_OK, "%s", a.text);
}

static void open_pg(void)
{
        const struct pg_opts opts = test_opts();
        sql("CREATE TABLE parts (n bigint PRIMARY KEY)");
        loop = loop_new();
        pg = pg_new(loop, &opts, NULL, NULL);
        ck_assert(turn_until_up(loop, pg, 5000));
        done(put_of(1));
}

static void close_pg(void)
{
        pg_free(pg);
        loop_free(loop);
        sql("DROP TABLE parts");
}

/* PostgreSQL has done what it was told of the transaction so far, and holds its locks. */
static bool a_part_is_done(void *arg)
{
        (void)arg;
        return sql_int("SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
                       " WHERE c.relname = 'parts' AND l.mode = 'RowExclusiveLock'") > 0;
}

START_TEST(it_is_at_work_before_the_rest_comes_and_commits_with_that)
{
        struct answer a = {0}, b = {0};
        struct pg_tx *tx = put_of(10);
        pg_send_part(pg, tx, on_answer, &a);
        ck_assert(harness_wait(a_part_is_done, NULL, 10000));
        ck_assert_int_eq(there(), 1);
        pg_send(pg, put_of(1000), on_answer, &b); /* waits for it */
        for (int i = 0; i < 5; i++)
                loop_turn(loop, 10);
        ck_assert_uint_eq(a.calls + b.calls, 0);
        ck_assert_uint_eq(pg_in_flight(pg), 2);
        pg_send_rest(pg, add_put(tx, 100));
        ck_assert(turn_until(loop, &b.calls, 1, 10000));
        ck_assert_uint_eq(a.calls, 1);
        ck_assert_int_eq(a.code, ERR_OK);
        ck_assert_int_eq(b.code, ERR_OK);
        ck_assert_int_eq(there(), 1111);
}
END_TEST

START_TEST(the_rest_may_be_nothing)
{
        struct answer a = {0};
        struct pg_tx *tx = put_of(10);
        pg_send_part(pg, tx, on_answer, &a);
        pg_send_rest(pg, tx);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_int_eq(a.code, ERR_OK);
        ck_assert_int_eq(there(), 11);
}
END_TEST

START_TEST(what_is_not_prepared_goes_with_its_rest)
{
        struct answer a = {0}, b = {0};
        struct pg_tx *tx = one("another_put", "INSERT INTO parts VALUES (10)");
        pg_send_part(pg, tx, on_answer, &a);
        pg_send(pg, put_of(1000), on_answer, &b); /* need not wait for it */
        ck_assert(turn_until(loop, &b.calls, 1, 10000));
        ck_assert_uint_eq(a.calls, 0);
        ck_assert_int_eq(there(), 1001);
        pg_stmt_text(tx, "third_put", "INSERT INTO parts VALUES (100)");
        pg_send_rest(pg, tx);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_int_eq(a.code, ERR_OK);
        ck_assert_int_eq(there(), 1111);
}
END_TEST

/* PostgreSQL says so at once, and nothing more of it until the end. */
static void fails(struct pg_tx *tx, int turns)
{
        struct answer a = {0};
        pg_send_part(pg, tx, on_answer, &a);
        for (int i = 0; i < turns; i++)
                loop_turn(loop, 10);
        ck_assert_uint_eq(a.calls, 0);
        pg_send_rest(pg, add_put(tx, 100));
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_uint_eq(a.calls, 1);
        ck_assert_int_eq(a.code, ERR_INTERNAL);
        ck_assert_str_eq(a.sqlstate, "23505");
        ck_assert_int_eq(there(), 1);
}

START_TEST(a_part_that_fails_takes_the_rest_with_it)
{
        fails(add_put(put_of(10), 1), 0);
        fails(add_put(put_of(10), 1), 20);
        fails(add_put(put_of(1), 10), 20); /* what stands behind it is not done either */
        done(put_of(1000));
        ck_assert_int_eq(there(), 1001);
}
END_TEST

START_TEST(a_part_that_is_answered_before_its_rest_waits_for_that)
{
        struct answer a = {0};
        struct pg_tx *tx = one("long", "SELECT repeat('x', 100000)");
        done(one("long", "SELECT repeat('x', 100000)"));
        add_put(tx, 10);
        pg_send_part(pg, tx, on_answer, &a);
        for (int i = 0; i < 20; i++)
                loop_turn(loop, 10);
        ck_assert_uint_eq(a.calls, 0);
        ck_assert(pg_up(pg));
        pg_send_rest(pg, add_put(tx, 100));
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_msg(a.code == ERR_OK, "%s", a.text);
        ck_assert_int_eq(there(), 111);
}
END_TEST

START_TEST(a_part_whose_session_ends_is_not_done_and_that_is_sure)
{
        struct answer a = {0}, b = {0};
        struct pg_tx *tx = put_of(10);
        pg_send_part(pg, tx, on_answer, &a);
        pg_send(pg, put_of(1000), on_answer, &b);
        ck_assert(harness_wait(a_part_is_done, NULL, 10000));
        sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name "
            "= 'test-store'"
            " AND pid <> pg_backend_pid()");
        ck_assert(turn_until(loop, &b.calls, 1, 10000));
        ck_assert_uint_eq(a.calls, 1);
        ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
        ck_assert_int_eq(b.code, ERR_UNAVAILABLE);
        ck_assert(turn_until_up(loop, pg, 5000));
        ck_assert_int_eq(there(), 1);
        done(put_of(10));
}
END_TEST

/* Half of it is with PostgreSQL then: only the end of the session takes that back. */
START_TEST(a_rest_for_which_there_is_no_memory_takes_the_part_with_it)
{
        struct answer a = {0}, b = {0};
        struct pg_tx *tx = put_of(10), *unsent = one("never_put", "INSERT INTO parts VALUES (20)");
        pg_send_part(pg, unsent, on_answer, &b);
        pg_send_part(pg, tx, on_answer, &a);
        ck_assert(harness_wait(a_part_is_done, NULL, 10000));
        pg_arg_starved(unsent);
        pg_send_rest(pg, unsent);
        pg_arg_starved(tx);
        pg_send_rest(pg, tx);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert(turn_until(loop, &b.calls, 1, 10000));
        ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
        ck_assert_int_eq(b.code, ERR_UNAVAILABLE);
        ck_assert(turn_until_up(loop, pg, 5000));
        done(put_of(100));
        ck_assert_int_eq(there(), 101);
}
END_TEST

START_TEST(without_a_session_it_is_unavailable_however_much_of_it_was_given)
{
        struct answer a = {0}, b = {0}, c = {0};
        struct pg_tx *unsent = one("never_put", "INSERT INTO parts VALUES (10)"), *tx = put_of(100);
        pg_send_part(pg, unsent, on_answer, &a);
        pg_send_part(pg, tx, on_answer, &b);
        pg_free(pg);
        ck_assert_uint_eq(a.calls, 1);
        ck_assert_uint_eq(b.calls, 1);
        ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
        ck_assert_int_eq(b.code, ERR_UNAVAILABLE);
        ck_assert_int_eq(there(), 1);
        struct pg_opts opts = test_opts();
        pg = pg_new(loop, &opts, NULL, NULL);
        opts.url = "postgresql://127.0.0.1:1/nowhere";
        struct pg *none = pg_new(loop, &opts, NULL, NULL);
        for (unsigned n = 1; n <= 2; n++) { /* while it is opened, and when it could not be */
                tx = put_of(10);
                pg_send_part(none, tx, on_answer, &c);
                pg_send_rest(none, tx);
                ck_assert(turn_until(loop, &c.calls, n, 10000));
                ck_assert_uint_eq(c.calls, n);
                ck_assert_int_eq(c.code, ERR_UNAVAILABLE);
                ck_assert(!pg_takes(none));
        }
        pg_free(none);
        ck_assert_int_eq(there(), 1);
}
END_TEST

START_TEST(a_part_waits_for_its_session)
{
        struct pg_opts opts = test_opts();
        struct answer a = {0};
        struct pg_tx *tx = put_of(10);
        pg_free(pg);
        pg = pg_new(loop, &opts, NULL, NULL);
        pg_send_part(pg, tx, on_answer, &a);
        pg_send_rest(pg, add_put(tx, 100));
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_int_eq(a.code, ERR_OK);
        ck_assert_int_eq(there(), 111);
}
END_TEST

START_TEST(what_is_known_is_what_was_prepared_here)
{
        struct answer a = {0};
        ck_assert(!pg_knows(pg, SQL_LEADER_TRY));
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_LEADER_TRY);
        pg_send(pg, tx, on_answer, &a);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_msg(a.code == ERR_OK, "%s", a.text);
        ck_assert(pg_knows(pg, SQL_LEADER_TRY));
}
END_TEST

START_TEST(a_part_can_be_undone)
{
        struct answer a = {0}, b = {0};
        struct pg_tx *tx = put_of(10);
        pg_send_part(pg, tx, on_answer, &a);
        ck_assert(harness_wait(a_part_is_done, NULL, 10000));
        pg_send(pg, put_of(10), on_answer, &b); /* waits for it */
        pg_send_undo(pg, tx);
        ck_assert(turn_until(loop, &b.calls, 1, 10000));
        ck_assert_uint_eq(a.calls, 1);
        ck_assert_msg(a.code == ERR_OK, "%s", a.text);
        ck_assert_msg(b.code == ERR_OK, "%s", b.text);
        ck_assert_int_eq(there(), 11);
}
END_TEST

/* PostgreSQL has not been given anything of it: nothing is sent. */
START_TEST(a_part_that_was_not_sent_is_undone_without_a_word)
{
        struct answer a = {0};
        struct pg_tx *tx = one("never_put", "INSERT INTO parts VALUES (10)");
        pg_send_part(pg, tx, on_answer, &a);
        pg_send_undo(pg, tx);
        ck_assert_uint_eq(a.calls, 0);
        ck_assert_uint_eq(pg_in_flight(pg), 0);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_int_eq(a.code, ERR_OK);
        ck_assert_int_eq(there(), 1);
        done(put_of(100));
}
END_TEST

START_TEST(undoing_one_that_has_failed_tells_why_it_had)
{
        struct answer a = {0};
        struct pg_tx *tx = add_put(put_of(10), 1);
        pg_send_part(pg, tx, on_answer, &a);
        for (int i = 0; i < 20; i++)
                loop_turn(loop, 10);
        pg_send_undo(pg, tx);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_int_eq(a.code, ERR_INTERNAL);
        ck_assert_str_eq(a.sqlstate, "23505");
        done(put_of(100));
        ck_assert_int_eq(there(), 101);
}
END_TEST

START_TEST(undoing_one_whose_session_has_ended_changes_nothing)
{
        struct answer a = {0};
        struct pg_tx *tx = put_of(10);
        pg_send_part(pg, tx, on_answer, &a);
        ck_assert(harness_wait(a_part_is_done, NULL, 10000));
        sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name "
            "= 'test-store' AND pid <> pg_backend_pid()");
        pg_send_undo(pg, tx);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_uint_eq(a.calls, 1);
        ck_assert_int_ne(a.code, ERR_OK);
        ck_assert(turn_until_up(loop, pg, 5000));
        ck_assert_int_eq(there(), 1);
}
END_TEST

/* A transaction that fails for a conflict the first time, and is prepared. */
static struct pg_tx *flaky_put(int64_t n)
{
        struct pg_tx *tx = one("flaky", "SELECT flaky()");
        return add_put(tx, n);
}

static void open_flaky(void)
{
        sql("CREATE SEQUENCE met; CREATE FUNCTION flaky() RETURNS void LANGUAGE plpgsql AS"
            " $$BEGIN IF nextval('met') = 2 THEN RAISE 'again' USING ERRCODE = '40001'; END IF; "
            "END$$");
        done(flaky_put(1000));
}

static void close_flaky(void)
{
        sql("DROP FUNCTION flaky; DROP SEQUENCE met");
}

START_TEST(a_part_goes_behind_what_is_under_way)
{
        struct answer a = {0}, b = {0};
        struct pg_tx *tx = put_of(10);
        done(one("nap", "SELECT pg_sleep(0.1)"));
        pg_send(pg, one("nap", "SELECT pg_sleep(0.1)"), on_answer, &a);
        pg_send_part(pg, tx, on_answer, &b);
        ck_assert_uint_eq(a.calls, 0);
        ck_assert(harness_wait(a_part_is_done, NULL, 10000));
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_uint_eq(b.calls, 0);
        pg_send_rest(pg, add_put(tx, 100));
        ck_assert(turn_until(loop, &b.calls, 1, 10000));
        ck_assert_msg(b.code == ERR_OK, "%s", b.text);
        ck_assert_int_eq(there(), 111);
}
END_TEST

/* Else it would be done before that. */
START_TEST(a_part_behind_what_goes_again_is_undone)
{
        struct answer a = {0}, b = {0}, c = {0};
        struct pg_tx *tx = put_of(20);
        open_flaky();
        pg_send(pg, flaky_put(10), on_answer, &a);
        pg_send_part(pg, tx, on_answer, &b);
        ck_assert(turn_until(loop, &b.calls, 1, 10000));
        ck_assert_uint_eq(a.calls, 0);
        ck_assert_int_eq(b.code, ERR_UNAVAILABLE);
        pg_send_rest(pg, tx); /* it is too late for that */
        pg_send(pg, put_of(20), on_answer, &c);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert(turn_until(loop, &c.calls, 1, 10000));
        ck_assert_uint_eq(b.calls, 1);
        ck_assert_msg(a.code == ERR_OK, "%s", a.text);
        ck_assert_msg(c.code == ERR_OK, "%s", c.text);
        ck_assert_int_eq(there(), 1031);
        close_flaky();
}
END_TEST

/* Its rest has come already, or was never sent: it is done, later. */
START_TEST(what_is_whole_behind_what_goes_again_is_done)
{
        struct answer a = {0}, b = {0}, c = {0};
        struct pg_tx *tx = put_of(20), *unsent = one("never_put", "INSERT INTO parts VALUES (40)");
        open_flaky();
        pg_send(pg, flaky_put(10), on_answer, &a);
        pg_send_part(pg, tx, on_answer, &b);
        pg_send_rest(pg, tx);
        pg_send_part(pg, unsent, on_answer, &c);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert(turn_until(loop, &b.calls, 1, 10000));
        ck_assert_uint_eq(c.calls, 0);
        pg_send_rest(pg, unsent);
        ck_assert(turn_until(loop, &c.calls, 1, 10000));
        ck_assert_int_eq(a.code, ERR_OK);
        ck_assert_int_eq(b.code, ERR_OK);
        ck_assert_int_eq(c.code, ERR_OK);
        ck_assert_int_eq(there(), 1071);
        close_flaky();
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("store_parts");
        TCase *t = tcase_create("two parts");
        tcase_set_timeout(t, 120);
        tcase_add_checked_fixture(t, open_pg, close_pg);
        tcase_add_test(t, it_is_at_work_before_the_rest_comes_and_commits_with_that);
        tcase_add_test(t, the_rest_may_be_nothing);
        tcase_add_test(t, what_is_not_prepared_goes_with_its_rest);
        tcase_add_test(t, a_part_that_fails_takes_the_rest_with_it);
        tcase_add_test(t, a_part_that_is_answered_before_its_rest_waits_for_that);
        tcase_add_test(t, a_part_whose_session_ends_is_not_done_and_that_is_sure);
        tcase_add_test(t, a_rest_for_which_there_is_no_memory_takes_the_part_with_it);
        tcase_add_test(t, without_a_session_it_is_unavailable_however_much_of_it_was_given);
        tcase_add_test(t, a_part_waits_for_its_session);
        tcase_add_test(t, what_is_known_is_what_was_prepared_here);
        tcase_add_test(t, a_part_can_be_undone);
        tcase_add_test(t, a_part_that_was_not_sent_is_undone_without_a_word);
        tcase_add_test(t, undoing_one_that_has_failed_tells_why_it_had);
        tcase_add_test(t, undoing_one_whose_session_has_ended_changes_nothing);
        tcase_add_test(t, a_part_goes_behind_what_is_under_way);
        tcase_add_test(t, a_part_behind_what_goes_again_is_undone);
        tcase_add_test(t, what_is_whole_behind_what_goes_again_is_done);
        suite_add_tcase(s, t);
        return s;
}

int main(void)
{
        return run_suite(suite);
}
