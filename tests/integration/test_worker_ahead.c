/*
 * test_worker_ahead.c - jobs that stand behind the one that a runner runs: in turn, taken back where that
 * one is long or is ended, handed back where nobody takes them.
 */
#include "worker_rig.h"

/* Whether that many have been settled, and none twice. */
static bool all_settled(size_t n)
{
        ck_assert_uint_le(engine.settled_count, n);
        if (engine.settled_count < n)
                return false;
        for (size_t i = 0; i < engine.settled_count; i++)
                for (size_t k = 0; k < i; k++)
                        ck_assert_int_ne(engine.settled[i].id, engine.settled[k].id);
        return true;
}

static void must_be_completed(const struct job *j)
{
        ck_settled(j, OUTCOME_COMPLETED, CLASS_NONE, "");
}

#define LONG "{\"sleep_ms\":300000,\"log_lines\":1}"

/* So that none is handed back because a runner has not come to it for a moment. */
static void be_patient(void)
{
        cfg.worker_ahead_ms = 10000;
}

/* Ends a body that would take longer than the test. */
static void cut_short(const struct job *slow)
{
        turn_until(engine.lines == 1); /* its own: it has begun */
        ck_assert_ptr_null(outcome_of(slow));
        engine.w->ev.on_cancel(slow->id, slow->attempt, "enough", engine.w->ev.arg);
        turn_until(outcome_of(slow));
        ck_settled(slow, OUTCOME_FAILED, CLASS_TEMPORARY, "ended: enough");
}

/* Runners that are idle, and so many jobs that may stand behind each. */
static void begin_ahead(int64_t runners, unsigned depth)
{
        engine.depth = depth;
        begin(runners);
        turn_until(engine.w->idle == runners && engine.w->behind == runners * depth);
}

START_TEST(jobs_follow_one_another)
{
        be_patient();
        begin_ahead(1, 8);
        for (int i = 0; i < 500; i++)
                give("noop", i % 2 ? NULL : "{\"result\":{\"n\":1},\"log_lines\":2}");
        go();
        turn_until(all_settled(500));
        for (size_t i = 0; i < 500; i++) {
                must_be_completed(&engine.jobs[i]);
                ck_assert_int_eq(engine.settled[i].id, engine.jobs[i].id);
                ck_assert_str_eq(outcome_of(&engine.jobs[i])->result, i % 2 ? "" : "{\"n\":1}");
        }
        ck_assert_uint_eq(engine.lines, 500);
        end();
}
END_TEST

/* Ten, which one runner had better do than wake three others for them; and as many as each may have. */
START_TEST(few_go_to_one_runner)
{
        static const unsigned together[] = {9, 0}, idle[] = {3, 0};
        engine.together = together[_i];
        be_patient();
        begin_ahead(4, 16);
        for (int i = 0; i < 10; i++)
                give("noop", NULL);
        engine.least_idle = 4;
        clock_drive(clock_mono_ms(), clock_wall_ms()); /* so that none of them is long */
        go();
        turn_until(all_settled(10));
        clock_release();
        ck_assert_uint_eq(engine.least_idle, idle[_i]);
        for (size_t i = 0; i < 10; i++)
                must_be_completed(&engine.jobs[i]);
        end();
}
END_TEST

/* They were taken for short. */
START_TEST(one_that_is_long_does_not_hold_up_those_together_with_it)
{
        engine.together = 9;
        be_patient();
        begin_ahead(4, 16);
        const struct job *slow = give("noop", LONG);
        for (int i = 0; i < 9; i++)
                give("noop", NULL);
        go();
        turn_until(all_settled(9));
        cut_short(slow);
        end();
}
END_TEST

START_TEST(many_runners_with_many_jobs_each)
{
        be_patient();
        begin_ahead(4, 16);
        for (int i = 0; i < (int)MOST; i++)
                give("noop", i % 100 ? NULL : "{\"sleep_ms\":3}");
        go();
        turn_until(all_settled(MOST));
        for (size_t i = 0; i < MOST; i++)
                must_be_completed(&engine.jobs[i]);
        end();
}
END_TEST

START_TEST(behind_a_long_one_they_go_to_who_is_idle)
{
        be_patient();
        begin_ahead(2, 8);
        const struct job *slow = give("noop", LONG);
        for (int i = 0; i < 17; i++)
                give("noop", NULL);
        go();
        turn_until(all_settled(17));
        for (size_t i = 1; i < 18; i++)
                must_be_completed(&engine.jobs[i]);
        cut_short(slow);
        end();
}
END_TEST

