/*
 * child.h - a runner as its supervisor sees it: process, pipe, job, and where it stands in its life.
 *
 *   starting -> idle <-> busy -> ending -> killing -> dead
 *
 * `ending`: SIGTERM was sent, or its pipe has closed, and the grace runs; `killing`: SIGKILL was sent to
 * its process group, or it is known to be dead. What follows from what is one table in child.c. A runner
 * that was ended in any way is not used again.
 *
 * Its job is settled exactly once: by its outcome, or at its death. Where processes of the body may
 * outlive the runner, that waits until its process group is empty, so that no two runs of a migration
 * overlap.
 *
 * Behind the job that it runs, further ones may stand in its pipe: it begins the next without waiting for
 * anybody. As long as it has not begun one, that can be taken back (child_recall), which its owner does at
 * once when it is to be ended.
 */
#ifndef WORKER_CHILD_H
#define WORKER_CHILD_H

#include <sys/types.h>

#include "base/list.h"
#include "worker/channel.h"
#include "worker/fence.h"
#include "worker/parcel.h"

enum child_state {
        CHILD_STARTING,
        CHILD_IDLE,
        CHILD_BUSY,
        CHILD_ENDING,
        CHILD_KILLING,
        CHILD_DEAD,
        CHILD_STATE_COUNT
};
enum child_event {
        CHILD_READY,     /* its first word */
        CHILD_JOB,       /* gets one to begin at once; only when idle */
        CHILD_OUTCOME,   /* of its body, which has ended clean */
        CHILD_LEFTOVERS, /* outcome of a body whose processes live on */
        CHILD_RETIRE,    /* has done enough jobs */
        CHILD_CANCEL,    /* its body's attempt was given up */
        CHILD_HAND_BACK, /* the worker stops */
        CHILD_FENCE,     /* the worker's row is dead: nothing of the body counts */
        CHILD_RUBBISH,   /* said what cannot be understood */
        CHILD_EOF,       /* closed its pipe */
        CHILD_DUE,       /* starting: too long; busy: time-out; ending: grace over */
        CHILD_DYING,     /* found dead, its last words not yet read */
        CHILD_EXIT,      /* reaped */
        CHILD_EVENT_COUNT
};

struct child;
struct child_owner {
        /* State or due time have changed. */
        void (*on_change)(struct child *c, void *arg);
        /* The end of a job. */
        void (*on_settle)(int64_t id, int32_t attempt, const struct outcome *o, void *arg);
        /* LOG, PROGRESS, ASK of its job. */
        void (*on_word)(struct child *c, const struct message *m, void *arg);
        void *arg;
        struct fence *fence;
        int64_t kill_grace_ms;
        int64_t recycle_jobs;
};

struct child {
        struct list link;
        uint64_t no; /* never used twice */
        unsigned slot;
        pid_t pid;
        enum child_state state;
        enum child_event why; /* what ended it; CHILD_EXIT: it did that itself */
        struct channel *channel;
        const struct child_owner *owner;
        int64_t due_ms; /* clock_mono_ms() of CHILD_DUE; INT64_MAX: none */
        uint32_t jobs;  /* given to it */
        int64_t id;     /* of the migration in hand; 0: none */
        int32_t attempt;
        int64_t timeout_ms; /* of that body */
        uint32_t number;    /* of that job */
        int64_t begun_ms;   /* when it came to be in hand */
        struct list behind; /* parcels in its pipe, in order */
        unsigned behind_count;
        uint32_t blamed;  /* the job for which it was ended, of CANCEL and DUE */
        char detail[160]; /* rubbish: what was wrong; cancel: the reason */
        bool offered;     /* its owner counts it among the idle */
        bool asking;      /* a question of its body is not answered yet */
        bool deaf;        /* is not listened to: what it says has nowhere to go */
        struct buf word;  /* its outcome, a frame, where it is settled at its death */
        bool killed;      /* by our SIGKILL, while it lived */
        int status;       /* of waitpid(), when dead */
        struct fence_left left;
        int64_t settle_by_ms; /* dead, job in hand: its group is waited for until then */
};

struct child *child_new(struct loop *l, pid_t pid, const struct pipe_ends *pipe, unsigned slot,
                        const struct child_owner *owner);
void child_free(struct child *c);

/* Something happened; `detail` for CANCEL and RUBBISH. */
void child_happens(struct child *c, enum child_event event, const char *detail);
/*
 * Hands it a job, which it takes over: when idle, to begin at once; when busy, to stand behind. -1, and
 * nothing is taken over: it is gone.
 */
int child_give(struct child *c, struct parcel *p);
/* Takes back what it has not begun, and adds it to the end of `to`. */
void child_recall(struct child *c, struct list *to);
/*
 * Its process has ended; not reaped yet. Kills its group, reads its last words, writes its obituary.
 * Then the caller reaps it.
 */
void child_bury(struct child *c, int status, struct fence_left left);
/* A dead one: settles its job as soon as its group is empty. True when there is no more to do. */
bool child_settled(struct child *c);
const char *child_state_name(enum child_state s);

#endif
