/*
 * test_engine.c - a worker's half of the engine against a real Redis and PostgreSQL, with bodies that are
 * functions here: the window, retries, parking, lost identities, a flushed Redis, ends of waves.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "engine/engine.h"
#include "engine/worker.h"
#include "tests/harness/harness.h"
#include "store/pg_sync.h"
#include "store/schema.h"

enum { JOBS_MAX = 64, TURNS_MS = 5 };

struct held {
        int64_t id;
        int32_t attempt;
        bool poll;
        int64_t ends_ms;
        char project[64];
};
struct fake { /* a worker whose bodies are entries of a table */
        struct engine_worker *w;
        struct held jobs[JOBS_MAX];
        size_t n;
        unsigned concurrency, behind; /* bodies at once, and jobs that may wait for them */
        int64_t body_ms, took_us;
        int64_t long_ms; /* bodies of projects of the wave "long" */
        unsigned most_long;
        unsigned most, ran, dead;
        bool deaf; /* takes jobs and never ends them */
        void (*decide)(const struct held *h, struct outcome *o);
};

static struct loop *loop;
static struct config cfg;
static struct pg_sync *db;

/* ---- the database, asked directly ---- */

struct number {
        int64_t value;
};
static void first_number(const struct pg_result *r, const struct err *e, void *arg)
{
        struct number *n = arg;

        ck_assert_msg(!e, "%s", e ? e->text : "");
        n->value = pg_rows(r, 0) ? pg_int(r, 0, 0, 0) : -1;
}
/* Names and texts are kept by reference for as long as the connection lives: one of each text. */
static const char *statement_name(const char *sql)
{
        static struct {
                char *name, *text;
        } known[64];
        size_t i = 0;

        while (i < COUNT_OF(known) && known[i].text && strcmp(known[i].text, sql) != 0)
                i++;
        ck_assert_uint_lt(i, COUNT_OF(known));
        if (!known[i].text) {
                known[i].text = xstrdup(sql);
                known[i].name = xasprintf("test%zu", i);
        }
        return known[i].name;
}
static int64_t number(const char *sql)
{
        struct number n = {0};
        struct err e = ERR_INIT;
        struct pg_tx *tx = pg_tx_new();

        pg_stmt_text(tx, statement_name(sql), sql);
        ck_assert_msg(pg_sync_run(db, tx, first_number, &n, &e) == 0, "%s: %s", sql, e.text);
        return n.value;
}
static void script(const char *sql)
{
        struct err e = ERR_INIT;

        ck_assert_msg(pg_sync_script(db, sql, &e) == 0, "%s: %s", sql, e.text);
}
static int64_t count(const char *state)
{
        autofree char *sql = xasprintf(
                "SELECT count(*) FROM wavefleet.migrations WHERE state::text = '%s'", state);
        return number(sql);
}

/* ---- the world ---- */

static void decide_completed(const struct held *h, struct outcome *o)
{
        (void)h;
        o->kind = OUTCOME_COMPLETED;
        o->result = "{\"done\":true}";
}

static void tell_idle(struct fake *f)
{
        unsigned n = (unsigned)f->n, all = f->concurrency + f->behind;
        unsigned idle = n < f->concurrency ? f->concurrency - n : 0;

        engine_worker_room(f->w, idle, engine_worker_depth(f->w) ? all - n - idle : 0);
}

static bool is_long(const struct held *h)
{
        return !strncmp(h->project, "long-", 5);
}

