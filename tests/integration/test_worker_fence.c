/*
 * test_worker_fence.c - no body outlives its worker's lease, its worker's row or its worker: with the
 * supervisor, a runner or both standing still.
 */
#include "worker_rig.h"

/* ---- the fence ---- */

START_TEST(no_body_without_a_lease)
{
        begin(1);
        turn_until(engine.w->idle == 1);
        engine.w->ev.on_fence(clock_mono_ms() - 1, engine.w->ev.arg);
        struct job *j = give("noop", NULL);
        go();
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_HANDED_BACK, CLASS_NONE, "");
        end();
}
END_TEST

/* The loop is not turned: the supervisor might as well be stopped. */
START_TEST(bodies_end_with_the_lease)
{
        int64_t late = INT64_MAX, most = LEASE_MS / 10 + (SANITIZED ? 500 : 50);
        begin(1);
        for (size_t i = 1; i <= TRIES && late >= most; i++) {
                engine.lines = 0;
                engine.w->ev.on_fence(clock_mono_ms() + 600000, engine.w->ev.arg);
                struct job *j = give_program("trap '' TERM; sleep 300");
                go();
                pid_t program = its_pid();
                int64_t deadline = clock_mono_ms() + 700;
                engine.w->ev.on_fence(deadline, engine.w->ev.arg);
                wait_until(!lives(program));
                late = clock_mono_ms() - deadline;
                ck_assert_int_ge(late, 0);
                turn_until(engine.settled_count == i);
                ck_settled(j, OUTCOME_FAILED, CLASS_LOST, "lease");
        }
        ck_assert_int_lt(late, most);
        end();
}
END_TEST

START_TEST(a_stopped_runner_is_fenced_by_the_others)
{
        begin(2);
        struct job *j = give_program("sleep 300");
        pid_t program = its_pid(), runner = getpgid(program);
        kill(runner, SIGSTOP);
        wait_until(process_state(runner) == 'T');
        engine.w->ev.on_fence(clock_mono_ms() + 300, engine.w->ev.arg);
        wait_until(!lives(program) && !lives(runner));
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_FAILED, CLASS_LOST, "lease");
        end();
}
END_TEST

START_TEST(a_runner_that_is_continued_too_late)
{
        begin(1);
        struct job *j = give("noop", "{\"sleep_ms\":300000,\"log_lines\":1}");
        turn_until(engine.lines == 1);
        pid_t runner = a_runner();
        kill(runner, SIGSTOP);
        wait_until(process_state(runner) == 'T');
        engine.w->ev.on_fence(clock_mono_ms() - 1, engine.w->ev.arg);
        kill(runner, SIGCONT);
        wait_until(!lives(runner));
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_FAILED, CLASS_LOST, "lease");
        end();
}
END_TEST

START_TEST(a_renewed_lease_harms_nobody)
{
        begin(2);
        struct job *j = give("noop", "{\"sleep_ms\":4500}");
        for (int i = 0; i < 1000 && !outcome_of(j); i++) {
                engine.w->ev.on_fence(clock_mono_ms() + 3000, engine.w->ev.arg);
                loop_turn(loop, TURN_MS);
        }
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_COMPLETED, CLASS_NONE, "");
        end();
}
END_TEST

START_TEST(the_row_is_dead)
{
        begin(2);
        struct job *j = give_program("trap '' TERM; sleep 300");
        pid_t program = its_pid();
        engine.w->ev.on_dead(engine.w->ev.arg);
        turn_until(engine.gone == 1);
        ck_assert(!lives(program));
        ck_assert_uint_eq(engine.settled_count, 0);
        engine.w->ev.on_fence(clock_mono_ms() + 60000, engine.w->ev.arg);
        turn_until(engine.w->idle == 2);
        struct job *next = give("noop", NULL);
        go();
        turn_until(engine.settled_count == 1);
        ck_settled(next, OUTCOME_COMPLETED, CLASS_NONE, "");
        ck_assert_ptr_null(outcome_of(j));
        engine.w->ev.on_dead(engine.w->ev.arg); /* with nothing in hand */
        turn_until(engine.gone == 2);
        end();
}
END_TEST

static int64_t until_bodies_of_a_killed_supervisor_end(void)
{
        int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                begin(3);
                give_program("trap '' TERM HUP; sleep 300");
                shared[0] = its_pid();
                shared[1] = getpgid(shared[0]);
                for (;;)
                        loop_turn(loop, TURN_MS);
        }
        wait_until(*(volatile int *)&shared[1] > 0);
        ck_assert(lives(shared[0]) && lives(shared[1]));
        kill(pid, SIGKILL);
        int64_t killed = clock_mono_ms();
        waitpid(pid, NULL, 0);
        wait_until(!lives(shared[0]) && !lives(shared[1]));
        int64_t took_ms = clock_mono_ms() - killed;
        munmap(shared, 4096);
        return took_ms;
}

START_TEST(the_supervisor_is_killed)
{
        int64_t took_ms = INT64_MAX, most = SANITIZED ? 3000 : 500;
        for (int i = 0; i < TRIES && took_ms >= most; i++)
                took_ms = until_bodies_of_a_killed_supervisor_end();
        ck_assert_int_lt(took_ms, most);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("worker_fence");
        TCase *t = tcase_create("all");
        tcase_add_checked_fixture(t, set_up, NULL);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, no_body_without_a_lease);
        tcase_add_test(t, bodies_end_with_the_lease);
        tcase_add_test(t, a_stopped_runner_is_fenced_by_the_others);
        tcase_add_test(t, a_runner_that_is_continued_too_late);
        tcase_add_test(t, a_renewed_lease_harms_nobody);
        tcase_add_test(t, the_row_is_dead);
        tcase_add_test(t, the_supervisor_is_killed);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
