/*
 * test_store_faults.c - what breaks: servers that restart, die or stand still, hosts that are not
 * there; each transaction gets exactly one answer, and the answer is true. And the pool.
 */
#include "store_tools.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct loop *loop;

static void open_loop(void)
{
        loop = loop_new();
}

static void close_loop(void)
{
        loop_free(loop);
}

static struct pg *open_pg(const struct pg_opts *opts)
{
        struct pg *pg = pg_new(loop, opts, NULL, NULL);
        ck_assert(turn_until_up(loop, pg, 10000));
        return pg;
}

static struct answer run(struct pg *pg, struct pg_tx *tx, int64_t limit_ms)
{
        struct answer a = {0};
        pg_send(pg, tx, on_answer, &a);
        ck_assert_uint_eq(a.calls, 0);
        ck_assert(turn_until(loop, &a.calls, 1, limit_ms));
        return a;
}

/* ---- a server that goes and comes back under load ---- */

enum { LOAD = 40 }; /* transactions kept under way */

struct load {
        struct pg_pool *pool;
        bool stopping;
        unsigned next, outstanding, ends;
        unsigned by_code[ERR_COUNT];
        unsigned char *calls; /* by number */
        unsigned char *codes;
        size_t cap;
};

struct load_tx {
        struct load *load;
        unsigned number;
};

static void send_load(struct load *l);

static void on_load(const struct pg_result *r, const struct err *e, void *arg)
{
        struct load_tx t = *(struct load_tx *)arg;
        struct load *l = t.load;
        free(arg);
        ck_assert((r == NULL) != (e == NULL));
        l->calls[t.number]++;
        l->codes[t.number] = (unsigned char)(e ? e->code : ERR_OK);
        l->by_code[e ? e->code : ERR_OK]++;
        l->outstanding--;
        l->ends++;
        if (!l->stopping && l->next < l->cap && !(e && e->code == ERR_UNAVAILABLE))
                send_load(l);
}

static void send_load(struct load *l)
{
        struct load_tx *t = xmalloc(sizeof(*t));
        *t = (struct load_tx){.load = l, .number = l->next++};
        l->outstanding++;
        struct pg_tx *tx = one("load", "INSERT INTO load VALUES ($1)");
        pg_arg_int(tx, t->number);
        pg_stmt_text(tx, "load2", "UPDATE load_count SET n = n + 1 WHERE id = $1");
        pg_arg_int(tx, t->number % 20);
        pg_pool_send(l->pool, tx, on_load, t);
}

static pid_t restart_server(int signo)
{
        pid_t pid = fork();
        if (pid)
                return pid;
        int server = harness_server_pid("postgres");
        kill(server, signo);
        while (kill(server, 0) == 0)
                usleep(10000);
        usleep(300000);
        harness_stack_restart();
        _exit(0);
}

static void tend(struct load *l, int64_t ms)
{
        int64_t end_ms = clock_mono_ms() + ms;
        while (clock_mono_ms() < end_ms) {
                while (l->outstanding < LOAD && l->next < l->cap && pg_pool_up(l->pool))
                        send_load(l);
                loop_turn(loop, 10);
        }
}

/* Until more than so many are done. */
static void tend_until(struct load *l, unsigned done)
{
        for (int i = 0; i < 400 && l->by_code[ERR_OK] <= done; i++)
                tend(l, 50);
        ck_assert_uint_gt(l->by_code[ERR_OK], done);
}

struct presence {
        struct load *load;
        unsigned found;
};

static void on_found(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)e;
        struct presence *p = arg;
        unsigned char *there = xcalloc(p->load->cap, 1);
        for (int row = 0; row < pg_rows(r, 0); row++)
                there[pg_int(r, 0, row, 0)] = 1;
        for (unsigned i = 0; i < p->load->next; i++) {
                int code = p->load->codes[i];
                ck_assert_msg(p->load->calls[i] == 1, "%u: %d answers", i, p->load->calls[i]);
                ck_assert_msg(code != ERR_OK || there[i], "%u: said done, and is not there", i);
                ck_assert_msg(code != ERR_UNAVAILABLE || !there[i],
                              "%u: said not done, and is there", i);
                ck_assert(code == ERR_OK || code == ERR_UNAVAILABLE || code == ERR_LOST);
                p->found += there[i];
        }
        free(there);
}

