/*
 * runner.h - the life of a runner: a process that runs one body at a time.
 *
 * It says READY, then waits for a job, runs it, says its outcome, and waits again: blocking calls on
 * its pipes, no event loop. It ends when they do. Whatever goes wrong in a body may end it: the
 * supervisor starts another.
 */
#ifndef WORKER_RUNNER_H
#define WORKER_RUNNER_H

#include "base/config.h"
#include "worker/fence.h"
#include "worker/pipe.h"

struct runner {
        struct pipe_ends pipe;
        unsigned slot; /* its place in the fence */
        struct fence *fence;
        const struct config *cfg;
};

/* In the child, after spawn.c has put its process in order. */
_Noreturn void runner_main(const struct runner *r);

enum { RUNNER_EXIT_SETUP = 70, RUNNER_EXIT_PIPE = 76 };

#endif
