/* test_clock.c - RFC 3339 both ways, the driven clock. */
#include <check.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/mem.h"

START_TEST(written)
{
        static const struct {
                int64_t ms;
                const char *text;
        } cases[] = {
                {0, "1970-01-01T00:00:00.000Z"},
                {1769860800123, "2026-01-31T12:00:00.123Z"},
                {-1, "1969-12-31T23:59:59.999Z"},
                {951782400000, "2000-02-29T00:00:00.000Z"},
                {253402300799999, "9999-12-31T23:59:59.999Z"},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                char out[CLOCK_RFC3339_SIZE];
                clock_rfc3339(cases[i].ms, out);
                ck_assert_str_eq(out, cases[i].text);
                int64_t back;
                ck_assert_int_eq(clock_parse(out, &back), 0);
                ck_assert_int_eq(back, cases[i].ms);
        }
}
END_TEST

START_TEST(extremes_do_not_overflow)
{
        char out[CLOCK_RFC3339_SIZE];
        clock_rfc3339(INT64_MAX, out);
        ck_assert_uint_lt(strlen(out), CLOCK_RFC3339_SIZE);
        clock_rfc3339(INT64_MIN, out);
        ck_assert_uint_lt(strlen(out), CLOCK_RFC3339_SIZE);
}
END_TEST

START_TEST(read_leniently)
{
        static const struct {
                const char *text;
                int64_t ms;
        } cases[] = {
                {"2026-01-31T12:00:00Z", 1769860800000},
                {"2026-01-31t12:00:00z", 1769860800000},
                {"2026-01-31 12:00:00", 1769860800000},
                {"2026-01-31T13:30:00+01:30", 1769860800000},
                {"2026-01-31 13:00:00.123456+01", 1769860800123},
                {"2026-01-31T11:00:00-0100", 1769860800000},
                {"2026-01-31T12:00:00.5Z", 1769860800500},
                {"2026-01-31T12:00:00.123999999Z", 1769860800123},
                {"2016-12-31T23:59:60Z", 1483228800000},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                int64_t ms = -1;
                ck_assert_msg(clock_parse(cases[i].text, &ms) == 0, "%s", cases[i].text);
                ck_assert_int_eq(ms, cases[i].ms);
        }
}
END_TEST

START_TEST(refused)
{
        static const char *const cases[] = {
                "",
                "now",
                "2026",
                "2026-01-31",
                "2026-01-31T12:00Z",
                "2026-1-31T12:00:00Z",
                "2026-02-29T12:00:00Z",
                "1900-02-29T12:00:00Z",
                "2026-04-31T12:00:00Z",
                "2026-00-10T12:00:00Z",
                "2026-13-10T12:00:00Z",
                "2026-01-00T12:00:00Z",
                "2026-01-31T24:00:00Z",
                "2026-01-31T12:60:00Z",
                "2026-01-31T12:00:61Z",
                "2026-01-31T12:00:00.Z",
                "2026-01-31T12:00:00Z ",
                "2026-01-31T12:00:00+1",
                "2026-01-31T12:00:00+01:",
                "2026-01-31T12:00:00+24:00",
                "2026-01-31T12:00:00 UTC",
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                int64_t ms = 42;
                ck_assert_msg(clock_parse(cases[i], &ms) == -1, "%s", cases[i]);
                ck_assert_int_eq(ms, 42);
        }
}
END_TEST

START_TEST(driven_and_released)
{
        clock_drive(1000, 5000);
        ck_assert_int_eq(clock_mono_ms(), 1000);
        ck_assert_int_eq(clock_mono_us(), 1000000);
        ck_assert_int_eq(clock_wall_ms(), 5000);
        clock_advance(250);
        ck_assert_int_eq(clock_mono_ms(), 1250);
        ck_assert_int_eq(clock_wall_ms(), 5250);
        clock_release();
        ck_assert_int_gt(clock_wall_ms(), 1600000000000);
        int64_t before = clock_mono_us();
        ck_assert_int_ge(clock_mono_us(), before);
}
END_TEST

static void on_alarm(int number)
{
        (void)number;
}

START_TEST(sleeps_by_the_real_clock)
{
        int64_t before = clock_mono_ms();
        clock_drive(1000, 5000);
        clock_sleep_ms(30);
        ck_assert_int_eq(clock_mono_ms(), 1000);
        clock_release();
        ck_assert_int_ge(clock_mono_ms() - before, 29);
}
END_TEST

START_TEST(a_signal_ends_a_sleep)
{
        struct sigaction act = {.sa_handler = on_alarm};
        const struct itimerval soon = {.it_value.tv_usec = 50000, .it_interval.tv_usec = 50000};
        int64_t before = clock_mono_ms();
        ck_assert_int_eq(sigaction(SIGALRM, &act, NULL), 0);
        ck_assert_int_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
        clock_sleep_ms(60000);
        ck_assert_int_lt(clock_mono_ms() - before, 50000);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("clock");
        TCase *t = tcase_create("clock");
        suite_add_tcase(s, t);
        tcase_add_test(t, written);
        tcase_add_test(t, extremes_do_not_overflow);
        tcase_add_test(t, read_leniently);
        tcase_add_test(t, refused);
        tcase_add_test(t, driven_and_released);
        tcase_add_test(t, sleeps_by_the_real_clock);
        tcase_add_test(t, a_signal_ends_a_sleep);
        tcase_set_timeout(t, 120);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
