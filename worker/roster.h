/*
 * roster.h - all runners of a worker: forks them, replaces the dead at once, reaps, and drives what is
 * due in their lives with one timer.
 *
 * The worker is a subreaper: what a dead runner's body leaves behind becomes its child, so that it
 * sees when the last process of a group is gone.
 */
#ifndef WORKER_ROSTER_H
#define WORKER_ROSTER_H

#include "base/config.h"
#include "worker/child.h"

struct roster;
struct roster_events {
        void (*on_idle)(unsigned idle, void *arg); /* so many are idle now */
        /* as struct child_owner */
        void (*on_settle)(int64_t id, int32_t attempt, const struct outcome *o, void *arg);
        void (*on_word)(struct child *c, const struct message *m, void *arg);
        /* A body fewer: its runner is dead and its group empty. */
        void (*on_gone)(void *arg);
        void *arg;
};

/* Forks worker.concurrency runners. fence and cfg are kept by reference. */
struct roster *roster_new(struct loop *l, const struct config *cfg, struct fence *fence,
                          const struct roster_events *events);
/* Kills all that is left, and waits for it. */
void roster_free(struct roster *r);
/* From now on the dead are not replaced. */
void roster_close(struct roster *r);
/* After SIGCHLD. */
void roster_reap(struct roster *r);

/* Calls on_idle once more. */
void roster_tell(struct roster *r);
/* The runner that was the last to become idle; NULL: none is. */
struct child *roster_idle(const struct roster *r);
/* The one that has this attempt in hand, and lives. */
struct child *roster_find(const struct roster *r, int64_t id, int32_t attempt);
struct child *roster_find_no(const struct roster *r, uint64_t no);
/* Happens to each. */
void roster_each(struct roster *r, enum child_event event);
/* Jobs in hand, those of the dead whose groups are waited for included. */
size_t roster_bodies(const struct roster *r);
/* METRIC_RUNNERS. */
void roster_measure(const struct roster *r);
/* Listens to the ones that were paused again. */
void roster_listen(struct roster *r);

#endif
