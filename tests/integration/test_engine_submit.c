/*
 * test_engine_submit.c - the API's half of the engine against a real Redis and PostgreSQL: submissions,
 * acts and settlements, and what Redis holds after each. No worker runs here; what one would have done
 * is written with SQL.
 */
#include <stdio.h>

#include "engine/engine_internal.h"
#include "engine/submission_tx.h"
#include "store/pg_sync.h"
#include "store/schema.h"
#include "tests/integration/broker_rig.h"

enum { READY_MAX = 32 }; /* lined up without a worker */

static struct config cfg;
static struct pg_sync *db;
static struct pg_pool *pool;
static struct engine *engine;
static struct submission sub;
static struct submitted wave_in;

/* ---- the world ---- */

static void script(const char *sql)
{
        struct err e = ERR_INIT;
        ck_assert_msg(pg_sync_script(db, sql, &e) == 0, "%s: %s", sql, e.text);
}

static void take_number(const struct pg_result *r, const struct err *e, void *arg)
{
        ck_assert_msg(!e, "%s", e ? e->text : "");
        *(int64_t *)arg = pg_rows(r, 0) ? pg_int(r, 0, 0, 0) : -1;
}

/* Texts are kept by reference: literals only. */
static int64_t number(const char *sql)
{
        int64_t n = 0;
        struct err e = ERR_INIT;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, sql, sql);
        ck_assert_msg(pg_sync_run(db, tx, take_number, &n, &e) == 0, "%s: %s", sql, e.text);
        return n;
}

static void set_up(void)
{
        rig_start();
        const struct harness_stack *stack = harness_stack_up();
        struct err e = ERR_INIT;
        config_defaults(&cfg);
        free(cfg.database_url);
        cfg.database_url = xstrdup(stack->database_url);
        const struct pg_opts opts = {.url = cfg.database_url,
                                     .name = "test",
                                     .connect_timeout_ms = 5000,
                                     .query_timeout_ms = 20000};
        db = pg_sync_open(&opts, &e);
        ck_assert_msg(db, "%s", e.text);
        script("DROP SCHEMA IF EXISTS wavefleet CASCADE");
        ck_assert_msg(schema_apply(db, &e) == 0, "%s", e.text);
        pool = pg_pool_new(rig.loop, &opts, 2, NULL, NULL);
        engine = engine_new(rig.loop, &cfg, rig.b);
        while (!pg_pool_up(pool) || !pg_pool_up(engine->acts) || !pg_up(engine->pg))
                loop_turn(rig.loop, 20);
}

static void tear_down(void)
{
        submission_fini(&sub);
        engine_stop(engine);
        pg_pool_free(pool);
        rig_end();
        engine_free(engine);
        pg_sync_close(db);
        config_fini(&cfg);
}

/* ---- submitting ---- */

static void on_submitted(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)arg;
        ck_assert_msg(!e, "%s", e ? e->text : "");
        submission_read_wave(r, 0, &sub, &wave_in);
        engine_enqueue(engine, &wave_in);
        rig.answers++;
}

static bool holds(long long backlog, long long ready)
{
        return rig_int("LLEN wavefleet:wave:%lld:backlog", (long long)wave_in.facts.wave_no) ==
                       backlog &&
               rig_int("LLEN wavefleet:queue:default") == ready;
}

static void until_holds(long long backlog, long long ready)
{
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        while (!holds(backlog, ready)) {
                ck_assert_msg(clock_mono_ms() < end_ms, "backlog %lld, ready %lld",
                              rig_int("LLEN wavefleet:wave:%lld:backlog",
                                      (long long)wave_in.facts.wave_no),
                              rig_int("LLEN wavefleet:queue:default"));
                loop_turn(rig.loop, 10);
        }
}

