/* test_store.c - transactions over one connection: order, results, refusals, retries. */
#include "store_tools.h"

#include <sys/wait.h>
#include <unistd.h>

static struct loop *loop;
static struct pg *pg;

static void open_pg(void)
{
        const struct pg_opts opts = test_opts();
        loop = loop_new();
        pg = pg_new(loop, &opts, NULL, NULL);
        ck_assert(turn_until_up(loop, pg, 5000));
}

static void close_pg(void)
{
        pg_free(pg);
        loop_free(loop);
}

static struct answer run(struct pg_tx *tx)
{
        struct answer a = {0};
        pg_send(pg, tx, on_answer, &a);
        ck_assert_uint_eq(a.calls, 0);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        return a;
}

static struct answer run_text(const char *name, const char *text)
{
        return run(one(name, text));
}

/* ---- order and throughput ---- */

struct sequence {
        unsigned calls;
        int64_t expected;
};

static void on_next(const struct pg_result *r, const struct err *e, void *arg)
{
        struct sequence *s = arg;
        ck_assert_msg(!e, "%s", e ? e->text : "");
        ck_assert_int_eq(pg_int(r, 0, 0, 0), s->expected);
        ck_assert_int_eq(pg_affected(r, 0), 1);
        s->expected++;
        s->calls++;
}

START_TEST(many_in_flight_keep_their_order)
{
        enum { N = 20000 };
        sql("CREATE TABLE ordered (at bigint GENERATED ALWAYS AS IDENTITY, v bigint)");
        struct sequence s = {0};
        for (int i = 0; i < N; i++) {
                struct pg_tx *tx = one("o", "INSERT INTO ordered (v) VALUES ($1) RETURNING v");
                pg_arg_int(tx, i);
                pg_send(pg, tx, on_next, &s);
        }
        ck_assert_uint_eq(pg_in_flight(pg), N);
        ck_assert(turn_until(loop, &s.calls, N, 60000));
        ck_assert_uint_eq(pg_in_flight(pg), 0);
        ck_assert_int_eq(sql_int("SELECT count(*) FROM ordered WHERE at = v + 1"), N);
}
END_TEST

struct echo {
        unsigned calls, left;
};

static void send_echo(struct echo *e);

static void on_echo(const struct pg_result *r, const struct err *e, void *arg)
{
        struct echo *echo = arg;
        ck_assert(!e && pg_rows(r, 0) == 1);
        echo->calls++;
        if (echo->left)
                send_echo(echo);
}

static void send_echo(struct echo *e)
{
        e->left--;
        struct pg_tx *tx = one("echo", "SELECT $1::bigint");
        pg_arg_int(tx, e->left);
        pg_send(pg, tx, on_echo, e);
}

START_TEST(throughput)
{
        static const unsigned depths[] = {1, 50, 500};
        const char *asked = getenv("STORE_BENCH");
        unsigned n = asked ? (unsigned)strtoul(asked, NULL, 10) : 5000;
        for (size_t i = 0; i < COUNT_OF(depths); i++) {
                struct echo e = {.left = n};
                int64_t begin_us = clock_mono_us();
                for (unsigned k = 0; k < depths[i]; k++)
                        send_echo(&e);
                ck_assert(turn_until(loop, &e.calls, n, 60000));
                if (asked)
                        fprintf(stderr, "%u in flight: %.0f transactions/s\n", depths[i],
                                n * 1e6 / (double)(clock_mono_us() - begin_us));
        }
}
END_TEST

/* ---- results ---- */

