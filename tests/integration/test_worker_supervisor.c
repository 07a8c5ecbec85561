/*
 * test_worker_supervisor.c - the supervisor with real runners: what happens when they crash, hang, talk
 * without end or talk rubbish, are killed, and when the worker is to stop.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "worker_rig.h"

/* ---- plain ---- */

START_TEST(jobs_are_run)
{
        begin(4);
        for (int i = 0; i < 500; i++)
                give("noop", i % 2 ? NULL : "{\"result\":{\"n\":1},\"log_lines\":2}");
        turn_until(engine.settled_count == 500);
        for (size_t i = 0; i < 500; i++) {
                ck_settled(&engine.jobs[i], OUTCOME_COMPLETED, CLASS_NONE, "");
                ck_assert_str_eq(outcome_of(&engine.jobs[i])->result, i % 2 ? "" : "{\"n\":1}");
        }
        ck_assert_uint_eq(engine.lines, 500);
        ck_assert_uint_eq(engine.w->idle, 4);
        end();
}
END_TEST

START_TEST(a_megabyte_each_way)
{
        begin(2);
        struct buf params = BUF_INIT(SIZE_MAX);
        buf_adds(&params, "{\"result\":{\"text\":\"");
        for (int i = 0; i < 100000; i++)
                buf_adds(&params, "0123456789");
        buf_adds(&params, "\"}}");
        struct job *large = give("noop", buf_str(&params)), *small = give("noop", NULL);
        turn_until(engine.settled_count == 2);
        ck_settled(large, OUTCOME_COMPLETED, CLASS_NONE, "");
        ck_assert_uint_eq(strlen(outcome_of(large)->result), params.len - strlen("{\"result\":}"));
        ck_settled(small, OUTCOME_COMPLETED, CLASS_NONE, "");
        for (int i = 0; i < 400000; i++)
                buf_adds(&params, "0123456789");
        struct job *huge = give("noop", buf_str(&params));
        go();
        turn_until(engine.settled_count == 3);
        ck_settled(huge, OUTCOME_FAILED, CLASS_DATA, "larger than");
        buf_fini(&params);
        end();
}
END_TEST

START_TEST(runners_are_recycled)
{
        cfg.worker_recycle_jobs = 3;
        begin(1);
        turn_until(engine.w->idle == 1);
        pid_t first = a_runner();
        for (int i = 0; i < 7; i++)
                give("noop", NULL);
        go();
        turn_until(engine.settled_count == 7);
        ck_assert_int_ne(a_runner(), first);
        ck_assert_ptr_nonnull(strstr(the_log(), "\"reason\":\"recycled\""));
        end();
}
END_TEST

START_TEST(an_unknown_kind)
{
        begin(1);
        struct job *j = give("teleport", NULL);
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_FAILED, CLASS_TEMPORARY, "teleport");
        end();
}
END_TEST

/* ---- deaths ---- */

START_TEST(a_body_that_kills_its_runner)
{
        int64_t took_ms = INT64_MAX, most = SANITIZED ? 1000 : 100;
        begin(1);
        for (size_t i = 1; i <= TRIES && took_ms >= most; i++) {
                turn_until(engine.w->idle == 1);
                pid_t first = a_runner();
                struct job *bad =
                        give("noop", "{\"fail\":{\"class\":\"crashed\"},\"log_lines\":1}");
                struct job *good = give("noop", NULL);
                int64_t begun = clock_mono_ms();
                go();
                turn_until(engine.settled_count == 2 * i);
                ck_settled(bad, OUTCOME_FAILED, CLASS_CRASHED, "killed by signal 9 (KILL)");
                ck_settled(good, OUTCOME_COMPLETED, CLASS_NONE, "");
                took_ms = outcome_of(bad)->at_ms - begun;
                ck_assert_uint_eq(engine.lines, i);
                ck_assert_int_ne(a_runner(), first);
        }
        ck_assert_int_lt(took_ms, most);
        ck_assert_ptr_nonnull(strstr(the_log(), "\"event\":\"runner.died\""));
        ck_assert_ptr_nonnull(strstr(the_log(), "\"signal\":9"));
        end();
}
END_TEST

