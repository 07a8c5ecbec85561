/*
 * A worker's half of the engine against a real Redis and PostgreSQL, while memory runs out in the middle
 * of a settlement: results, errors and log lines of some size, all in one batch. Each outcome is settled
 * once and whole, is tried again, or is an attempt that says that there was no memory for it.
 */
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "engine/worker.h"
#include "store/pg_sync.h"
#include "store/schema.h"
#include "tests/harness/harness.h"
#include "tests/scarce/scarce.h"

enum { JOBS = 6, RESULT_BYTES = 9000, LINE_BYTES = 5000, WITHIN_MS = 30000 };

struct held {
        int64_t id;
        int32_t attempt;
};

static struct loop *loop;
static struct config cfg;
static struct pg_sync *db;
static struct engine_worker *worker;
static struct held held[JOBS];
static unsigned count;
static char result[RESULT_BYTES + 32], line[LINE_BYTES];

/* ---- the database, asked directly ---- */

static void first_number(const struct pg_result *r, const struct err *e, void *arg)
{
        ck_assert_msg(!e, "%s", e ? e->text : "");
        *(int64_t *)arg = pg_rows(r, 0) ? pg_int(r, 0, 0, 0) : -1;
}

static int64_t number(const char *name, const char *sql)
{
        int64_t n = 0;
        struct err e = ERR_INIT;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, name, sql);
        ck_assert_msg(pg_sync_run(db, tx, first_number, &n, &e) == 0, "%s: %s", sql, e.text);
        return n;
}

static void script(const char *sql)
{
        struct err e = ERR_INIT;
        ck_assert_msg(pg_sync_script(db, sql, &e) == 0, "%s: %s", sql, e.text);
}

/* The reconciler finds it and lines its ids up. */
static void submit(void)
{
        static int n;
        autofree char *sql = xasprintf(
                "INSERT INTO wavefleet.waves (wave_id, name, kind, state, batch_size, max_attempts,"
                " total, first_id, last_id) SELECT 'w%d', 'w', 'noop', 'running', %d, 5, %d, f,"
                " f + %d - 1 FROM wavefleet.take_ids(%d) f;"
                "INSERT INTO wavefleet.migrations (id, wave_no, project) SELECT w.first_id + n - 1,"
                " w.wave_no, 'p-' || n FROM wavefleet.waves w, generate_series(1, %d) n"
                " WHERE wave_id = 'w%d'",
                n, JOBS, JOBS, JOBS, JOBS, JOBS, n);
        script(sql);
        n++;
}

/* ---- bodies: they wait until all are there ---- */

static void on_job(const struct job *j, void *arg)
{
        (void)arg;
        ck_assert_uint_lt(count, JOBS);
        held[count++] = (struct held){j->id, j->attempt};
        engine_worker_room(worker, JOBS - count, 0);
}

static void on_fence(int64_t deadline_ms, void *arg)
{
        (void)deadline_ms;
        (void)arg;
}

static void on_dead(void *arg)
{
        (void)arg;
        ck_abort_msg("the worker was given up");
}

static void on_cancel(int64_t id, int32_t attempt, const char *reason, void *arg)
{
        (void)id;
        (void)attempt;
        (void)arg;
        ck_abort_msg("cancelled: %s", reason);
}

static void on_drain(void *arg)
{
        (void)arg;
}

static void settle_all(void)
{
        for (unsigned i = 0; i < count; i++) {
                struct outcome o = {.kind = OUTCOME_COMPLETED, .result = result, .due_in_ms = -1};
                if (i == 0 && held[i].attempt == 1) /* one that is tried again, with a memo */
                        o = (struct outcome){.kind = OUTCOME_FAILED,
                                             .class = CLASS_TEMPORARY,
                                             .error = line,
                                             .memo = result,
                                             .due_in_ms = -1};
                engine_worker_log(worker, held[i].id, held[i].attempt, "out", line, LINE_BYTES - 1);
                engine_worker_progress(worker, held[i].id, held[i].attempt, result);
                engine_worker_settle(worker, held[i].id, held[i].attempt, &o);
        }
        count = 0;
        engine_worker_room(worker, JOBS, 0);
}

static bool all_ended(void)
{
        return number("ended", "SELECT (count(*) = 0)::int FROM wavefleet.waves "
                               "WHERE completed_at IS NULL");
}

/* ---- one wave, from its first claim to its end ---- */

static void turn_until(bool (*there)(void), int64_t within_ms)
{
        int64_t end_ms = clock_mono_ms() + within_ms;
        while (!there()) {
                loop_turn(loop, 2);
                ck_assert_msg(clock_mono_ms() < end_ms, "not within %lld ms", (long long)within_ms);
        }
}

static bool all_held(void)
{
        return count == JOBS;
}

static bool some_held_or_ended(void)
{
        return count > 0 || all_ended();
}

static unsigned failing; /* the allocation of the next run; 0: none */

static bool run_wave(bool well, void *arg)
{
        (void)well;
        (void)arg;
        mem_fail(0);
        submit();
        turn_until(all_held, WITHIN_MS);
        mem_fail(failing);
        settle_all();
        for (;;) {
                turn_until(some_held_or_ended, WITHIN_MS);
                if (count == 0)
                        break;
                settle_all();
        }
        return false;
}