static void check_load(struct load *l)
{
        struct err e = ERR_INIT;
        struct presence p = {.load = l};
        const struct pg_opts opts = test_opts();
        struct pg_sync *c = pg_sync_open(&opts, &e);
        ck_assert_msg(c != NULL, "%s", e.text);
        ck_assert_int_eq(pg_sync_run(c, one("found", "SELECT id FROM load"), on_found, &p, &e), 0);
        pg_sync_close(c);
        ck_assert_int_eq(sql_int("SELECT sum(n) FROM load_count"), p.found);
}

static const int restarts[] = {SIGINT, SIGQUIT, SIGKILL};

START_TEST(restart_under_load)
{
        struct load l = {.cap = 1000000};
        const struct pg_opts opts = test_opts();
        int status;
        l.calls = xcalloc(l.cap, 1);
        l.codes = xcalloc(l.cap, 1);
        sql("DROP TABLE IF EXISTS load, load_count; CREATE TABLE load (id bigint PRIMARY KEY);"
            "CREATE TABLE load_count (id int PRIMARY KEY, n bigint NOT NULL DEFAULT 0);"
            "INSERT INTO load_count SELECT generate_series(0, 19)");
        l.pool = pg_pool_new(loop, &opts, _i == 0 ? 1 : 4, NULL, NULL);
        for (int round = 0; round < 2; round++) {
                tend(&l, 500);
                tend_until(&l, 100);
                unsigned before = l.by_code[ERR_OK];
                pid_t pid = restart_server(restarts[_i]);
                while (waitpid(pid, &status, WNOHANG) == 0)
                        tend(&l, 50);
                ck_assert_int_eq(status, 0);
                for (int i = 0; i < 20 && !pg_pool_up(l.pool); i++)
                        tend(&l, 500);
                tend(&l, 500);
                tend_until(&l, before);
        }
        l.stopping = true;
        ck_assert(turn_until(loop, &l.ends, l.next, 20000));
        ck_assert_uint_eq(l.outstanding, 0);
        check_load(&l);
        if (getenv("STORE_BENCH"))
                fprintf(stderr, "signal %d: %u done, %u not done, %u lost\n", restarts[_i],
                        l.by_code[ERR_OK], l.by_code[ERR_UNAVAILABLE], l.by_code[ERR_LOST]);
        pg_pool_free(l.pool);
        free(l.calls);
        free(l.codes);
}
END_TEST

/* ---- one backend ---- */

struct watcher {
        unsigned ups, downs;
        bool up;
};

static void on_change(bool up, void *arg)
{
        struct watcher *w = arg;
        w->ups += up;
        w->downs += !up;
        w->up = up;
}

static pid_t backend_of(struct pg *pg)
{
        struct answer a = run(pg, one("pid", "SELECT pg_backend_pid()"), 5000);
        pid_t pid = (pid_t)strtol(a.first, NULL, 10);
        ck_assert_int_gt(pid, 0);
        return pid;
}