START_TEST(behind_long_ones_alone_they_are_handed_back)
{
        begin_ahead(1, 4);
        const struct job *slow = give("noop", LONG);
        struct job *rest[4];
        for (int i = 0; i < 4; i++)
                rest[i] = give("noop", NULL);
        go();
        turn_until(engine.settled_count == 4);
        for (int i = 0; i < 4; i++)
                ck_settled(rest[i], OUTCOME_HANDED_BACK, CLASS_NONE, "");
        ck_assert_uint_eq(engine.w->behind, 0);
        cut_short(slow);
        ck_assert(all_settled(5));
        end();
}
END_TEST

START_TEST(behind_a_crash_they_are_run)
{
        be_patient();
        begin_ahead(1, 8);
        struct job *bad = give("noop", "{\"fail\":{\"class\":\"crashed\"}}");
        for (int i = 0; i < 8; i++)
                give("noop", NULL);
        go();
        turn_until(all_settled(9));
        ck_settled(bad, OUTCOME_FAILED, CLASS_CRASHED, "killed by signal 9 (KILL)");
        for (size_t i = 1; i < 9; i++)
                must_be_completed(&engine.jobs[i]);
        end();
}
END_TEST

START_TEST(a_crash_in_the_middle_is_its_own)
{
        be_patient();
        begin_ahead(1, 8);
        for (int i = 0; i < 9; i++)
                give("noop", i == 4 ? "{\"fail\":{\"class\":\"crashed\"}}" : NULL);
        go();
        turn_until(all_settled(9));
        for (size_t i = 0; i < 9; i++) {
                if (i == 4)
                        ck_settled(&engine.jobs[i], OUTCOME_FAILED, CLASS_CRASHED, "signal 9");
                else
                        must_be_completed(&engine.jobs[i]);
        }
        end();
}
END_TEST

/* Its runner is killed, and there is none for a moment: they may go back, but nothing is said of them. */
START_TEST(behind_leftovers_they_are_run_or_handed_back)
{
        begin_ahead(1, 4);
        struct job *messy =
                give("command", "{\"argv\":[\"/bin/sh\",\"-c\",\"sleep 300 & exit 0\"]}");
        for (int i = 0; i < 4; i++)
                give("noop", NULL);
        go();
        turn_until(all_settled(5));
        must_be_completed(messy);
        for (size_t i = 1; i < 5; i++)
                ck_assert(outcome_of(&engine.jobs[i])->kind != OUTCOME_FAILED);
        end();
}
END_TEST

START_TEST(behind_a_time_out_they_are_run)
{
        be_patient();
        begin_ahead(1, 4);
        struct job *late = give("noop", "{\"sleep_ms\":20000}");
        late->timeout_ms = 200;
        for (int i = 0; i < 4; i++)
                give("noop", NULL);
        go();
        turn_until(all_settled(5));
        ck_settled(late, OUTCOME_FAILED, CLASS_TIMED_OUT, "ran longer than its 0.2 s");
        for (size_t i = 1; i < 5; i++)
                must_be_completed(&engine.jobs[i]);
        end();
}
END_TEST

START_TEST(cancel_one_that_stands_behind)
{
        be_patient();
        begin_ahead(1, 4);
        const struct job *slow = give("noop", LONG);
        struct job *other = give("noop", NULL), *unwanted = give("noop", NULL);
        go();
        engine.w->ev.on_cancel(unwanted->id, unwanted->attempt, "stopped", engine.w->ev.arg);
        ck_settled(unwanted, OUTCOME_HANDED_BACK, CLASS_NONE, "");
        cut_short(slow);
        turn_until(all_settled(3));
        must_be_completed(other);
        end();
}
END_TEST

START_TEST(cancel_the_one_in_hand)
{
        be_patient();
        begin_ahead(1, 4);
        struct job *slow = give("noop", "{\"sleep_ms\":20000,\"log_lines\":1}");
        struct job *other = give("noop", NULL);
        go();
        turn_until(engine.lines == 1);
        engine.w->ev.on_cancel(slow->id, slow->attempt, "stopped", engine.w->ev.arg);
        turn_until(all_settled(2));
        ck_settled(slow, OUTCOME_FAILED, CLASS_TEMPORARY, "ended: stopped");
        must_be_completed(other);
        end();
}
END_TEST

