/*
 * remote_memo.h - what the kind `remote` notes of a migration's start, so that a later run (a poll,
 * the next attempt, the API) can tell this start's run from others of the same pair. It is on disk
 * before the start is sent; a crash after that leaves "sent".
 *
 * As JSON:
 * {"start":"sent","brz_project_id":7,"attempt":1,"spent":0,"claimed_at":ms,"start_sent_at":ms,
 * "server_now":ms,"status_before":{"state":…,"started_at":ms,…,"print":hex},"seen_running":bool,
 * "unknown":n}. Times are milliseconds since 1970.
 */
#ifndef MODEL_REMOTE_MEMO_H
#define MODEL_REMOTE_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/remote_answer.h"

enum remote_start {
        START_NONE,      /* no start was ever sent */
        START_NOT_SENT,  /* it was about to be, and the server could not be reached */
        START_SENT,      /* its answer is not known */
        START_AMBIGUOUS, /* there was none, or none that says whether it began */
        START_ACCEPTED,
        START_ENDED, /* its run has ended in an error, and that was reported */
        START_COUNT
};

/* What stood at the server before the start, as far as it tells one run from another. */
struct remote_trace {
        bool known;              /* the server was asked and answered */
        enum remote_state state; /* REMOTE_NONE: it did not know the pair */
        int64_t started_ms, updated_ms, completed_ms, failed_ms; /* 0: not said */
        char print[17];                                          /* of error, ids and domain */
};

struct remote_memo {
        enum remote_start start;
        int64_t brz_project_id; /* the start's target */
        int32_t attempt;        /* that sent it */
        int32_t spent;          /* job.spent as long as the end of this start was not reported */
        int64_t claimed_ms;     /* of the attempt that owns the run now, PostgreSQL's clock */
        int64_t start_sent_ms;  /* the worker's clock */
        int64_t server_now_ms;  /* the server's clock at that moment; 0: not known */
        struct remote_trace before;
        bool seen_running; /* since the start */
        int32_t unknown;   /* answers in a row that did not know it */
};

/* NULL, or anything that is no memo: an empty one. */
void remote_memo_parse(const char *json, struct remote_memo *out);
char *remote_memo_json(const struct remote_memo *m, struct arena *a);
/* Whether a start of this pair may have reached the server. */
bool remote_memo_sent(const struct remote_memo *m, int64_t brz_project_id);

/* status NULL: the server does not know the pair (404). */
void remote_trace_of(const struct remote_answer *status, struct remote_trace *out);
bool remote_trace_same(const struct remote_trace *a, const struct remote_trace *b);

#endif