static void on_shapes(const struct pg_result *r, const struct err *e, void *arg)
{
        ck_assert_msg(!e, "%s", e ? e->text : "");
        ck_assert_int_eq(pg_affected(r, 1), 3);
        ck_assert_int_eq(pg_rows(r, 1), 0);
        ck_assert_int_eq(pg_rows(r, 2), 3);
        ck_assert_int_eq(pg_int(r, 2, 0, 0), -7);
        ck_assert_str_eq(pg_text(r, 2, 0, 1), "ünï");
        ck_assert_uint_eq(pg_length(r, 2, 0, 1), strlen("ünï"));
        ck_assert(pg_bool(r, 2, 0, 2));
        ck_assert(pg_is_null(r, 2, 1, 0) && pg_is_null(r, 2, 1, 1) && pg_is_null(r, 2, 1, 2));
        ck_assert_ptr_null(pg_text(r, 2, 1, 1));
        ck_assert_int_eq(pg_int(r, 2, 1, 0), 0);
        ck_assert(!pg_bool(r, 2, 1, 2));
        ck_assert_str_eq(pg_text(r, 2, 2, 1), "");
        ck_assert_str_eq(pg_last_sqlstate(), "");
        ++*(unsigned *)arg;
}

START_TEST(statements_of_a_transaction_see_each_other)
{
        unsigned calls = 0;
        sql("CREATE TABLE shapes (n bigint, t text, b boolean)");
        struct pg_tx *tx = one("one", "SELECT 1");
        pg_stmt_text(tx, "shapes_put",
                     "INSERT INTO shapes VALUES ($1, $2, $3), ($4, $5, $6), (1, '', false)");
        pg_arg_int(tx, -7);
        pg_arg_text(tx, "ünï");
        pg_arg_bool(tx, true);
        pg_arg_null(tx);
        pg_arg_text(tx, NULL);
        pg_arg_null(tx);
        pg_stmt_text(tx, "shapes_get", "SELECT * FROM shapes");
        pg_send(pg, tx, on_shapes, &calls);
        ck_assert(turn_until(loop, &calls, 1, 5000));
}
END_TEST

START_TEST(nothing_to_do_is_fine)
{
        struct answer a = run(pg_tx_new());
        ck_assert_int_eq(a.code, ERR_OK);
}
END_TEST

START_TEST(session_is_as_our_statements_expect)
{
        static const char *const expected[][2] = {
                {"search_path", "wavefleet,public"},
                {"timezone", "UTC"},
                {"statement_timeout", "10s"},
                {"lock_timeout", "5s"},
                {"idle_in_transaction_session_timeout", "10s"},
                {"plan_cache_mode", "force_generic_plan"},
                {"client_encoding", "UTF8"},
                {"application_name", "test-store"},
                {"default_transaction_isolation", "read committed"},
                {"jit", "off"},
        };
        for (size_t i = 0; i < COUNT_OF(expected); i++) {
                struct pg_tx *tx = one("setting", "SELECT current_setting($1)");
                pg_arg_text(tx, expected[i][0]);
                ck_assert_str_eq(run(tx).first, expected[i][1]);
        }
}
END_TEST

/* ---- arrays ---- */

START_TEST(arrays_arrive_as_they_are)
{
        const char *texts[] = {"",    NULL,    "{a,\"b\\\"}", "NULL", "null",
                               " x ", "ünï ☃", "'",           "\n\t"};
        struct pg_tx *tx = one(
                "arrays", "SELECT $1::bigint[] = '{-1,9223372036854775807}'"
                          " AND $2::int[] = '{-2147483648,0}'"
                          " AND $3::boolean[] = '{t,f}'"
                          " AND $4::text[] IS NOT DISTINCT FROM ARRAY['', NULL, E'{a,\"b\\\\\"}',"
                          "     'NULL', 'null', ' x ', 'ünï ☃', '''', E'\\n\\t']"
                          " AND $5::bigint[] = '{}' AND $6::text[] = '{}' AND $7::int[] = '{}'"
                          " AND $8::boolean[] = '{}' AND $9::bytea = '\\x0001ff'"
                          " AND $10::text[]::wide[] = ARRAY['a', 'b']::wide[]");
        sql("CREATE TYPE wide AS ENUM ('a', 'b')");
        pg_arg_int8s(tx, (int64_t[]){-1, INT64_MAX}, 2);
        pg_arg_int4s(tx, (int32_t[]){INT32_MIN, 0}, 2);
        pg_arg_bools(tx, (bool[]){true, false}, 2);
        pg_arg_texts(tx, texts, COUNT_OF(texts));
        pg_arg_int8s(tx, NULL, 0);
        pg_arg_texts(tx, NULL, 0);
        pg_arg_int4s(tx, NULL, 0);
        pg_arg_bools(tx, NULL, 0);
        pg_arg_bytes(tx, "\0\1\xff", 3);
        pg_arg_texts(tx, (const char *[]){"a", "b"}, 2);
        struct answer a = run(tx);
        ck_assert_msg(a.code == ERR_OK, "%s", a.text);
        ck_assert_str_eq(a.first, "t");
}
END_TEST