/* Rows that are not as they must be: not completed, a result that is cut, an attempt without a reason. */
static void check_rows(void)
{
        autofree char *sql =
                xasprintf("SELECT count(*) FROM wavefleet.migrations WHERE state <> 'completed' "
                          "OR length(result->>'text') IS DISTINCT FROM %d",
                          RESULT_BYTES);
        ck_assert_int_eq(number("rows", sql), 0);
        ck_assert_int_eq(number("active", "SELECT count(*) FROM wavefleet.active"), 0);
        ck_assert_int_eq(
                number("attempts",
                       "SELECT count(*) FROM wavefleet.attempts WHERE outcome <> 'completed'"
                       " AND error NOT LIKE '%memory%' AND length(error) < 1000"),
                0);
        ck_assert_int_eq(number("sums",
                                "SELECT count(*) FROM wavefleet.waves w WHERE total <> (SELECT "
                                "sum(completed) FROM wavefleet.wave_progress p WHERE p.wave_no = "
                                "w.wave_no) OR 0 <> (SELECT sum(claimed - released) FROM "
                                "wavefleet.wave_progress p WHERE p.wave_no = w.wave_no)"),
                         0);
}

START_TEST(every_allocation_of_a_settlement)
{
        struct engine_worker_events ev = {on_job, on_fence, on_dead, on_cancel, on_drain, NULL};
        worker = engine_worker_new(loop, &cfg, NULL, &ev);
        engine_worker_room(worker, JOBS, 0);
        bool met = true;
        for (failing = 1; met; failing++) {
                run_wave(false, NULL);
                met = mem_has_failed();
        }
        unsigned tried = failing - 2; /* the last one met none */
        failing = 0;
        run_wave(true, NULL);
        check_rows();
        ck_assert_uint_ge(tried, 4 * JOBS);
        int64_t again = number("again", "SELECT count(*) FROM wavefleet.attempts "
                                        "WHERE error LIKE '%memory%'");
        ck_assert_int_gt(again, 0);
        printf("%u allocations failed one by one, %lld attempts said so\n", tried, (long long)again);
        engine_worker_free(worker);
}
END_TEST

/* ---- progress alone ---- */

static bool a_line_is_there(void)
{
        return number("lines", "SELECT count(*) FROM wavefleet.migration_logs "
                               "WHERE line = 'behind it'") > 0;
}

/* A transaction with nothing but progress fails: the lines that come next must not get lost. */
START_TEST(progress_that_there_is_no_memory_for)
{
        struct engine_worker_events ev = {on_job, on_fence, on_dead, on_cancel, on_drain, NULL};
        worker = engine_worker_new(loop, &cfg, NULL, &ev);
        engine_worker_room(worker, JOBS, 0);
        submit();
        turn_until(all_held, WITHIN_MS);
        bool met = true;
        for (unsigned n = 1; met; n++) {
                script("DELETE FROM wavefleet.migration_logs");
                mem_fail(n);
                engine_worker_progress(worker, held[0].id, held[0].attempt, result);
                for (int i = 0; i < 20; i++)
                        loop_turn(loop, 2);
                met = mem_has_failed();
                mem_fail(0);
                engine_worker_log(worker, held[0].id, held[0].attempt, "out", "behind it", 9);
                turn_until(a_line_is_there, WITHIN_MS);
        }
        settle_all();
        turn_until(some_held_or_ended, WITHIN_MS);
        count = 0;
        engine_worker_free(worker);
}
END_TEST

/* ---- the world ---- */

static void make_texts(void)
{
        autobuf text = BUF_INIT(sizeof(result) - 1);
        buf_adds(&text, "{\"text\":\"");
        for (int i = 0; i < RESULT_BYTES; i++)
                buf_addc(&text, 'r');
        buf_adds(&text, "\"}");
        ck_assert(buf_ok(&text));
        memcpy(result, text.data, text.len + 1);
        memset(line, 'l', sizeof(line) - 1);
}

static void setup(void)
{
        const struct harness_stack *s = harness_stack_up();
        struct pg_opts o = {.url = s->database_url,
                            .name = "test",
                            .connect_timeout_ms = 5000,
                            .query_timeout_ms = 20000};
        struct err e = ERR_INIT;
        rand_init();
        log_init("test", LOG_ERROR);
        make_texts();
        config_defaults(&cfg);
        free(cfg.database_url);
        free(cfg.redis_url);
        cfg.database_url = xstrdup(s->database_url);
        cfg.redis_url = xstrdup(s->redis_url);
        free(cfg.redis_prefix);
        cfg.redis_prefix = xasprintf("test-%d:", getpid());
        cfg.retry_base_ms = 20;
        cfg.worker_concurrency = JOBS;
        cfg.reconciler_interval_ms = 100;
        db = pg_sync_open(&o, &e);
        ck_assert_msg(db, "%s", e.text);
        script("DROP SCHEMA IF EXISTS wavefleet CASCADE");
        ck_assert_msg(schema_apply(db, &e) == 0, "%s", e.text);
        loop = loop_new();
}

static void teardown(void)
{
        pg_sync_close(db);
        loop_free(loop);
        config_fini(&cfg);
}

int main(void)
{
        harness_stack_up();
        Suite *s = suite_create("scarce settlement");
        TCase *t = tcase_create("settlement");
        tcase_set_timeout(t, 280);
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, progress_that_there_is_no_memory_for);
        tcase_add_test(t, every_allocation_of_a_settlement);
        suite_add_tcase(s, t);
        return scarce_main(s);
}
