/*
 * kind.h - how a migration is done. A kind is one row of the table in kinds.c: a name, a function that
 * starts a body and, where it can park, one that polls. Both are simple synchronous code in a process
 * of their own: they may block, crash or leak without harm. The check of a wave's params stands in
 * common/model/kind.h, because the API asks it.
 */
#ifndef WORKER_KINDS_KIND_H
#define WORKER_KINDS_KIND_H

#include "base/arena.h"
#include "base/config.h"
#include "model/job.h"

struct body; /* the running body's context */

struct kind {
        const char *name;
        /* Fills *out; its strings live in body_arena(). */
        void (*start)(struct body *b, const struct job *job, struct outcome *out);
        void (*poll)(struct body *b, const struct job *job, struct outcome *out); /* or NULL */
};
const struct kind *kind_find(const char *name); /* NULL: none of that name */

/* ---- what a body may use ---- */

struct arena *body_arena(struct body *b); /* of this attempt */
const struct config *body_config(const struct body *b);
/* Milliseconds left until the attempt's time-out; a large number where there is none. */
int64_t body_time_left_ms(const struct body *b);
/* A log line: stream "log" (the body's own words), "out", "err" (of a program). Streams into
 * PostgreSQL while the body runs. */
void body_log(struct body *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void body_log_line(struct body *b, const char *stream, const char *line, size_t len);
void body_progress(struct body *b, const char *json);
/* A question to the supervisor (see engine/worker.h). The answer is in the arena. 0 or -1. */
int body_ask(struct body *b, const char *op, const char *arg1, const char *arg2,
             const char **answer, struct err *e);
/*
 * The program that the body has started, in its own process group, and waits for; 0: none any more.
 * The group gets SIGTERM and, after the grace, SIGKILL when the body is ended: a body with a program
 * outlives the SIGTERM, so that the program may end in its own way; one without is gone at once.
 */
void body_child(struct body *b, int pid);

/* Outcomes in a line. */
void outcome_completed(struct outcome *out, const char *result_json);
void outcome_failed(struct body *b, struct outcome *out, enum error_class class, const char *fmt,
                    ...) __attribute__((format(printf, 4, 5)));
void outcome_parked(struct outcome *out, int64_t due_in_ms);

#endif
