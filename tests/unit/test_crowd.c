/* test_crowd.c - which workers are too many for the processors of their host. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/crowd.h"

enum { SEATS_MAX = 4096 };

static char path[32];
static int64_t busy, idle, now_ms;
static struct crowd *c, *before[SEATS_MAX];
static size_t seated; /* before it */

static void write_stat(const char *text)
{
        FILE *f = fopen(path, "w");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(text, f), 0);
        ck_assert_int_eq(fclose(f), 0);
}

/* The time that passes, and what of it the processors were busy, in per cent. */
static void pass(int64_t ms, int64_t per_cent)
{
        char text[256];
        now_ms += ms;
        clock_drive(now_ms, now_ms);
        busy += ms * per_cent / 100;
        idle += ms - ms * per_cent / 100;
        snprintf(text, sizeof(text),
                 "cpu  %" PRId64 " 0 %" PRId64 " %" PRId64 " 0 0 0 0 0 0\ncpu0 1 1 1 1\n", busy / 2,
                 busy - busy / 2, idle);
        write_stat(text);
}

/* So many seats are the first ones, at most. */
static size_t firsts(void)
{
        long processors = sysconf(_SC_NPROCESSORS_CONF);
        ck_assert_int_lt(processors, SEATS_MAX);
        return processors > 2 ? (size_t)processors : 2;
}

static void sit(size_t n)
{
        while (seated < n)
                before[seated++] = crowd_new(path, path);
}

static void rise(void)
{
        while (seated)
                crowd_free(before[--seated]);
}

static void set_up(void)
{
        snprintf(path, sizeof(path), "/tmp/test_crowd_XXXXXX");
        ck_assert_int_ge(close(mkstemp(path)), 0);
        now_ms = 1000;
        busy = idle = 5000;
        pass(0, 0);
        seated = 0;
        sit(firsts());
        c = crowd_new(path, path);
}

static void tear_down(void)
{
        crowd_free(c);
        rise();
        clock_release();
        unlink(path);
}

START_TEST(one_of_many_on_busy_processors_is_too_many)
{
        pass(200, 100);
        ck_assert_int_eq(crowd_now(c), CROWD_FULL);
        pass(200, 90);
        ck_assert_int_eq(crowd_now(c), CROWD_FULL);
        pass(200, 50);
        ck_assert_int_eq(crowd_now(c), CROWD_FULL); /* one look alone says little */
        pass(200, 50);
        ck_assert_int_eq(crowd_now(c), CROWD_FINE);
        pass(200, 100);
        ck_assert_int_eq(crowd_now(c), CROWD_FULL);
        pass(200, 50);
        ck_assert_int_eq(crowd_now(c), CROWD_FULL);
        pass(200, 100);
        ck_assert_int_eq(crowd_now(c), CROWD_FULL);
        pass(200, 50);
        ck_assert_int_eq(crowd_now(c), CROWD_FULL); /* two in a row */
}
END_TEST

START_TEST(who_came_early_is_not)
{
        pass(200, 100);
        ck_assert_int_eq(crowd_now(before[0]), CROWD_FINE);
        ck_assert_int_eq(crowd_now(before[1]), CROWD_FINE); /* two on one processor are fine, too */
        ck_assert_int_eq(crowd_now(c), CROWD_FULL);
        struct crowd *others = crowd_new(path, "of other queues");
        pass(200, 100);
        ck_assert_int_eq(crowd_now(others), CROWD_FINE);
        crowd_free(others);
}
END_TEST

START_TEST(who_is_gone_leaves_a_seat)
{
        pass(200, 100);
        crowd_move_up(c);
        ck_assert_int_eq(crowd_now(c), CROWD_FULL); /* none is free */
        crowd_free(before[--seated]);
        pass(200, 100);
        crowd_leave(before[0]); /* as a worker that drains */
        ck_assert_int_eq(crowd_now(before[0]), CROWD_FINE);
        crowd_move_up(before[0]); /* wants none any more */
        crowd_move_up(c);
        ck_assert_int_eq(crowd_now(c), CROWD_FINE);
        struct crowd *last_of_first = crowd_new(path, path), *newest = crowd_new(path, path);
        pass(200, 100);
        ck_assert_int_eq(crowd_now(last_of_first), CROWD_FINE);
        ck_assert_int_eq(crowd_now(newest), CROWD_FULL);
        crowd_free(last_of_first);
        crowd_free(newest);
}
END_TEST

