/* spawn.c - from fork() to runner_main(). */
#include "worker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rand.h"
#include "worker/kinds/body.h"

enum { DOWN_FD = 3, UP_FD = 4, OOM_MORE = 200, OOM_MOST = 1000 };

/* The handlers of the supervisor write into its event loop, which must not happen from here. */
static void reset_signals(void)
{
        struct sigaction sa = {.sa_handler = SIG_DFL};
        sigemptyset(&sa.sa_mask);
        for (int signo = 1; signo < NSIG; signo++)
                sigaction(signo, &sa, NULL);
        /* Libraries write to connections that may be closed; programs get the default back. */
        sa.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &sa, NULL);
}

/* Above both places first: one may stand where the other goes. */
static int set_descriptors(const struct pipe_ends *pipe)
{
        int down = fcntl(pipe->down, F_DUPFD_CLOEXEC, UP_FD + 1);
        int up = fcntl(pipe->up, F_DUPFD_CLOEXEC, UP_FD + 1);
        if (down < 0 || up < 0 || dup3(down, DOWN_FD, O_CLOEXEC) < 0 ||
            dup3(up, UP_FD, O_CLOEXEC) < 0)
                return -1;
        close_range(UP_FD + 1, ~0U, 0);
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0)
                return -1;
        close(null);
        return 0;
}

/* Where memory runs out, a body goes before its supervisor. Best effort. */
static void prefer_for_oom(void)
{
        static const char path[] = "/proc/self/oom_score_adj";
        char text[16] = "";
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return;
        if (read(fd, text, sizeof(text) - 1) > 0) {
                long score = strtol(text, NULL, 10) + OOM_MORE;
                dprintf(fd, "%ld", score > OOM_MOST ? OOM_MOST : score);
        }
        close(fd);
}

static void set_limits(void)
{
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        prefer_for_oom();
        umask(umask(0) | (S_IWGRP | S_IWOTH));
}

/* A body has no business with them; a page of the heap is copied for it. */
static void wipe_secrets(const struct config *cfg)
{
        mem_wipe(cfg->database_url, strlen(cfg->database_url));
        mem_wipe(cfg->redis_url, strlen(cfg->redis_url));
}

_Noreturn static void in_child(const struct runner *parent, const struct pipe_ends *pipe)
{
        struct runner r = *parent;
        setpgid(0, 0);
        reset_signals();
        sigset_t none;
        sigemptyset(&none);
        body_handle_signals();
        sigprocmask(SIG_SETMASK, &none, NULL);
        r.pipe = (struct pipe_ends){DOWN_FD, UP_FD};
        if (set_descriptors(pipe) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ||
            fence_watch(r.fence, r.slot, DOWN_FD) < 0) {
                log_error("runner.setup", LS("reason", strerror(errno)));
                _exit(RUNNER_EXIT_SETUP);
        }
        prctl(PR_SET_NAME, "wavefleet-run");
        set_limits();
        wipe_secrets(r.cfg);
        runner_main(&r);
}

pid_t spawn_runner(const struct runner *r, struct pipe_ends *pipe, struct err *e)
{
        struct pipe_ends theirs;
        if (pipe_ends_open(pipe, &theirs) < 0)
                return err_errno(e, ERR_UNAVAILABLE, "could not make a runner's pipe");
        sigset_t all, old;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &old);
        pid_t pid = fork();
        if (pid == 0)
                in_child(r, &theirs);
        int failed = errno;
        if (pid > 0)
                setpgid(pid, pid); /* whoever of the two is first */
        sigprocmask(SIG_SETMASK, &old, NULL);
        pipe_ends_close(&theirs);
        if (pid < 0) {
                pipe_ends_close(pipe);
                errno = failed;
                return err_errno(e, ERR_UNAVAILABLE, "could not fork a runner");
        }
        return pid;
}
