/*
 * body.h - the context of a running body, for the runner that makes it and for tests; what a kind may
 * use of it stands in kind.h.
 *
 * All that a body says goes up the runner's pipe, in the order in which it was said. The pipe blocks:
 * a body that talks faster than the supervisor listens is slowed. When the pipe is broken, the
 * supervisor is dead, and the body's process group is killed.
 */
#ifndef WORKER_KINDS_BODY_H
#define WORKER_KINDS_BODY_H

#include "worker/inbox.h"
#include "worker/kinds/kind.h"
#include "worker/pipe.h"

struct body {
        struct pipe_ends pipe;
        const struct config *cfg;
        struct arena *arena;
        const struct job *job;
        int64_t deadline_ms; /* clock_mono_ms(); INT64_MAX: none */
        int64_t lines;       /* log lines said */
        int64_t dropped;     /* and past the limit */
        struct buf out;      /* said, not yet written */
        struct buf scratch;  /* a log line being cleaned */
        bool corked;         /* body_cork() */
        bool had_child;
        struct inbox in; /* jobs, and answers to what the body asks */
};

void body_init(struct body *b, const struct pipe_ends *pipe, const struct config *cfg);
void body_fini(struct body *b);
/* The first word of a runner. */
void body_say_ready(struct body *b);
/* A new attempt begins. */
void body_begin(struct body *b, const struct job *job);
/* Writes the outcome, cleaned and checked, behind all that was said, and forgets the attempt. */
void body_end(struct body *b, struct outcome *o, bool leftovers);

/* Between these, log lines gather and go up in large pieces: no waiting in between. */
void body_cork(struct body *b);
void body_uncork(struct body *b);

/* SIGTERM ends this process, but not while a body has a program (body_child). To be called once. */
void body_handle_signals(void);
/* Whether SIGTERM has come since the attempt began. */
bool body_ending(void);
/*
 * Reaps what the body left as children of this process. True when some are alive: they were orphaned
 * to it, because it is a subreaper (prctl).
 */
bool body_has_leftovers(const struct body *b);

#endif
