/*
 * test_worker_supervisor.c - the supervisor with real runners, and an engine that is a list: it gives the
 * jobs of a test and notes what is settled. What happens when runners crash, hang, talk rubbish, are
 * killed or stopped, and when the supervisor is.
 */
#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "engine/worker.h"
#include "worker/message.h"
#include "worker/supervisor.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
enum { MOST = 1000, LEASE_MS = 2000, DEADLINE_MS = 20000, TURN_MS = 20, RUNNER_PIPE = 3 };

/* ---- the engine ---- */

struct engine_worker {
        struct engine_worker_events ev;
        unsigned idle;
        bool giving;
};
struct settled {
        int64_t id;
        int32_t attempt;
        enum outcome_kind kind;
        enum error_class class;
        char *error, *result;
        int64_t at_ms;
};
static struct {
        struct engine_worker *w;
        struct job jobs[MOST];
        size_t count, given, settled_count;
        struct settled settled[MOST];
        size_t lines;
        char last_line[256];
        bool full, drained, loud;
        int gone; /* calls of bodies_gone */
        int asked;
        char question[256];
} engine;

static void give_some(struct engine_worker *w)
{
        if (w->giving || engine.drained)
                return;
        w->giving = true;
        while (w->idle > 0 && engine.given < engine.count)
                w->ev.on_job(&engine.jobs[engine.given++], w->ev.arg);
        w->giving = false;
}

struct engine_worker *engine_worker_new(struct loop *l, const struct config *cfg,
                                        const struct engine_worker_events *events)
{
        engine.w = xcalloc(1, sizeof(*engine.w));
        engine.w->ev = *events;
        return engine.w;
}

void engine_worker_free(struct engine_worker *w)
{
        free(w);
}

void engine_worker_forget(struct engine_worker *w) {}

void engine_worker_idle(struct engine_worker *w, unsigned idle)
{
        w->idle = idle;
        give_some(w);
}

void engine_worker_settle(struct engine_worker *w, int64_t id, int32_t attempt,
                          const struct outcome *o)
{
        ck_assert_uint_lt(engine.settled_count, MOST);
        engine.settled[engine.settled_count++] =
                (struct settled){.id = id,
                                 .attempt = attempt,
                                 .kind = o->kind,
                                 .class = o->class,
                                 .error = xstrdup(o->error ? o->error : ""),
                                 .result = xstrdup(o->result ? o->result : ""),
                                 .at_ms = clock_mono_ms()};
}

void engine_worker_log(struct engine_worker *w, int64_t id, int32_t attempt, const char *stream,
                       const char *line, size_t len)
{
        engine.lines++;
        snprintf(engine.last_line, sizeof(engine.last_line), "%.*s", (int)len, line);
}

bool engine_worker_log_full(const struct engine_worker *w)
{
        return engine.full;
}

void engine_worker_progress(struct engine_worker *w, int64_t id, int32_t attempt, const char *json)
{
}

void engine_worker_ask(struct engine_worker *w, int64_t id, int32_t attempt, const char *op,
                       const char *arg1, const char *arg2, engine_answer_fn fn, void *arg)
{
        struct err e = ERR_INIT;
        snprintf(engine.question, sizeof(engine.question), "%" PRId64 " %s %s %s", id, op,
                 arg1 ? arg1 : "-", arg2 ? arg2 : "-");
        err_set(&e, ERR_UNAVAILABLE, "not now");
        if (engine.asked++ == 0)
                fn("1", NULL, arg);
        else
                fn(NULL, &e, arg);
}

void engine_worker_drain(struct engine_worker *w)
{
        engine.drained = true;
}

void engine_worker_bodies_gone(struct engine_worker *w)
{
        engine.gone++;
}

bool engine_worker_quiet(const struct engine_worker *w)
{
        return !engine.loud;
}

bool engine_worker_ready(const struct engine_worker *w)
{
        return true;
}

/* ---- a worker ---- */

static struct config cfg;
static struct loop *loop;
static struct supervisor *supervisor;
static int log_fd;

static void set_up(void)
{
        config_defaults(&cfg);
        cfg.worker_lease_ms = LEASE_MS;
        cfg.worker_kill_grace_ms = 300;
        free(cfg.command_allow);
        cfg.command_allow = xstrdup("/bin/sh");
        log_fd = memfd_create("log", MFD_CLOEXEC);
        log_set_fd(log_fd);
        rand_init();
}

