/*
 * fence.h - no body lives past the lease of its worker.
 *
 * A page shared by the supervisor and its runners holds the moment until which bodies may live: the
 * supervisor moves it with each renewal of the lease that PostgreSQL confirmed. Nothing set yet (0)
 * means that no body may begin. It also holds, for each runner, its process group and whether a body
 * runs in it.
 *
 * Each runner has a watchdog: a thread that sleeps in poll(2) on the pipe to the supervisor and wakes
 * at the deadline, and at least ten times in a lease. When the deadline is past it kills the group of
 * every runner of this worker that has a body, its own last. When the pipe hangs up it does the same at once
 * if the supervisor is dead, and ends itself; if only the body has closed the pipe, it ends its own alone.
 * SIGKILL to the whole group, so the programs of a body go with it, whatever signals they block and whether
 * they are stopped. Because each watches over all, a runner that is stopped, or that died and was not buried
 * by a supervisor that was stopped or dead, is fenced too, by the others. A runner that is woken by SIGCONT
 * looks at the deadline before its body runs on.
 *
 * A thread, and not a timer's signal: a signal interrupts system calls of libraries that know nothing
 * of it, once in every period and in every body, and waits while a library has blocked it. The thread
 * costs two touched pages (8 KB) and no wake-ups beyond those named.
 *
 * Not fenced: a frozen host, a runner that is stopped with all others of its worker, and descendants
 * that leave the process group on purpose.
 */
#ifndef WORKER_FENCE_H
#define WORKER_FENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct fence;

/* ---- the supervisor ---- */

struct fence *fence_new(unsigned slots, int64_t lease_ms);
void fence_free(struct fence *f);
/* Bodies may live until then (clock_mono_ms()); 0: none may. */
void fence_set(struct fence *f, int64_t deadline_mono_ms);
/* The runner of a slot is this process group, and has begun nothing yet. */
void fence_enlist(struct fence *f, unsigned slot, pid_t pgid);
/*
 * Takes back the jobs of a runner that it has not begun: of those up to number `given` it begins no further
 * one, except `head`. Returns the number of the last that it has begun.
 */
uint32_t fence_recall(struct fence *f, unsigned slot, uint32_t head, uint32_t given);
/* What a dead runner left behind. Before its process id can be used again, that is: before waitpid(). */
struct fence_left {
        uint32_t begun; /* number of the last job whose bytes it has begun to read */
        bool fenced;    /* a watchdog killed it for the deadline */
};
struct fence_left fence_dismiss(struct fence *f, unsigned slot);

/* ---- a runner ---- */

/* Starts the watchdog; `pipe` is the socket to the supervisor. -1 with errno. */
int fence_watch(struct fence *f, unsigned slot, int pipe);
/* The pipe has hung up: ends all bodies of this worker if its supervisor is dead. For who is about to end
 * itself, and with it the watchdog. */
void fence_hung_up(void);
/*
 * The first bytes of a job are here: from now on the watchdogs count it as running. `number`: of the jobs
 * that came to this runner, from 1. False: it was taken back, and is somebody else's.
 */
bool fence_begin(struct fence *f, unsigned slot, uint32_t number);
void fence_end(struct fence *f, unsigned slot);
/* Whether a body may begin, or go on, now. */
bool fence_open(const struct fence *f);

#endif
