/*
 * body.c - the program that the faults driver lets the command kind run. It keeps a ledger outside the
 * system: an append-only file, each line one write(2) of O_APPEND, so that lines of many processes never
 * mix, and a line proves that its process lived at the time it names.
 *
 *   body LEDGER MIGRATION PROJECT ATTEMPT PLAN
 *
 * A line: RUN WHAT NANOSECONDS PID, and after `begin` the migration, the project, the attempt, the runner
 * and its supervisor; after `end` the exit status that follows. RUN is random, drawn by each start anew.
 * WHAT is begin, alive, child (its own child process lives) or end. Nanoseconds of CLOCK_MONOTONIC.
 *
 * PLAN, words with commas between: ms=N lasts so long; child=stay a child process lives as long;
 * child=leave one outlives it (for a minute, if nobody ends it); deaf ignores SIGTERM; fails=N exits with
 * 75 in the first N attempts; crashes=N aborts in them; exit=N ends with this status.
 *
 * Built by tests/faults/run; it links with nothing and shares nothing with wavefleet.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BEAT_MS = 25, LEAVES_FOR_MS = 60000, EX_TEMPORARY = 75, BROKEN = 78, LINE_BYTES = 512 };

static struct {
        int ledger;
        uint64_t run;
} here;

static struct {
        long ms, fails, crashes, exit;
        bool stay, leave, deaf;
} plan;

static int64_t now_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A ledger that cannot be written is worse than none: the body fails so that it is seen. */
static void write_line(const char *what, const char *more)
{
        char line[LINE_BYTES];
        int n = snprintf(line, sizeof(line), "%016" PRIx64 " %s %" PRId64 " %d%s%s\n", here.run,
                         what, now_ns(), (int)getpid(), *more ? " " : "", more);
        if (n >= (int)sizeof(line) || write(here.ledger, line, (size_t)n) != n)
                _exit(BROKEN);
}

static void live(int64_t for_ms, const char *what)
{
        int64_t end = now_ns() + for_ms * 1000000;
        for (;;) {
                int64_t left = end - now_ns();
                if (left <= 0)
                        return;
                if (left > BEAT_MS * 1000000LL)
                        left = BEAT_MS * 1000000LL;
                struct timespec t = {.tv_nsec = (long)left};
                nanosleep(&t, NULL);
                write_line(what, "");
        }
}

static void read_word(char *word)
{
        char *value = strchr(word, '=');
        long number = 0;
        if (value) {
                *value++ = '\0';
                number = strtol(value, NULL, 10);
        }
        if (!strcmp(word, "ms"))
                plan.ms = number;
        else if (!strcmp(word, "fails"))
                plan.fails = number;
        else if (!strcmp(word, "crashes"))
                plan.crashes = number;
        else if (!strcmp(word, "exit"))
                plan.exit = number;
        else if (!strcmp(word, "deaf"))
                plan.deaf = true;
        else if (!strcmp(word, "child") && value)
                *(!strcmp(value, "leave") ? &plan.leave : &plan.stay) = true;
        else
                _exit(BROKEN);
}

static void read_plan(char *text)
{
        char *save = NULL;
        for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save))
                read_word(word);
        if (plan.deaf) {
                struct sigaction ignore = {.sa_handler = SIG_IGN};
                sigaction(SIGTERM, &ignore, NULL);
        }
}

/* The parent of a process, from /proc/<pid>/stat; its name may hold anything but ends with the last ')'. */
static int parent_of(int pid)
{
        char path[64], text[1024];
        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        int fd = open(path, O_RDONLY);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (fd >= 0)
                close(fd);
        if (n <= 0)
                return 0;
        text[n] = '\0';
        const char *end = strrchr(text, ')');
        return end && strlen(end) > 4 ? (int)strtol(end + 4, NULL, 10) : 0;
}

static pid_t start_child(void)
{
        pid_t pid = plan.stay || plan.leave ? fork() : 0;
        if (pid == 0 && (plan.stay || plan.leave)) {
                write_line("child", "");
                live(plan.leave ? LEAVES_FOR_MS : plan.ms, "child");
                _exit(0);
        }
        return pid;
}

static void end_with(int status)
{
        char text[16];
        snprintf(text, sizeof(text), "%d", status);
        write_line("end", text);
        _exit(status);
}

int main(int argc, char **argv)
{
        char begin[LINE_BYTES / 2];
        if (argc != 6 || getrandom(&here.run, sizeof(here.run), 0) != sizeof(here.run))
                return BROKEN;
        here.ledger = open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
        if (here.ledger < 0)
                return BROKEN;
        long attempt = strtol(argv[4], NULL, 10);
        int runner = getppid();
        snprintf(begin, sizeof(begin), "%s %s %ld %d %d", argv[2], argv[3], attempt, runner,
                 parent_of(runner));
        write_line("begin", begin);
        read_plan(argv[5]);
        pid_t child = start_child();
        if (attempt <= plan.crashes) {
                live(plan.ms / 2, "alive");
                abort();
        }
        live(plan.ms, "alive");
        if (plan.stay && child > 0)
                waitpid(child, NULL, 0);
        end_with(attempt <= plan.fails ? EX_TEMPORARY : (int)plan.exit);
}
