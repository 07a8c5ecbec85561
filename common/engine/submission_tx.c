/* submission_tx.c - the parameters of the statements by which a wave is submitted. */
#include "engine/submission_tx.h"

#include <stdio.h>

#include "base/mem.h"

size_t submission_wave_statements(const struct submission *s)
{
        return steering_any(&s->steering) || s->edges ? 2 : 1;
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
                pg_stmt(tx, SQL_SUBMIT_STEERING);
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

void submission_read_wave(const struct pg_result *r, size_t at, const struct submission *s,
                          struct submitted *out)
{
        at += submission_wave_statements(s) - 1; /* the answer is the last one's */
        *out = (struct submitted){.first = pg_int(r, at, 0, COL_FIRST),
                                  .last = pg_int(r, at, 0, COL_LAST),
                                  .some_blocked = s->edges > 0,
                                  .facts = {.wave_no = pg_int(r, at, 0, COL_WAVE_NO),
                                            .version = (int32_t)pg_int(r, at, 0, COL_VERSION),
                                            .paused = s->steering.planned,
                                            .batch_size = (int32_t)s->batch_size,
                                            .priority = (int32_t)s->priority}};
        out->released_last = out->last;
        if (s->steering.canary && s->steering.canary < out->last - out->first + 1)
                out->released_last = out->first + s->steering.canary - 1;
        snprintf(out->facts.queue, sizeof(out->facts.queue), "%s", s->queue);
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