START_TEST(a_terminated_backend_is_replaced)
{
        struct watcher w = {0};
        const struct pg_opts opts = test_opts();
        struct pg *pg = pg_new(loop, &opts, on_change, &w);
        ck_assert(turn_until(loop, &w.ups, 1, 5000));
        struct answer busy = {0}, behind = {0};
        char terminate[64];
        snprintf(terminate, sizeof(terminate), "SELECT pg_terminate_backend(%d)",
                 (int)backend_of(pg));
        pg_send(pg, one("sleep", "SELECT pg_sleep(5)"), on_answer, &busy);
        pg_send(pg, one("one", "SELECT 1"), on_answer, &behind);
        for (int i = 0; i < 200 && sql_int("SELECT count(*) FROM pg_stat_activity WHERE query = "
                                           "'SELECT pg_sleep(5)' AND wait_event = 'PgSleep'") == 0;
             i++)
                loop_turn(loop, 20);
        sql(terminate);
        ck_assert(turn_until(loop, &behind.calls, 1, 5000));
        ck_assert_uint_eq(busy.calls, 1);
        /* PostgreSQL said so itself: neither was done, and we are sure of it */
        ck_assert_int_eq(busy.code, ERR_UNAVAILABLE);
        ck_assert_str_eq(busy.sqlstate, "57P01");
        ck_assert_int_eq(behind.code, ERR_UNAVAILABLE);
        ck_assert(turn_until(loop, &w.ups, 2, 5000));
        ck_assert_uint_eq(w.downs, 1);
        ck_assert_int_eq(run(pg, one("one", "SELECT 1"), 5000).code, ERR_OK);
        /* and while it was idle */
        snprintf(terminate, sizeof(terminate), "SELECT pg_terminate_backend(%d)",
                 (int)backend_of(pg));
        sql(terminate);
        ck_assert(turn_until(loop, &w.ups, 3, 5000));
        ck_assert_int_eq(run(pg, one("one", "SELECT 1"), 5000).code, ERR_OK);
        pg_free(pg);
}
END_TEST

START_TEST(a_backend_that_stands_still_is_given_up)
{
        struct pg_opts opts = test_opts();
        opts.query_timeout_ms = 300;
        struct pg *pg = open_pg(&opts);
        pid_t backend = backend_of(pg);
        struct answer a = {0}, b = {0};
        ck_assert_int_eq(kill(backend, SIGSTOP), 0);
        int64_t begin_ms = clock_mono_ms();
        pg_send(pg, one("one", "SELECT 1"), on_answer, &a);
        pg_send(pg, one("two", "SELECT 2"), on_answer, &b);
        ck_assert(turn_until(loop, &b.calls, 1, 10000)); /* not one after the other */
        int64_t took_ms = clock_mono_ms() - begin_ms;
        kill(backend, SIGCONT);
        ck_assert_int_ge(took_ms, 5000);
        ck_assert_uint_eq(a.calls, 1);
        ck_assert_int_eq(b.code, ERR_UNAVAILABLE); /* it was never sent */
        ck_assert(turn_until_up(loop, pg, 5000));
        ck_assert_int_eq(run(pg, one("one", "SELECT 1"), 5000).code, ERR_OK);
        pg_free(pg);
}
END_TEST

START_TEST(what_was_sent_to_a_silent_backend_is_lost)
{
        struct pg_opts opts = test_opts();
        opts.query_timeout_ms = 300;
        struct pg *pg = open_pg(&opts);
        run(pg, one("one", "SELECT 1"), 5000);
        pid_t backend = backend_of(pg);
        ck_assert_int_eq(kill(backend, SIGSTOP), 0);
        struct answer a = run(pg, one("one", "SELECT 1"), 8000);
        kill(backend, SIGCONT);
        ck_assert_int_eq(a.code, ERR_LOST);
        pg_free(pg);
}
END_TEST

/* More than the sockets hold: what libpq could not even write has certainly not been done. */
START_TEST(what_was_never_written_is_not_done)
{
        enum { SIZE = 4 * 1024 * 1024, N = 8 };
        struct pg_opts opts = test_opts();
        opts.query_timeout_ms = 300;
        struct pg *pg = open_pg(&opts);
        run(pg, one("len", "SELECT length($1::text)"), 5000);
        struct answer answers[N] = {0};
        char *text = xmalloc(SIZE + 1);
        memset(text, 'z', SIZE);
        text[SIZE] = '\0';
        struct pg_tx *tx = one("len", "SELECT length($1::text)");
        pg_arg_text(tx, "");
        ck_assert_int_eq(run(pg, tx, 5000).code, ERR_OK);
        pid_t backend = backend_of(pg);
        ck_assert_int_eq(kill(backend, SIGSTOP), 0);
        for (int i = 0; i < N; i++) {
                tx = one("len", "SELECT length($1::text)");
                pg_arg_text(tx, text);
                pg_send(pg, tx, on_answer, &answers[i]);
        }
        ck_assert_uint_eq(pg_in_flight(pg), N);
        ck_assert(turn_until(loop, &answers[N - 1].calls, 1, 8000));
        kill(backend, SIGKILL);
        for (int i = 0; i < N; i++) {
                ck_assert_uint_eq(answers[i].calls, 1);
                ck_assert_int_eq(answers[i].code, ERR_UNAVAILABLE);
        }
        ck_assert(turn_until_up(loop, pg, 10000));
        pg_free(pg);
        free(text);
}
END_TEST

