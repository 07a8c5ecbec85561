/*
 * hand_over.c ROUNDS SLEEP_US JOB_BYTES OUTCOME_BYTES - what handing a body to another process costs at least: a parent that
 * writes each job to a socket and waits in epoll for the outcome in a pipe, as worker/channel.c does, and a child that reads,
 * sleeps and answers. Prints the CPU of the parent and of the child for each, in microseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 4096 };

static _Noreturn void fail(const char *what)
{
        perror(what);
        exit(1);
}

static void be_child(int jobs, int outcomes, long sleep_us, size_t outcome_bytes)
{
        char text[LARGEST] = {0};
        while (read(jobs, text, sizeof(text)) > 0) {
                const struct timespec body = {.tv_nsec = sleep_us * 1000};
                if (sleep_us)
                        nanosleep(&body, NULL);
                if (write(outcomes, text, outcome_bytes) < 0)
                        fail("write");
        }
}

static void be_parent(int jobs, int outcomes, long rounds, size_t job_bytes)
{
        char text[LARGEST] = {0};
        struct epoll_event e = {.events = EPOLLIN};
        int epoll = epoll_create1(0);
        if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, outcomes, &e) < 0)
                fail("epoll");
        for (long i = 0; i < rounds; i++) {
                if (send(jobs, text, job_bytes, MSG_NOSIGNAL) < 0)
                        fail("send");
                if (epoll_wait(epoll, &e, 1, -1) < 0 || read(outcomes, text, sizeof(text)) <= 0)
                        fail("read");
        }
}

static double each_us(int whose, long rounds)
{
        struct rusage used;
        getrusage(whose, &used);
        return ((double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
                (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec)) /
               (double)rounds;
}

int main(int argc, char **argv)
{
        int jobs[2], outcomes[2];
        if (argc != 5)
                return 2;
        long rounds = strtol(argv[1], NULL, 10);
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, jobs) < 0 || pipe(outcomes) < 0)
                fail("socketpair");
        pid_t child = fork();
        if (child == 0) {
                close(jobs[0]);
                be_child(jobs[1], outcomes[1], strtol(argv[2], NULL, 10),
                         (size_t)strtol(argv[4], NULL, 10));
                return 0;
        }
        close(jobs[1]);
        be_parent(jobs[0], outcomes[0], rounds, (size_t)strtol(argv[3], NULL, 10));
        close(jobs[0]);
        if (waitpid(child, NULL, 0) != child)
                fail("waitpid");
        printf("%.2f %.2f\n", each_us(RUSAGE_SELF, rounds), each_us(RUSAGE_CHILDREN, rounds));
        return 0;
}
