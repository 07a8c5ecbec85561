/* migration_ask.c - upstream's answer, what it means for the row, and the settlement. */
#include "api/migration_ask.h"

#include <string.h>

#include "api/app.h"
#include "api/secret_hide.h"
#include "api/settle_now.h"
#include "api/upstream.h"
#include "base/fault.h"

struct question {
        struct request *rq;
        const struct migration_facts *f;
        asked_fn fn;
        struct asked a;
};

void migration_outcome(struct arena *a, const struct remote_answer *s, const char *memo,
                       struct outcome *out)
{
        *out = (struct outcome){.due_in_ms = -1, .result = s->body};
        if (s->state == REMOTE_COMPLETED) {
                out->kind = OUTCOME_COMPLETED;
                return;
        }
        out->kind = OUTCOME_FAILED;
        out->class = s->class != CLASS_NONE ? s->class : CLASS_TEMPORARY;
        out->error = s->error ? s->error : "the migration server says that it failed";
        /* the next attempt must not take this end for its own */
        struct remote_memo m;
        remote_memo_parse(memo, &m);
        if (m.start == START_NONE)
                return;
        m.start = START_ENDED;
        out->memo = remote_memo_json(&m, a);
}

static void done(struct question *q)
{
        q->fn(q->rq, q->f, &q->a);
}

static void on_settled(bool settled, const char *state, const struct err *e, void *arg)
{
        struct question *q = arg;
        (void)state;
        (void)e; /* the row is as it was; the next question or poll settles it */
        q->a.settled = settled;
        done(q);
}

static void judge(struct question *q)
{
        struct remote_memo memo;
        struct remote_moment m;
        bool parked = strcmp(q->f->state, "parked") == 0;
        remote_memo_parse(q->f->memo, &memo);
        if (parked)
                remote_moment_of_parked(&memo, q->f->target, q->f->started_ms, &m);
        else
                remote_moment_of_memo(&memo, q->f->target, &m);
        q->a.verdict = remote_verdict(q->a.reply, &q->a.status, &m);
        if (!parked || (q->a.verdict != VERDICT_COMPLETED && q->a.verdict != VERDICT_FAILED)) {
                done(q);
                return;
        }
        struct outcome o;
        migration_outcome(request_arena(q->rq), &q->a.status, q->f->memo, &o);
        FAULT_POINT(ask_end_known);
        settle_now(request_app(q->rq), q->f->id, q->f->attempt, &o, on_settled, q);
}

static void read_status(struct question *q, const struct upstream_reply *r)
{
        struct arena *a = request_arena(q->rq);
        size_t len = r->len;
        const char *body =
                secret_hide(a, r->body, &len, q->f->secret, request_app(q->rq)->config->secret_key);
        if (r->status == 404) {
                q->a.reply = REPLY_UNKNOWN;
        } else if (r->status == 200) {
                if (remote_answer_parse(body, len, a, &q->a.status, &q->a.err) == 0)
                        q->a.reply = REPLY_STATUS;
                else
                        err_wrap(&q->a.err, "the answer of the migration server cannot be used");
        } else {
                const char *words = remote_error_text(body, len, a);
                err_set(&q->a.err, ERR_UPSTREAM, "the migration server answers %d%s%s", r->status,
                        words ? ": " : "", words ? words : "");
        }
}

static void on_reply(const struct upstream_reply *r, const struct err *e, void *arg)
{
        struct question *q = arg;
        if (e)
                q->a.err = *e;
        else
                read_status(q, r);
        judge(q);
}

/* Not from inside the call: fn is called later in every case. */
static void not_known_there(void *arg)
{
        done(arg);
}

void migration_ask(struct request *rq, const struct migration_facts *f, asked_fn fn)
{
        struct app *app = request_app(rq);
        struct question *q = ARENA_NEW(request_arena(rq), struct question);
        *q = (struct question){.rq = rq, .f = f, .fn = fn};
        q->a.reply = REPLY_FAILED;
        q->a.verdict = VERDICT_AGAIN;
        if (migration_is_remote(f)) {
                upstream_status(app->upstream, f->project, f->target, on_reply, q);
                return;
        }
        if (strcmp(f->kind, "remote") == 0)
                err_set(&q->a.err, ERR_CONFLICT,
                        "migration m%lld has no brz_project_id yet: the "
                        "migration server does not know it",
                        (long long)f->id);
        else
                err_set(&q->a.err, ERR_CONFLICT,
                        "migration m%lld is of kind %s: the migration "
                        "server has no part in it",
                        (long long)f->id, f->kind);
        loop_defer(app->loop, not_known_there, q);
}