/* ---- hosts ---- */

static unsigned port_of_server(void)
{
        const char *url = harness_stack_up()->database_url;
        const char *colon = strrchr(url, ':');
        ck_assert_ptr_nonnull(colon);
        return (unsigned)strtoul(colon + 1, NULL, 10);
}

static char *url_with(const char *hosts)
{
        const char *url = harness_stack_up()->database_url;
        const char *user_end = strchr(url, '@');
        const char *path = strrchr(url, '/');
        const char *begin = strstr(url, "//") + 2;
        return xasprintf("postgresql://%.*s%s%s", user_end ? (int)(user_end + 1 - begin) : 0, begin,
                         hosts, path);
}

START_TEST(hosts_are_tried_in_turn)
{
        unsigned silent, port = port_of_server();
        int fd = silent_port(&silent);
        autofree char *hosts = xasprintf("127.0.0.1:1,127.0.0.1:%u,no-such-host.invalid:%u,"
                                         "localhost:%u",
                                         silent, port, port);
        autofree char *base = url_with(hosts);
        autofree char *url = xasprintf("%s?target_session_attrs=read-write", base);
        struct pg_opts opts = test_opts();
        opts.url = url;
        opts.connect_timeout_ms = 500;
        int64_t begin_ms = clock_mono_ms();
        struct pg *pg = open_pg(&opts);
        ck_assert_int_ge(clock_mono_ms() - begin_ms, 500);
        ck_assert_int_eq(run(pg, one("one", "SELECT 1"), 5000).code, ERR_OK);
        pg_free(pg);
        close(fd);
}
END_TEST

START_TEST(without_a_server_the_answer_comes_at_once)
{
        static const struct {
                const char *host, *reason;
        } rows[] = {
                {"127.0.0.1:1", "refused"},
                {"no-such-host.invalid", "no-such-host.invalid"},
                {"%2Fno%2Fsuch%2Ffolder", "No such file"},
                {"127.0.0.1:99999", "port"},
        };
        autofree char *url = url_with(rows[_i].host);
        struct pg_opts opts = test_opts();
        struct watcher w = {0};
        opts.url = url;
        opts.connect_timeout_ms = 60000;
        struct pg *pg = pg_new(loop, &opts, on_change, &w);
        struct answer a = run(pg, one("one", "SELECT 1"), 10000); /* while it connects */
        ck_assert_int_eq(a.code, ERR_UNAVAILABLE);
        for (int i = 0; i < 200 && !strstr(a.text, rows[_i].reason); i++)
                a = run(pg, one("one", "SELECT 1"), 10000), loop_turn(loop, 50);
        ck_assert_msg(strstr(a.text, rows[_i].reason) != NULL, "%s", a.text);
        ck_assert_uint_eq(w.ups + w.downs, 0);
        pg_free(pg);
}
END_TEST

static long count_threads(void)
{
        char line[128];
        long threads = 0;
        FILE *in = fopen("/proc/self/status", "r");
        while (fgets(line, sizeof(line), in)) {
                if (strncmp(line, "Threads:", 8) == 0)
                        threads = strtol(line + 8, NULL, 10);
        }
        fclose(in);
        return threads;
}

static bool are_as_many(void *arg)
{
        return count_threads() == *(const long *)arg;
}

START_TEST(it_may_be_freed_at_any_moment)
{
        static const char *const hosts[] = {"localhost", "no-such-host.invalid", "127.0.0.1:1"};
        long threads = count_threads();
        for (int i = 0; i < 60; i++) {
                autofree char *url = url_with(hosts[i % 3]);
                struct pg_opts opts = test_opts();
                struct answer a = {0};
                opts.url = url;
                struct pg *pg = pg_new(loop, &opts, NULL, NULL);
                pg_send(pg, one("one", "SELECT 1"), on_answer, &a);
                for (int k = 0; k < i / 3; k++)
                        loop_turn(loop, 0);
                pg_free(pg);
                ck_assert_uint_eq(a.calls, 1);
        }
        pg_free(NULL);
        pg_pool_free(NULL);
        /* lookups that nobody waits for any more end by themselves */
        ck_assert(harness_wait(are_as_many, &threads, 30000));
}
END_TEST

