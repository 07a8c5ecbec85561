/* test_loop.c - order of deferred calls, timers that free themselves, signals, forks. */
#include <check.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/rand.h"

static struct loop *loop;
static char trace[64];

static void setup(void)
{
        loop = loop_new();
}

static void teardown(void)
{
        loop_free(loop);
}

static void note(void *arg)
{
        const char *text = arg;
        strncat(trace, text, sizeof(trace) - strlen(trace) - 1);
}

static void stop(void *arg)
{
        (void)arg;
        loop_stop(loop);
}

static char A[] = "a", B[] = "b", C[] = "c";

static void defer_two(void *arg)
{
        loop_defer(loop, note, B);
        loop_defer(loop, note, C);
        note(arg);
}

START_TEST(deferred_calls_come_after_the_callback_in_the_same_turn)
{
        struct loop_timer *t = loop_timer_new(loop, defer_two, A);
        loop_timer_start(t, 1);
        loop_turn(loop, 5000);
        ck_assert_str_eq(trace, "abc");
        loop_timer_free(t);
}
END_TEST

START_TEST(deferred_from_outside_and_from_deferred)
{
        loop_defer(loop, defer_two, A);
        loop_defer(loop, note, A);
        ck_assert_str_eq(trace, "");
        loop_turn(loop, 0);
        ck_assert_str_eq(trace, "aabc");
        loop_turn(loop, 0);
        ck_assert_str_eq(trace, "aabc");
        loop_defer(loop, note, A); /* freed with the loop, never called */
}
END_TEST

START_TEST(timers_in_order)
{
        struct loop_timer *a = loop_timer_new(loop, note, A);
        struct loop_timer *b = loop_timer_new(loop, note, B);
        struct loop_timer *s = loop_timer_new(loop, stop, NULL);
        loop_timer_start(a, 30);
        loop_timer_start(b, 10);
        loop_timer_start(s, 60);
        int64_t before = clock_mono_ms();
        loop_run(loop);
        ck_assert_int_ge(clock_mono_ms() - before, 59);
        ck_assert_str_eq(trace, "ba");
        loop_timer_free(a);
        loop_timer_free(b);
        loop_timer_free(s);
        loop_timer_free(NULL);
}
END_TEST

START_TEST(a_start_replaces_the_last_and_stop_stops)
{
        struct loop_timer *a = loop_timer_new(loop, note, A);
        struct loop_timer *b = loop_timer_new(loop, note, B);
        struct loop_timer *s = loop_timer_new(loop, stop, NULL);
        loop_timer_start(a, 60000);
        loop_timer_start(a, 5);
        loop_timer_every(b, 5);
        loop_timer_stop(b);
        loop_timer_start(s, 40);
        loop_run(loop);
        ck_assert_str_eq(trace, "a");
        loop_timer_free(a);
        loop_timer_free(b);
        loop_timer_free(s);
}
END_TEST

static int ticks;

static void tick(void *arg)
{
        struct loop_timer **t = arg;
        if (++ticks < 3)
                return;
        loop_timer_free(*t);
        *t = NULL;
        loop_stop(loop);
}

START_TEST(a_repeating_timer_may_free_itself)
{
        struct loop_timer *t = NULL;
        t = loop_timer_new(loop, tick, &t);
        loop_timer_every(t, 2);
        loop_run(loop);
        ck_assert_int_eq(ticks, 3);
        ck_assert_ptr_null(t);
}
END_TEST

static int64_t fired_at;

static void fired(void *arg)
{
        (void)arg;
        fired_at = clock_mono_us();
        loop_stop(loop);
}

static void slow(void *arg)
{
        int64_t until = clock_mono_us() + 30000;
        while (clock_mono_us() < until)
                ;
        loop_timer_start(arg, 20);
        fired_at = until;
}

START_TEST(a_timer_started_late_in_a_slow_callback_is_not_early)
{
        struct loop_timer *t = loop_timer_new(loop, fired, NULL);
        loop_defer(loop, slow, t);
        loop_turn(loop, 0);
        int64_t started = fired_at;
        loop_run(loop);
        ck_assert_int_ge(fired_at - started, 19000);
        loop_timer_free(t);
}
END_TEST