static void note_most(struct fake *f)
{
        unsigned longs = 0;

        for (size_t i = 0; i < f->n; i++)
                longs += is_long(&f->jobs[i]);
        if (longs > f->most_long)
                f->most_long = longs;
        if (f->n > f->most)
                f->most = (unsigned)f->n;
}
static void on_job(const struct job *j, void *arg)
{
        struct fake *f = arg;

        ck_assert_uint_lt(f->n, f->concurrency + f->behind);
        f->jobs[f->n] = (struct held){j->id, j->attempt, j->poll, clock_mono_ms() + f->body_ms, ""};
        snprintf(f->jobs[f->n].project, sizeof(f->jobs[f->n].project), "%s", j->project);
        if (is_long(&f->jobs[f->n]))
                f->jobs[f->n].ends_ms += f->long_ms;
        f->n++;
        f->ran++;
        note_most(f);
}
static void on_fence(int64_t deadline, void *arg)
{
        (void)arg;
        ck_assert_int_gt(deadline, 0);
}
static void on_dead(void *arg)
{
        struct fake *f = arg;

        f->dead++;
        f->n = 0;
        engine_worker_bodies_gone(f->w);
        tell_idle(f);
}
static void on_cancel(int64_t id, int32_t attempt, const char *reason, void *arg)
{
        struct fake *f = arg;
        struct outcome o = {
                .kind = OUTCOME_FAILED, .class = CLASS_CRASHED, .error = reason, .due_in_ms = -1};

        for (size_t i = 0; i < f->n; i++) {
                if (f->jobs[i].id != id)
                        continue;
                f->jobs[i] = f->jobs[--f->n];
                engine_worker_settle(f->w, id, attempt, &o);
                tell_idle(f);
                return;
        }
}
static void on_drain(void *arg)
{
        (void)arg;
}

static void fake_start(struct fake *f, unsigned concurrency, int64_t body_ms)
{
        struct engine_worker_events ev = {on_job, on_fence, on_dead, on_cancel, on_drain, f};

        memset(f, 0, sizeof(*f));
        f->concurrency = concurrency;
        f->body_ms = body_ms;
        f->decide = decide_completed;
        f->w = engine_worker_new(loop, &cfg, NULL, &ev);
        tell_idle(f);
}
static void fake_turn(struct fake *f)
{
        bool ended = false;

        for (size_t i = 0; !f->deaf && i < f->n;) {
                struct held h = f->jobs[i];
                struct outcome o = {.due_in_ms = -1};
                if (clock_mono_ms() < h.ends_ms) {
                        i++;
                        continue;
                }
                f->decide(&h, &o);
                o.took_us = is_long(&h) ? f->long_ms * 1000 : f->took_us;
                f->jobs[i] = f->jobs[--f->n];
                engine_worker_settle(f->w, h.id, h.attempt, &o);
                ended = true;
        }
        if (ended)
                tell_idle(f);
}

static int64_t submit(const char *name, int n, int batch_size, const char *extra)
{
        autofree char *sql = xasprintf("INSERT INTO wavefleet.waves (wave_id, name, kind, state, "
                                       "batch_size, max_attempts, "
                                       "total, first_id, last_id) SELECT '%s', '%s', 'noop', "
                                       "'running', %d, 3, %d, f, f + %d - 1 "
                                       "FROM wavefleet.take_ids(%d) f;"
                                       "INSERT INTO wavefleet.migrations (id, wave_no, project) "
                                       "SELECT w.first_id + n - 1, "
                                       "w.wave_no, '%s-' || n FROM wavefleet.waves w, "
                                       "generate_series(1, %d) n WHERE wave_id = '%s';%s",
                                       name, name, batch_size, n, n, n, name, n, name, extra);
        autofree char *ask =
                xasprintf("SELECT wave_no FROM wavefleet.waves WHERE wave_id = '%s'", name);

        script(sql);
        return number(ask);
}

/* Turns the loop until the condition holds; the window is looked at all along. */
static void until(struct fake **fakes, size_t n, const char *condition, int64_t within_ms)
{
        int64_t end = clock_mono_ms() + within_ms, next = 0;

        for (;;) {
                loop_turn(loop, TURNS_MS);
                for (size_t i = 0; i < n; i++)
                        fake_turn(fakes[i]);
                if (clock_mono_ms() < next)
                        continue;
                next = clock_mono_ms() + 20;
                ck_assert_int_eq(
                        number("SELECT count(*) FROM wavefleet.waves w WHERE batch_size < (SELECT "
                               "count(*) FROM wavefleet.migrations m WHERE m.wave_no = w.wave_no "
                               "AND "
                               "m.state IN ('running', 'parked'))"),
                        0);
                if (number(condition) != 0)
                        return;
                ck_assert_msg(clock_mono_ms() < end, "not within %lld ms: %s", (long long)within_ms,
                              condition);
        }
}

