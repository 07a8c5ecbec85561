/*
 * aside.h - work that takes long or blocks, done by a thread of its own beside the loop.
 *
 * The thread gets a block of memory, its task, and touches nothing else; when it is done the loop is told.
 * A thread lives for one task, takes no signals, and ends by itself also where nobody wants its answer any
 * more. How many there are at once is for the callers to limit.
 */
#ifndef BASE_ASIDE_H
#define BASE_ASIDE_H

#include "base/loop.h"

struct aside;
struct aside_kind {
        void (*work)(void *task); /* in the thread */
        void (*drop)(void *task); /* in the thread or in the loop, when neither needs it */
        /* In the loop; the task is valid during the call. `problem`: there was no thread; else NULL. */
        void (*done)(void *task, const char *problem, void *arg);
};

/* Takes the task. done is called once, never from inside; the aside is gone before it is called. */
struct aside *aside_start(struct loop *l, const struct aside_kind *kind, void *task, void *arg);
/* done will not be called. NULL is fine. */
void aside_cancel(struct aside *a);

#endif
