/*
 * remote.h - one run of a body of the kind `remote`: what its parts share. start.c begins a
 * migration (or finds that it need not), poll.c asks how it is; target.c finds where it goes, with
 * brizy.c; server.c speaks with the migration server; http.c is the client under both.
 */
#ifndef WORKER_REMOTE_H
#define WORKER_REMOTE_H

#include "model/remote_memo.h"
#include "model/remote_verdict.h"
#include "worker/kinds/kind.h"
#include "worker/kinds/remote/http.h"
#include "worker/kinds/remote/params.h"

extern const struct kind kind_remote;

struct remote {
        struct body *body;
        const struct job *job;
        struct outcome *out;
        struct arena *arena;
        const struct config *cfg;
        struct http *http;
        struct remote_params params;
        struct remote_memo memo; /* goes out with the outcome once a start was noted */
        int64_t target;          /* brz_project_id; 0: not known yet */
        const char *workspace;   /* id of the workspace, or NULL */
};

void remote_start(struct body *b, const struct job *job, struct outcome *out);
void remote_poll(struct body *b, const struct job *job, struct outcome *out);

void remote_begin(struct remote *r, struct body *b, const struct job *job, struct outcome *out);
void remote_end(struct remote *r);

/* ---- outcomes; each is logged ---- */

/* due_in_ms -1: by backoff. Always -1, so that a step can end with it. */
int remote_failed(struct remote *r, enum error_class class, int64_t due_in_ms, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* The supervisor could not answer a question: nothing was done, wait a little. Always -1. */
int remote_unanswered(struct remote *r, const char *what, const struct err *e);
/* Next poll after due_in_ms, earlier where the attempt's time-out comes first. */
void remote_parked(struct remote *r, int64_t due_in_ms);
/* The wait before the poll after `polls` others. */
int64_t remote_poll_due(const struct remote *r, int32_t polls);
/* verdict is VERDICT_COMPLETED or VERDICT_FAILED. */
void remote_settled(struct remote *r, enum remote_verdict v, const struct remote_answer *status);
void remote_show_progress(struct remote *r, const struct remote_answer *status);

/* ---- small things ---- */

/* Waits, but not past the attempt's time-out. */
void remote_wait(const struct remote *r, int64_t ms);
/* For one call: the configured time, or what is left of the attempt. */
int64_t remote_call_timeout(const struct remote *r);
/* Milliseconds until the attempt (claim, start and polls together) runs out of time; < 0: it has. */
int64_t remote_time_left(const struct remote *r);
/* Somebody else's words without our secrets, raw or percent-encoded; NULL stays NULL. */
const char *remote_clean(const struct remote *r, const char *text);

#endif
