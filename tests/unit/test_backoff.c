/* test_backoff.c - bounds, the cap, no overflow, jitter that reaches both ends. */
#include <check.h>
#include <limits.h>
#include <stdint.h>

#include "base/backoff.h"

START_TEST(doubles_up_to_the_cap)
{
        struct backoff b = {.base_ms = 2000, .cap_ms = 300000, .factor = 2};
        static const int64_t want[] = {2000,  4000,   8000,   16000, 32000,
                                       64000, 128000, 256000, 300000};
        for (unsigned n = 1; n <= 9; n++)
                ck_assert_int_eq(backoff_ceiling(&b, n), want[n - 1]);
        ck_assert_int_eq(backoff_ceiling(&b, 0), 2000);
        ck_assert_int_eq(backoff_ceiling(&b, UINT_MAX), 300000);
}
END_TEST

START_TEST(no_overflow)
{
        struct backoff b = {.base_ms = 3, .cap_ms = INT64_MAX, .factor = UINT_MAX};
        ck_assert_int_eq(backoff_ceiling(&b, UINT_MAX), INT64_MAX);
        ck_assert_int_ge(backoff_wait(&b, UINT_MAX, UINT64_MAX), 0);
        int64_t last = 0;
        b.factor = 2;
        for (unsigned n = 1; n < 200; n++) {
                int64_t now = backoff_ceiling(&b, n);
                ck_assert_int_ge(now, last);
                last = now;
        }
        ck_assert_int_eq(last, INT64_MAX);
}
END_TEST

START_TEST(odd_settings)
{
        struct backoff constant = {.base_ms = 100, .cap_ms = 1000, .factor = 1};
        ck_assert_int_eq(backoff_ceiling(&constant, UINT_MAX), 100);
        struct backoff none = {.base_ms = 0, .cap_ms = 1000, .factor = 2};
        ck_assert_int_eq(backoff_ceiling(&none, 50), 0);
        ck_assert_int_eq(backoff_wait(&none, 50, UINT64_MAX), 0);
        struct backoff capped = {.base_ms = 500, .cap_ms = 100, .factor = 2};
        ck_assert_int_eq(backoff_ceiling(&capped, 1), 100);
}
END_TEST

START_TEST(full_jitter)
{
        struct backoff b = {.base_ms = 10, .cap_ms = 1000, .factor = 2};
        ck_assert_int_eq(backoff_wait(&b, 1, 0), 0);
        ck_assert_int_eq(backoff_wait(&b, 1, 10), 10);
        ck_assert_int_eq(backoff_wait(&b, 1, 11), 0);
        for (uint64_t random = 0; random < 5000; random++) {
                int64_t wait = backoff_wait(&b, 3, random);
                ck_assert_int_ge(wait, 0);
                ck_assert_int_le(wait, 40);
        }
}
END_TEST

int main(void)
{
        Suite *s = suite_create("backoff");
        TCase *t = tcase_create("backoff");
        suite_add_tcase(s, t);
        tcase_add_test(t, doubles_up_to_the_cap);
        tcase_add_test(t, no_overflow);
        tcase_add_test(t, odd_settings);
        tcase_add_test(t, full_jitter);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
