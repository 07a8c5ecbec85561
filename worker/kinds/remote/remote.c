/* remote.c - the run's beginning and end, its outcomes, and its row in the table of kinds. */
#include "worker/kinds/remote/remote.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"

enum {
        RESULT_MAX = 2 << 20, /* a message to the supervisor holds 4 MiB in all */
        UNANSWERED_DUE_MS = 5000,
        AFTER_TIMEOUT_MS = 200, /* a poll that is to find the time over comes just behind it */
        TEXT_MAX = 64 * 1024,
};

const struct kind kind_remote = {.name = "remote", .start = remote_start, .poll = remote_poll};

void remote_begin(struct remote *r, struct body *b, const struct job *job, struct outcome *out)
{
        *r = (struct remote){
                .body = b,
                .job = job,
                .out = out,
                .arena = body_arena(b),
                .cfg = body_config(b),
                .http = http_new(job->traceparent),
                .target = job->brz_project_id,
        };
        remote_memo_parse(job->memo, &r->memo);
        remote_params_read(job, r->arena, &r->params);
        r->workspace = r->params.workspace_id;
}

void remote_end(struct remote *r)
{
        if (r->memo.start != START_NONE && r->out->kind != OUTCOME_COMPLETED)
                r->out->memo = remote_memo_json(&r->memo, r->arena);
        if (!r->job->brz_project_id)
                r->out->brz_project_id = r->target;
        http_free(r->http);
        remote_params_wipe(&r->params);
}

/* ---- outcomes ---- */

int remote_failed(struct remote *r, enum error_class class, int64_t due_in_ms, const char *fmt, ...)
{
        autobuf text = BUF_INIT(TEXT_MAX);
        va_list ap;
        va_start(ap, fmt);
        buf_addv(&text, fmt, ap);
        va_end(ap);
        const char *said = remote_clean(r, buf_str(&text));
        outcome_failed(r->body, r->out, class, "%s", said);
        r->out->due_in_ms = due_in_ms;
        body_log(r->body, class == CLASS_DEPENDENCY ? "waits: %s" : "failed: %s", said);
        return -1;
}

int remote_unanswered(struct remote *r, const char *what, const struct err *e)
{
        return remote_failed(r, CLASS_DEPENDENCY, UNANSWERED_DUE_MS, "could not %s: %s", what,
                             e->text);
}

int64_t remote_poll_due(const struct remote *r, int32_t polls)
{
        return remote_poll_due_ms(r->cfg->remote_poll_initial_ms, r->cfg->remote_poll_cap_ms, polls,
                                  rand_u64());
}

void remote_parked(struct remote *r, int64_t due_in_ms)
{
        int64_t left = remote_time_left(r);
        if (left < 0)
                left = 0;
        if (due_in_ms > left && left < INT64_MAX - AFTER_TIMEOUT_MS)
                due_in_ms = left + AFTER_TIMEOUT_MS;
        outcome_parked(r->out, due_in_ms);
}

/* The body as it came; of one that no result may be as large as, what is known of it. */
static const char *result_of(struct remote *r, const struct remote_answer *s)
{
        if (strlen(s->body) <= RESULT_MAX)
                return s->body;
        autobuf text = BUF_INIT(TEXT_MAX);
        struct json_out o;
        json_out_init(&o, &text);
        json_out_object(&o, NULL);
        json_out_str(&o, "status", remote_state_name(s->state));
        json_out_int(&o, "brizy_project_id", s->brizy_project_id);
        json_out_str(&o, "brizy_project_domain", s->domain);
        json_out_str(&o, "migration_id", s->migration_id);
        json_out_str(&o, "error", s->error);
        json_out_int(&o, "dropped_bytes", (int64_t)strlen(s->body));
        json_out_object_end(&o);
        return arena_strdup(r->arena, buf_str(&text));
}

void remote_settled(struct remote *r, enum remote_verdict v, const struct remote_answer *s)
{
        remote_show_progress(r, s);
        if (v == VERDICT_COMPLETED) {
                body_log(r->body, "completed%s%s", s->domain ? ": " : "",
                         s->domain ? s->domain : "");
                outcome_completed(r->out, result_of(r, s));
        } else {
                r->memo.start = START_ENDED;
                remote_failed(r, s->class, -1, "%s", s->error);
                r->out->result = result_of(r, s);
        }
        r->out->domain = s->domain;
}

void remote_show_progress(struct remote *r, const struct remote_answer *s)
{
        const char *json = remote_progress_json(&s->progress, r->arena);
        if (json)
                body_progress(r->body, json);
}

/* ---- time ---- */

void remote_wait(const struct remote *r, int64_t ms)
{
        int64_t left = body_time_left_ms(r->body);
        if (ms > left)
                ms = left;
        if (ms <= 0)
                return;
        struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
        while (nanosleep(&t, &t) < 0 && errno == EINTR)
                continue;
}

int64_t remote_call_timeout(const struct remote *r)
{
        int64_t left = body_time_left_ms(r->body), whole = r->cfg->remote_start_timeout_ms;
        return left < whole ? left : whole;
}

int64_t remote_time_left(const struct remote *r)
{
        if (!r->job->timeout_ms || !r->job->started_ms)
                return INT64_MAX;
        return r->job->started_ms + r->job->timeout_ms - clock_wall_ms();
}

/* ---- secrets ---- */

static void replace(struct buf *text, const char *secret)
{
        size_t len = secret ? strlen(secret) : 0;
        const char *at = buf_str(text), *found;
        if (!len || !strstr(at, secret))
                return;
        struct buf clean = BUF_INIT(TEXT_MAX);
        for (; (found = strstr(at, secret)); at = found + len) {
                buf_add(&clean, at, (size_t)(found - at));
                buf_adds(&clean, "********");
        }
        buf_adds(&clean, at);
        buf_fini(text);
        *text = clean;
}

const char *remote_clean(const struct remote *r, const char *text)
{
        const char *const secrets[] = {r->params.secret, r->cfg->brizy_token};
        autobuf clean = BUF_INIT(TEXT_MAX);
        if (!text)
                return NULL;
        buf_adds(&clean, text);
        for (size_t i = 0; i < COUNT_OF(secrets); i++) {
                autobuf escaped = BUF_INIT(TEXT_MAX);
                if (!secrets[i])
                        continue;
                http_escape(&escaped, secrets[i]);
                replace(&clean, secrets[i]);
                replace(&clean, buf_str(&escaped));
        }
        return buf_ok(&clean) ? arena_strdup(r->arena, buf_str(&clean))
                              : "what it said is too long to be shown";
}
