/*
 * roster.h - all runners of a worker: forks them, replaces the dead at once, reaps, drives what is due in
 * their lives with one timer, and deals out the jobs.
 *
 * A job goes to a runner that is idle (where bodies take microseconds, behind those that another has just been given);
 * where none is, behind the job of one that has begun its own a moment
 * ago, so that short bodies follow one another without waiting for anybody. What stands behind a job that
 * turns out to be long is taken back and given to another; what finds no runner within a moment is handed
 * back unbegun.
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
        /* So many are idle now, and so many jobs may stand behind those of the others. */
        void (*on_room)(unsigned idle, unsigned behind, void *arg);
        /* How many may stand behind each; asked before on_room. */
        unsigned (*depth)(void *arg);
        /* So many of them are given to one runner before another is woken. */
        unsigned (*together)(void *arg);
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

/* Calls on_room once more. */
void roster_tell(struct roster *r);
/* Takes a job; it is settled by on_settle, whatever happens. Valid during the call. */
void roster_give(struct roster *r, const struct job *job);
/* Hands back what no runner has begun, whose worker stops; drop: forgets it, whose worker is dead. */
void roster_return(struct roster *r);
void roster_drop(struct roster *r);
/* Ends the body of this attempt, or hands it back where it is not begun. */
void roster_cancel(struct roster *r, int64_t id, int32_t attempt, const char *reason);
struct child *roster_find_no(const struct roster *r, uint64_t no);
/* Happens to each. */
void roster_each(struct roster *r, enum child_event event);
/* Runners with a job in hand, the dead whose groups are waited for included. */
size_t roster_bodies(const struct roster *r);
/* METRIC_RUNNERS. */
void roster_measure(const struct roster *r);
/* Listens to the ones that were paused again. */
void roster_listen(struct roster *r);

#endif
