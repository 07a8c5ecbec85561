/*
 * pipe.h - descriptors between a worker, its runners and their programs.
 */
#ifndef WORKER_PIPE_H
#define WORKER_PIPE_H

/* A pipe whose reading end does not block; programs do not inherit it. 0, or -1 with errno. */
int pipe_open(int *reader, int *writer);

/*
 * What one side has of the way between a worker and a runner: a stream socket down, which tells each of the two that
 * the other is gone, and a pipe up, which takes the many small words of bodies at a third of a socket's cost.
 */
struct pipe_ends {
        int down, up;
};
/* For the worker, whose `up` does not block, and for the runner. 0, or -1 with errno. */
int pipe_ends_open(struct pipe_ends *worker, struct pipe_ends *runner);
void pipe_ends_close(const struct pipe_ends *p);

#endif