/* ---- the order of many ---- */

enum { MANY = 300 };
static struct numbered {
        struct loop_timer *timer;
        int64_t due_ms; /* -1: it does not run */
} many[MANY];
static int64_t rang_ms; /* when the last one that rang was due */
static unsigned rang;

static void on_numbered(void *arg)
{
        struct numbered *n = arg;
        ck_assert_int_ge(n->due_ms, 0);
        ck_assert_int_ge(n->due_ms, rang_ms - 1); /* which was read a moment before */
        ck_assert_int_ge(clock_mono_ms(), n->due_ms);
        rang_ms = n->due_ms;
        n->due_ms = -1;
        rang++;
}

static void start_numbered(struct numbered *n)
{
        int64_t ms = rand_below(40);
        n->due_ms = clock_mono_ms() + ms;
        loop_timer_start(n->timer, ms);
}

START_TEST(many_timers_ring_in_their_order)
{
        unsigned running = 0;
        rand_init();
        for (int i = 0; i < MANY; i++) {
                many[i].timer = loop_timer_new(loop, on_numbered, &many[i]);
                start_numbered(&many[i]);
        }
        for (int i = 0; i < MANY; i++) {
                struct numbered *n = &many[rand_below(MANY)];
                if (i % 3 == 0) {
                        loop_timer_stop(n->timer);
                        n->due_ms = -1;
                } else {
                        start_numbered(n);
                }
        }
        for (int i = 0; i < MANY; i++)
                running += many[i].due_ms >= 0;
        int64_t end_ms = clock_mono_ms() + 20000;
        while (rang < running && clock_mono_ms() < end_ms)
                loop_turn(loop, 20);
        loop_turn(loop, 5);
        ck_assert_uint_eq(rang, running);
        for (int i = 0; i < MANY; i++)
                loop_timer_free(many[i].timer);
}
END_TEST

static struct loop_timer *other;

static void free_other(void *arg)
{
        note(arg);
        loop_timer_free(take(other));
}

START_TEST(one_that_is_due_may_be_freed_by_another)
{
        struct loop_timer *t = loop_timer_new(loop, free_other, A);
        other = loop_timer_new(loop, note, B);
        loop_timer_start(t, 1);
        loop_timer_start(other, 2);
        clock_sleep_ms(5);
        loop_turn(loop, 0);
        loop_turn(loop, 5);
        ck_assert_str_eq(trace, "a");
        loop_timer_free(t);
}
END_TEST

static void start_other(void *arg)
{
        note(arg);
        loop_timer_start(other, 0);
}

/* Started from elsewhere it rings in the same turn, by a timer in the next: what is readable comes in between. */
START_TEST(one_that_is_due_at_once)
{
        other = loop_timer_new(loop, note, B);
        loop_defer(loop, start_other, A);
        loop_turn(loop, 0);
        ck_assert_str_eq(trace, "ab");
        loop_timer_free(other);

        other = loop_timer_new(loop, start_other, C);
        loop_timer_start(other, 0);
        for (int i = 0; i < 3; i++)
                loop_turn(loop, 1000);
        ck_assert_str_eq(trace, "abccc");
        loop_timer_free(take(other));
}
END_TEST

START_TEST(one_that_was_stopped_ends_no_turn)
{
        struct loop_timer *t = loop_timer_new(loop, note, A);
        loop_timer_start(t, 2);
        loop_timer_stop(t);
        int64_t before = clock_mono_ms();
        loop_turn(loop, 30);
        ck_assert_int_ge(clock_mono_ms() - before, 29);
        loop_timer_start(t, INT64_MAX);
        loop_turn(loop, 5);
        ck_assert_str_eq(trace, "");
        loop_timer_free(t);
}
END_TEST

START_TEST(a_stop_before_the_run_counts)
{
        loop_stop(loop);
        loop_run(loop);
        loop_defer(loop, stop, NULL); /* and only once */
        loop_defer(loop, note, A);
        loop_run(loop);
        ck_assert_str_eq(trace, "a");
}
END_TEST

