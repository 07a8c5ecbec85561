/* submission_tx.c - the parameters of the statements by which a wave is submitted. */
#include "engine/submission_tx.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>

#include "base/mem.h"

size_t submission_wave_statements(const struct submission *s)
{
        return s->steering.ndepends_on ? 2 : 1;
}

static void add_steering(struct pg_tx *tx, const struct steering *t)
{
        pg_arg_bool(tx, t->planned);
        pg_arg_text(tx, t->start_at);
        pg_arg_text(tx, t->deadline_at);
        pg_arg_int(tx, t->canary);
        pg_arg_int(tx, t->max_failures);
        char percent[32];
        snprintf(percent, sizeof(percent), "%.10g", t->max_failures_percent);
        pg_arg_text(tx, percent);
}

void submission_add_wave(struct pg_tx *tx, const struct submission *s)
{
        if (submission_wave_statements(s) > 1) {
                pg_stmt(tx, SQL_SUBMIT_DEPENDS_ON);
                pg_arg_texts(tx, s->steering.depends_on, s->steering.ndepends_on);
        }
        pg_stmt(tx, SQL_SUBMIT_WAVE);
        pg_arg_text(tx, s->wave_id);
        pg_arg_text(tx, s->name);
        pg_arg_text(tx, s->kind);
        pg_arg_text(tx, s->params);
        pg_arg_text(tx, s->queue);
        pg_arg_int(tx, s->priority);
        pg_arg_int(tx, s->batch_size);
        pg_arg_int(tx, s->max_attempts);
        pg_arg_int(tx, s->timeout_ms);
        pg_arg_int(tx, (int64_t)s->count);
        pg_arg_int(tx, s->workspace_id);
        pg_arg_text(tx, s->workspace_name);
        pg_arg_bool(tx, s->mgr_manual);
        pg_arg_bool(tx, s->cloning);
        pg_arg_text(tx, s->traceparent);
        pg_arg_text(tx, s->created_by ? s->created_by : "");
        add_steering(tx, &s->steering);
}

/* Columns of submit_wave. */
enum { COL_WAVE_NO, COL_FIRST, COL_LAST, COL_VERSION };

static void read_row(const struct pg_result *r, size_t at, int row, const struct submission *s,
                     struct submitted *out)
{
        *out = (struct submitted){.first = pg_int(r, at, row, COL_FIRST),
                                  .last = pg_int(r, at, row, COL_LAST),
                                  .some_blocked = s->edges > 0,
                                  .facts = {.wave_no = pg_int(r, at, row, COL_WAVE_NO),
                                            .version = (int32_t)pg_int(r, at, row, COL_VERSION),
                                            .paused = s->steering.planned,
                                            .batch_size = (int32_t)s->batch_size,
                                            .priority = (int32_t)s->priority}};
        out->released_last = out->last;
        if (s->steering.canary && s->steering.canary < out->last - out->first + 1)
                out->released_last = out->first + s->steering.canary - 1;
        snprintf(out->facts.queue, sizeof(out->facts.queue), "%s", s->queue);
}

void submission_read_wave(const struct pg_result *r, size_t at, const struct submission *s,
                          struct submitted *out)
{
        read_row(r, at + submission_wave_statements(s) - 1, 0, s, out); /* the last one answers */
}

void submission_add_migrations(struct pg_tx *tx, const struct submission *s)
{
        autofree const char **names = mem_try_array(NULL, s->count, sizeof(*names));
        autofree const char **params = mem_try_array(NULL, s->count, sizeof(*params));
        autofree int64_t *targets = mem_try_array(NULL, s->count, sizeof(*targets));
        if (!names || !params || !targets) {
                pg_arg_starved(tx);
                return;
        }
        for (size_t i = 0; i < s->count; i++) {
                names[i] = s->projects[i].name;
                params[i] = s->projects[i].params;
                targets[i] = s->projects[i].target;
        }
        pg_stmt(tx, SQL_SUBMIT_MIGRATIONS);
        pg_arg_text(tx, s->wave_id);
        pg_arg_texts(tx, names, s->count);
        pg_arg_int8s(tx, targets, s->has_targets ? s->count : 0);
        pg_arg_texts(tx, params, s->has_params ? s->count : 0);
}

void submission_add_dependencies(struct pg_tx *tx, const struct submission *s)
{
        if (s->edges) {
                pg_stmt(tx, SQL_SUBMIT_DEPENDENCIES);
                pg_arg_text(tx, s->wave_id);
                pg_arg_int4s(tx, s->places, s->edges);
                pg_arg_int4s(tx, s->on_places, s->edges);
        }
        if (s->steering.ndepends_on) {
                pg_stmt(tx, SQL_SUBMIT_WAVE_DEPENDENCIES);
                pg_arg_text(tx, s->wave_id);
                pg_arg_texts(tx, s->steering.depends_on, s->steering.ndepends_on);
        }
}

