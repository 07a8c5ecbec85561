/*
 * start.c - an attempt of a migration on the migration server. It asks before it starts anything,
 * every time: what runs there may be an earlier attempt's (take it over), somebody else's (wait),
 * or may have ended meanwhile. The memo is on disk before the start is sent, so that whatever
 * happens then, the next run knows that a start is out.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "worker/kinds/remote/remote.h"
#include "worker/kinds/remote/server.h"
#include "worker/kinds/remote/target.h"

enum {
        MOMENT_MS = 3000,     /* before asking after a start that went wrong: one call each 3-5 s */
        SHORT_POLL_MS = 5000, /* while it is not known whether it began */
};

static int check_params(struct remote *r)
{
        const struct remote_params *p = &r->params;
        const char *missing = !p->site_id && !p->secret ? "mb_site_id and mb_secret are"
                              : !p->site_id             ? "mb_site_id is"
                              : !p->secret              ? "mb_secret is"
                                                        : NULL;
        if (missing)
                return remote_failed(r, CLASS_CRITICAL, -1,
                                     "%s missing: neither the request nor the stored settings have "
                                     "a value",
                                     missing);
        if (p->site_id[strspn(p->site_id, "0123456789")])
                return remote_failed(r, CLASS_CRITICAL, -1, "mb_site_id is no integer");
        if (!r->job->webhook_url || !*r->job->webhook_url)
                return remote_failed(r, CLASS_CRITICAL, -1,
                                     "there is no address for the webhook: http.public_url is not "
                                     "set");
        return 0;
}

/* A new start of this attempt, as the memo tells of it. */
static void note_start(struct remote *r, const struct server_reply *before)
{
        int64_t now = clock_wall_ms();
        r->memo = (struct remote_memo){
                .start = START_SENT,
                .brz_project_id = r->target,
                .attempt = r->job->attempt,
                .spent = r->job->spent,
                .claimed_ms = r->job->started_ms,
                .start_sent_ms = now,
                .server_now_ms = before->date_ms ? before->date_ms + (now - before->at_ms) : 0,
        };
        remote_trace_of(before->reply == REPLY_STATUS ? &before->status : NULL, &r->memo.before);
}

static void fail_with(struct remote *r, const struct server_trouble *t)
{
        if (t->class == CLASS_TEMPORARY)
                r->memo.spent =
                        r->job->spent + 1; /* it will be counted, its run's end is not known */
        remote_failed(r, t->class, t->due_in_ms, "%s", t->why);
}

/* Nobody knows whether the start began: a poll will tell. */
static void park_ambiguous(struct remote *r, const struct server_trouble *t)
{
        int64_t initial = r->cfg->remote_poll_initial_ms;
        int64_t due = initial < SHORT_POLL_MS ? initial : SHORT_POLL_MS;
        r->memo.start = START_AMBIGUOUS;
        body_log(r->body, "it is not known yet whether the migration began; will ask again");
        remote_parked(r, t->due_in_ms > due ? t->due_in_ms : due);
}

static void begin_ambiguous(struct remote *r, const struct server_trouble *t)
{
        int64_t initial = r->cfg->remote_poll_initial_ms;
        struct server_reply now;
        struct remote_moment m;
        body_log(r->body, "the start may or may not have begun (%s); asks for the status", t->why);
        r->memo.start = START_AMBIGUOUS;
        remote_wait(r, initial < MOMENT_MS ? initial : MOMENT_MS);
        server_status(r, &now);
        remote_moment_of_memo(&r->memo, r->target, &m);
        enum remote_verdict v = remote_verdict(now.reply, &now.status, &m);
        switch (v) {
        case VERDICT_RUNNING:
        case VERDICT_FOREIGN: /* it was not running a moment ago */
                body_log(r->body, "it began: the migration server says that it is in progress");
                r->memo.start = START_ACCEPTED;
                r->memo.seen_running = true;
                remote_show_progress(r, &now.status);
                remote_parked(r, remote_poll_due(r, 0));
                break;
        case VERDICT_COMPLETED:
        case VERDICT_FAILED:
                remote_settled(r, v, &now.status);
                break;
        default:
                park_ambiguous(r, t);
                break;
        }
}

static void start(struct remote *r, const struct server_reply *before)
{
        struct server_trouble trouble;
        struct server_start s;
        const char *answer;
        struct err e = ERR_INIT;
        if (server_turn(r, &trouble) < 0) {
                fail_with(r, &trouble);
                return;
        }
        note_start(r, before);
        const char *memo = remote_memo_json(&r->memo, r->arena);
        if (body_ask(r->body, "memo", memo, NULL, &answer, &e) < 0) {
                remote_unanswered(r, "note the start before it is sent", &e);
                r->memo.start = START_NOT_SENT;
                return;
        }
        FAULT_POINT(start_noted);
        server_start(r, &s);
        FAULT_POINT(start_answered);
        switch (s.begun) {
        case BEGUN_YES:
                r->memo.start = START_ACCEPTED;
                body_log(r->body, "started on the migration server with target %" PRId64, r->target);
                remote_parked(r, remote_poll_due(r, 0));
                break;
        case BEGUN_NO:
                r->memo.start = s.reached ? START_AMBIGUOUS : START_NOT_SENT;
                fail_with(r, &s.trouble);
                break;
        case BEGUN_UNKNOWN:
                begin_ambiguous(r, &s.trouble);
                break;
        }
}

static void adopt(struct remote *r, const struct server_reply *now)
{
        body_log(r->body,
                 "the start of attempt %" PRId32 " runs on the migration server; waits for it",
                 r->memo.attempt);
        r->memo.start = START_ACCEPTED;
        r->memo.spent = r->job->spent;
        r->memo.claimed_ms = r->job->started_ms;
        r->memo.seen_running = true;
        r->memo.unknown = 0;
        remote_show_progress(r, &now->status);
        remote_parked(r, remote_poll_due(r, 0));
}

static void start_or_not(struct remote *r)
{
        struct server_reply now;
        struct remote_moment m;
        server_status(r, &now);
        FAULT_POINT(start_asked);
        remote_moment_of_memo(&r->memo, r->target, &m);
        enum remote_verdict v = remote_verdict(now.reply, &now.status, &m);
        switch (remote_step_before_start(v, &r->memo, r->job->spent, r->job->first_started_ms)) {
        case STEP_AGAIN:
                fail_with(r, &now.trouble);
                break;
        case STEP_ADOPT:
                adopt(r, &now);
                break;
        case STEP_WAIT:
                remote_failed(r, CLASS_DEPENDENCY, remote_poll_due(r, 0),
                              "the migration server already runs this project with target %" PRId64
                              ", not started by this migration",
                              r->target);
                break;
        case STEP_COMPLETE:
        case STEP_FAIL:
                body_log(r->body, "the start of attempt %" PRId32 " has ended meanwhile",
                         r->memo.attempt);
                remote_settled(r, v, &now.status);
                break;
        default:
                if (now.reply == REPLY_STATUS)
                        body_log(r->body, "the migration server still shows an earlier run (%s)",
                                 remote_state_name(now.status.state));
                start(r, &now);
                break;
        }
}

void remote_start(struct body *b, const struct job *job, struct outcome *out)
{
        struct remote r;
        remote_begin(&r, b, job, out);
        if (check_params(&r) == 0 && remote_target(&r) == 0)
                start_or_not(&r);
        remote_end(&r);
}
