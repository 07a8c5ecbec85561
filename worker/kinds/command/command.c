/*
 * command.c - the kind that runs a program (params: model/kind_command.h; what its end means: exit.h;
 * which may run: allow.h).
 *
 * Its environment is PATH, HOME and LANG of the worker, the facts of the job as WAVEFLEET_PROJECT,
 * _ATTEMPT, _WAVE_ID, _WAVE_NAME, _MIGRATION_ID, _IDEMPOTENCY_KEY (the same for every attempt of a
 * migration) and _BRZ_PROJECT_ID where it is known, TRACEPARENT where there is one, and params.env,
 * which goes before.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/placeholder.h"
#include "worker/kinds/body.h"
#include "worker/kinds/command/allow.h"
#include "worker/kinds/command/exit.h"
#include "worker/kinds/command/program.h"

extern const struct kind kind_command;

enum { FACTS_MAX = 16, QUOTE_BYTES = 500, MS_PER_S = 1000 };

CLEANUP_DEFINE(json, struct json *, json_free)

struct command {
        struct body *body;
        const struct job *job;
        struct arena *arena;
        const struct json *wave;    /* its params */
        const struct json *project; /* its params, or NULL */
        struct command_params params;
        char **argv;
        char **envp;
        size_t env_count;
        const char *cwd;
        const char *path;
};

/* ---- filling ---- */

static int fill_param(const struct command *c, const char *name, struct buf *out, struct err *e)
{
        const char *v = json_get_text(c->project, name, c->arena);
        if (!v)
                v = json_get_text(c->wave, name, c->arena);
        if (!v)
                return err_set(e, ERR_INVALID,
                               "{params.%s} is not given, as a text or a number, for this project",
                               name);
        buf_adds(out, v);
        return 0;
}

static int fill_name(const char *name, struct buf *out, void *arg, struct err *e)
{
        const struct command *c = arg;
        if (strncmp(name, "params.", 7) == 0)
                return fill_param(c, name + 7, out, e);
        if (strcmp(name, "project") == 0)
                buf_adds(out, c->job->project);
        else if (strcmp(name, "wave_id") == 0)
                buf_adds(out, c->job->wave_id);
        else if (strcmp(name, "attempt") == 0)
                buf_addi(out, c->job->attempt);
        else if (strcmp(name, "migration_id") == 0)
                buf_addi(out, c->job->id);
        else
                return err_set(e, ERR_INVALID, "{%s} is no placeholder", name);
        return 0;
}

/* NULL with the reason. */
static char *fill(struct command *c, const char *text, struct err *e)
{
        autobuf out = BUF_INIT(COMMAND_ARG_BYTES_MAX);
        if (!strchr(text, '{'))
                return arena_strdup(c->arena, text);
        if (placeholder_fill(text, &out, fill_name, c, e) < 0)
                return NULL;
        if (!buf_ok(&out)) {
                err_set(e, ERR_INVALID, "an argument is longer than %d bytes when it is filled",
                        COMMAND_ARG_BYTES_MAX);
                return NULL;
        }
        return arena_strdup(c->arena, buf_str(&out));
}

static int fill_argv(struct command *c, struct err *e)
{
        size_t n = 0;
        c->argv = ARENA_ARRAY(c->arena, char *, json_count(c->params.argv) + 1);
        for (const struct json *i = json_first(c->params.argv); i; i = json_next(i)) {
                c->argv[n] = fill(c, json_str(i), e);
                if (!c->argv[n++])
                        return -1;
        }
        return 0;
}

/* ---- the environment ---- */

static void set_variable(struct command *c, const char *name, const char *value)
{
        size_t len = strlen(name), at = 0;
        while (at < c->env_count &&
               (strncmp(c->envp[at], name, len) != 0 || c->envp[at][len] != '='))
                at++;
        c->envp[at] = arena_printf(c->arena, "%s=%s", name, value);
        if (at == c->env_count)
                c->env_count++;
}