/* ---- several at once ---- */

bool submission_is_plain(const struct submission *s)
{
        return !steering_any(&s->steering) && !s->edges && s->count <= GROUP_MIGRATIONS_MAX;
}

/* A member of each, which lies at `offset`. */
static void add_texts(struct pg_tx *tx, const struct submission *const *all, size_t n, size_t offset)
{
        const char *v[GROUP_WAVES_MAX];
        for (size_t i = 0; i < n; i++)
                v[i] = *(const char *const *)(const void *)((const char *)all[i] + offset);
        pg_arg_texts(tx, v, n);
}

static void add_ints(struct pg_tx *tx, const struct submission *const *all, size_t n, size_t offset)
{
        int64_t v[GROUP_WAVES_MAX];
        for (size_t i = 0; i < n; i++)
                v[i] = *(const int64_t *)(const void *)((const char *)all[i] + offset);
        pg_arg_int8s(tx, v, n);
}

static void add_bools(struct pg_tx *tx, const struct submission *const *all, size_t n, size_t offset)
{
        bool v[GROUP_WAVES_MAX];
        for (size_t i = 0; i < n; i++)
                v[i] = *(const bool *)(const void *)((const char *)all[i] + offset);
        pg_arg_bools(tx, v, n);
}

static void add_ids(struct pg_tx *tx, const struct submission *const *all, size_t n)
{
        const char *v[GROUP_WAVES_MAX];
        for (size_t i = 0; i < n; i++)
                v[i] = all[i]->wave_id;
        pg_arg_texts(tx, v, n);
}

static void add_counts(struct pg_tx *tx, const struct submission *const *all, size_t n)
{
        int64_t v[GROUP_WAVES_MAX];
        for (size_t i = 0; i < n; i++)
                v[i] = (int64_t)all[i]->count;
        pg_arg_int8s(tx, v, n);
}

static void add_creators(struct pg_tx *tx, const struct submission *const *all, size_t n)
{
        const char *v[GROUP_WAVES_MAX];
        for (size_t i = 0; i < n; i++)
                v[i] = all[i]->created_by ? all[i]->created_by : "";
        pg_arg_texts(tx, v, n);
}

static void add_projects(struct pg_tx *tx, const struct submission *const *all, size_t n)
{
        int32_t wave[GROUP_MIGRATIONS_MAX];
        const char *names[GROUP_MIGRATIONS_MAX], *params[GROUP_MIGRATIONS_MAX];
        int64_t targets[GROUP_MIGRATIONS_MAX];
        size_t at = 0;
        for (size_t i = 0; i < n; i++) {
                for (size_t k = 0; k < all[i]->count; k++, at++) {
                        assert(at < GROUP_MIGRATIONS_MAX);
                        wave[at] = (int32_t)i + 1;
                        names[at] = all[i]->projects[k].name;
                        params[at] = all[i]->projects[k].params;
                        targets[at] = all[i]->projects[k].target;
                }
        }
        pg_arg_int4s(tx, wave, at);
        pg_arg_texts(tx, names, at);
        pg_arg_int8s(tx, targets, at);
        pg_arg_texts(tx, params, at);
}

void submission_add_group(struct pg_tx *tx, const struct submission *const *all, size_t n)
{
        assert(n <= GROUP_WAVES_MAX);
        pg_stmt(tx, SQL_SUBMIT_GROUP);
        add_ids(tx, all, n);
        add_texts(tx, all, n, offsetof(struct submission, name));
        add_texts(tx, all, n, offsetof(struct submission, kind));
        add_texts(tx, all, n, offsetof(struct submission, params));
        add_texts(tx, all, n, offsetof(struct submission, queue));
        add_ints(tx, all, n, offsetof(struct submission, priority));
        add_ints(tx, all, n, offsetof(struct submission, batch_size));
        add_ints(tx, all, n, offsetof(struct submission, max_attempts));
        add_ints(tx, all, n, offsetof(struct submission, timeout_ms));
        add_counts(tx, all, n);
        add_ints(tx, all, n, offsetof(struct submission, workspace_id));
        add_texts(tx, all, n, offsetof(struct submission, workspace_name));
        add_bools(tx, all, n, offsetof(struct submission, mgr_manual));
        add_bools(tx, all, n, offsetof(struct submission, cloning));
        add_texts(tx, all, n, offsetof(struct submission, traceparent));
        add_creators(tx, all, n);
        add_projects(tx, all, n);
}

void submission_read_group(const struct pg_result *r, size_t i, const struct submission *s,
                           struct submitted *out)
{
        read_row(r, 0, (int)i, s, out);
}