START_TEST(an_idle_runner_is_killed)
{
        begin(1);
        turn_until(engine.w->idle == 1);
        pid_t first = a_runner();
        kill(first, SIGKILL);
        turn_until(another_runner(first) && engine.w->idle == 1);
        struct job *j = give("noop", NULL);
        go();
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_COMPLETED, CLASS_NONE, "");
        end();
}
END_TEST

/* They are replaced, but not in a hurry. */
START_TEST(runners_that_die_at_their_start)
{
        begin(2);
        pid_t first;
        while ((first = a_runner()) != 0)
                kill(first, SIGKILL);
        turn_until(engine.w->idle == 2);
        struct job *j = give("noop", NULL);
        go();
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_COMPLETED, CLASS_NONE, "");
        end();
}
END_TEST

START_TEST(a_job_that_was_not_begun_is_handed_back)
{
        begin(1);
        turn_until(engine.w->idle == 1);
        pid_t first = a_runner();
        kill(first, SIGSTOP);
        wait_until(process_state(first) == 'T');
        struct job *j = give("noop", NULL);
        go();
        kill(first, SIGKILL);
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_HANDED_BACK, CLASS_NONE, "");
        end();
}
END_TEST

START_TEST(the_group_dies_with_its_runner)
{
        begin(1);
        struct job *j = give_program("sleep 300");
        pid_t program = its_pid();
        kill(a_runner(), SIGKILL);
        turn_until(engine.settled_count == 1);
        ck_assert_msg(!lives(program), "settled while a process of the body lived");
        ck_settled(j, OUTCOME_FAILED, CLASS_CRASHED, "killed by signal 9");
        end();
}
END_TEST

/* ---- what is ended ---- */

START_TEST(time_out)
{
        int64_t took_ms = INT64_MAX, most = SANITIZED ? 1500 : 450;
        begin(1);
        for (size_t i = 1; i <= TRIES && took_ms >= most; i++) {
                turn_until(engine.w->idle == 1);
                struct job *j = give("noop", "{\"sleep_ms\":60000}"), *next = give("noop", NULL);
                j->timeout_ms = 200;
                int64_t begun = clock_mono_ms();
                go();
                turn_until(engine.settled_count == 2 * i);
                ck_settled(j, OUTCOME_FAILED, CLASS_TIMED_OUT, "ran longer than its 0.2 s");
                took_ms = outcome_of(j)->at_ms - begun;
                ck_assert_int_ge(took_ms, 200);
                ck_settled(next, OUTCOME_COMPLETED, CLASS_NONE, "");
        }
        ck_assert_int_lt(took_ms, most);
        end();
}
END_TEST

START_TEST(time_out_of_a_group_that_ignores_sigterm)
{
        begin(1);
        struct job *j = give("command",
                             "{\"argv\":[\"/bin/sh\",\"-c\",\"trap '' TERM; sleep 300 & echo $!; "
                             "while true; do sleep 1; done\"]}");
        j->timeout_ms = 3000;
        pid_t program = its_pid();
        turn_until(engine.settled_count == 1);
        ck_assert(!lives(program));
        ck_settled(j, OUTCOME_FAILED, CLASS_TIMED_OUT, "ran longer than");
        end();
}
END_TEST

START_TEST(cancel)
{
        begin(1);
        struct job *j = give_program("sleep 300");
        pid_t program = its_pid();
        engine.w->ev.on_cancel(j->id, j->attempt + 1, "another attempt", engine.w->ev.arg);
        for (int i = 0; i < 5; i++)
                loop_turn(loop, TURN_MS);
        ck_assert_uint_eq(engine.settled_count, 0);
        engine.w->ev.on_cancel(j->id, j->attempt, "the wave was stopped", engine.w->ev.arg);
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_FAILED, CLASS_TEMPORARY, "the wave was stopped");
        ck_assert(!lives(program));
        end();
}
END_TEST