static void set_facts(struct command *c)
{
        static const char *const passed[][2] = {
                {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                {"HOME", "/"},
                {"LANG", "C.UTF-8"},
        };
        const struct job *j = c->job;
        for (size_t i = 0; i < COUNT_OF(passed); i++) {
                const char *own = getenv(passed[i][0]);
                set_variable(c, passed[i][0], own ? own : passed[i][1]);
        }
        set_variable(c, "WAVEFLEET_PROJECT", j->project);
        set_variable(c, "WAVEFLEET_WAVE_ID", j->wave_id);
        set_variable(c, "WAVEFLEET_WAVE_NAME", j->wave_name ? j->wave_name : "");
        set_variable(c, "WAVEFLEET_ATTEMPT", arena_printf(c->arena, "%" PRId32, j->attempt));
        set_variable(c, "WAVEFLEET_MIGRATION_ID", arena_printf(c->arena, "%" PRId64, j->id));
        set_variable(c, "WAVEFLEET_IDEMPOTENCY_KEY",
                     arena_printf(c->arena, "%s-%" PRId64, j->wave_id, j->id));
        if (j->brz_project_id)
                set_variable(c, "WAVEFLEET_BRZ_PROJECT_ID",
                             arena_printf(c->arena, "%" PRId64, j->brz_project_id));
        if (j->traceparent)
                set_variable(c, "TRACEPARENT", j->traceparent);
}

static int fill_env(struct command *c, struct err *e)
{
        c->envp = ARENA_ARRAY(c->arena, char *, json_count(c->params.env) + FACTS_MAX);
        set_facts(c);
        for (const struct json *i = json_first(c->params.env); i; i = json_next(i)) {
                const char *value = fill(c, json_str(i), e);
                if (!value)
                        return -1;
                set_variable(c, json_name(i), value);
        }
        return 0;
}

/* ---- before the start ---- */

/* Reads and fills everything. -1: the outcome says why not. */
static int prepare(struct command *c, struct outcome *out)
{
        struct mistakes m = {.arena = c->arena};
        struct err e = ERR_INIT;
        kind_command_read(c->wave, "#/params", &c->params, &m);
        if (mistakes_check(&m, &e) < 0 || fill_argv(c, &e) < 0 || fill_env(c, &e) < 0 ||
            !(c->cwd = fill(c, c->params.cwd ? c->params.cwd : "/", &e))) {
                outcome_failed(c->body, out, CLASS_DATA, "%s", e.text);
                return -1;
        }
        c->path = allow_find(body_config(c->body)->command_allow, c->argv[0], c->arena, &e);
        if (!c->path) {
                outcome_failed(c->body, out, CLASS_CRITICAL, "%s", e.text);
                return -1;
        }
        return 0;
}

/* What is wrong with this one alone, with all of them, and with nobody. */
static enum error_class class_of_failure(const struct command *c, enum program_failure failure,
                                         int error)
{
        switch (failure) {
        case PROGRAM_NO_CWD:
                return c->params.cwd && strchr(c->params.cwd, '{') ? CLASS_DATA : CLASS_CRITICAL;
        case PROGRAM_NO_EXEC:
                if (error == E2BIG)
                        return CLASS_DATA;
                if (error == ENOMEM || error == EAGAIN || error == ETXTBSY || error == EMFILE ||
                    error == ENFILE || error == EIO)
                        return CLASS_TEMPORARY;
                return CLASS_CRITICAL;
        default:
                return CLASS_TEMPORARY;
        }
}

/* ---- after the end ---- */

static void judge(struct command *c, const struct program_end *end, const struct lines *last_out,
                  const struct lines *last_err, struct outcome *out)
{
        struct command_verdict v = exit_judge(end->status, c->params.exit_codes);
        const char *result = c->params.want_result ? lines_result(last_out) : NULL;
        if (v.completed && !end->timed_out) {
                outcome_completed(out, result ? arena_strdup(c->arena, result) : NULL);
                return;
        }
        const char *how = exit_describe(end->status, c->arena);
        if (end->timed_out)
                how = arena_printf(c->arena, "ran longer than %" PRId64 " s and was ended",
                                   c->params.timeout_s);
        autobuf said = BUF_INIT(SIZE_MAX);
        lines_quote_last(last_err, QUOTE_BYTES, &said);
        outcome_failed(c->body, out, end->timed_out ? CLASS_TIMED_OUT : v.class, "%s%s%s", how,
                       said.len ? ": " : "", buf_str(&said));
        out->result = result ? arena_strdup(c->arena, result) : NULL;
}

static void run(struct command *c, struct outcome *out)
{
        struct lines out_lines, err_lines;
        struct program_end end;
        struct err e = ERR_INIT;
        int error = 0;
        lines_init(&out_lines, c->body, "out");
        lines_init(&err_lines, c->body, "err");
        struct program p = {.path = c->path,
                            .argv = c->argv,
                            .envp = c->envp,
                            .cwd = c->cwd,
                            .input = c->params.input,
                            .timeout_ms = c->params.timeout_s * MS_PER_S,
                            .memory_max = body_config(c->body)->worker_body_memory,
                            .out = &out_lines,
                            .err = &err_lines};
        enum program_failure failure = program_run(c->body, &p, &end, &error, &e);
        if (failure == PROGRAM_OK)
                judge(c, &end, &out_lines, &err_lines, out);
        else
                outcome_failed(c->body, out, class_of_failure(c, failure, error), "%s", e.text);
        lines_fini(&out_lines);
        lines_fini(&err_lines);
}

static struct json *parse(struct body *b, const char *text, struct outcome *out)
{
        struct err e = ERR_INIT;
        struct json *v = json_parse(text ? text : "{}", text ? strlen(text) : 2, &e);
        if (!v)
                outcome_failed(b, out, CLASS_DATA, "its params cannot be read: %s", e.text);
        return v;
}

static void command_start(struct body *b, const struct job *job, struct outcome *out)
{
        cleanup(json_cleanup) struct json *wave = parse(b, job->params, out);
        cleanup(json_cleanup) struct json *project =
                wave ? parse(b, job->project_params, out) : NULL;
        if (!wave || !project)
                return;
        struct command c = {
                .body = b, .job = job, .arena = body_arena(b), .wave = wave, .project = project};
        if (prepare(&c, out) == 0)
                run(&c, out);
}

const struct kind kind_command = {.name = "command", .start = command_start};
