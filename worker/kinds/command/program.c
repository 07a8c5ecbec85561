/* program.c - vfork, exec, poll, wait. */
#include "worker/kinds/command/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "worker/kinds/body.h"

enum {
        READ_BYTES = 16 * 1024,
        AFTER_EXIT_MS = 500, /* for its output to end, once it has */
        AFTER_TERM_MS = 50,  /* the same where SIGKILL may be near */
        WITHOUT_PIDFD_MS = 50,
};

/* ---- starting ---- */

struct launch {
        const struct program *program;
        int fds[3]; /* its standard streams */
        pid_t parent;
        sigset_t mask;
        /* written by the child, which shares our memory until it has become the program */
        volatile enum program_failure failed;
        volatile int error;
};

static void fail(struct launch *l, enum program_failure failed)
{
        l->failed = failed;
        l->error = errno;
        _exit(127);
}

/* What is written to, not what is only reserved: RLIMIT_AS would refuse Java and Go their large
 * reservations. */
static void limit_memory(int64_t bytes)
{
        const struct rlimit limit = {(rlim_t)bytes, (rlim_t)bytes};
        if (bytes > 0)
                setrlimit(RLIMIT_DATA, &limit);
}

/* In the memory of the parent, which stands still: system calls only. */
_Noreturn __attribute__((noinline)) static void become(struct launch *l)
{
        /* The C library refuses to touch its own two (32, 33), which some parents leave ignored; for the
         * kernel, noughts are the default. */
        static const char by_default[sizeof(struct sigaction)];
        for (int signo = 1; signo < NSIG; signo++)
                syscall(SYS_rt_sigaction, signo, by_default, NULL, (size_t)(NSIG - 1) / 8);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != l->parent)
                _exit(127); /* it died before it could be known */
        for (int fd = 0; fd < 3; fd++) {
                if (dup2(l->fds[fd], fd) < 0)
                        fail(l, PROGRAM_NO_RESOURCES);
        }
        close_range(3, ~0U, 0);
        limit_memory(l->program->memory_max);
        if (chdir(l->program->cwd) < 0)
                fail(l, PROGRAM_NO_CWD);
        sigprocmask(SIG_SETMASK, &l->mask, NULL);
        execve(l->program->path, l->program->argv, l->program->envp);
        fail(l, PROGRAM_NO_EXEC);
        _exit(127);
}

/* Signals wait meanwhile: a handler of ours must not run in the child, and the child must be known. */
static pid_t launch(struct body *b, struct launch *l)
{
        sigset_t all;
        sigfillset(&all);
        l->parent = getpid();
        sigprocmask(SIG_SETMASK, &all, &l->mask);
        /* vfork: a runner may have grown large, and posix_spawn cannot set PDEATHSIG. */
        pid_t pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork)
        if (pid == 0)
                become(l); // NOLINT(clang-analyzer-unix.Vfork): system calls only
        if (pid < 0) {
                l->failed = PROGRAM_NO_RESOURCES;
                l->error = errno;
        } else if (l->failed != PROGRAM_OK) {
                waitpid(pid, NULL, 0);
        } else {
                body_child(b, pid);
        }
        sigprocmask(SIG_SETMASK, &l->mask, NULL);
        return pid;
}

/* A file in memory that holds the text, or /dev/null. */
static int open_input(const char *text)
{
        if (!text)
                return open("/dev/null", O_RDONLY | O_CLOEXEC);
        int fd = memfd_create("stdin", MFD_CLOEXEC);
        size_t len = strlen(text), done = 0;
        while (fd >= 0 && done < len) {
                ssize_t n = write(fd, text + done, len - done);
                if (n < 0) {
                        close(fd);
                        return -1;
                }
                done += (size_t)n;
        }
        if (fd >= 0)
                lseek(fd, 0, SEEK_SET);
        return fd;
}

/* ---- running ---- */

struct run {
        struct body *body;
        const struct program *program;
        struct program_end *end;
        pid_t pid;
        int pidfd;      /* -1: an old kernel */
        int streams[2]; /* output and error; -1: ended */
        bool exited;
        int64_t due_ms; /* of the next step: TERM, KILL, or the end of listening */
};

static void close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

