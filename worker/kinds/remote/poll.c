/*
 * poll.c - how is a migration that runs on the migration server? A poll uses up no attempt and
 * changes nothing there. What keeps it from learning anything (the server is away, answers rubbish,
 * it is not our turn) parks it again; only the server's own word, or the attempt's time-out, ends
 * the attempt.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/rand.h"
#include "worker/kinds/remote/remote.h"
#include "worker/kinds/remote/server.h"

enum { UNKNOWN_MAX = 3 }; /* answers in a row; a server that restarts may forget for a moment */

static bool timed_out(struct remote *r)
{
        if (remote_time_left(r) > 0)
                return false;
        remote_failed(r, CLASS_TIMED_OUT, -1,
                      "not ended after %" PRId64
                      " s, the time-out of the wave; the migration server "
                      "may go on with it",
                      r->job->timeout_ms / 1000);
        return true;
}

static void park_again(struct remote *r, int64_t at_least_ms)
{
        int64_t due = remote_poll_due(r, r->job->polls + 1);
        if (!timed_out(r))
                remote_parked(r, due > at_least_ms ? due : at_least_ms);
}

static void still_running(struct remote *r, const struct server_reply *now)
{
        if (r->memo.start == START_AMBIGUOUS || r->memo.start == START_SENT) {
                body_log(r->body, "it began: the migration server says that it is in progress");
                r->memo.start = START_ACCEPTED;
        }
        r->memo.seen_running = true;
        r->memo.unknown = 0;
        remote_show_progress(r, &now->status);
        park_again(r, 0);
}

static void not_known(struct remote *r, const struct server_reply *now)
{
        bool began = r->memo.start == START_ACCEPTED || r->memo.start == START_NONE;
        const char *what = now->reply == REPLY_STATUS ? "shows only an earlier run of this project"
                                                      : "does not know this migration";
        r->memo.unknown++;
        if (began && r->memo.unknown < UNKNOWN_MAX) {
                body_log(r->body, "the migration server %s (%" PRId32 " of %d answers)", what,
                         r->memo.unknown, UNKNOWN_MAX);
                park_again(r, 0);
                return;
        }
        r->memo.spent = r->job->spent + 1;
        if (began)
                remote_failed(r, CLASS_TEMPORARY, -1, "the migration server %s any more", what);
        else
                remote_failed(r, CLASS_TEMPORARY, -1,
                              "the start was not answered, and the migration server %s", what);
}

static void ask(struct remote *r)
{
        struct server_reply now;
        struct remote_moment m;
        server_status(r, &now);
        FAULT_POINT(poll_answered);
        remote_moment_of_parked(&r->memo, r->target, r->job->started_ms, &m);
        enum remote_verdict v = remote_verdict(now.reply, &now.status, &m);
        switch (v) {
        case VERDICT_COMPLETED:
        case VERDICT_FAILED:
                remote_settled(r, v, &now.status);
                break;
        case VERDICT_RUNNING:
        case VERDICT_FOREIGN: /* whoever's it is: while it runs, nothing can be started */
                still_running(r, &now);
                break;
        case VERDICT_UNKNOWN:
                not_known(r, &now);
                break;
        default:
                body_log(r->body, "no news: %s", now.trouble.why);
                park_again(r, now.trouble.due_in_ms);
                break;
        }
}

void remote_poll(struct body *b, const struct job *job, struct outcome *out)
{
        struct remote r;
        remote_begin(&r, b, job, out);
        ask(&r);
        remote_end(&r);
}
