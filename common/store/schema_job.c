/*
 * schema_job.c - the schema without blocking the loop: a child for each try, which does it the
 * blocking way, says how it went through a pipe, and ends. A byte '+' is success, else the reason
 * follows; no byte at all: it died. So the parent needs no SIGCHLD, and it does not matter who waits
 * for the child.
 */
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/schema.h"

enum { APPLY_LIMIT_S = 7200, WAIT_LIMIT_S = 120, CHILD_FD = 3 };
static const struct backoff again_backoff = {.base_ms = 250, .cap_ms = 5000, .factor = 2};

struct schema_job {
        struct loop *loop;
        struct pg_opts opts;
        char *url, *name;
        bool apply;
        loop_fn fn;
        void *arg;
        struct loop_timer *again;
        unsigned tries;
        pid_t pid; /* 0: none */
        int fd;
        struct event *event;
        char report[ERR_TEXT_MAX + 1]; /* what came through the pipe */
        size_t len;
        char logged[ERR_TEXT_MAX]; /* the last reason that is in the log */
};

/* ---- the child ---- */

static int work(const struct schema_job *j, struct err *e)
{
        int version = 0;
        struct pg_sync *c = pg_sync_open(&j->opts, e);
        if (!c)
                return -1;
        int done = j->apply ? schema_apply(c, e) : schema_version(c, &version, e);
        pg_sync_close(c);
        if (done == 0 && !j->apply && version < schema_version_wanted())
                return err_set(e, ERR_UNAVAILABLE,
                               "the database schema is at version %d and this program needs %d: "
                               "wavefleet-api brings it there when it starts",
                               version, schema_version_wanted());
        return done;
}

static void become_child(int fd, bool apply)
{
        struct sigaction usual = {.sa_handler = SIG_DFL};
        sigset_t none;
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int signo = 1; signo < NSIG; signo++)
                sigaction(signo, &usual, NULL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        usual.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &usual, NULL);
        if (fd != CHILD_FD)
                dup2(fd, CHILD_FD);
        close_range(CHILD_FD + 1, ~0U, 0);
        alarm(apply ? APPLY_LIMIT_S : WAIT_LIMIT_S);
}

__attribute__((noreturn)) static void run_child(const struct schema_job *j, int fd, pid_t parent)
{
        struct err e = ERR_INIT;
        become_child(fd, j->apply);
        if (getppid() != parent)
                _exit(1);
        const char *report = work(j, &e) == 0 ? "+" : e.text;
        _exit(write(CHILD_FD, report, strlen(report)) > 0 ? 0 : 1);
}

/* ---- the parent ---- */

static void reap(struct schema_job *j)
{
        if (j->event)
                event_free(take(j->event));
        if (j->fd >= 0)
                close(j->fd);
        j->fd = -1;
        /* It has closed its end and is about to be gone, or was killed: this is short. */
        while (j->pid && waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
                continue;
        j->pid = 0;
}

static void try_again(struct schema_job *j, const char *reason)
{
        if (strcmp(j->logged, reason) != 0) {
                snprintf(j->logged, sizeof(j->logged), "%s", reason);
                log_warn("schema.waiting", LS("reason", reason));
        }
        loop_timer_start(j->again, again_backoff.base_ms / 2 +
                                           backoff_wait(&again_backoff, j->tries, rand_u64()));
}

static void on_end(struct schema_job *j)
{
        j->report[j->len] = '\0';
        reap(j);
        if (strcmp(j->report, "+") != 0) {
                try_again(j, j->len ? j->report : "the process that was to do it died");
                return;
        }
        log_info("schema.ready", LI("version", schema_version_wanted()));
        j->fn(j->arg);
}

static void on_report(evutil_socket_t fd, short what, void *arg)
{
        (void)what;
        struct schema_job *j = arg;
        char rest[64];
        size_t room = sizeof(j->report) - 1 - j->len;
        ssize_t got = read(fd, room ? j->report + j->len : rest, room ? room : sizeof(rest));
        if (got > 0)
                j->len += room ? (size_t)got : 0;
        else if (got == 0 || (errno != EINTR && errno != EAGAIN))
                on_end(j);
}

static void start_child(void *arg)
{
        struct schema_job *j = arg;
        int ends[2];
        pid_t parent = getpid();
        j->tries++;
        j->len = 0;
        if (pipe2(ends, O_CLOEXEC) < 0) {
                try_again(j, strerror(errno));
                return;
        }
        pid_t pid = fork();
        if (pid == 0)
                run_child(j, ends[1], parent);
        close(ends[1]);
        if (pid < 0) {
                close(ends[0]);
                try_again(j, strerror(errno));
                return;
        }
        j->pid = pid;
        j->fd = ends[0];
        fcntl(j->fd, F_SETFL, O_NONBLOCK);
        j->event = event_new(loop_base(j->loop), j->fd, EV_READ | EV_PERSIST, on_report, j);
        assert(j->event);
        event_add(j->event, NULL);
}

struct schema_job *schema_start(struct loop *l, const struct pg_opts *opts, bool apply,
                                void (*fn)(void *arg), void *arg)
{
        struct schema_job *j = xcalloc(1, sizeof(*j));
        j->loop = l;
        j->url = xstrdup(opts->url);
        j->name = xstrdup(opts->name ? opts->name : "wavefleet");
        j->opts = *opts;
        j->opts.url = j->url;
        j->opts.name = j->name;
        j->apply = apply;
        j->fn = fn;
        j->arg = arg;
        j->fd = -1;
        j->again = loop_timer_new(l, start_child, j);
        loop_timer_start(j->again, 0);
        return j;
}

void schema_job_free(struct schema_job *j)
{
        if (!j)
                return;
        if (j->pid)
                kill(j->pid, SIGKILL);
        reap(j);
        loop_timer_free(j->again);
        free(j->url);
        free(j->name);
        free(j);
}