/* A wave of `n` projects p0, p1, …, alone; it is in Redis when this returns. */
static void submit_wave(size_t n, int batch_size)
{
        struct mistakes m = {.arena = arena_new(0)};
        struct err e = ERR_INIT;
        autobuf body = BUF_INIT(SIZE_MAX);
        buf_addf(&body, "{\"name\":\"w\",\"kind\":\"noop\",\"batch_size\":%d,\"projects\":[",
                 batch_size);
        for (size_t i = 0; i < n; i++)
                buf_addf(
                        &body, "%s{\"project\":\"p%zu\",\"brz_project_id\":%zu,\"params\":{\"sleep_ms\":1}}",
                        i ? "," : "", i, 100 + i);
        buf_adds(&body, "]}");
        submission_fini(&sub);
        ck_assert_msg(submission_read(&sub, body.data, body.len, &cfg, &m, &e) == 0, "%s", e.text);
        arena_free(m.arena);
        struct pg_tx *tx = pg_tx_new();
        submission_add_wave(tx, &sub);
        submission_add_migrations(tx, &sub);
        unsigned before = rig.answers;
        pg_pool_send(pool, tx, on_submitted, NULL);
        rig_wait(before);
        size_t ready = n < (size_t)batch_size ? n : (size_t)batch_size;
        ready = ready < READY_MAX ? ready : READY_MAX;
        until_holds((long long)(n - ready), (long long)ready);
}

/* Every migration has failed once, the wave is over, and Redis knows nothing of it. */
static void all_failed(void)
{
        script("UPDATE wavefleet.migrations SET state = 'failed', attempt = 1, spent = 1, class = "
               "'data',"
               " error = 'no', worker_id = 1, started_at = now(), finished_at = now();"
               "INSERT INTO wavefleet.dead SELECT id, wave_no, 'data' FROM wavefleet.migrations;"
               "INSERT INTO wavefleet.wave_progress (wave_no, shard, claimed, released, failed)"
               " SELECT wave_no, 0, total, total, total FROM wavefleet.waves;"
               "UPDATE wavefleet.waves SET state = 'error', version = 2, completed_at = now()");
        rig_do("FLUSHALL");
}

/* ---- acts ---- */

static char *act_data;
static int64_t act_touched;

static void on_act(const char *data, int64_t touched, const struct err *e, void *arg)
{
        (void)arg;
        free(act_data);
        act_data = data ? xstrdup(data) : NULL;
        act_touched = touched;
        rig_answer(e);
}

static int64_t in_data(const char *name)
{
        int64_t n = -1;
        struct json *v = json_parse(act_data, strlen(act_data), NULL);
        json_int(json_get(v, name), &n);
        json_free(v);
        return n;
}

static struct pg_tx *act(enum sql_id id, const char *wave_id, const char *project)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_ACT_LOCK_WAVE);
        pg_arg_text(tx, wave_id);
        pg_stmt(tx, id);
        pg_arg_text(tx, wave_id);
        if (project)
                pg_arg_text(tx, project);
        return tx;
}

static void restart(const char *project, const char *params)
{
        struct pg_tx *tx = act(SQL_ACT_RESTART, sub.wave_id, project);
        pg_arg_text(tx, params);
        pg_arg_int(tx, engine_shard(engine));
        pg_arg_text(tx, "me");
        OP(engine_act(engine, tx, on_act, NULL));
}

static void restart_many(const char *const *projects, size_t n)
{
        struct pg_tx *tx = act(SQL_ACT_RESTART_MANY, sub.wave_id, NULL);
        if (n)
                pg_arg_texts(tx, projects, n);
        else
                pg_arg_null(tx);
        pg_arg_null(tx);
        pg_arg_int(tx, engine_shard(engine));
        pg_arg_text(tx, "me");
        for (int filter = 6; filter <= 11; filter++)
                pg_arg_null(tx);
        pg_arg_bool(tx, false);
        pg_arg_bool(tx, false);
        OK(engine_act_many(engine, tx, on_act, NULL));
}