START_TEST(what_completes_under_sigterm_is_completed)
{
        cfg.worker_kill_grace_ms = 10000;
        begin(1);
        struct job *j =
                give("command", "{\"argv\":[\"/bin/sh\",\"-c\",\"trap 'exit 0' TERM; echo on; "
                                "while true; do sleep 0.02; done\"]}");
        turn_until(engine.lines == 1);
        engine.w->ev.on_cancel(j->id, j->attempt, "enough", engine.w->ev.arg);
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_COMPLETED, CLASS_NONE, "");
        end();
}
END_TEST

START_TEST(leftovers)
{
        begin(1);
        struct job *j = give("command", "{\"argv\":[\"/bin/sh\",\"-c\",\"sleep 300 & echo $!\"]}");
        pid_t program = its_pid();
        turn_until(engine.settled_count == 1);
        ck_assert_msg(!lives(program), "settled while a process of the body lived");
        ck_settled(j, OUTCOME_COMPLETED, CLASS_NONE, "");
        end();
}
END_TEST

START_TEST(a_daemon_lives_on)
{
        begin(1);
        struct job *j =
                give("command",
                     xasprintf("{\"argv\":[\"/bin/sh\",\"-c\",\"setsid -f sleep 30.%d </dev/null "
                               ">/dev/null 2>&1; until pgrep -x -f 'sleep 30.%d'; do sleep 0.02; "
                               "done\"]}",
                               getpid(), getpid()));
        pid_t program = its_pid();
        ck_assert_int_gt(program, 0);
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_COMPLETED, CLASS_NONE, "");
        ck_assert(lives(program));
        kill(program, SIGTERM);
        turn_until(process_state(program) == '-'); /* reaped when it ends */
        end();
}
END_TEST

/* ---- a runner gone mad ---- */

static void send_garbage(int pipe)
{
        ck_assert_int_eq(write(pipe, "GET / HTTP/1.1\r\n\r\n", 18), 18);
}

static void send_too_much(int pipe)
{
        unsigned char head[] = {0xFF, 0xFF, 0xFF, 0x7F, 0x46, 0x57, MESSAGE_LOG, 0};
        ck_assert_int_eq(write(pipe, head, sizeof(head)), sizeof(head));
}

static void send_job(int pipe)
{
        struct buf b = BUF_INIT(4096);
        message_encode(&b, MESSAGE_JOB, &engine.jobs[0]);
        ck_assert_int_eq(write(pipe, b.data, b.len), (ssize_t)b.len);
        buf_fini(&b);
}

static void close_it(int pipe)
{
        shutdown(pipe, SHUT_RDWR);
}

static const struct {
        void (*act)(int pipe);
        int end;
        const char *error;
} follies[] = {{send_garbage, RUNNER_UP, "rubbish: what came is no message"},
               {send_too_much, RUNNER_UP, "too large"},
               {send_job, RUNNER_UP, "JOB is not said on this side"},
               {close_it, RUNNER_DOWN, ""}};

START_TEST(folly)
{
        begin(1);
        struct job *j = give_program("sleep 300"), *next = give("noop", NULL);
        pid_t program = its_pid(), runner = getpgid(program);
        int pipe = steal(runner, follies[_i].end);
        follies[_i].act(pipe);
        turn_until(engine.settled_count == 2);
        ck_settled(j, OUTCOME_FAILED, CLASS_CRASHED, follies[_i].error);
        ck_settled(next, OUTCOME_COMPLETED, CLASS_NONE, "");
        ck_assert(!lives(program) && !lives(runner));
        close(pipe);
        end();
}
END_TEST

static atomic_int *closes; /* shared with the runners */

static void *close_when_told(void *unused)
{
        while (!atomic_load(closes))
                usleep(1000);
        close(RUNNER_UP);
        return unused;
}

static void bring_a_thread(void)
{
        pthread_t t;
        pthread_create(&t, NULL, close_when_told, NULL);
}

