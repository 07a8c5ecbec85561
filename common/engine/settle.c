#include "engine/settle.h"

#include <string.h>

#include "base/metrics.h"

static const char *outcome_name(enum outcome_kind k)
{
        static const char *const names[] = {
                [OUTCOME_COMPLETED] = "completed",
                [OUTCOME_PARKED] = "parked",
                [OUTCOME_FAILED] = "failed",
                [OUTCOME_HANDED_BACK] = "handed_back",
        };
        return names[k];
}

/* What the statements want, in columns. */
struct columns {
        int64_t ids[SETTLE_MAX], due[SETTLE_MAX], target[SETTLE_MAX], took[SETTLE_MAX];
        int32_t attempts[SETTLE_MAX], polls[SETTLE_MAX];
        const char *kinds[SETTLE_MAX], *classes[SETTLE_MAX], *errors[SETTLE_MAX];
        const char *results[SETTLE_MAX], *memos[SETTLE_MAX];
        bool all_completed, any_result, any_memo, any_target, any_poll;
};

static void fill(struct columns *c, const struct settle_row *rows, size_t n)
{
        c->all_completed = n > 0;
        c->any_result = c->any_memo = c->any_target = c->any_poll = false;
        for (size_t i = 0; i < n; i++) {
                const struct outcome *o = rows[i].o;
                c->ids[i] = rows[i].id;
                c->attempts[i] = rows[i].attempt;
                c->polls[i] = rows[i].poll;
                c->kinds[i] = outcome_name(o->kind);
                c->classes[i] = error_class_name(o->class);
                c->errors[i] = o->error;
                c->results[i] = o->result;
                c->memos[i] = o->memo;
                c->due[i] = o->due_in_ms;
                c->target[i] = o->brz_project_id;
                c->took[i] = o->took_us;
                c->all_completed &= o->kind == OUTCOME_COMPLETED;
                c->any_result |= o->result != NULL;
                c->any_memo |= o->memo != NULL;
                c->any_target |= o->brz_project_id != 0;
                c->any_poll |= rows[i].poll;
        }
}

/* A column in which nothing stands is empty: it costs nothing then. */
static void add_completed(struct pg_tx *tx, const struct columns *c, size_t n,
                          const struct settle_by *by)
{
        pg_stmt(tx, SQL_SETTLE_COMPLETED);
        pg_arg_int8s(tx, c->ids, n);
        pg_arg_int4s(tx, c->attempts, n);
        pg_arg_texts(tx, c->results, c->any_result ? n : 0);
        pg_arg_texts(tx, c->memos, c->any_memo ? n : 0);
        pg_arg_int8s(tx, c->target, c->any_target ? n : 0);
        pg_arg_int4s(tx, c->polls, c->any_poll ? n : 0);
        pg_arg_int(tx, by->worker);
        pg_arg_int(tx, by->shard);
        pg_arg_int8s(tx, c->took, n);
        pg_arg_bool(tx, by->claims);
        pg_arg_int(tx, (int64_t)by->promised);
}

bool settle_add(struct pg_tx *tx, const struct settle_row *rows, size_t n,
                const struct settle_by *by)
{
        struct columns c;

        fill(&c, rows, n);
        if (c.all_completed && !by->reap) {
                add_completed(tx, &c, n, by);
                return true;
        }
        pg_stmt(tx, SQL_SETTLE);
        pg_arg_int8s(tx, c.ids, n);
        pg_arg_int4s(tx, c.attempts, n);
        pg_arg_texts(tx, c.kinds, n);
        pg_arg_texts(tx, c.classes, n);
        pg_arg_texts(tx, c.errors, n);
        pg_arg_texts(tx, c.results, n);
        pg_arg_texts(tx, c.memos, n);
        pg_arg_int8s(tx, c.due, n);
        pg_arg_int8s(tx, c.target, n);
        pg_arg_int(tx, by->reap ? by->reap : by->worker);
        pg_arg_int(tx, by->shard);
        pg_arg_int(tx, by->cfg->retry_base_ms);
        pg_arg_int(tx, by->cfg->retry_cap_ms);
        pg_arg_int(tx, by->cfg->retry_crash_budget);
        pg_arg_int4s(tx, c.polls, n);
        pg_arg_int(tx, by->reap);
        pg_arg_bool(tx, by->careful || by->reap);
        pg_arg_int8s(tx, c.took, n);
        pg_arg_bool(tx, by->claims);
        return false;
}