/* One piece of a stream, as log lines that go up together. */
static void read_stream(struct run *r, int which)
{
        char data[READ_BYTES];
        struct lines *lines = which == 0 ? r->program->out : r->program->err;
        ssize_t n = read(r->streams[which], data, sizeof(data));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                close_fd(&r->streams[which]);
                return;
        }
        body_cork(r->body);
        lines_feed(lines, data, (size_t)n);
        body_uncork(r->body);
}

static void look_for_exit(struct run *r)
{
        if (r->exited || waitpid(r->pid, &r->end->status, WNOHANG) != r->pid)
                return;
        r->exited = true;
        r->due_ms = clock_mono_ms() + (body_ending() ? AFTER_TERM_MS : AFTER_EXIT_MS);
}

/* Its time is over: SIGTERM to all of the group (this runner, too, takes no harm), then SIGKILL. */
static void end_program(struct run *r)
{
        if (!r->end->timed_out) {
                r->end->timed_out = true;
                kill(0, SIGTERM);
                r->due_ms = clock_mono_ms() + body_config(r->body)->worker_kill_grace_ms;
        } else {
                kill(r->pid, SIGKILL);
                r->due_ms = INT64_MAX;
        }
}

static int wait_ms(const struct run *r)
{
        int64_t left = r->due_ms == INT64_MAX ? INT_MAX : r->due_ms - clock_mono_ms();
        if (r->pidfd < 0 && !r->exited && left > WITHOUT_PIDFD_MS)
                left = WITHOUT_PIDFD_MS;
        return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static void turn(struct run *r)
{
        struct pollfd p[] = {{.fd = r->streams[0], .events = POLLIN},
                             {.fd = r->streams[1], .events = POLLIN},
                             {.fd = r->exited ? -1 : r->pidfd, .events = POLLIN}};
        if (poll(p, 3, wait_ms(r)) > 0) {
                for (int i = 0; i < 2; i++) {
                        if (p[i].revents)
                                read_stream(r, i);
                }
        }
        look_for_exit(r);
        if (!r->exited && clock_mono_ms() >= r->due_ms)
                end_program(r);
}

static void run_to_end(struct run *r)
{
        const struct program *p = r->program;
        r->pidfd = pidfd_open(r->pid, 0);
        r->due_ms = p->timeout_ms > 0 ? clock_mono_ms() + p->timeout_ms : INT64_MAX;
        while (!r->exited ||
               ((r->streams[0] >= 0 || r->streams[1] >= 0) && clock_mono_ms() < r->due_ms))
                turn(r);
        lines_end(p->out);
        lines_end(p->err);
        close_fd(&r->pidfd);
        body_child(r->body, 0);
}

static enum program_failure start(struct run *r, int ends[2], int *error, struct err *e)
{
        struct launch l = {.program = r->program,
                           .fds = {open_input(r->program->input), ends[0], ends[1]}};
        if (l.fds[0] < 0) {
                *error = errno;
                err_errno(e, ERR_UNAVAILABLE, "could not make the program's input");
                return PROGRAM_NO_RESOURCES;
        }
        r->pid = launch(r->body, &l);
        close(l.fds[0]);
        *error = errno = l.error;
        if (l.failed == PROGRAM_NO_CWD)
                err_errno(e, ERR_UNAVAILABLE, "cannot change to %s", r->program->cwd);
        else if (l.failed == PROGRAM_NO_EXEC)
                err_errno(e, ERR_UNAVAILABLE, "cannot run %s", r->program->path);
        else if (l.failed != PROGRAM_OK)
                err_errno(e, ERR_UNAVAILABLE, "could not start %s", r->program->path);
        return l.failed;
}

enum program_failure program_run(struct body *b, const struct program *p, struct program_end *end,
                                 int *error, struct err *e)
{
        struct run r = {.body = b, .program = p, .end = end, .streams = {-1, -1}};
        int ends[2] = {-1, -1};
        enum program_failure failed = PROGRAM_NO_RESOURCES;
        *end = (struct program_end){0};
        if (pipe_open(&r.streams[0], &ends[0]) < 0 || pipe_open(&r.streams[1], &ends[1]) < 0) {
                *error = errno;
                err_errno(e, ERR_UNAVAILABLE, "could not make the program's pipes");
        } else {
                failed = start(&r, ends, error, e);
        }
        close_fd(&ends[0]);
        close_fd(&ends[1]);
        if (failed == PROGRAM_OK)
                run_to_end(&r);
        close_fd(&r.streams[0]);
        close_fd(&r.streams[1]);
        return failed;
}
