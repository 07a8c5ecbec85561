/*
 * worker_rig.h - for tests of the supervisor with real runners: an engine that is a list. It gives the
 * jobs of a test and notes what is settled. All is static: each test program has its own, instead of the
 * real engine, which is therefore not linked.
 */
#ifndef TESTS_WORKER_RIG_H
#define TESTS_WORKER_RIG_H

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

#pragma GCC diagnostic ignored "-Wunused-function" /* not every test uses all of it */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
enum {
        MOST = 1000,
        LEASE_MS = 2000,
        DEADLINE_MS = 20000,
        TURN_MS = 20,
        RUNNER_DOWN = 3,
        RUNNER_UP = 4
};
enum { TRIES = 5 }; /* of what must be quick once: the machine may stand still for a moment */

/* ---- the engine ---- */

struct engine_worker {
        struct engine_worker_events ev;
        unsigned idle, behind;
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
        unsigned depth;      /* jobs that may stand behind a runner's */
        unsigned together;   /* … before another is woken for them */
        unsigned least_idle; /* runners, since a test has set it */
        int gone;            /* calls of bodies_gone */
        int asked;
        char question[256];
} engine;

static void give_some(struct engine_worker *w)
{
        if (w->giving || engine.drained)
                return;
        w->giving = true;
        while (w->idle + w->behind > 0 && engine.given < engine.count) {
                unsigned *room = w->idle > 0 ? &w->idle : &w->behind;
                --*room;
                w->ev.on_job(&engine.jobs[engine.given++], w->ev.arg);
        }
        w->giving = false;
}

struct engine_worker *engine_worker_new(struct loop *l, const struct config *cfg,
                                        struct crowd *crowd,
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

unsigned engine_worker_depth(const struct engine_worker *w)
{
        return engine.depth;
}

unsigned engine_worker_together(const struct engine_worker *w)
{
        return engine.together;
}

void engine_worker_room(struct engine_worker *w, unsigned idle, unsigned behind)
{
        w->idle = idle;
        w->behind = behind;
        if (idle < engine.least_idle)
                engine.least_idle = idle;
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

/* A descriptor of one of the runner's ends, as if we were a body that went mad. */
static int steal(pid_t runner, int end)
{
        int pidfd = pidfd_open(runner, 0);
        int fd = pidfd_getfd(pidfd, end, 0);
        close(pidfd);
        ck_assert_msg(fd >= 0, "%s", strerror(errno));
        return fd;
}

#endif