START_TEST(a_runner_that_closes_its_pipe)
{
        closes = mmap(NULL, sizeof(*closes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        ck_assert_ptr_ne(closes, MAP_FAILED);
        pthread_atfork(NULL, NULL, bring_a_thread);
        begin(1);
        struct job *j = give_program("sleep 300");
        pid_t program = its_pid(), runner = getpgid(program);
        atomic_store(closes, 1);
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_FAILED, CLASS_CRASHED, "closed its pipe");
        ck_assert(!lives(program) && !lives(runner));
        atomic_store(closes, 0);
        end();
}
END_TEST

START_TEST(an_outcome_without_a_job)
{
        begin(1);
        turn_until(engine.w->idle == 1);
        pid_t first = a_runner();
        int pipe = steal(first, RUNNER_UP);
        struct message_outcome o = {.outcome = {.kind = OUTCOME_COMPLETED}};
        struct buf b = BUF_INIT(4096);
        message_encode(&b, MESSAGE_OUTCOME, &o);
        ck_assert_int_eq(write(pipe, b.data, b.len), (ssize_t)b.len);
        turn_until(another_runner(first) && engine.w->idle == 1);
        ck_assert_uint_eq(engine.settled_count, 0);
        ck_assert_ptr_nonnull(strstr(the_log(), "\"reason\":\"rubbish\""));
        buf_fini(&b);
        close(pipe);
        end();
}
END_TEST

START_TEST(questions)
{
        begin(1);
        struct job *j = give("noop", "{\"sleep_ms\":300000,\"log_lines\":1}");
        turn_until(engine.lines == 1);
        int pipe = steal(a_runner(), RUNNER_UP), answers = steal(a_runner(), RUNNER_DOWN);
        struct message_ask ask = {"lock", "the name", NULL};
        struct buf b = BUF_INIT(4096);
        message_encode(&b, MESSAGE_ASK, &ask);
        for (int i = 0; i < 2; i++) {
                char answer[256];
                struct message m;
                ck_assert_int_eq(write(pipe, b.data, b.len), (ssize_t)b.len);
                turn_until(engine.asked == i + 1);
                ssize_t n = recv(answers, answer, sizeof(answer), 0);
                ck_assert_int_eq(message_decode(answer, (size_t)n, MESSAGE_DOWN, &m, NULL), 0);
                ck_assert_int_eq(m.type, MESSAGE_REPLY);
                ck_assert(m.u.reply.ok == (i == 0));
                ck_assert_str_eq(m.u.reply.text, i == 0 ? "1" : "not now");
                ck_assert(i == 0 || m.u.reply.code == ERR_UNAVAILABLE);
        }
        ck_assert_str_eq(engine.question, "1 lock the name -");
        ck_assert_ptr_null(outcome_of(j));
        buf_fini(&b);
        close(pipe);
        close(answers);
        end();
}
END_TEST

/* A body that asks without end and never reads the answers costs its runner, not the worker. */
START_TEST(a_flood_of_questions)
{
        begin(1);
        struct job *j = give("noop", "{\"sleep_ms\":300000,\"log_lines\":1}"),
                   *next = give("noop", NULL);
        turn_until(engine.lines == 1);
        int pipe = steal(a_runner(), RUNNER_UP);
        struct message_ask ask = {"lock", "the name", NULL};
        struct buf b = BUF_INIT(1 << 20);
        fcntl(pipe, F_SETFL, O_NONBLOCK);
        while (b.len < PIPE_BUF - 256) /* written whole or not at all */
                message_encode(&b, MESSAGE_ASK, &ask);
        while (!outcome_of(j)) {
                ssize_t ignored = write(pipe, b.data, b.len);
                (void)ignored;
                loop_turn(loop, 1);
        }
        ck_settled(j, OUTCOME_FAILED, CLASS_CRASHED, "rubbish");
        turn_until(outcome_of(next));
        ck_settled(next, OUTCOME_COMPLETED, CLASS_NONE, "");
        buf_fini(&b);
        close(pipe);
        end();
}
END_TEST

/* ---- talkers ---- */

static long private_kb(pid_t pid)
{
        char path[64], line[256];
        static const char *const names[] = {"Private_Clean:", "Private_Dirty:"};
        long kb = 0;
        snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
        FILE *f = fopen(path, "r");
        while (f && fgets(line, sizeof(line), f)) {
                for (size_t i = 0; i < COUNT_OF(names); i++) {
                        if (strncmp(line, names[i], strlen(names[i])) == 0)
                                kb += strtol(line + strlen(names[i]), NULL, 10);
                }
        }
        if (f)
                fclose(f);
        return kb;
}

START_TEST(a_gigabyte_of_output)
{
        cfg.worker_log_lines = 1000;
        begin(2);
        struct job *j =
                give("command",
                     "{\"argv\":[\"/bin/sh\",\"-c\",\"yes 'a line of some length, again and again' "
                     "| head -c 200000000; echo; echo '{\\\"done\\\":1}'\"]}");
        turn_until(engine.lines > 0);
        long before = private_kb(getpid());
        unsigned slow = 0; /* turns; of a machine that stands still for a moment */
        while (!outcome_of(j)) {
                int64_t begun = clock_mono_ms();
                loop_turn(loop, 1);
                slow += clock_mono_ms() - begun >= 200;
        }
        ck_settled(j, OUTCOME_COMPLETED, CLASS_NONE, "");
        ck_assert_str_eq(outcome_of(j)->result, "{\"done\":1}");
        ck_assert_uint_eq(engine.lines, 1001);
        ck_assert_uint_lt(slow, 5);
        ck_assert_int_lt(private_kb(getpid()) - before, SANITIZED ? 50000 : 2000);
        end();
}
END_TEST

START_TEST(a_full_log_slows_the_talker_and_nobody_else)
{
        begin(2);
        struct job *talker = give("command", "{\"argv\":[\"/bin/sh\",\"-c\",\"seq 1 60000\"]}");
        turn_until(engine.lines > 0);
        size_t lines = engine.lines;
        engine.full = true;
        turn_until(engine.lines > lines); /* the one that finds it full */
        for (int i = 0; i < 10; i++)
                loop_turn(loop, TURN_MS);
        lines = engine.lines;
        long before = private_kb(getpid());
        for (int i = 0; i < 200; i++)
                give("noop", NULL);
        go();
        turn_until(engine.settled_count == 200);
        ck_assert_uint_eq(engine.lines, lines);
        ck_assert_uint_lt(lines, 30000);
        ck_assert_int_lt(private_kb(getpid()) - before, SANITIZED ? 50000 : 1000);
        engine.full = false;
        turn_until(outcome_of(talker));
        ck_assert_uint_eq(engine.lines, 60000);
        ck_assert_str_eq(engine.last_line, "60000");
        end();
}
END_TEST

START_TEST(idle_runners_are_small)
{
        begin(8);
        for (int i = 0; i < 400; i++)
                give("noop", "{\"result\":{}}");
        turn_until(engine.settled_count == 400);
        ck_assert_int_lt(private_kb(a_runner()), 400);
        end();
}
END_TEST

/* ---- the end ---- */

START_TEST(sigterm_lets_bodies_finish)
{
        begin(2);
        struct job *j = give("noop", "{\"sleep_ms\":500,\"log_lines\":1}");
        turn_until(engine.lines == 1);
        turn_until(engine.settled_count == 1);
        struct job *slow = give("noop", "{\"sleep_ms\":500,\"log_lines\":1}");
        go();
        turn_until(engine.lines == 2);
        kill(getpid(), SIGTERM);
        loop_run(loop);
        ck_assert(supervisor_ended_well(supervisor) && engine.drained);
        ck_settled(j, OUTCOME_COMPLETED, CLASS_NONE, "");
        ck_settled(slow, OUTCOME_COMPLETED, CLASS_NONE, "");
        end();
}
END_TEST

START_TEST(sigterm_hands_back_after_the_grace)
{
        cfg.worker_shutdown_grace_ms = 300;
        begin(2);
        struct job *j = give("noop", "{\"sleep_ms\":300000,\"log_lines\":1}"),
                   *program = give_program("sleep 300");
        turn_until(engine.lines == 2);
        int64_t begun = clock_mono_ms();
        kill(getpid(), SIGTERM);
        loop_run(loop);
        ck_assert_int_ge(clock_mono_ms() - begun, 300);
        ck_assert(supervisor_ended_well(supervisor));
        ck_settled(j, OUTCOME_HANDED_BACK, CLASS_NONE, "");
        ck_settled(program, OUTCOME_HANDED_BACK, CLASS_NONE, "");
        end();
}
END_TEST

START_TEST(a_second_sigterm_hands_back_now)
{
        begin(1);
        struct job *j = give("noop", "{\"sleep_ms\":300000,\"log_lines\":1}");
        turn_until(engine.lines == 1);
        kill(getpid(), SIGTERM);
        turn_until(engine.drained);
        ck_assert_uint_eq(engine.settled_count, 0);
        int64_t begun = clock_mono_ms();
        kill(getpid(), SIGTERM);
        loop_run(loop);
        ck_assert_int_lt(clock_mono_ms() - begun, cfg.worker_shutdown_grace_ms / 2);
        ck_settled(j, OUTCOME_HANDED_BACK, CLASS_NONE, "");
        end();
}
END_TEST

START_TEST(what_cannot_be_settled_is_not_waited_for_for_ever)
{
        begin(1);
        turn_until(engine.w->idle == 1);
        engine.loud = true;
        int64_t begun = clock_mono_ms();
        engine.w->ev.on_drain(engine.w->ev.arg);
        loop_run(loop);
        ck_assert_int_ge(clock_mono_ms() - begun, LEASE_MS);
        ck_assert(!supervisor_ended_well(supervisor));
        ck_assert_ptr_nonnull(strstr(the_log(), "worker.unsettled"));
        end();
}
END_TEST

int main(void)
{
        Suite *s = suite_create("worker_supervisor");
        TCase *t = tcase_create("all");
        tcase_add_checked_fixture(t, set_up, NULL);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, jobs_are_run);
        tcase_add_test(t, a_megabyte_each_way);
        tcase_add_test(t, runners_are_recycled);
        tcase_add_test(t, an_unknown_kind);
        tcase_add_test(t, a_body_that_kills_its_runner);
        tcase_add_test(t, an_idle_runner_is_killed);
        tcase_add_test(t, runners_that_die_at_their_start);
        tcase_add_test(t, a_job_that_was_not_begun_is_handed_back);
        tcase_add_test(t, the_group_dies_with_its_runner);
        tcase_add_test(t, time_out);
        tcase_add_test(t, time_out_of_a_group_that_ignores_sigterm);
        tcase_add_test(t, cancel);
        tcase_add_test(t, what_completes_under_sigterm_is_completed);
        tcase_add_test(t, leftovers);
        tcase_add_test(t, a_daemon_lives_on);
        tcase_add_loop_test(t, folly, 0, (int)COUNT_OF(follies));
        tcase_add_test(t, a_runner_that_closes_its_pipe);
        tcase_add_test(t, an_outcome_without_a_job);
        tcase_add_test(t, questions);
        tcase_add_test(t, a_flood_of_questions);
        tcase_add_test(t, a_gigabyte_of_output);
        tcase_add_test(t, a_full_log_slows_the_talker_and_nobody_else);
        if (!SANITIZED)
                tcase_add_test(t, idle_runners_are_small);
        tcase_add_test(t, sigterm_lets_bodies_finish);
        tcase_add_test(t, sigterm_hands_back_after_the_grace);
        tcase_add_test(t, a_second_sigterm_hands_back_now);
        tcase_add_test(t, what_cannot_be_settled_is_not_waited_for_for_ever);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
