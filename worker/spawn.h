/*
 * spawn.h - forks a runner and puts its process in order.
 *
 * The first runners are forked before the worker has opened any connection; later ones close all that
 * they inherited (close_range) and never touch it: nothing of the supervisor's is freed in a runner,
 * because freeing would write into pages that are shared until then. What a runner keeps: standard
 * input (/dev/null), output and error, and its ends of both pipes. It is the leader of a process group of its own and
 * takes in the orphans of its body (subreaper).
 */
#ifndef WORKER_SPAWN_H
#define WORKER_SPAWN_H

#include <sys/types.h>

#include "base/err.h"
#include "worker/runner.h"

/*
 * The runner's process id, with the supervisor's end of its pipe in *pipe; or -1 (ERR_UNAVAILABLE).
 * r->pipe is set in the child.
 */
pid_t spawn_runner(const struct runner *r, struct pipe_ends *pipe, struct err *e);

#endif