#define ALL_ENDED "SELECT (count(*) = 0)::int FROM wavefleet.waves WHERE completed_at IS NULL"

static void check_sums(void)
{
        ck_assert_int_eq(number("SELECT count(*) FROM wavefleet.waves w JOIN LATERAL (SELECT "
                                "coalesce(sum(completed),0) c, coalesce(sum(failed),0) f, "
                                "coalesce(sum(claimed - released),0) r "
                                "FROM wavefleet.wave_progress p WHERE p.wave_no = w.wave_no) p ON "
                                "true JOIN LATERAL (SELECT "
                                "count(*) FILTER (WHERE state = 'completed') c, count(*) FILTER "
                                "(WHERE state = 'failed') f, "
                                "count(*) FILTER (WHERE state IN ('running','parked')) r FROM "
                                "wavefleet.migrations m "
                                "WHERE m.wave_no = w.wave_no) m ON true WHERE (p.c, p.f, p.r) IS "
                                "DISTINCT FROM (m.c, m.f, m.r)"),
                         0);
        ck_assert_int_eq(number("SELECT count(*) FROM wavefleet.active"), 0);
}

/* Up to four words of a command; a NULL ends it. */
static void redis_cli(const char *a, const char *b, const char *c, const char *d)
{
        int status = 0;
        pid_t pid = fork();

        if (!pid) {
                execlp("redis-cli", "redis-cli", "-u", cfg.redis_url, a, b, c, d, (char *)NULL);
                _exit(127);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
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
        log_init("test_engine", LOG_WARN);
        config_defaults(&cfg);
        free(cfg.database_url);
        free(cfg.redis_url);
        cfg.database_url = xstrdup(s->database_url);
        cfg.redis_url = xstrdup(s->redis_url);
        cfg.retry_base_ms = 20;
        cfg.worker_lease_ms = 15000; /* none is lost but where a test means it */
        cfg.worker_concurrency = 8;
        cfg.reconciler_interval_ms = 300;
        db = pg_sync_open(&o, &e);
        ck_assert_msg(db, "%s", e.text);
        script("DROP SCHEMA IF EXISTS wavefleet CASCADE");
        ck_assert_msg(schema_apply(db, &e) == 0, "%s", e.text);
        redis_cli("flushall", NULL, NULL, NULL);
        loop = loop_new();
}

static void teardown(void)
{
        pg_sync_close(db);
        loop_free(loop);
        config_fini(&cfg);
}

static void stop(struct fake *f)
{
        engine_worker_free(f->w);
}

/* ---- tests; the reconciler enqueues what the SQL above wrote ---- */

START_TEST(a_wave_keeps_its_window)
{
        struct fake a, b, *both[] = {&a, &b};

        submit("w", 60, 3, "");
        fake_start(&a, 8, 20);
        fake_start(&b, 8, 20);
        until(both, 2, ALL_ENDED, 20000);
        ck_assert_int_eq(count("completed"), 60);
        ck_assert_int_eq(
                number("SELECT count(*) FROM wavefleet.attempts WHERE outcome = 'completed'"), 60);
        ck_assert_uint_eq(a.ran + b.ran, 60);
        check_sums();
        stop(&a);
        stop(&b);
}
END_TEST

static void decide_by_name(const struct held *h, struct outcome *o)
{
        decide_completed(h, o);
        if (!strcmp(h->project, "w-3") || (!strcmp(h->project, "w-5") && h->attempt == 1)) {
                o->kind = OUTCOME_FAILED;
                o->class = CLASS_TEMPORARY;
                o->error = "no";
        } else if (!strcmp(h->project, "w-7") && !h->poll) {
                o->kind = OUTCOME_PARKED;
                o->due_in_ms = 50;
        }
}
START_TEST(retries_parks_and_fails)
{
        struct fake a, *one[] = {&a};

        submit("w", 10, 4, "");
        fake_start(&a, 8, 5);
        a.decide = decide_by_name;
        until(one, 1, ALL_ENDED, 20000);
        ck_assert_int_eq(count("completed"), 9);
        ck_assert_int_eq(count("failed"), 1);
        ck_assert_int_eq(number("SELECT count(*) FROM wavefleet.dead"), 1);
        ck_assert_int_eq(number("SELECT attempt FROM wavefleet.migrations WHERE project = 'w-3'"),
                         3);
        ck_assert_int_eq(number("SELECT attempt FROM wavefleet.migrations WHERE project = 'w-5'"),
                         2);
        ck_assert_int_eq(number("SELECT attempt FROM wavefleet.migrations WHERE project = 'w-7'"),
                         1);
        ck_assert_int_eq(number("SELECT (state = 'error')::int FROM wavefleet.waves"), 1);
        check_sums();
        stop(&a);
}
END_TEST

START_TEST(a_dead_worker_is_reaped)
{
        struct fake a, b, *both[] = {&a, &b};

        submit("w", 12, 6, "");
        fake_start(&a, 4, 5);
        a.deaf = true;
        until(both, 1, "SELECT (count(*) = 4)::int FROM wavefleet.active WHERE state = 'running'",
              10000);
        stop(&a); /* without a goodbye */
        script("UPDATE wavefleet.workers SET lease_ms = 1500");
        fake_start(&b, 4, 5);
        until(both + 1, 1, ALL_ENDED, 20000);
        ck_assert_int_eq(count("completed"), 12);
        ck_assert_int_eq(number("SELECT count(*) FROM wavefleet.attempts WHERE outcome = 'lost'"),
                         4);
        ck_assert_int_eq(number("SELECT count(*) FROM wavefleet.migrations WHERE spent > 1"), 0);
        check_sums();
        stop(&b);
}
END_TEST

START_TEST(a_worker_marked_dead_comes_back_as_another)
{
        struct fake a, *one[] = {&a};

        submit("w", 8, 4, "");
        fake_start(&a, 4, 5);
        a.deaf = true;
        until(one, 1, "SELECT (count(*) = 4)::int FROM wavefleet.active WHERE state = 'running'",
              10000);
        script("UPDATE wavefleet.workers SET alive = false, slot = NULL");
        a.deaf = false;
        a.body_ms = 5;
        for (size_t i = 0; i < a.n; i++)
                a.jobs[i].ends_ms = clock_mono_ms() + 60000; /* only the death ends them */
        until(one, 1, "SELECT (count(*) > 1)::int FROM wavefleet.workers", 10000);
        ck_assert_uint_ge(a.dead, 1);
        until(one, 1, ALL_ENDED, 20000);
        ck_assert_int_eq(count("completed"), 8);
        check_sums();
        stop(&a);
}
END_TEST

START_TEST(a_flushed_redis_is_filled_again)
{
        struct fake a, b, *both[] = {&a, &b};

        submit("w", 200, 10, "");
        submit("v", 50, 2, "");
        fake_start(&a, 6, 10);
        fake_start(&b, 6, 10);
        until(both, 2,
              "SELECT (count(*) > 40)::int FROM wavefleet.migrations WHERE state = 'completed'",
              20000);
        redis_cli("flushall", NULL, NULL, NULL);
        until(both, 2, ALL_ENDED, 30000);
        ck_assert_int_eq(count("completed"), 250);
        ck_assert_int_eq(
                number("SELECT count(*) FROM wavefleet.attempts WHERE outcome = 'completed'"), 250);
        check_sums();
        stop(&a);
        stop(&b);
}
END_TEST

START_TEST(redis_knows_more_than_postgres)
{
        struct fake a, *one[] = {&a};

        submit("w", 100, 4, "");
        fake_start(&a, 4, 10);
        until(one, 1,
              "SELECT (count(*) > 5)::int FROM wavefleet.migrations WHERE state = 'completed'",
              10000);
        redis_cli("hset", "wavefleet:wave:1", "version", "99");
        redis_cli("hset", "wavefleet:wave:1", "paused", "1");
        until(one, 1, ALL_ENDED, 20000);
        ck_assert_int_eq(count("completed"), 100);
        check_sums();
        stop(&a);
}
END_TEST

START_TEST(a_worker_drains_and_leaves)
{
        struct fake a, *one[] = {&a};
        int64_t end;

        submit("w", 100, 4, "");
        fake_start(&a, 4, 20);
        until(one, 1,
              "SELECT (count(*) > 5)::int FROM wavefleet.migrations WHERE state = 'completed'",
              10000);
        engine_worker_drain(a.w);
        end = clock_mono_ms() + 10000;
        while (!engine_worker_quiet(a.w) && clock_mono_ms() < end) {
                loop_turn(loop, TURNS_MS);
                fake_turn(&a);
        }
        ck_assert(engine_worker_quiet(a.w));
        ck_assert_int_eq(count("running"), 0);
        ck_assert_int_eq(number("SELECT count(*) FROM wavefleet.workers WHERE alive"), 0);
        /* A claim that was under way when the draining began is handed back, and spends nothing. */
        ck_assert_int_eq(number("SELECT count(*) FROM wavefleet.attempts WHERE outcome NOT IN "
                                "('completed', 'handed_back')"),
                         0);
        ck_assert_int_eq(number("SELECT count(*) FROM wavefleet.migrations WHERE spent > 0"), 0);
        stop(&a);
}
END_TEST

START_TEST(short_bodies_are_claimed_ahead)
{
        struct fake a, *one[] = {&a};

        submit("w", 400, 1000, "");
        fake_start(&a, 4, 0);
        a.behind = 32;
        a.took_us = 50;
        until(one, 1, ALL_ENDED, 20000);
        ck_assert_int_eq(count("completed"), 400);
        ck_assert_uint_gt(a.most, 4);
        ck_assert_int_eq(number("SELECT max(attempt) FROM wavefleet.migrations"), 1);
        check_sums();
        stop(&a);
}
END_TEST

/* A wave whose bodies are long, or not known yet, beside a short one: no more of it than runners, though
 * there is room for more; and its share of them, though none is ever idle. */
START_TEST(long_bodies_are_not)
{
        struct fake a, *one[] = {&a};

        cfg.worker_concurrency = 4;
        submit("short", 3000, 1000, "");
        submit("long", 24, 1000, "");
        fake_start(&a, 4, 0);
        a.behind = 32;
        a.took_us = 50;
        a.long_ms = 60;
        until(one, 1, ALL_ENDED, 30000);
        ck_assert_int_eq(count("completed"), 3024);
        ck_assert_uint_ge(a.most_long, 1);
        ck_assert_uint_le(a.most_long, 4);
        ck_assert_int_eq(number("SELECT max(attempt) FROM wavefleet.migrations"), 1);
        check_sums();
        stop(&a);
}
END_TEST

/* One source and target in two waves, claimed in the same moment: only one of them runs. */
START_TEST(twins_do_not_run_together)
{
        struct fake a, *one[] = {&a};

        submit("w", 1, 3, "");
        submit("v", 1, 3, "");
        script("UPDATE wavefleet.waves SET kind = 'remote';"
               "UPDATE wavefleet.migrations SET project = 'same', brz_project_id = 7");
        fake_start(&a, 4, 300);
        until(one, 1, "SELECT count(*) FROM wavefleet.migrations WHERE state = 'completed'", 20000);
        ck_assert_uint_eq(a.most, 1);
        stop(&a);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("engine");
        TCase *tc = tcase_create("worker");
        SRunner *r;
        int failed;

        harness_stack_up();
        tcase_add_checked_fixture(tc, setup, teardown);
        tcase_set_timeout(tc, 120);
        tcase_add_test(tc, a_wave_keeps_its_window);
        tcase_add_test(tc, retries_parks_and_fails);
        tcase_add_test(tc, a_dead_worker_is_reaped);
        tcase_add_test(tc, a_worker_marked_dead_comes_back_as_another);
        tcase_add_test(tc, a_flushed_redis_is_filled_again);
        tcase_add_test(tc, redis_knows_more_than_postgres);
        tcase_add_test(tc, a_worker_drains_and_leaves);
        tcase_add_test(tc, short_bodies_are_claimed_ahead);
        tcase_add_test(tc, long_bodies_are_not);
        tcase_add_test(tc, twins_do_not_run_together);
        suite_add_tcase(s, tc);
        r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
