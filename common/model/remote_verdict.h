/*
 * remote_verdict.h - what an answer of /migration-status means for one start of a migration. Pure
 * decisions, shared by worker and API.
 *
 * The server knows a migration by its pair (mb_project_uuid, brz_project_id) alone, so what it says
 * can be about an earlier run of the pair. A final status counts only
 *   - if it is not the very status that was noted just before the start (unless the pair was seen
 *     running since), and
 *   - if its started_at (else updated_at, completed_at or failed_at) is not before the start. Where
 *     the server's clock was noted at the start, both times are its own, and the tolerance covers
 *     whole seconds only; otherwise it covers the difference between two machines. A time without a
 *     zone may be any zone's: where the status before the start is known, that it changed is what
 *     counts, unless it is older than zones differ.
 * Without any time the first of the two decides.
 */
#ifndef MODEL_REMOTE_VERDICT_H
#define MODEL_REMOTE_VERDICT_H

#include "model/remote_answer.h"
#include "model/remote_memo.h"

enum remote_reply {
        REPLY_FAILED,  /* no answer, a 5xx, something unreadable: nothing is learnt */
        REPLY_UNKNOWN, /* 404 */
        REPLY_STATUS,
};

/* The start that the answer is held against. */
struct remote_moment {
        int64_t start_ms; /* 0: there was none */
        int64_t tolerance_ms;
        struct remote_trace before;
        bool seen_running;
};

enum remote_verdict {
        VERDICT_AGAIN,   /* ask again later */
        VERDICT_UNKNOWN, /* the server does not know of this start (an earlier run's end, too) */
        VERDICT_FOREIGN, /* the pair runs, but not from this start */
        VERDICT_RUNNING, /* pending or in progress */
        VERDICT_COMPLETED,
        VERDICT_FAILED,
        VERDICT_COUNT
};
const char *remote_verdict_name(enum remote_verdict v);

/* The start that the memo tells of, where it may have reached the server; else none. */
void remote_moment_of_memo(const struct remote_memo *m, int64_t brz_project_id,
                           struct remote_moment *out);
/*
 * For a row that is parked: something was started. The memo's start, or without one the attempt's
 * (started_ms: its claim, PostgreSQL's clock).
 */
void remote_moment_of_parked(const struct remote_memo *m, int64_t brz_project_id,
                             int64_t started_ms, struct remote_moment *out);

/* status: where reply is REPLY_STATUS. */
enum remote_verdict remote_verdict(enum remote_reply reply, const struct remote_answer *status,
                                   const struct remote_moment *m);

/* What a new attempt does after it has asked. */
enum remote_step {
        STEP_AGAIN, /* could not ask: never start blindly */
        STEP_START,
        STEP_ADOPT,    /* an earlier attempt's start runs: wait for its end */
        STEP_WAIT,     /* the pair runs for somebody else */
        STEP_COMPLETE, /* an earlier attempt's run has ended meanwhile */
        STEP_FAIL,     /* likewise, and nobody was told yet */
        STEP_COUNT
};
/*
 * spent, first_started_ms: of the job. A final status counts only for a start since the last
 * restart; an error that was reported already (the attempt was counted, or the memo says so) leads
 * to a new start.
 */
enum remote_step remote_step_before_start(enum remote_verdict v, const struct remote_memo *m,
                                          int32_t spent, int64_t first_started_ms);

/*
 * The wait before the next poll: initial_ms, half more with each poll so far, at most cap_ms, and
 * up to a tenth more or less of it by `random`.
 */
int64_t remote_poll_due_ms(int64_t initial_ms, int64_t cap_ms, int32_t polls, uint64_t random);

#endif