static void reset(void)
{
        struct pg_tx *tx = act(SQL_ACT_RESET, sub.wave_id, NULL);
        pg_arg_int(tx, engine_shard(engine));
        pg_arg_text(tx, "me");
        OK(engine_act_many(engine, tx, on_act, NULL));
}

static void unlock(const char *project)
{
        struct pg_tx *tx = act(SQL_ACT_UNLOCK, sub.wave_id, project);
        pg_arg_int(tx, engine_shard(engine));
        pg_arg_text(tx, "given up");
        OK(engine_act(engine, tx, on_act, NULL));
}

#define COUNT(what) number("SELECT count(*) FROM wavefleet." what)
#define SUM(column) number("SELECT sum(" column ") FROM wavefleet.wave_progress")

/* ---- tests ---- */

START_TEST(a_submission_reaches_redis)
{
        submit_wave(40, 3);
        ck_assert_int_eq(rig_int("LINDEX wavefleet:queue:default 0"), wave_in.first);
        ck_assert_int_eq(
                rig_int("LINDEX wavefleet:wave:%lld:backlog -1", (long long)wave_in.facts.wave_no),
                wave_in.last);
        ck_assert_int_eq(rig_int("GET wavefleet:depth:default"), 40);
        ck_assert_int_eq(wave_in.last - wave_in.first, 39);
        ck_assert_int_eq(COUNT("waves WHERE state = 'running' AND total = 40 AND run_no = 1"), 1);
        ck_assert_int_eq(
                COUNT("migrations WHERE state = 'pending' AND params ->> 'sleep_ms' = '1' AND "
                      "brz_project_id = 99 + id - (SELECT first_id - 1 FROM wavefleet.waves)"),
                40);
        ck_assert_int_eq(COUNT("wave_logs"), 1);
}
END_TEST

START_TEST(ids_of_waves_do_not_mix)
{
        submit_wave(10, 1);
        int64_t last = wave_in.last;
        rig_do("FLUSHALL");
        submit_wave(10, 1);
        ck_assert_int_gt(wave_in.first, last);
        ck_assert_int_eq(COUNT("migrations m JOIN wavefleet.waves w USING (wave_no) "
                               "WHERE m.id BETWEEN w.first_id AND w.last_id"),
                         20);
}
END_TEST

START_TEST(one_restart_opens_an_ended_wave)
{
        submit_wave(5, 3);
        all_failed();
        script("UPDATE wavefleet.waves SET kind = 'remote'");
        restart("p3", "{\"sleep_ms\":9,\"quality_analysis\":true}");
        ck_assert_int_eq(rig.e.code, ERR_OK);
        ck_assert_int_eq(act_touched, 1);
        until_holds(0, 1);
        ck_assert_int_eq(rig_int("LINDEX wavefleet:queue:default 0"), wave_in.first + 3);
        ck_assert_int_eq(
                COUNT("waves WHERE state = 'running' AND run_no = 2 AND completed_at IS NULL"), 1);
        ck_assert_int_eq(
                COUNT("migrations WHERE project = 'p3' AND state = 'pending' AND attempt = 1 AND "
                      "spent = 0 AND error IS NULL AND class IS NULL AND brz_project_id = 103 AND "
                      "params = '{\"sleep_ms\":9,\"quality_analysis\":true}'"),
                1);
        ck_assert_int_eq(COUNT("dead"), 4);
        ck_assert_int_eq(SUM("failed"), 4);
}
END_TEST

