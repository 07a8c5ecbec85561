#include "worker/pipe.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int pipe_open(int *reader, int *writer)
{
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -1;
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        *reader = ends[0];
        *writer = ends[1];
        return 0;
}

int pipe_ends_open(struct pipe_ends *worker, struct pipe_ends *runner)
{
        int down[2];
        if (pipe_open(&worker->up, &runner->up) < 0)
                return -1;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, down) < 0) {
                close(worker->up);
                close(runner->up);
                return -1;
        }
        worker->down = down[0];
        runner->down = down[1];
        return 0;
}

void pipe_ends_close(const struct pipe_ends *p)
{
        close(p->down);
        close(p->up);
}