START_TEST(sigterm_hands_back_what_is_not_begun)
{
        be_patient();
        begin_ahead(1, 4);
        struct job *slow = give("noop", "{\"sleep_ms\":3000,\"log_lines\":1}");
        struct job *rest[3];
        for (int i = 0; i < 3; i++)
                rest[i] = give("noop", NULL);
        go();
        turn_until(engine.lines == 1);
        engine.w->ev.on_drain(engine.w->ev.arg);
        ck_assert_uint_eq(engine.settled_count, 3);
        for (int i = 0; i < 3; i++)
                ck_settled(rest[i], OUTCOME_HANDED_BACK, CLASS_NONE, "");
        loop_run(loop);
        ck_assert(all_settled(4));
        must_be_completed(slow);
        ck_assert(supervisor_ended_well(supervisor));
        end();
}
END_TEST

/* Nothing of a dead worker counts, begun or not. */
START_TEST(the_dead_settle_nothing)
{
        be_patient();
        begin_ahead(1, 4);
        give("noop", "{\"sleep_ms\":20000,\"log_lines\":1}");
        give("noop", NULL);
        go();
        turn_until(engine.lines == 1);
        engine.w->ev.on_dead(engine.w->ev.arg);
        turn_until(engine.gone == 1);
        ck_assert_uint_eq(engine.settled_count, 0);
        engine.w->ev.on_fence(clock_mono_ms() + 600000, engine.w->ev.arg);
        turn_until(engine.w->idle == 1);
        struct job *next = give("noop", NULL);
        go();
        turn_until(engine.settled_count == 1);
        must_be_completed(next);
        end();
}
END_TEST

START_TEST(a_recycled_runner_leaves_none_behind)
{
        cfg.worker_recycle_jobs = 3;
        be_patient();
        begin_ahead(1, 2);
        for (int i = 0; i < 20; i++)
                give("noop", NULL);
        go();
        turn_until(all_settled(20));
        for (size_t i = 0; i < 20; i++)
                must_be_completed(&engine.jobs[i]);
        end();
}
END_TEST

/* Larger than what may stand behind: it waits until a runner is idle. */
START_TEST(a_large_one_waits_for_an_idle_runner)
{
        be_patient();
        begin_ahead(1, 4);
        struct buf params = BUF_INIT(SIZE_MAX);
        buf_adds(&params, "{\"result\":{\"text\":\"");
        for (int i = 0; i < 100000; i++)
                buf_adds(&params, "0123456789");
        buf_adds(&params, "\"}}");
        give("noop", NULL);
        give("noop", buf_str(&params));
        give("noop", NULL);
        go();
        turn_until(all_settled(3));
        for (size_t i = 0; i < 3; i++)
                must_be_completed(&engine.jobs[i]);
        buf_fini(&params);
        end();
}
END_TEST

int main(void)
{
        Suite *s = suite_create("worker_ahead");
        TCase *t = tcase_create("all");
        tcase_add_checked_fixture(t, set_up, NULL);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, jobs_follow_one_another);
        tcase_add_loop_test(t, few_go_to_one_runner, 0, 2);
        tcase_add_test(t, one_that_is_long_does_not_hold_up_those_together_with_it);
        tcase_add_test(t, many_runners_with_many_jobs_each);
        tcase_add_test(t, behind_a_long_one_they_go_to_who_is_idle);
        tcase_add_test(t, behind_long_ones_alone_they_are_handed_back);
        tcase_add_test(t, behind_a_crash_they_are_run);
        tcase_add_test(t, a_crash_in_the_middle_is_its_own);
        tcase_add_test(t, behind_leftovers_they_are_run_or_handed_back);
        tcase_add_test(t, behind_a_time_out_they_are_run);
        tcase_add_test(t, cancel_one_that_stands_behind);
        tcase_add_test(t, cancel_the_one_in_hand);
        tcase_add_test(t, sigterm_hands_back_what_is_not_begun);
        tcase_add_test(t, the_dead_settle_nothing);
        tcase_add_test(t, a_recycled_runner_leaves_none_behind);
        tcase_add_test(t, a_large_one_waits_for_an_idle_runner);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