START_TEST(what_cannot_be_restarted)
{
        submit_wave(3, 3);
        script("UPDATE wavefleet.migrations SET state = 'running' WHERE project = 'p0'");
        restart("p0", NULL);
        ck_assert_int_eq(rig.e.code, ERR_CONFLICT);
        ck_assert(strstr(rig.e.text, "running") != NULL);
        restart("p1", NULL);
        ck_assert_int_eq(rig.e.code, ERR_CONFLICT);
        restart("nobody", NULL);
        ck_assert_int_eq(rig.e.code, ERR_NOT_FOUND);
        ck_assert_int_eq(COUNT("waves WHERE version = 1"), 1);
        struct pg_tx *tx = act(SQL_ACT_RESTART, "1_000000000000", "p0");
        pg_arg_null(tx);
        pg_arg_int(tx, engine_shard(engine));
        pg_arg_null(tx);
        OP(engine_act(engine, tx, on_act, NULL));
        ck_assert_int_eq(rig.e.code, ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_restart_of_thousands_fills_the_backlog)
{
        submit_wave(5000, 100);
        all_failed();
        restart_many(NULL, 0);
        ck_assert_int_eq(in_data("total"), 5000);
        ck_assert_int_eq(in_data("success"), 5000);
        ck_assert_int_eq(in_data("failed"), 0);
        until_holds(4968, 32);
        ck_assert_int_eq(rig_int("LINDEX wavefleet:queue:default 0"), wave_in.first);
        ck_assert_int_eq(
                rig_int("LINDEX wavefleet:wave:%lld:backlog -1", (long long)wave_in.facts.wave_no),
                wave_in.last);
        ck_assert_int_eq(COUNT("migrations WHERE state = 'pending' AND attempt = 1"), 5000);
        ck_assert_int_eq(COUNT("dead"), 0);
        ck_assert_int_eq(SUM("failed"), 0);
        restart_many(NULL, 0);
        ck_assert_int_eq(in_data("total"), 0);
        ck_assert_int_eq(COUNT("waves WHERE run_no = 2 AND version = 3"), 1);
}
END_TEST

START_TEST(a_restart_of_named_ones)
{
        static const char *const names[] = {"p1", "nobody", "p2", "p1", "p4"};
        submit_wave(5, 5);
        all_failed();
        script("UPDATE wavefleet.migrations SET state = 'completed' WHERE project = 'p2';"
               "UPDATE wavefleet.migrations SET state = 'parked' WHERE project = 'p4';"
               "DELETE FROM wavefleet.dead d USING wavefleet.migrations m "
               "WHERE m.id = d.migration_id AND m.state <> 'failed';"
               "UPDATE wavefleet.wave_progress SET failed = 3, completed = 1, released = 4");
        restart_many(names, COUNT_OF(names));
        ck_assert_int_eq(in_data("total"), 4);
        ck_assert_int_eq(in_data("success"), 2);
        ck_assert_int_eq(in_data("failed"), 2);
        until_holds(0, 2);
        ck_assert_int_eq(SUM("failed"), 2);
        ck_assert_int_eq(SUM("completed"), 0);
        ck_assert_int_eq(COUNT("migrations WHERE state = 'parked'"), 1);
}
END_TEST

START_TEST(a_reset_wave_waits_for_a_restart)
{
        submit_wave(6, 3);
        all_failed();
        reset();
        ck_assert_int_eq(in_data("reset"), 6);
        until_holds(6, 0);
        ck_assert_int_eq(
                COUNT("waves WHERE state = 'ready' AND run_no = 2 AND completed_at IS NULL"), 1);
        ck_assert_int_eq(COUNT("migrations WHERE state = 'pending'"), 6);
        ck_assert_int_eq(SUM("failed"), 0);
        restart_many(NULL, 0);
        ck_assert_int_eq(in_data("success"), 6);
        until_holds(3, 3);
        ck_assert_int_eq(COUNT("waves WHERE state = 'running' AND run_no = 2"), 1);
}
END_TEST

START_TEST(a_parked_attempt_is_given_up)
{
        submit_wave(4, 2);
        script("UPDATE wavefleet.migrations SET state = 'parked', attempt = 1, worker_id = 1,"
               " started_at = now() WHERE project = 'p0';"
               "INSERT INTO wavefleet.active (migration_id, wave_no, state, attempt, due_at)"
               " SELECT id, wave_no, 'parked', 1, now() FROM wavefleet.migrations WHERE project = "
               "'p0';"
               "INSERT INTO wavefleet.wave_progress (wave_no, shard, claimed)"
               " SELECT wave_no, 0, 1 FROM wavefleet.waves");
        rig_do("LPOP wavefleet:queue:default");
        unlock("p0");
        ck_assert_int_eq(act_touched, 1);
        ck_assert(strstr(act_data, "\"removed\" : true") != NULL);
        until_holds(2, 2); /* its slot went to the next, and it stands at the head */
        ck_assert_int_eq(
                rig_int("LINDEX wavefleet:wave:%lld:backlog 0", (long long)wave_in.facts.wave_no),
                wave_in.first);
        ck_assert_int_eq(COUNT("active"), 0);
        ck_assert_int_eq(COUNT("attempts WHERE outcome = 'handed_back' AND worker_id = 1"), 1);
        ck_assert_int_eq(SUM("claimed - released"), 0);
        unlock("p0");
        ck_assert(strstr(act_data, "\"removed\" : false") != NULL);
}
END_TEST

START_TEST(a_running_attempt_is_asked_to_end)
{
        submit_wave(1, 1);
        script("UPDATE wavefleet.migrations SET state = 'running', attempt = 1, worker_id = 7;"
               "INSERT INTO wavefleet.active (migration_id, wave_no, state, attempt, worker_id)"
               " SELECT id, wave_no, 'running', 1, 7 FROM wavefleet.migrations");
        unlock("p0");
        ck_assert_int_eq(act_touched, 0);
        ck_assert_int_eq(in_data("worker_id"), 7);
        ck_assert_int_eq(in_data("id"), wave_in.first);
        ck_assert_int_eq(COUNT("active WHERE cancel = 'reset'"), 1);
        ck_assert_int_eq(COUNT("migrations WHERE state = 'running'"), 1);
}
END_TEST

/* An act as others build it: the last row that is not terminal is completed by a person. */
START_TEST(an_act_may_end_its_wave)
{
        static const char sql[] = "WITH u AS (UPDATE wavefleet.migrations SET state = 'completed' "
                                  "RETURNING id, wave_no),"
                                  "p AS (INSERT INTO wavefleet.wave_progress (wave_no, shard, "
                                  "completed) SELECT wave_no, -1, 1 "
                                  "FROM u)"
                                  "SELECT w.wave_no, w.version, w.state, w.batch_size, w.priority, "
                                  "w.queue, u.id, 'completed',"
                                  " '{\"x\":1}' FROM u JOIN wavefleet.waves w USING (wave_no)";
        submit_wave(1, 1);
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, "act", sql);
        OK(engine_act(engine, tx, on_act, NULL));
        ck_assert_str_eq(act_data, "{\"x\":1}");
        ck_assert_int_eq(COUNT("waves WHERE state = 'completed' AND completed_at IS NOT NULL"), 1);
        long long no = wave_in.facts.wave_no;
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        while (rig_int("EXISTS wavefleet:wave:%lld wavefleet:wave:%lld:window", no, no)) {
                ck_assert_int_lt(clock_mono_ms(), end_ms);
                loop_turn(rig.loop, 10);
        }
}
END_TEST