START_TEST(large_parameters_and_results)
{
        enum { SIZE = 5 * 1024 * 1024, N = 200000 };
        char *text = xmalloc(SIZE + 1);
        int64_t *ids = xmalloc(sizeof(*ids) * N);
        memset(text, 'x', SIZE);
        text[SIZE] = '\0';
        for (int i = 0; i < N; i++)
                ids[i] = i;
        int64_t before = strtoll(run_text("pid", "SELECT pg_backend_pid()").first, NULL, 10);
        struct pg_tx *tx = one("large", "SELECT length($1::text), $1::text, sum(v)"
                                        " FROM unnest($2::bigint[]) v");
        pg_arg_text(tx, text);
        pg_arg_int8s(tx, ids, N);
        struct answer a = run(tx);
        ck_assert_msg(a.code == ERR_OK, "%s", a.text);
        ck_assert_str_eq(a.first, "5242880");
        /* the connection is another one now, and nobody noticed */
        ck_assert(pg_up(pg));
        a = run_text("pid", "SELECT pg_backend_pid()");
        ck_assert_int_eq(a.code, ERR_OK);
        ck_assert_int_ne(strtoll(a.first, NULL, 10), before);
        free(text);
        free(ids);
}
END_TEST

static void take_lock(struct pg *of, void *arg)
{
        pg_send(of, one("lock", "SELECT pg_advisory_lock_shared(77, 1)"), on_answer, arg);
}

/* What waits when a session is replaced goes behind what its owner has to say on the new one. */
START_TEST(each_session_is_greeted_first)
{
        static const char held[] = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND"
                                   " classid = 77 AND pid = pg_backend_pid()";
        struct answer greeting = {0};
        autofree char *text = xcalloc(1, 2 * 1024 * 1024);
        memset(text, 'x', 2 * 1024 * 1024 - 1);
        pg_on_session(pg, take_lock, &greeting);
        ck_assert_str_eq(run_text("held", held).first, "0"); /* it was open already */
        struct pg_tx *tx = one("large", "SELECT length($1::text)");
        pg_arg_text(tx, text);
        ck_assert_int_eq(run(tx).code, ERR_OK);
        ck_assert_str_eq(run_text("held", held).first, "1");
        ck_assert_uint_eq(greeting.calls, 1);
        sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE classid = 77");
        ck_assert(turn_until(loop, &greeting.calls, 2, 10000));
        ck_assert_str_eq(run_text("held", held).first, "1");
}
END_TEST

START_TEST(large_ones_in_both_directions_do_not_lock_up)
{
        enum { SIZE = 2 * 1024 * 1024, N = 12 };
        char *text = xmalloc(SIZE + 1);
        struct answer a = {0};
        memset(text, 'y', SIZE);
        text[SIZE] = '\0';
        for (int i = 0; i < N; i++) {
                struct pg_tx *tx = one("both", "SELECT $1::text FROM generate_series(1, 4)");
                pg_arg_text(tx, text);
                pg_send(pg, tx, on_answer, &a);
        }
        ck_assert(turn_until(loop, &a.calls, N, 30000));
        ck_assert_int_eq(a.code, ERR_OK);
        free(text);
}
END_TEST

