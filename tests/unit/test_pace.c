/* test_pace.c - what counts as short, and how far ahead of it may be claimed. */
#include <check.h>
#include <stdlib.h>

#include "engine/pace.h"

enum { AHEAD_MS = 20, DEPTH_MAX = 64, AHEAD_US = AHEAD_MS * 1000 };

static struct pace *p;

static void set_up(void)
{
        p = pace_new(AHEAD_MS, DEPTH_MAX);
}

static void tear_down(void)
{
        pace_free(p);
}

static void note(int times, int64_t wave_no, int64_t us)
{
        for (int i = 0; i < times; i++)
                pace_note(p, wave_no, us);
}

START_TEST(nothing_is_short_unseen)
{
        struct pace_known k;
        ck_assert_uint_eq(pace_depth(p), 0);
        pace_tell(p, &k);
        ck_assert_uint_eq(k.nshorts + k.nlongs, 0);
        ck_assert_int_eq(k.below_us, AHEAD_US);
        note(3, 1, 5);
        ck_assert_uint_eq(pace_depth(p), 0);
        ck_assert(!pace_is_short(p, 1));
        note(1, 1, 5);
        ck_assert_uint_eq(pace_depth(p), DEPTH_MAX);
        ck_assert(pace_is_short(p, 1));
        ck_assert(!pace_is_short(p, 2));
}
END_TEST

START_TEST(what_is_unknown_is_worth_a_trial_where_the_rest_is_short)
{
        struct pace_known k;
        note(3, 1, 5);
        pace_tell(p, &k);
        ck_assert_int_eq(k.tries, 0);
        note(1, 1, 5);
        pace_tell(p, &k);
        ck_assert_int_eq(k.tries, PACE_KNOWN_AFTER);
        note(1, 1, 100 * 1000); /* short no more */
        pace_tell(p, &k);
        ck_assert_int_eq(k.tries, 0);
        tear_down();
        set_up();
        note(100, 1, 2000); /* short, though not brief */
        pace_tell(p, &k);
        ck_assert_int_eq(k.tries, PACE_KNOWN_AFTER);
}
END_TEST

START_TEST(so_many_as_fit_into_the_time)
{
        note(10, 1, 5000);
        ck_assert_uint_eq(pace_depth(p), AHEAD_US / 5000);
        note(1000, 1, AHEAD_US - 1);
        ck_assert_uint_eq(pace_depth(p), 1);
        note(1000, 1, AHEAD_US);
        ck_assert(pace_depth(p) <= 1);
        note(10, 1, 10 * AHEAD_US);
        ck_assert_uint_eq(pace_depth(p), 0);
        ck_assert(!pace_is_short(p, 1));
}
END_TEST

/* One long body among short ones counts at once; it takes many short ones to be forgotten. */
START_TEST(now_and_then_long_is_long)
{
        note(1000, 1, 10);
        note(1, 1, 1000 * 1000);
        ck_assert(!pace_is_short(p, 1));
        note(20, 1, 10);
        ck_assert(!pace_is_short(p, 1));
        note(200, 1, 10);
        ck_assert(pace_is_short(p, 1));
}
END_TEST

START_TEST(each_wave_for_itself)
{
        struct pace_known k;
        note(10, 1, 10);
        note(10, 2, 1000 * 1000);
        note(500, 3, 10);
        note(3, 4, 10); /* not known yet */
        pace_tell(p, &k);
        ck_assert_uint_eq(k.nshorts, 2);
        ck_assert_int_eq(k.shorts[0], 3);
        ck_assert_int_eq(k.shorts[1], 1);
        ck_assert_uint_eq(k.nlongs, 1);
        ck_assert_int_eq(k.longs[0], 2);
        ck_assert(!pace_is_short(p, 2));
}
END_TEST

START_TEST(the_latest_waves_are_remembered)
{
        struct pace_known k;
        for (int w = 1; w <= PACE_WAVES_MAX + 1; w++) {
                note(4, w, 10);
                note(1, 1, 10); /* in use all the time */
        }
        pace_tell(p, &k);
        ck_assert_uint_eq(k.nshorts, PACE_WAVES_MAX);
        ck_assert(pace_is_short(p, 1));
        ck_assert(!pace_is_short(p, 2));
        ck_assert(pace_is_short(p, 3));
        ck_assert(pace_is_short(p, PACE_WAVES_MAX + 1));
}
END_TEST

/* What all workers have learnt of a wave counts until enough has been seen here. */
START_TEST(others_have_learnt_it)
{
        note(1, 1, 1000 * 1000);
        pace_hear(p, 1, 10);
        pace_hear(p, 2, 1000 * 1000);
        ck_assert(pace_is_short(p, 1));
        ck_assert(!pace_is_short(p, 2));
        pace_hear(p, 2, 10);
        ck_assert(!pace_is_short(p, 2));
        note(1, 1, 1000 * 1000);
        ck_assert(!pace_is_short(p, 1));
        pace_hear(p, 1, 10);
        ck_assert(!pace_is_short(p, 1));
        ck_assert_uint_eq(pace_depth(p), 0); /* none of it was seen here */
}
END_TEST

/* As many as take no longer than a runner takes to wake. */
START_TEST(so_many_go_to_one_runner)
{
        ck_assert_uint_eq(pace_together(p), 0);
        note(4, 1, 1);
        ck_assert_uint_eq(pace_together(p), DEPTH_MAX);
        note(1000, 1, 1000);
        ck_assert_uint_eq(pace_together(p), 0);
        note(1000, 1, 60);
        ck_assert_uint_eq(pace_together(p), 1);
        ck_assert(pace_is_brief(p, 1));
        note(1000, 1, 2000);
        ck_assert_uint_eq(pace_together(p), 0);
        ck_assert(pace_depth(p) > 0);
        ck_assert(pace_is_short(p, 1) && !pace_is_brief(p, 1));
        ck_assert(!pace_is_brief(p, 2));
}
END_TEST

START_TEST(switched_off)
{
        struct pace *off[] = {pace_new(0, DEPTH_MAX), pace_new(AHEAD_MS, 0)};
        for (int i = 0; i < 100; i++)
                pace_note(off[_i], 1, 0);
        ck_assert_uint_eq(pace_depth(off[_i]), 0);
        ck_assert_uint_eq(pace_together(off[_i]), 0);
        pace_free(off[0]);
        pace_free(off[1]);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("pace");
        TCase *t = tcase_create("all");
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, nothing_is_short_unseen);
        tcase_add_test(t, what_is_unknown_is_worth_a_trial_where_the_rest_is_short);
        tcase_add_test(t, so_many_as_fit_into_the_time);
        tcase_add_test(t, now_and_then_long_is_long);
        tcase_add_test(t, each_wave_for_itself);
        tcase_add_test(t, the_latest_waves_are_remembered);
        tcase_add_test(t, others_have_learnt_it);
        tcase_add_test(t, so_many_go_to_one_runner);
        tcase_add_loop_test(t, switched_off, 0, 2);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