static void on_signal(int signo, void *arg)
{
        ck_assert_int_eq(signo, SIGUSR1);
        note(arg);
        loop_stop(loop);
}

START_TEST(signals)
{
        loop_signal(loop, SIGUSR1, on_signal, A);
        raise(SIGUSR1);
        loop_run(loop);
        ck_assert_str_eq(trace, "a");
}
END_TEST

START_TEST(a_turn_waits_no_longer_than_told)
{
        int64_t before = clock_mono_ms();
        loop_turn(loop, 20);
        int64_t took = clock_mono_ms() - before;
        ck_assert_int_ge(took, 19);
        ck_assert_int_lt(took, 2000);
}
END_TEST

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
        (void)what;
        char c;
        ck_assert_int_eq(read(fd, &c, 1), 1);
        note(arg);
        loop_stop(loop);
}

static int open_descriptors(void)
{
        int n = 0;
        for (int fd = 0; fd < 100; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

static _Noreturn void run_child(struct loop_timer *t)
{
        int before = open_descriptors();
        loop_forget(loop);
        loop_timer_start(t, 1); /* harmless now */
        loop_timer_free(t);
        _exit(open_descriptors() < before ? 0 : 1);
}

/* The child leaves its parent's loop; what the parent waits for still comes. */
START_TEST(a_child_forgets_the_loop)
{
        int fds[2];
        ck_assert_int_eq(pipe(fds), 0);
        struct event *readable = event_new(loop_base(loop), fds[0], EV_READ, on_readable, B);
        event_add(readable, NULL);
        struct loop_timer *t = loop_timer_new(loop, stop, NULL);
        loop_signal(loop, SIGUSR1, on_signal, A);
        loop_timer_start(t, 100);
        loop_turn(loop, 0);
        pid_t child = fork();
        if (child == 0)
                run_child(t);
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        raise(SIGUSR1);
        loop_run(loop);
        ck_assert_str_eq(trace, "a");
        ck_assert_int_eq(write(fds[1], "x", 1), 1);
        loop_run(loop);
        ck_assert_str_eq(trace, "ab");
        loop_run(loop); /* ended by the timer */
        loop_timer_free(t);
        event_free(readable);
        close(fds[0]);
        close(fds[1]);
}
END_TEST

START_TEST(the_watch_sees_a_late_loop)
{
        log_set_fd(-1);
        clock_drive(1000, 1000);
        loop_watch(loop);
        loop_watch(loop); /* once is enough */
        clock_advance(1250);
        loop_turn(loop, 5000);
        autobuf out = BUF_INIT(SIZE_MAX);
        metrics_print(&out);
        ck_assert_ptr_nonnull(strstr(buf_str(&out), "wavefleet_loop_lag_seconds_sum 0.25\n"));
        ck_assert_ptr_nonnull(strstr(buf_str(&out), "wavefleet_loop_lag_seconds_count 1\n"));
        ck_assert_uint_eq(log_lines_dropped(), 1); /* the warning */
        metric_clear(METRIC_LOOP_LAG);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("loop");
        TCase *t = tcase_create("loop");
        suite_add_tcase(s, t);
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, deferred_calls_come_after_the_callback_in_the_same_turn);
        tcase_add_test(t, deferred_from_outside_and_from_deferred);
        tcase_add_test(t, timers_in_order);
        tcase_add_test(t, a_start_replaces_the_last_and_stop_stops);
        tcase_add_test(t, a_repeating_timer_may_free_itself);
        tcase_add_test(t, a_timer_started_late_in_a_slow_callback_is_not_early);
        tcase_add_test(t, many_timers_ring_in_their_order);
        tcase_add_test(t, one_that_is_due_may_be_freed_by_another);
        tcase_add_test(t, one_that_is_due_at_once);
        tcase_add_test(t, one_that_was_stopped_ends_no_turn);
        tcase_add_test(t, a_stop_before_the_run_counts);
        tcase_add_test(t, signals);
        tcase_add_test(t, a_turn_waits_no_longer_than_told);
        tcase_add_test(t, a_child_forgets_the_loop);
        tcase_add_test(t, the_watch_sees_a_late_loop);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