static void begin(int64_t runners)
{
        cfg.worker_concurrency = runners;
        loop = loop_new();
        supervisor = supervisor_new(loop, &cfg);
        supervisor_start(supervisor);
        engine.w->ev.on_fence(clock_mono_ms() + 600000, engine.w->ev.arg);
}

static void end(void)
{
        supervisor_free(supervisor);
        loop_free(loop);
        config_fini(&cfg);
        for (size_t i = 0; i < engine.settled_count; i++) {
                free(engine.settled[i].error);
                free(engine.settled[i].result);
        }
}

static struct job *give(const char *kind, const char *params)
{
        struct job *j = &engine.jobs[engine.count];
        *j = (struct job){.id = (int64_t)++engine.count,
                          .wave_no = 1,
                          .attempt = 1,
                          .max_attempts = 5,
                          .wave_id = "1700000000_000000000001",
                          .wave_name = "w",
                          .kind = kind,
                          .project = "p",
                          .params = params};
        return j;
}

static void go(void)
{
        give_some(engine.w);
}

/* Turns the loop until the condition holds. */
#define turn_until(condition)                                                                      \
        do {                                                                                       \
                int64_t turn_end_ = clock_mono_ms() + DEADLINE_MS;                                 \
                while (!(condition) && clock_mono_ms() < turn_end_)                                \
                        loop_turn(loop, TURN_MS);                                                  \
                ck_assert_msg((condition), "%s did not come; log:\n%s", #condition, the_log());    \
        } while (0)
#define wait_until(condition)                                                                      \
        do {                                                                                       \
                int64_t wait_end_ = clock_mono_ms() + DEADLINE_MS;                                 \
                while (!(condition) && clock_mono_ms() < wait_end_)                                \
                        usleep(1000);                                                              \
                ck_assert_msg((condition), "%s did not come", #condition);                         \
        } while (0)

static const char *the_log(void)
{
        static char text[65536];
        ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        return text;
}

static const struct settled *outcome_of(const struct job *j)
{
        for (size_t i = 0; i < engine.settled_count; i++) {
                if (engine.settled[i].id == j->id)
                        return &engine.settled[i];
        }
        return NULL;
}

#define ck_settled(job, kind_, class_, part)                                                       \
        do {                                                                                       \
                const struct settled *s_ = outcome_of(job);                                        \
                ck_assert_msg(s_->kind == (kind_) && s_->class == (class_) &&                      \
                                      strstr(s_->error, part),                                     \
                              "%d %d: %s", s_->kind, s_->class, s_->error);                        \
        } while (0)

/* ---- processes ---- */

/* One letter, or '-' where there is none. */
static char process_state(pid_t pid)
{
        char path[64], text[512];
        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        int fd = open(path, O_RDONLY);
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
        if (fd >= 0)
                close(fd);
        text[n > 0 ? n : 0] = '\0';
        char *at = strrchr(text, ')');
        return at ? at[2] : '-';
}

static bool lives(pid_t pid)
{
        char state = process_state(pid);
        return state != '-' && state != 'Z' && state != 'X';
}

/* The first runner: a child of ours. 0: none. */
static pid_t a_runner(void)
{
        char text[4096], path[64];
        snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
        int fd = open(path, O_RDONLY);
        ssize_t n = read(fd, text, sizeof(text) - 1);
        close(fd);
        text[n > 0 ? n : 0] = '\0';
        for (char *at = text; isdigit((unsigned char)*at); at += strspn(at, " ")) {
                pid_t pid = (pid_t)strtol(at, &at, 10);
                if (lives(pid) && getpgid(pid) == pid)
                        return pid;
        }
        return 0;
}

static bool another_runner(pid_t old)
{
        pid_t now = a_runner();
        return now != 0 && now != old;
}

/* Runs a script in the background of a shell whose process id comes as a log line. */
static struct job *give_program(const char *background)
{
        return give("command", xasprintf("{\"argv\":[\"/bin/sh\",\"-c\",\"%s & echo $!; wait\"]}",
                                         background));
}

static pid_t its_pid(void)
{
        turn_until(engine.lines > 0);
        return (pid_t)strtol(engine.last_line, NULL, 10);
}

/* A descriptor of the runner's end of its pipe, as if we were a body that went mad. */
static int steal_pipe(pid_t runner)
{
        int pidfd = pidfd_open(runner, 0);
        int fd = pidfd_getfd(pidfd, RUNNER_PIPE, 0);
        close(pidfd);
        ck_assert_msg(fd >= 0, "%s", strerror(errno));
        return fd;
}

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
        begin(1);
        turn_until(engine.w->idle == 1);
        pid_t first = a_runner();
        struct job *bad = give("noop", "{\"fail\":{\"class\":\"crashed\"},\"log_lines\":1}");
        struct job *good = give("noop", NULL);
        go();
        int64_t begun = clock_mono_ms();
        turn_until(engine.settled_count == 2);
        ck_settled(bad, OUTCOME_FAILED, CLASS_CRASHED, "killed by signal 9 (KILL)");
        ck_settled(good, OUTCOME_COMPLETED, CLASS_NONE, "");
        ck_assert_int_lt(outcome_of(bad)->at_ms - begun, SANITIZED ? 1000 : 100);
        ck_assert_uint_eq(engine.lines, 1);
        ck_assert_int_ne(a_runner(), first);
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
        begin(1);
        turn_until(engine.w->idle == 1);
        struct job *j = give("noop", "{\"sleep_ms\":60000}"), *next = give("noop", NULL);
        j->timeout_ms = 200;
        int64_t begun = clock_mono_ms();
        go();
        turn_until(engine.settled_count == 2);
        ck_settled(j, OUTCOME_FAILED, CLASS_TIMED_OUT, "ran longer than its 0.2 s");
        ck_assert_int_ge(outcome_of(j)->at_ms - begun, 200);
        ck_assert_int_lt(outcome_of(j)->at_ms - begun, SANITIZED ? 1500 : 450);
        ck_settled(next, OUTCOME_COMPLETED, CLASS_NONE, "");
        end();
}
END_TEST

START_TEST(time_out_of_a_group_that_ignores_sigterm)
{
        begin(1);
        struct job *j = give("command",
                             "{\"argv\":[\"/bin/sh\",\"-c\",\"trap '' TERM; sleep 300 & echo $!; "
                             "while true; do sleep 1; done\"]}");
        j->timeout_ms = 300;
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
                     "{\"argv\":[\"/bin/sh\",\"-c\",\"setsid -f sleep 1.234 </dev/null >/dev/null "
                     "2>&1; sleep 0.1; pgrep -x -f 'sleep 1.234'\"]}");
        pid_t program = its_pid();
        ck_assert_int_gt(program, 0);
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_COMPLETED, CLASS_NONE, "");
        ck_assert(lives(program));
        turn_until(process_state(program) == '-'); /* reaped when it ends */
        end();
}
END_TEST

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
        begin(1);
        struct job *j = give_program("trap '' TERM; sleep 300");
        pid_t program = its_pid();
        int64_t deadline = clock_mono_ms() + 700;
        engine.w->ev.on_fence(deadline, engine.w->ev.arg);
        wait_until(!lives(program));
        ck_assert_int_ge(clock_mono_ms(), deadline);
        ck_assert_int_lt(clock_mono_ms(), deadline + LEASE_MS / 10 + (SANITIZED ? 500 : 50));
        turn_until(engine.settled_count == 1);
        ck_settled(j, OUTCOME_FAILED, CLASS_LOST, "lease");
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
        struct job *j = give("noop", "{\"sleep_ms\":300000}");
        turn_until(engine.w->idle == 0 && engine.given == 1);
        pid_t runner = a_runner();
        for (int i = 0; i < 5; i++)
                loop_turn(loop, TURN_MS);
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
        struct job *j = give("noop", "{\"sleep_ms\":1500}");
        for (int i = 0; i < 200 && !outcome_of(j); i++) {
                engine.w->ev.on_fence(clock_mono_ms() + 250, engine.w->ev.arg);
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

START_TEST(the_supervisor_is_killed)
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
        ck_assert_int_lt(clock_mono_ms() - killed, SANITIZED ? 3000 : 500);
        munmap(shared, 4096);
}
END_TEST