START_TEST(one_too_many_waits_while_they_are_busy)
{
        ck_assert_int_eq(crowd_wait(before[0], 1000), 0);
        pass(200, 100);
        ck_assert_int_eq(crowd_wait(c, 60), 60);
        ck_assert_int_eq(crowd_wait(c, 0), 0);
        pass(200, 0);
        ck_assert_int_eq(crowd_wait(c, 60), 60); /* the clock stands still: one look is not enough */
        clock_release();
        int64_t slept = crowd_wait(c, 60000); /* it goes on, and nobody is at work */
        ck_assert_int_ge(slept, 20);
        ck_assert_int_lt(slept, 60000);
}
END_TEST

START_TEST(they_are_looked_at_now_and_then)
{
        pass(10, 100); /* too short to say anything */
        ck_assert_int_eq(crowd_now(c), CROWD_UNKNOWN);
        pass(20, 100);
        ck_assert_int_eq(crowd_now(c), CROWD_FULL);
        pass(50, 0); /* too early for another look */
        ck_assert_int_eq(crowd_now(c), CROWD_FULL);
        pass(50, 0);
        ck_assert_int_eq(crowd_now(c), CROWD_FULL);
        pass(10, 0); /* the one that tells whether it is true comes soon, */
        ck_assert_int_eq(crowd_now(c), CROWD_FULL);
        pass(10, 0);
        ck_assert_int_eq(crowd_now(c), CROWD_FINE);
        pass(50, 100); /* and no other */
        ck_assert_int_eq(crowd_now(c), CROWD_FINE);
}
END_TEST

START_TEST(what_was_seen_long_ago_says_nothing)
{
        for (int64_t was = 0; was <= 100; was += 100) {
                pass(200, was);
                crowd_now(c);
                pass(200, was);
                ck_assert_int_eq(crowd_now(c), was ? CROWD_FULL : CROWD_FINE);
                pass(5000, 0);
                ck_assert_int_eq(crowd_now(c), CROWD_UNKNOWN);
                pass(10, 100);
                ck_assert_int_eq(crowd_now(c), CROWD_UNKNOWN);
                pass(10, 100);
                ck_assert_int_eq(crowd_now(c), CROWD_FULL); /* not busy for a part of five seconds */
                pass(5000, 100);
                ck_assert_int_eq(crowd_now(c), CROWD_UNKNOWN);
                pass(20, 0);
                crowd_now(c);
                pass(100, 0);
                ck_assert_int_eq(crowd_now(c), CROWD_FINE);
                ck_assert_int_eq(crowd_now(before[0]), CROWD_FINE);
        }
}
END_TEST

START_TEST(where_nobody_knows_it_is_not)
{
        pass(200, 100);
        write_stat("intr 1 2 3\n");
        ck_assert_int_eq(crowd_now(c), CROWD_FINE);
        pass(200, 100);
        unlink(path);
        ck_assert_int_eq(crowd_now(c), CROWD_FINE);
        crowd_free(c);
        c = crowd_new(path, path);
        pass(200, 100);
        ck_assert_int_eq(crowd_now(c), CROWD_FINE); /* nor ever */
        crowd_free(c);
        c = crowd_new("/proc/stat", path);
        ck_assert_int_ne(crowd_now(c), CROWD_FULL); /* no time has passed */
        ck_assert_int_eq(crowd_now(NULL), CROWD_FINE);
        crowd_leave(NULL);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("crowd");
        TCase *t = tcase_create("crowd");
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, one_of_many_on_busy_processors_is_too_many);
        tcase_add_test(t, who_came_early_is_not);
        tcase_add_test(t, who_is_gone_leaves_a_seat);
        tcase_add_test(t, one_too_many_waits_while_they_are_busy);
        tcase_add_test(t, they_are_looked_at_now_and_then);
        tcase_add_test(t, what_was_seen_long_ago_says_nothing);
        tcase_add_test(t, where_nobody_knows_it_is_not);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
