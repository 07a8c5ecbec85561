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

static const struct {
        enum wave_state from;
        enum wave_act act;
        int verdict;
        enum wave_state to;
} wave_steps[] = {
        {WAVE_PLANNING, ACT_START, 1, WAVE_RUNNING},
        {WAVE_RUNNING, ACT_START, 0, WAVE_RUNNING},
        {WAVE_RUNNING, ACT_PAUSE, 1, WAVE_PAUSED},
        {WAVE_PAUSED, ACT_PAUSE, 0, WAVE_PAUSED},
        {WAVE_PAUSED, ACT_RESUME, 1, WAVE_RUNNING},
        {WAVE_READY, ACT_RESUME, 1, WAVE_RUNNING},
        {WAVE_COMPLETED, ACT_PAUSE, -1, WAVE_COMPLETED},
        {WAVE_COMPLETED, ACT_RESUME, -1, WAVE_COMPLETED},
        {WAVE_PAUSED, ACT_STOP, 1, WAVE_STOPPED},
        {WAVE_STOPPED, ACT_STOP, 0, WAVE_STOPPED},
        {WAVE_ERROR, ACT_STOP, -1, WAVE_ERROR},
        {WAVE_ERROR, ACT_RESTART, 1, WAVE_RUNNING},
        {WAVE_STOPPED, ACT_RESTART, 1, WAVE_RUNNING},
        {WAVE_PAUSED, ACT_RESTART, 0, WAVE_PAUSED},
        {WAVE_ERROR, ACT_RESET, 1, WAVE_READY},
        {WAVE_READY, ACT_RESET, 0, WAVE_READY},
        {WAVE_RUNNING, ACT_END, 1, WAVE_COMPLETED},
        {WAVE_COMPLETED, ACT_END, 0, WAVE_COMPLETED},
        {WAVE_READY, ACT_END, -1, WAVE_READY},
};

START_TEST(waves)
{
        enum wave_state to = wave_steps[_i].from;
        ck_assert_int_eq(wave_transition(wave_steps[_i].from, wave_steps[_i].act, &to),
                         wave_steps[_i].verdict);
        ck_assert_int_eq(to, wave_steps[_i].to);
}
END_TEST

/* From every state a wave can be brought to its end, and back to running. */
START_TEST(no_wave_is_stuck)
{
        for (int from = WAVE_READY; from < WAVE_STATE_COUNT; from++) {
                bool runs = from == WAVE_RUNNING, ends = wave_is_ended((enum wave_state)from);
                for (int act = 0; act < ACT_COUNT; act++) {
                        enum wave_state to;
                        if (wave_transition((enum wave_state)from, (enum wave_act)act, &to) <= 0)
                                continue;
                        runs |= to == WAVE_RUNNING;
                        ends |= wave_is_ended(to);
                }
                ck_assert_msg(runs && ends, "%s", wave_state_name((enum wave_state)from));
        }
}
END_TEST

START_TEST(migrations)
{
        ck_assert(migration_can_go(MIGRATION_PENDING, MIGRATION_RUNNING));
        ck_assert(migration_can_go(MIGRATION_RETRYING, MIGRATION_RUNNING));
        ck_assert(migration_can_go(MIGRATION_RUNNING, MIGRATION_PARKED));
        ck_assert(migration_can_go(MIGRATION_PARKED, MIGRATION_PARKED));
        ck_assert(migration_can_go(MIGRATION_RUNNING, MIGRATION_PENDING)); /* handed back */
        ck_assert(migration_can_go(MIGRATION_FAILED, MIGRATION_PENDING));
        ck_assert(migration_can_go(MIGRATION_BLOCKED, MIGRATION_PENDING));
        /* a poll is no claim; nothing runs that was not released; what is over does not go on */
        ck_assert(!migration_can_go(MIGRATION_PARKED, MIGRATION_RUNNING));
        ck_assert(!migration_can_go(MIGRATION_BLOCKED, MIGRATION_RUNNING));
        for (int to = 0; to < MIGRATION_STATE_COUNT; to++) {
                ck_assert(!migration_can_go((enum migration_state)to, MIGRATION_RUNNING) ||
                          !migration_is_terminal((enum migration_state)to));
                ck_assert(to == MIGRATION_BLOCKED || to == MIGRATION_PENDING ||
                          !migration_can_go(MIGRATION_COMPLETED, (enum migration_state)to));
        }
}
END_TEST

int main(void)
{
        Suite *s = suite_create("state");
        TCase *t = tcase_create("all");
        tcase_add_test(t, names_read_back);
        tcase_add_test(t, unknown_names);
        tcase_add_test(t, statuses);
        tcase_add_loop_test(t, waves, 0, (int)(sizeof(wave_steps) / sizeof(wave_steps[0])));
        tcase_add_test(t, no_wave_is_stuck);
        tcase_add_test(t, migrations);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