/* ---- settling ---- */

static char settled_state[32];
static bool settled_well;

static void on_settled(bool settled, const char *state, const struct err *e, void *arg)
{
        (void)arg;
        settled_well = settled;
        snprintf(settled_state, sizeof(settled_state), "%s", state ? state : "");
        rig_answer(e);
}

START_TEST(a_webhook_settles_once)
{
        const struct outcome o = {.kind = OUTCOME_COMPLETED,
                                  .result = "{\"a\":1}",
                                  .due_in_ms = -1,
                                  .brz_project_id = 100};
        submit_wave(1, 1);
        script("UPDATE wavefleet.migrations SET state = 'parked', attempt = 1, worker_id = 7, "
               "started_at = now();"
               "INSERT INTO wavefleet.active (migration_id, wave_no, state, attempt)"
               " SELECT id, wave_no, 'parked', 1 FROM wavefleet.migrations;"
               "INSERT INTO wavefleet.wave_progress (wave_no, shard, claimed)"
               " SELECT wave_no, 0, 1 FROM wavefleet.waves");
        do { /* until its own connection is there */
                rig_turn_for(20);
                OP(engine_settle(engine, wave_in.first, 1, &o, on_settled, NULL));
        } while (rig.e.code != ERR_OK);
        ck_assert(settled_well);
        ck_assert_str_eq(settled_state, "completed");
        OK(engine_settle(engine, wave_in.first, 1, &o, on_settled, NULL));
        ck_assert(!settled_well);
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        while (COUNT("waves WHERE state = 'completed'") == 0 && clock_mono_ms() < end_ms)
                loop_turn(rig.loop, 10);
        ck_assert_int_eq(COUNT("waves WHERE state = 'completed'"), 1);
        ck_assert_int_eq(COUNT("attempts WHERE outcome = 'completed'"), 1);
}
END_TEST