/* ---- a runner gone mad ---- */

static void send_garbage(int pipe)
{
        ck_assert_int_eq(send(pipe, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
}

static void send_too_much(int pipe)
{
        unsigned char head[] = {0xFF, 0xFF, 0xFF, 0x7F, 0x46, 0x57, MESSAGE_LOG, 0};
        ck_assert_int_eq(send(pipe, head, sizeof(head), 0), sizeof(head));
}

static void send_job(int pipe)
{
        struct buf b = BUF_INIT(4096);
        message_encode(&b, MESSAGE_JOB, &engine.jobs[0]);
        ck_assert_int_eq(send(pipe, b.data, b.len, 0), (ssize_t)b.len);
        buf_fini(&b);
}

static void close_it(int pipe)
{
        shutdown(pipe, SHUT_RDWR);
}

static const struct {
        void (*act)(int pipe);
        const char *error;
} follies[] = {{send_garbage, "rubbish: what came is no message"},
               {send_too_much, "too large"},
               {send_job, "JOB is not said on this side"},
               {close_it, "closed its pipe"}};

START_TEST(folly)
{
        begin(1);
        struct job *j = give_program("sleep 300"), *next = give("noop", NULL);
        pid_t program = its_pid(), runner = getpgid(program);
        int pipe = steal_pipe(runner);
        follies[_i].act(pipe);
        turn_until(engine.settled_count == 2);
        ck_settled(j, OUTCOME_FAILED, CLASS_CRASHED, _i == 3 ? "" : follies[_i].error);
        ck_settled(next, OUTCOME_COMPLETED, CLASS_NONE, "");
        ck_assert(!lives(program) && !lives(runner));
        close(pipe);
        end();
}
END_TEST

START_TEST(an_outcome_without_a_job)
{
        begin(1);
        turn_until(engine.w->idle == 1);
        pid_t first = a_runner();
        int pipe = steal_pipe(first);
        struct message_outcome o = {.outcome = {.kind = OUTCOME_COMPLETED}};
        struct buf b = BUF_INIT(4096);
        message_encode(&b, MESSAGE_OUTCOME, &o);
        send(pipe, b.data, b.len, 0);
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
        int pipe = steal_pipe(a_runner());
        struct message_ask ask = {"lock", "the name", NULL};
        struct buf b = BUF_INIT(4096);
        message_encode(&b, MESSAGE_ASK, &ask);
        for (int i = 0; i < 2; i++) {
                char answer[256];
                struct message m;
                send(pipe, b.data, b.len, 0);
                turn_until(engine.asked == i + 1);
                ssize_t n = recv(pipe, answer, sizeof(answer), 0);
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
        int pipe = steal_pipe(a_runner());
        struct message_ask ask = {"lock", "the name", NULL};
        struct buf b = BUF_INIT(1 << 20);
        while (b.len < (1 << 16))
                message_encode(&b, MESSAGE_ASK, &ask);
        while (!outcome_of(j)) {
                send(pipe, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
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
        int64_t slowest = 0;
        while (!outcome_of(j)) {
                int64_t begun = clock_mono_ms();
                loop_turn(loop, 1);
                if (clock_mono_ms() - begun > slowest)
                        slowest = clock_mono_ms() - begun;
        }
        ck_settled(j, OUTCOME_COMPLETED, CLASS_NONE, "");
        ck_assert_str_eq(outcome_of(j)->result, "{\"done\":1}");
        ck_assert_uint_eq(engine.lines, 1001);
        ck_assert_int_lt(slowest, 200);
        ck_assert_int_lt(private_kb(getpid()) - before, SANITIZED ? 50000 : 2000);
        end();
}
END_TEST

START_TEST(a_full_log_slows_the_talker_and_nobody_else)
{
        begin(2);
        struct job *talker = give("command", "{\"argv\":[\"/bin/sh\",\"-c\",\"seq 1 60000\"]}");
        turn_until(engine.lines > 0);
        engine.full = true;
        for (int i = 0; i < 10; i++)
                loop_turn(loop, TURN_MS);
        size_t lines = engine.lines;
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
        ck_assert_int_lt(clock_mono_ms() - begun, 2000);
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
        tcase_add_test(t, a_job_that_was_not_begun_is_handed_back);
        tcase_add_test(t, the_group_dies_with_its_runner);
        tcase_add_test(t, time_out);
        tcase_add_test(t, time_out_of_a_group_that_ignores_sigterm);
        tcase_add_test(t, cancel);
        tcase_add_test(t, what_completes_under_sigterm_is_completed);
        tcase_add_test(t, leftovers);
        tcase_add_test(t, a_daemon_lives_on);
        tcase_add_test(t, no_body_without_a_lease);
        tcase_add_test(t, bodies_end_with_the_lease);
        tcase_add_test(t, a_stopped_runner_is_fenced_by_the_others);
        tcase_add_test(t, a_runner_that_is_continued_too_late);
        tcase_add_test(t, a_renewed_lease_harms_nobody);
        tcase_add_test(t, the_row_is_dead);
        tcase_add_test(t, the_supervisor_is_killed);
        tcase_add_loop_test(t, folly, 0, (int)COUNT_OF(follies));
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