/* ---- the pool ---- */

static char pool_name[32]; /* another for each test: those of the last one may still be ending */

static struct pg_opts pool_opts(void)
{
        struct pg_opts opts = test_opts();
        snprintf(pool_name, sizeof(pool_name), "pool-%d", (int)getpid());
        opts.name = pool_name;
        return opts;
}

static int64_t connections(void)
{
        autofree char *text = xasprintf(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = '%s'", pool_name);
        return sql_int(text);
}

static void terminate_connections(int limit)
{
        autofree char *text = xasprintf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                        " WHERE application_name = '%s' LIMIT %d",
                                        pool_name, limit);
        sql(text);
}

/* Keeps the pool busy until it has so many connections. */
static unsigned grow_to(struct pg_pool *pool, int64_t wanted, struct answer *a)
{
        unsigned sent = 0;
        int64_t end_ms = clock_mono_ms() + 20000;
        while (connections() < wanted && clock_mono_ms() < end_ms) {
                pg_pool_send(pool, one("slow", "SELECT pg_sleep(0.1)"), on_answer, a);
                sent++;
                loop_turn(loop, 10);
        }
        ck_assert_int_eq(connections(), wanted);
        return sent;
}

static int64_t waiting_for_99(void)
{
        return sql_int("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 99"
                       " AND NOT granted");
}

START_TEST(the_pool_grows_and_spreads)
{
        const struct pg_opts opts = pool_opts();
        struct watcher w = {0};
        struct answer a = {0};
        struct pg_pool *pool = pg_pool_new(loop, &opts, 4, on_change, &w);
        ck_assert(!pg_pool_up(pool));
        ck_assert(turn_until(loop, &w.ups, 1, 5000));
        ck_assert(pg_pool_up(pool));
        ck_assert_int_eq(connections(), 1);
        ck_assert_int_eq(pg_pool_oldest_ms(pool), 0);
        unsigned sent = grow_to(pool, 4, &a);
        ck_assert(turn_until(loop, &a.calls, sent, 20000));
        ck_assert_int_eq(a.code, ERR_OK);
        /* four that wait for the same, at once, and nobody more */
        struct err e = ERR_INIT;
        const struct pg_opts patient = test_opts();
        struct pg_sync *holder = pg_sync_open(&patient, &e);
        ck_assert_msg(holder != NULL, "%s", e.text);
        ck_assert_int_eq(pg_sync_script(holder, "SELECT pg_advisory_lock(99)", &e), 0);
        for (int i = 0; i < 4; i++)
                pg_pool_send(pool, one("held", "SELECT pg_advisory_xact_lock_shared(99)"),
                             on_answer, &a);
        int64_t begin_ms = clock_mono_ms();
        while ((pg_pool_oldest_ms(pool) <= 50 || waiting_for_99() < 4) &&
               clock_mono_ms() - begin_ms < 4000)
                loop_turn(loop, 10);
        ck_assert_int_gt(pg_pool_oldest_ms(pool), 50);
        ck_assert_int_eq(waiting_for_99(), 4);
        pg_sync_close(holder);
        ck_assert(turn_until(loop, &a.calls, sent + 4, 10000));
        ck_assert_int_eq(a.code, ERR_OK);
        ck_assert_int_eq(connections(), 4);
        ck_assert_uint_eq(w.ups, 1);
        ck_assert_uint_eq(w.downs, 0);
        pg_pool_free(pool);
}
END_TEST