/* ---- idempotency ---- */

static struct pg_tx *keep(const char *key, const char *body)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_IDEMPOTENCY_LOCK);
        pg_arg_int(tx, 42);
        pg_stmt(tx, SQL_IDEMPOTENCY_KEEP);
        pg_arg_bytes(tx, key, strlen(key));
        pg_arg_bytes(tx, body, strlen(body));
        pg_arg_int(tx, 201);
        pg_arg_text(tx, "{}");
        return tx;
}

static void on_kept(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)r;
        (void)arg;
        rig_answer(e);
}

START_TEST(answers_are_kept_for_a_day)
{
        struct err e = ERR_INIT;
        OK(pg_pool_send(pool, keep("k", "b"), on_kept, NULL));
        OP(pg_pool_send(pool, keep("k", "b"), on_kept, NULL));
        ck_assert_int_eq(rig.e.code, ERR_IN_PROGRESS);
        script("UPDATE wavefleet.idempotency SET at = now() - interval '25 hours'");
        OK(pg_pool_send(pool, keep("k", "c"), on_kept, NULL));
        ck_assert_int_eq(
                COUNT("idempotency WHERE body_hash = 'c' AND at > now() - interval '1 hour'"), 1);
        /* while another transaction holds the key */
        ck_assert_int_eq(pg_sync_begin(db, &e), 0);
        ck_assert_int_eq(number("SELECT pg_try_advisory_xact_lock(42)::int"), 1);
        OP(pg_pool_send(pool, keep("k2", "b"), on_kept, NULL));
        ck_assert_int_eq(rig.e.code, ERR_IN_PROGRESS);
        ck_assert(strstr(rig.e.text, "under way") != NULL);
        pg_sync_rollback(db);
        OK(pg_pool_send(pool, keep("k2", "b"), on_kept, NULL));
}
END_TEST

int main(void)
{
        Suite *s = suite_create("engine_submit");
        TCase *t = tcase_create("engine_submit");
        suite_add_tcase(s, t);
        harness_stack_up();
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_set_timeout(t, 120);
        tcase_add_test(t, a_submission_reaches_redis);
        tcase_add_test(t, ids_of_waves_do_not_mix);
        tcase_add_test(t, one_restart_opens_an_ended_wave);
        tcase_add_test(t, what_cannot_be_restarted);
        tcase_add_test(t, a_restart_of_thousands_fills_the_backlog);
        tcase_add_test(t, a_restart_of_named_ones);
        tcase_add_test(t, a_reset_wave_waits_for_a_restart);
        tcase_add_test(t, a_parked_attempt_is_given_up);
        tcase_add_test(t, a_running_attempt_is_asked_to_end);
        tcase_add_test(t, an_act_may_end_its_wave);
        tcase_add_test(t, a_webhook_settles_once);
        tcase_add_test(t, answers_are_kept_for_a_day);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
