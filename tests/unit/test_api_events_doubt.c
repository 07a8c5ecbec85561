/* test_api_events_doubt.c - of which rows PostgreSQL is asked before they are told on. */
#include "api/events/events_inside.h"

#include <check.h>

#include "base/clock.h"

static struct doubt d;

static bool row(int64_t wave_no, int64_t id, bool known)
{
        return doubtful(&d, &(struct news_item){
                                    .kind = NEWS_ROW, .wave_no = wave_no, .id = id, .known = known});
}

static void all_of(int64_t wave_no)
{
        ck_assert(!doubtful(&d, &(struct news_item){.kind = NEWS_WAVE_ROWS, .wave_no = wave_no}));
}

START_TEST(what_a_worker_says_is_believed)
{
        ck_assert(!row(1, 10, true));
        ck_assert(!row(1, 10, true));
        ck_assert(row(1, 10, false)); /* it says nothing */
}
END_TEST

START_TEST(but_not_shortly_after_an_act)
{
        row(1, 10, false);
        ck_assert(row(1, 10, true));
        ck_assert(!row(1, 11, true));
        all_of(2);
        ck_assert(row(2, 20, true));
        ck_assert(!row(1, 11, true));
}
END_TEST

/* A whole wave is doubted for as short as will do. */
START_TEST(and_then_again)
{
        int64_t by_ms = clock_mono_ms() + 5000;

        row(1, 10, false);
        all_of(2);
        ck_assert(row(2, 20, true));
        while (row(2, 20, true) && clock_mono_ms() < by_ms)
                clock_sleep_ms(10);
        ck_assert(!row(2, 20, true));
        while (row(1, 10, true) && clock_mono_ms() < by_ms)
                clock_sleep_ms(10);
        ck_assert(!row(1, 10, true));
}
END_TEST

/* What was noted in the age before still counts, and nothing of one before that is kept. */
START_TEST(ages_come_and_go)
{
        row(1, 10, false);
        d.aged_ms = 0;
        ck_assert(row(1, 10, true));
        row(1, 11, false);
        d.aged_ms = 0;
        ck_assert(!row(1, 10, true));
        ck_assert(row(1, 11, true));
}
END_TEST

static void setup(void)
{
        d = (struct doubt){.aged_ms = clock_mono_ms()};
        doubt_init(&d);
}

static void teardown(void)
{
        doubt_fini(&d);
}

int main(void)
{
        Suite *s = suite_create("events_doubt");
        TCase *t = tcase_create("events_doubt");
        suite_add_tcase(s, t);
        tcase_set_timeout(t, 20);
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, what_a_worker_says_is_believed);
        tcase_add_test(t, but_not_shortly_after_an_act);
        tcase_add_test(t, and_then_again);
        tcase_add_test(t, ages_come_and_go);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