/* Columns of settle: id, attempt, wave_no, state, wait_ms, class, version, wave_state, batch_size, priority, queue;
 * the last five, of the wave, in one row of each wave at least. */
static const struct facts_cols settle_cols = {2, 6, 7, 8, 9, 10};

/* The row for this outcome, or -1. Looks at `next` first, where it usually is. */
static int find(const struct pg_result *r, size_t s, int next, const struct settle_row *of)
{
        int rows = pg_rows(r, s);

        for (int n = 0; n < rows; n++) {
                int i = (next + n) % rows;
                if (pg_int(r, s, i, 0) == of->id && pg_int(r, s, i, 1) == of->attempt)
                        return i;
        }
        return -1;
}

static void find_all(const struct pg_result *r, size_t s, const struct settle_row *rows, size_t n,
                     const char **states)
{
        bool told[SETTLE_MAX] = {false}; /* of the same outcome that came twice, one is settled */
        int next = 0;

        for (size_t i = 0; i < n; i++) {
                int row = find(r, s, next, &rows[i]);
                states[i] = NULL;
                if (row < 0 || told[row])
                        continue;
                told[row] = true;
                next = row + 1;
                states[i] = pg_text(r, s, row, 3);
        }
}

void settle_read(const struct pg_result *r, size_t s, const struct settle_row *rows, size_t n,
                 const char **states, struct after *a)
{
        int64_t wave_no = 0; /* whose facts were read last */
        const char *state = NULL;
        int alike = 0;

        for (int row = 0; row < pg_rows(r, s); row++) {
                const char *now = pg_text(r, s, row, 3);
                struct delivery d = {.id = pg_int(r, s, row, 0),
                                     .wave_no = pg_int(r, s, row, 2),
                                     .end = end_of_state(now),
                                     .due_in_ms = pg_int(r, s, row, 4)};
                struct wave_facts f;

                after_add(a, &d);
                news_row(&a->news, d.wave_no, d.id, (int32_t)pg_int(r, s, row, 1), now);
                if (d.wave_no != wave_no && !pg_is_null(r, s, row, settle_cols.version)) {
                        facts_read(r, s, row, &settle_cols, &f);
                        after_facts(a, &f);
                        wave_no = d.wave_no;
                }
                if (state && strcmp(now, state) != 0) {
                        metric_add(METRIC_SETTLED, alike, state, NULL);
                        alike = 0;
                }
                state = now;
                alike++;
        }
        if (state)
                metric_add(METRIC_SETTLED, alike, state, NULL);
        find_all(r, s, rows, n, states);
}

/* Columns of settle_completed: wave_no, places, version, wave_state, batch_size, priority, queue, watched. */
enum { PLACES = 1, WATCHED = 7 };
static const struct facts_cols completed_cols = {0, 2, 3, 4, 5, 6};
static const char completed[] = "completed";

static void completed_row(const struct settle_row *of, int64_t wave_no, struct after *a)
{
        struct delivery d = {.id = of->id, .wave_no = wave_no, .end = END_SETTLED};

        after_add(a, &d);
        news_row(&a->news, wave_no, of->id, of->attempt, completed);
}

void settle_read_completed(const struct pg_result *r, size_t s, const struct settle_row *rows,
                           size_t n, const char **states, struct after *a)
{
        int settled = 0;

        memset(states, 0, n * sizeof(*states));
        /* a row without a wave: nothing was settled */
        for (int row = 0; row < pg_rows(r, s) && !pg_is_null(r, s, row, completed_cols.wave_no);
             row++) {
                int64_t wave_no = pg_int(r, s, row, completed_cols.wave_no), place;
                const char *places = pg_text(r, s, row, PLACES);
                struct wave_facts f;

                facts_read(r, s, row, &completed_cols, &f);
                after_facts(a, &f);
                while (pg_next_int(&places, &place)) {
                        states[place - 1] = completed;
                        completed_row(&rows[place - 1], wave_no, a);
                        settled++;
                }
        }
        if (settled)
                metric_add(METRIC_SETTLED, settled, completed, NULL);
}

bool settle_is_watched(const struct pg_result *r, size_t s)
{
        for (int row = 0; row < pg_rows(r, s); row++)
                if (pg_bool(r, s, row, WATCHED))
                        return true;
        return false;
}