START_TEST(too_many_parameters_are_not_sent)
{
        struct pg_tx *tx = one("huge", "SELECT $1");
        char *piece = xcalloc(1, 64 * 1024 * 1024);
        for (int i = 0; i < 5; i++)
                pg_arg_bytes(tx, piece, 64 * 1024 * 1024);
        free(piece);
        ck_assert_int_eq(run(tx).code, ERR_TOO_LARGE);
        ck_assert_int_eq(run_text("one", "SELECT 1").code, ERR_OK);
}
END_TEST

/* ---- refusals ---- */

START_TEST(a_failing_statement_takes_all_with_it)
{
        struct answer before = {0}, bad = {0}, after = {0};
        sql("CREATE TABLE whole (n int PRIMARY KEY)");
        struct pg_tx *tx = one("whole_put", "INSERT INTO whole VALUES ($1)");
        pg_arg_int(tx, 1);
        pg_send(pg, tx, on_answer, &before);
        tx = one("whole_put", "INSERT INTO whole VALUES ($1)");
        pg_arg_int(tx, 2);
        pg_stmt_text(tx, "whole_put", "INSERT INTO whole VALUES ($1)");
        pg_arg_int(tx, 1); /* is there */
        pg_stmt_text(tx, "whole_put", "INSERT INTO whole VALUES ($1)");
        pg_arg_int(tx, 3);
        pg_send(pg, tx, on_answer, &bad);
        tx = one("whole_put", "INSERT INTO whole VALUES ($1)");
        pg_arg_int(tx, 4);
        pg_send(pg, tx, on_answer, &after);
        ck_assert(turn_until(loop, &after.calls, 1, 5000));
        ck_assert_uint_eq(before.calls, 1);
        ck_assert_uint_eq(bad.calls, 1);
        ck_assert_int_eq(before.code, ERR_OK);
        ck_assert_int_eq(bad.code, ERR_INTERNAL);
        ck_assert_str_eq(bad.sqlstate, "23505");
        ck_assert_ptr_nonnull(strstr(bad.text, "whole_put"));
        ck_assert_str_eq(pg_last_sqlstate(), "");
        ck_assert_int_eq(after.code, ERR_OK);
        ck_assert_int_eq(sql_int("SELECT sum(n) FROM whole"), 5);
}
END_TEST

