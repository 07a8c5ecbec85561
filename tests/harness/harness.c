/*
 * The stack is ended by a guard: a child that does nothing but wait for the end of file on a pipe
 * whose other end only the test program holds. So it is ended after an exit, a failure, a signal
 * and a kill -9 alike. The program's own exit closes the pipe and waits for the guard.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef HARNESS_ROOT
#define HARNESS_ROOT "."
#endif

static const char script[] = HARNESS_ROOT "/scripts/stack";
static char dir[] = "/tmp/wavefleet-test.XXXXXX";
static char database_url[256], redis_url[256];
static struct harness_stack stack = {dir, database_url, redis_url};

static pid_t owner; /* the test program; its tests are children that must end nothing */
static pid_t guard;
static int guard_pipe = -1;

__attribute__((noreturn)) static void give_up(const char *what)
{
        fprintf(stderr, "harness: could not %s: %s\n", what, errno ? strerror(errno) : "see above");
        exit(99);
}

/* Runs the script and returns its exit code; with `out`, returns what it writes there instead. */
static int run_script(const char *command, const char *option, FILE **out)
{
        int ends[2] = {-1, -1};
        int status = 0;
        if (out && pipe2(ends, O_CLOEXEC) < 0)
                give_up("make a pipe");
        pid_t pid = fork();
        if (pid < 0)
                give_up("fork");
        if (pid == 0) {
                if (out)
                        dup2(ends[1], STDOUT_FILENO);
                execl(script, script, command, "--dir", dir, option, (char *)NULL);
                _exit(127);
        }
        if (out) {
                close(ends[1]);
                *out = fdopen(ends[0], "r");
                if (!*out)
                        give_up("read from scripts/stack");
                return 0;
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                continue;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void end_stack(void)
{
        if (getpid() != owner)
                return;
        close(guard_pipe);
        while (waitpid(guard, NULL, 0) < 0 && errno == EINTR)
                continue;
}

static void start_guard(void)
{
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                give_up("make a pipe");
        owner = getpid();
        guard_pipe = ends[1];
        guard = fork();
        if (guard < 0)
                give_up("fork");
        if (guard > 0) {
                close(ends[0]);
                atexit(end_stack);
                return;
        }
        char byte;
        setsid();
        close(ends[1]);
        while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
                continue;
        _exit(run_script("down", "--purge", NULL) == 0 ? 0 : 1);
}

/* Reads the lines `export NAME=value`, into the environment as well. */
static void read_urls(void)
{
        char line[320];
        FILE *in;
        run_script("env", NULL, &in);
        while (fgets(line, sizeof line, in)) {
                char *name = line + strlen("export ");
                char *value = strchr(line, '=');
                if (!value)
                        continue;
                *value++ = '\0';
                value[strcspn(value, "\n")] = '\0';
                setenv(name, value, 1);
                bool is_redis = strcmp(name, "WAVEFLEET_REDIS_URL") == 0;
                snprintf(is_redis ? redis_url : database_url, sizeof redis_url, "%s", value);
        }
        fclose(in);
        if (!*redis_url || !*database_url)
                give_up("read the addresses of the servers");
}

const struct harness_stack *harness_stack_up(void)
{
        if (owner)
                return &stack;
        /* The unprivileged user of the servers must be able to enter. */
        if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
                give_up("make a temporary folder");
        start_guard();
        errno = 0;
        if (run_script("up", "--fast", NULL) != 0)
                give_up("start Redis and PostgreSQL");
        read_urls();
        return &stack;
}

void harness_stack_restart(void)
{
        errno = 0;
        if (run_script("up", "--fast", NULL) != 0)
                give_up("start Redis and PostgreSQL again");
}

int harness_server_pid(const char *server)
{
        char path[128], line[32];
        snprintf(path, sizeof path, "%s/%s.pid", dir, server);
        FILE *in = fopen(path, "r");
        if (!in || !fgets(line, sizeof line, in))
                give_up("read a server's process id");
        fclose(in);
        return (int)strtol(line, NULL, 10);
}

static long long now_ms(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

bool harness_wait(bool (*condition)(void *arg), void *arg, int deadline_ms)
{
        const struct timespec pause = {.tv_nsec = 5000000};
        long long end_ms = now_ms() + deadline_ms;
        while (!condition(arg)) {
                if (now_ms() >= end_ms)
                        return condition(arg);
                nanosleep(&pause, NULL);
        }
        return true;
}