START_TEST(the_pool_is_up_while_one_is)
{
        const struct pg_opts opts = pool_opts();
        struct watcher w = {0};
        struct answer a = {0};
        struct pg_pool *pool = pg_pool_new(loop, &opts, 2, on_change, &w);
        ck_assert(turn_until(loop, &w.ups, 1, 5000));
        unsigned sent = grow_to(pool, 2, &a);
        ck_assert(turn_until(loop, &a.calls, sent, 5000));
        terminate_connections(1);
        for (int i = 0; i < 10; i++)
                loop_turn(loop, 10);
        ck_assert_uint_eq(w.downs, 0);
        int64_t end_ms = clock_mono_ms() + 20000;
        do /* again where a new one has come while the others were ended */
                terminate_connections(10);
        while (!turn_until(loop, &w.downs, 1, 1000) && clock_mono_ms() < end_ms);
        ck_assert_uint_ge(w.downs, 1);
        ck_assert(turn_until(loop, &w.ups, 2, 5000));
        pg_pool_send(pool, one("one", "SELECT 1"), on_answer, &a);
        ck_assert(turn_until(loop, &a.calls, sent + 1, 5000));
        ck_assert_int_eq(a.code, ERR_OK);
        pg_pool_free(pool);
}
END_TEST

/* The clock is driven past the minute; the pool looks every few seconds. */
START_TEST(the_pool_closes_what_is_idle)
{
        const struct pg_opts opts = pool_opts();
        struct watcher w = {0};
        struct answer a = {0};
        struct pg_pool *pool = pg_pool_new(loop, &opts, 5, on_change, &w);
        ck_assert(turn_until(loop, &w.ups, 1, 5000));
        unsigned sent = grow_to(pool, 5, &a);
        ck_assert(turn_until(loop, &a.calls, sent, 10000));
        clock_drive(clock_mono_ms() + 61000, clock_wall_ms());
        for (int i = 0; i < 120 && connections() > 2; i++)
                loop_turn(loop, 50);
        clock_release();
        ck_assert_int_eq(connections(), 2);
        ck_assert(pg_pool_up(pool));
        pg_pool_send(pool, one("one", "SELECT 1"), on_answer, &a);
        ck_assert(turn_until(loop, &a.calls, sent + 1, 5000));
        ck_assert_int_eq(a.code, ERR_OK);
        pg_pool_free(pool);
}
END_TEST

struct pool_user {
        struct pg_pool *pool;
        unsigned calls;
};

static void on_end_of_pool(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)r;
        struct pool_user *u = arg;
        if (e && u->calls++ < 20)
                pg_pool_send(u->pool, one("again", "SELECT 1"), on_end_of_pool, u);
}

START_TEST(a_pool_that_is_freed_answers_everything)
{
        const struct pg_opts opts = test_opts();
        struct watcher w = {0};
        struct pool_user u = {0};
        u.pool = pg_pool_new(loop, &opts, 3, on_change, &w);
        ck_assert(turn_until(loop, &w.ups, 1, 5000));
        for (int i = 0; i < 10; i++) {
                pg_pool_send(u.pool, one("slow", "SELECT pg_sleep(9)"), on_end_of_pool, &u);
                loop_turn(loop, 10);
        }
        pg_pool_free(u.pool);
        ck_assert_uint_eq(u.calls, 30);
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("store_faults");
        TCase *t = tcase_create("faults");
        tcase_set_timeout(t, 120);
        tcase_add_checked_fixture(t, open_loop, close_loop);
        tcase_add_loop_test(t, restart_under_load, 0, COUNT_OF(restarts));
        tcase_add_test(t, a_terminated_backend_is_replaced);
        tcase_add_test(t, a_backend_that_stands_still_is_given_up);
        tcase_add_test(t, what_was_sent_to_a_silent_backend_is_lost);
        tcase_add_test(t, what_was_never_written_is_not_done);
        tcase_add_test(t, hosts_are_tried_in_turn);
        tcase_add_loop_test(t, without_a_server_the_answer_comes_at_once, 0, 4);
        tcase_add_test(t, it_may_be_freed_at_any_moment);
        tcase_add_test(t, the_pool_grows_and_spreads);
        tcase_add_test(t, the_pool_is_up_while_one_is);
        tcase_add_test(t, the_pool_closes_what_is_idle);
        tcase_add_test(t, a_pool_that_is_freed_answers_everything);
        suite_add_tcase(s, t);
        return s;
}

int main(void)
{
        return run_suite(suite);
}