START_TEST(a_commit_may_fail_too)
{
        sql("CREATE TABLE late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
        struct pg_tx *tx = one("late_put", "INSERT INTO late VALUES (1)");
        pg_stmt_text(tx, "late_put", "INSERT INTO late VALUES (1)");
        struct answer bad = {0}, good = {0};
        pg_send(pg, tx, on_answer, &bad);
        pg_send(pg, one("late_put", "INSERT INTO late VALUES (1)"), on_answer, &good);
        ck_assert(turn_until(loop, &good.calls, 1, 5000));
        ck_assert_uint_eq(bad.calls, 1);
        ck_assert_int_eq(bad.code, ERR_INTERNAL);
        ck_assert_str_eq(bad.sqlstate, "23505");
        ck_assert_int_eq(good.code, ERR_OK);
        ck_assert_int_eq(sql_int("SELECT count(*) FROM late"), 1);
}
END_TEST

START_TEST(what_cannot_be_prepared_fails_alone)
{
        struct answer bad[2] = {0}, good[3] = {0};
        sql("CREATE TABLE half (n int)");
        pg_send(pg, one("good", "SELECT 1"), on_answer, &good[0]);
        for (int i = 0; i < 2; i++) {
                struct pg_tx *tx = one("half_put", "INSERT INTO half VALUES (1)");
                pg_stmt_text(tx, "bad", "SELECT no_such_column");
                pg_stmt_text(tx, "worse", "SELEC");
                pg_send(pg, tx, on_answer, &bad[i]);
                pg_send(pg, one("good", "SELECT 1"), on_answer, &good[1 + i]);
        }
        ck_assert(turn_until(loop, &good[2].calls, 1, 5000));
        for (int i = 0; i < 2; i++) {
                ck_assert_int_eq(bad[i].code, ERR_INTERNAL);
                ck_assert_str_eq(bad[i].sqlstate, "42703");
                ck_assert_ptr_nonnull(strstr(bad[i].text, "no_such_column"));
                ck_assert_ptr_nonnull(strstr(bad[i].text, "'bad'"));
        }
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(good[i].code, ERR_OK);
        ck_assert_int_eq(sql_int("SELECT count(*) FROM half"), 0);
}
END_TEST

START_TEST(our_sql_refuses_with_a_sentence)
{
        static const struct {
                const char *sqlstate;
                enum err_code code;
        } rows[] = {{"WF404", ERR_NOT_FOUND}, {"WF409", ERR_CONFLICT}, {"WF422", ERR_INVALID}};
        sql("CREATE FUNCTION refuse(code text) RETURNS int LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'no wave ''%''', code USING ERRCODE = code; END$$");
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                struct pg_tx *tx = one("refuse", "SELECT refuse($1)");
                pg_arg_text(tx, rows[i].sqlstate);
                struct answer a = run(tx);
                char expected[64];
                snprintf(expected, sizeof(expected), "no wave '%s'", rows[i].sqlstate);
                ck_assert_int_eq(a.code, rows[i].code);
                ck_assert_str_eq(a.text, expected);
                ck_assert_str_eq(a.sqlstate, rows[i].sqlstate);
        }
}
END_TEST

START_TEST(what_takes_too_long_is_stopped)
{
        pg_free(pg);
        struct pg_opts opts = test_opts();
        opts.query_timeout_ms = 400;
        pg = pg_new(loop, &opts, NULL, NULL);
        ck_assert(turn_until_up(loop, pg, 5000));
        struct answer a = run_text("slow", "SELECT pg_sleep(5)");
        ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
        ck_assert_str_eq(a.sqlstate, "57014");
        sql("CREATE TABLE held (n int); INSERT INTO held VALUES (1)");
        struct err e = ERR_INIT;
        const struct pg_opts patient = test_opts();
        struct pg_sync *other = pg_sync_open(&patient, &e);
        ck_assert_int_eq(pg_sync_begin(other, &e), 0);
        ck_assert_int_eq(pg_sync_script(other, "UPDATE held SET n = 2", &e), 0);
        a = run_text("held", "UPDATE held SET n = 3");
        ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
        ck_assert_str_eq(a.sqlstate, "55P03");
        pg_sync_close(other);
}
END_TEST

/* ---- trying again ---- */

static struct pg_tx *cross(int first, int second)
{
        struct pg_tx *tx = one("cross_one", "UPDATE crossed SET n = n + 1 WHERE id = $1");
        pg_arg_int(tx, first);
        pg_stmt_text(tx, "cross_meet", "SELECT meet()");
        pg_stmt_text(tx, "cross_one", "UPDATE crossed SET n = n + 1 WHERE id = $1");
        pg_arg_int(tx, second);
        return tx;
}

/* PostgreSQL tells its statistics a while later. */
static bool deadlock_was_counted(void *arg)
{
        (void)arg;
        loop_turn(loop, 0);
        return sql_int("SELECT deadlocks FROM pg_stat_database WHERE datname = "
                       "current_database()") >= 1;
}

