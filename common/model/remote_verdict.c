/* remote_verdict.c - the rules of the header, and nothing else. */
#include "model/remote_verdict.h"

#include "base/mem.h"

/* Tolerances. Both times the server's: Date has whole seconds, and so may its times. */
enum {
        SAME_CLOCK_MS = 5 * 1000,
        TWO_CLOCKS_MS = 60 * 1000,
        ZONES_MS = 14 * 3600 * 1000, /* the farthest zone from UTC */
};

static const char *const verdict_names[] = {
        [VERDICT_AGAIN] = "ask again",     [VERDICT_UNKNOWN] = "unknown",
        [VERDICT_FOREIGN] = "foreign",     [VERDICT_RUNNING] = "running",
        [VERDICT_COMPLETED] = "completed", [VERDICT_FAILED] = "failed",
};
_Static_assert(COUNT_OF(verdict_names) == VERDICT_COUNT, "every verdict has a name");

const char *remote_verdict_name(enum remote_verdict v)
{
        return verdict_names[v];
}

void remote_moment_of_memo(const struct remote_memo *m, int64_t brz_project_id,
                           struct remote_moment *out)
{
        *out = (struct remote_moment){0};
        if (!remote_memo_sent(m, brz_project_id))
                return;
        bool same_clock = m->server_now_ms != 0;
        out->start_ms = same_clock ? m->server_now_ms : m->start_sent_ms;
        out->tolerance_ms = same_clock ? SAME_CLOCK_MS : TWO_CLOCKS_MS;
        out->before = m->before;
        out->seen_running = m->seen_running;
}

void remote_moment_of_parked(const struct remote_memo *m, int64_t brz_project_id,
                             int64_t started_ms, struct remote_moment *out)
{
        remote_moment_of_memo(m, brz_project_id, out);
        if (out->start_ms)
                return;
        out->start_ms = started_ms ? started_ms : 1;
        out->tolerance_ms = TWO_CLOCKS_MS;
}

static bool is_before(const struct loose_time *t, const struct remote_moment *m)
{
        int64_t tolerance = m->tolerance_ms;
        if (!t->zoned && m->before.known)
                tolerance += ZONES_MS;
        return t->ms + tolerance < m->start_ms;
}

/* The time that tells whose run a final status is; its ms is 0 where there is none. */
static struct loose_time deciding_time(const struct remote_answer *s)
{
        if (s->started.ms)
                return s->started;
        if (s->updated.ms)
                return s->updated;
        return s->completed.ms ? s->completed : s->failed;
}

static bool final_counts(const struct remote_answer *s, const struct remote_moment *m)
{
        struct remote_trace now;
        remote_trace_of(s, &now);
        struct loose_time t = deciding_time(s);
        if (remote_trace_same(&now, &m->before) && !m->seen_running)
                return false;
        return !t.ms || !is_before(&t, m);
}

enum remote_verdict remote_verdict(enum remote_reply reply, const struct remote_answer *s,
                                   const struct remote_moment *m)
{
        if (reply == REPLY_FAILED)
                return VERDICT_AGAIN;
        if (reply == REPLY_UNKNOWN)
                return VERDICT_UNKNOWN;
        switch (s->state) {
        case REMOTE_PENDING:
        case REMOTE_RUNNING:
                if (!m->start_ms || (s->started.ms && is_before(&s->started, m)))
                        return VERDICT_FOREIGN;
                return VERDICT_RUNNING;
        case REMOTE_COMPLETED:
        case REMOTE_ERROR:
                if (!m->start_ms || !final_counts(s, m))
                        return VERDICT_UNKNOWN;
                return s->state == REMOTE_COMPLETED ? VERDICT_COMPLETED : VERDICT_FAILED;
        case REMOTE_NONE:
                break;
        }
        return VERDICT_AGAIN;
}

enum remote_step remote_step_before_start(enum remote_verdict v, const struct remote_memo *m,
                                          int32_t spent, int64_t first_started_ms)
{
        bool this_life = m->claimed_ms >= first_started_ms;
        switch (v) {
        case VERDICT_AGAIN:
                return STEP_AGAIN;
        case VERDICT_FOREIGN:
                return STEP_WAIT;
        case VERDICT_RUNNING:
                return STEP_ADOPT;
        case VERDICT_COMPLETED:
                return this_life && m->start != START_ENDED ? STEP_COMPLETE : STEP_START;
        case VERDICT_FAILED:
                return this_life && m->start != START_ENDED && m->spent == spent ? STEP_FAIL
                                                                                 : STEP_START;
        default:
                return STEP_START;
        }
}

int64_t remote_poll_due_ms(int64_t initial_ms, int64_t cap_ms, int32_t polls, uint64_t random)
{
        int64_t wait = initial_ms;
        for (int32_t i = 0; i < polls && wait < cap_ms; i++)
                wait += wait / 2 + 1;
        if (wait > cap_ms)
                wait = cap_ms;
        int64_t tenth = wait / 10;
        return wait - tenth + (int64_t)(random % (uint64_t)(2 * tenth + 1));
}
