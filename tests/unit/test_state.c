/* test_state.c - names, statuses and the tables of transitions. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "model/state.h"

START_TEST(names_read_back)
{
        for (int i = 0; i < MIGRATION_STATE_COUNT; i++) {
                enum migration_state s;
                ck_assert_int_eq(
                        migration_state_parse(migration_state_name((enum migration_state)i), &s), 0);
                ck_assert_int_eq(s, i);
        }
        for (int i = 0; i < WAVE_STATE_COUNT; i++) {
                enum wave_state s;
                ck_assert_int_eq(wave_state_parse(wave_state_name((enum wave_state)i), &s), 0);
                ck_assert_int_eq(s, i);
        }
        for (int i = CLASS_NONE + 1; i < CLASS_COUNT; i++) {
                enum error_class c;
                ck_assert_int_eq(error_class_parse(error_class_name((enum error_class)i), &c), 0);
                ck_assert_int_eq(c, i);
        }
        ck_assert_ptr_null(error_class_name(CLASS_NONE));
}
END_TEST

START_TEST(unknown_names)
{
        enum migration_state m = MIGRATION_PARKED;
        enum wave_state w = WAVE_PAUSED;
        enum error_class c = CLASS_DATA;
        ck_assert_int_eq(migration_state_parse("in_progress", &m), -1);
        ck_assert_int_eq(wave_state_parse("", &w), -1);
        ck_assert_int_eq(error_class_parse("Data", &c), -1);
        ck_assert(m == MIGRATION_PARKED && w == WAVE_PAUSED && c == CLASS_DATA);
}
END_TEST

START_TEST(statuses)
{
        ck_assert_str_eq(migration_status(MIGRATION_BLOCKED), "pending");
        ck_assert_str_eq(migration_status(MIGRATION_PARKED), "in_progress");
        ck_assert_str_eq(migration_status(MIGRATION_RETRYING), "in_progress");
        ck_assert_str_eq(migration_status(MIGRATION_FAILED), "error");
        ck_assert_str_eq(wave_status(WAVE_PLANNING), "pending");
        ck_assert_str_eq(wave_status(WAVE_RUNNING), "in_progress");
        ck_assert_str_eq(wave_status(WAVE_ERROR), "error");
        ck_assert(migration_is_terminal(MIGRATION_CANCELLED) &&
                  !migration_is_terminal(MIGRATION_RETRYING));
        ck_assert(wave_is_ended(WAVE_STOPPED) && !wave_is_ended(WAVE_PAUSED));
}
END_TEST

int main(void)
{
        Suite *s = suite_create("state");
        TCase *t = tcase_create("all");
        tcase_add_test(t, names_read_back);
        tcase_add_test(t, unknown_names);
        tcase_add_test(t, statuses);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