START_TEST(deadlocks_are_tried_again)
{
        const struct pg_opts opts = test_opts();
        sql("CREATE TABLE crossed (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);"
            "INSERT INTO crossed VALUES (1), (2);"
            "CREATE SEQUENCE met; CREATE FUNCTION meet() RETURNS void LANGUAGE plpgsql AS"
            " $$BEGIN PERFORM nextval('met'); WHILE (SELECT last_value FROM met) < 2 LOOP"
            " PERFORM pg_sleep(0.01); END LOOP; END$$");
        struct pg *other = pg_new(loop, &opts, NULL, NULL);
        ck_assert(turn_until_up(loop, other, 5000));
        struct answer a = {0}, b = {0}, c = {0};
        pg_send(pg, cross(1, 2), on_answer, &a);
        pg_send(other, cross(2, 1), on_answer, &b);
        pg_send(other, one("one", "SELECT 1"), on_answer, &c);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert(turn_until(loop, &b.calls, 1, 10000));
        ck_assert_msg(a.code == ERR_OK, "%s", a.text);
        ck_assert_msg(b.code == ERR_OK, "%s", b.text);
        ck_assert_uint_eq(c.calls, 1);
        ck_assert_int_eq(sql_int("SELECT sum(n) FROM crossed"), 4);
        ck_assert(harness_wait(deadlock_was_counted, NULL, 20000));
        pg_free(other);
}
END_TEST

START_TEST(conflicts_are_tried_again_but_not_for_ever)
{
        sql("CREATE SEQUENCE tried; CREATE FUNCTION conflict(good_at int) RETURNS bigint"
            " LANGUAGE plpgsql AS $$DECLARE n bigint := nextval('tried'); BEGIN"
            " IF n < good_at THEN RAISE 'again' USING ERRCODE = '40001'; END IF; RETURN n; END$$");
        struct pg_tx *tx = one("conflict", "SELECT conflict($1)");
        pg_arg_int(tx, 4);
        struct answer a = run(tx);
        ck_assert_msg(a.code == ERR_OK, "%s", a.text);
        ck_assert_str_eq(a.first, "4");
        tx = one("conflict", "SELECT conflict($1)");
        pg_arg_int(tx, 1000);
        a = run(tx);
        ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
        ck_assert_str_eq(a.sqlstate, "40001");
        ck_assert_int_eq(sql_int("SELECT last_value FROM tried"), 4 + 6);
}
END_TEST

START_TEST(a_change_of_the_schema_goes_unnoticed)
{
        sql("CREATE TABLE changing (n int); INSERT INTO changing VALUES (1)");
        ck_assert_int_eq(run_text("changing", "SELECT * FROM changing").code, ERR_OK);
        sql("ALTER TABLE changing ALTER n TYPE bigint");
        struct answer many = {0};
        for (int i = 0; i < 10; i++)
                pg_send(pg, one("changing", "SELECT * FROM changing"), on_answer, &many);
        ck_assert(turn_until(loop, &many.calls, 10, 5000));
        ck_assert_msg(many.code == ERR_OK, "%s", many.text);
        ck_assert_int_eq(run_text("forget", "DEALLOCATE ALL").code, ERR_OK);
        ck_assert_int_eq(run_text("changing", "SELECT * FROM changing").code, ERR_OK);
}
END_TEST

/* ---- ending ---- */

struct resender {
        unsigned calls, resent;
        enum err_code last;
};

static void on_ended(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)r;
        struct resender *s = arg;
        s->calls++;
        s->last = e ? e->code : ERR_OK;
        if (e && s->resent < 3) {
                s->resent++;
                pg_send(pg, one("again", "SELECT 1"), on_ended, s);
        }
}

START_TEST(freeing_answers_everything_once)
{
        struct resender s = {0};
        for (int i = 0; i < 100; i++)
                pg_send(pg, one("wait", "SELECT pg_sleep(0.1)"), on_ended, &s);
        turn_until(loop, &s.calls, 2, 5000);
        ck_assert_uint_lt(s.calls, 100);
        pg_free(pg);
        ck_assert_uint_eq(s.calls, 103);
        ck_assert_int_eq(s.last, ERR_UNAVAILABLE);
        pg = NULL;
}
END_TEST

static void on_free(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)r;
        (void)e;
        ++*(unsigned *)arg;
        pg_free(pg);
        pg = NULL;
}

START_TEST(it_may_be_freed_in_a_callback)
{
        unsigned freed = 0;
        struct resender s = {.resent = 3};
        pg_send(pg, one("one", "SELECT 1"), on_free, &freed);
        for (int i = 0; i < 10; i++)
                pg_send(pg, one("one", "SELECT 1"), on_ended, &s);
        ck_assert(turn_until(loop, &freed, 1, 5000));
        ck_assert_uint_eq(s.calls, 10);
        loop_turn(loop, 50);
}
END_TEST

static void count_change(bool up, void *arg)
{
        unsigned *changes = arg;
        ck_assert(up);
        ++*changes;
}

static struct pg_opts on_demand(const char *url)
{
        struct pg_opts o = test_opts();
        o.url = url ? url : o.url;
        o.name = "test-demand";
        o.on_demand = true;
        return o;
}

START_TEST(one_on_demand_is_opened_by_what_is_sent)
{
        static const char mine[] =
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'test-demand'";
        struct pg_opts o = on_demand(NULL);
        struct answer a = {0}, b = {0}, greeting = {0};
        unsigned changes = 0;
        struct pg *idle = pg_new(loop, &o, count_change, &changes);
        pg_on_session(idle, take_lock, &greeting);
        pg_hurry(idle);
        ck_assert(!pg_up(idle) && pg_takes(idle));
        ck_assert_str_eq(run_text("mine", mine).first, "0");
        pg_send(idle, one("first", "SELECT 1"), on_answer, &a);
        pg_send(idle, one("second", "SELECT 2"), on_answer, &b);
        ck_assert(turn_until(loop, &b.calls, 1, 10000));
        ck_assert_str_eq(a.first, "1");
        ck_assert_str_eq(b.first, "2");
        ck_assert_uint_eq(greeting.calls, 1);
        ck_assert_uint_eq(changes, 1);
        ck_assert(pg_up(idle));
        ck_assert_str_eq(run_text("mine", mine).first, "1");
        pg_free(idle);
}
END_TEST

static struct pg *freed_pg;

/* A callback may send more when it is freed: that does not open it. */
static void send_once_more(const struct pg_result *r, const struct err *e, void *arg)
{
        static struct answer ignored;
        struct answer *a = arg;
        on_answer(r, e, a);
        pg_send(freed_pg, one("more", "SELECT 1"), on_answer, &ignored);
}

START_TEST(one_on_demand_that_cannot_be_opened_says_so)
{
        struct pg_opts o = on_demand("postgresql://127.0.0.1:1/nowhere");
        struct answer a = {0}, b = {0};
        struct pg *none = pg_new(loop, &o, NULL, NULL);
        pg_send(none, one("first", "SELECT 1"), on_answer, &a);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
        ck_assert(!pg_takes(none));
        pg_free(none);
        freed_pg = none = pg_new(loop, &o, NULL, NULL);
        pg_send(none, one("first", "SELECT 1"), send_once_more, &b);
        pg_free(none);
        ck_assert_uint_eq(b.calls, 1);
        ck_assert_int_eq(b.code, ERR_UNAVAILABLE);
        pg_free(pg_new(loop, &o, NULL, NULL)); /* never needed */
}
END_TEST

static struct pg *opening;

/* As where another connection has found that the server is back. */
static void send_when_down(bool up, void *arg)
{
        if (up)
                return;
        pg_hurry(opening);
        ck_assert(!pg_up(opening) && pg_takes(opening));
        pg_send(opening, one("second", "SELECT 2"), on_answer, arg);
}

START_TEST(what_is_sent_while_it_is_opened_waits)
{
        static const char end_it[] = "SELECT count(pg_terminate_backend(pid)) FROM "
                                     "pg_stat_activity WHERE application_name = 'test-opening'";
        struct pg_opts o = test_opts();
        struct answer a = {0}, b = {0};
        o.name = "test-opening";
        opening = pg_new(loop, &o, send_when_down, &b);
        ck_assert(!pg_up(opening) && pg_takes(opening));
        pg_send(opening, one("first", "SELECT 1"), on_answer, &a);
        ck_assert(turn_until(loop, &a.calls, 1, 10000));
        ck_assert_str_eq(a.first, "1");
        ck_assert_str_eq(run_text("end_it", end_it).first, "1");
        ck_assert(turn_until(loop, &b.calls, 1, 10000));
        ck_assert_str_eq(b.first, "2");
        pg_free(opening);
}
END_TEST

START_TEST(but_not_where_it_cannot_be_opened)
{
        struct pg_opts o = test_opts();
        struct answer a = {0};
        o.url = "postgresql://127.0.0.1:1/nowhere";
        struct pg *none = pg_new(loop, &o, NULL, NULL);
        for (unsigned n = 1; n <= 3; n++) {
                pg_send(none, one("first", "SELECT 1"), on_answer, &a);
                ck_assert(turn_until(loop, &a.calls, n, 10000));
                ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
                ck_assert(!pg_takes(none));
                if (n == 2)
                        pg_hurry(none);
        }
        pg_free(none);
}
END_TEST

START_TEST(a_child_forgets_without_harm)
{
        ck_assert_int_eq(run_text("one", "SELECT 1").code, ERR_OK);
        for (int order = 0; order < 2; order++) {
                pid_t pid = fork();
                if (pid == 0) {
                        if (order)
                                loop_forget(loop);
                        pg_forget(pg);
                        if (!order)
                                loop_forget(loop);
                        _exit(0);
                }
                int status = -1;
                waitpid(pid, &status, 0);
                ck_assert_int_eq(status, 0);
                ck_assert_int_eq(run_text("two", "SELECT 2").code, ERR_OK);
        }
        ck_assert(pg_up(pg));
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("store");
        TCase *t = tcase_create("one connection");
        tcase_set_timeout(t, 120);
        tcase_add_checked_fixture(t, open_pg, close_pg);
        tcase_add_test(t, many_in_flight_keep_their_order);
        tcase_add_test(t, throughput);
        tcase_add_test(t, statements_of_a_transaction_see_each_other);
        tcase_add_test(t, nothing_to_do_is_fine);
        tcase_add_test(t, session_is_as_our_statements_expect);
        tcase_add_test(t, arrays_arrive_as_they_are);
        tcase_add_test(t, large_parameters_and_results);
        tcase_add_test(t, each_session_is_greeted_first);
        tcase_add_test(t, large_ones_in_both_directions_do_not_lock_up);
        tcase_add_test(t, too_many_parameters_are_not_sent);
        tcase_add_test(t, a_failing_statement_takes_all_with_it);
        tcase_add_test(t, a_commit_may_fail_too);
        tcase_add_test(t, what_cannot_be_prepared_fails_alone);
        tcase_add_test(t, our_sql_refuses_with_a_sentence);
        tcase_add_test(t, what_takes_too_long_is_stopped);
        tcase_add_test(t, deadlocks_are_tried_again);
        tcase_add_test(t, conflicts_are_tried_again_but_not_for_ever);
        tcase_add_test(t, a_change_of_the_schema_goes_unnoticed);
        tcase_add_test(t, freeing_answers_everything_once);
        tcase_add_test(t, it_may_be_freed_in_a_callback);
        tcase_add_test(t, one_on_demand_is_opened_by_what_is_sent);
        tcase_add_test(t, one_on_demand_that_cannot_be_opened_says_so);
        tcase_add_test(t, what_is_sent_while_it_is_opened_waits);
        tcase_add_test(t, but_not_where_it_cannot_be_opened);
        tcase_add_test(t, a_child_forgets_without_harm);
        suite_add_tcase(s, t);
        return s;
}

int main(void)
{
        return run_suite(suite);
}
