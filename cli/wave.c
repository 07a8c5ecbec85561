/* wave.c - the commands about waves, but those of files of their own: wave_create.c, wave_report.c. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/api.h"
#include "cli/logs.h"
#include "cli/settings.h"
#include "cli/table.h"
#include "cli/watch.h"

/* ---- which ones ---- */

struct waves {
        char **ids;
        size_t n;
};

static void waves_free(struct waves *w)
{
        for (size_t i = 0; i < w->n; i++)
                free(w->ids[i]);
        free(w->ids);
}
#define autowaves cleanup(waves_free) struct waves

/*
 * Those that the command names. "last" is looked up once: while a person is asked about the newest wave,
 * another one may be submitted.
 */
static int add_named(struct cli *c, struct waves *w, struct err *e)
{
        w->ids = xcalloc(c->args.nwords + 1, sizeof(*w->ids));
        for (; w->n < c->args.nwords; w->n++) {
                autobuf id = BUF_INIT(SIZE_MAX);
                if (api_wave_id(c, c->args.words[w->n], &id, e) < 0)
                        return -1;
                w->ids[w->n] = xstrdup(buf_str(&id));
        }
        return 0;
}

/* ---- reading ---- */

static const struct column list_columns[] = {
        {"id", "WAVE", CELL_TEXT, 0},
        {"status", "STATUS", CELL_STATE, 0},
        {"state", "STATE", CELL_STATE, COLUMN_CSV},
        {"name", "NAME", CELL_TEXT, COLUMN_ELASTIC},
        {"progress.completed", "DONE", CELL_NUMBER, 0},
        {"progress.failed", "FAILED", CELL_NUMBER, 0},
        {"cancelled", "CANCELLED", CELL_NUMBER, COLUMN_CSV},
        {"progress.total", "TOTAL", CELL_NUMBER, 0},
        {"kind", "KIND", CELL_TEXT, COLUMN_SPARE},
        {"queue", "QUEUE", CELL_TEXT, COLUMN_SPARE},
        {"batch_size", "BATCH", CELL_NUMBER, COLUMN_CSV},
        {"workspace_id", "WORKSPACE", CELL_TEXT, COLUMN_CSV},
        {"workspace_name", "WORKSPACE NAME", CELL_TEXT, COLUMN_CSV},
        {"note", "NOTE", CELL_TEXT, COLUMN_CSV},
        {"created_at", "CREATED", CELL_TIME, COLUMN_SPARE},
        {"updated_at", "UPDATED", CELL_TIME, COLUMN_CSV},
        {"completed_at", "ENDED", CELL_TIME, COLUMN_CSV},
};

int wave_list(struct cli *c, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        buf_adds(&path, "/api/waves");
        url_query(&path, "status", args_value(&c->args, OPT_status));
        return list_show(
                c, buf_str(&path), list_columns, COUNT_OF(list_columns),
                args_has(&c->args, OPT_status)
                        ? "no wave has this status"
                        : "there are no waves yet: wavefleet wave create NAME --projects FILE",
                e);
}

static const struct column show_columns[] = {
        {"id", "Wave", CELL_TEXT, 0},
        {"name", "Name", CELL_TEXT, 0},
        {"status", "Status", CELL_STATE, 0},
        {"state", "State", CELL_STATE, 0},
        {"note", "Note", CELL_TEXT, 0},
        {"progress.total", "Total", CELL_TEXT, 0},
        {"progress.completed", "Completed", CELL_TEXT, 0},
        {"progress.failed", "Failed", CELL_TEXT, 0},
        {"cancelled", "Cancelled", CELL_TEXT, 0},
        {"in_flight", "In flight", CELL_TEXT, 0},
        {"kind", "Kind", CELL_TEXT, 0},
        {"params", "Parameters", CELL_TEXT, 0},
        {"queue", "Queue", CELL_TEXT, 0},
        {"priority", "Priority", CELL_TEXT, 0},
        {"batch_size", "Batch size", CELL_TEXT, 0},
        {"max_attempts", "Attempts", CELL_TEXT, 0},
        {"timeout_seconds", "Time-out", CELL_AGE, 0},
        {"canary", "Canary", CELL_TEXT, 0},
        {"max_failures", "Failures allowed", CELL_TEXT, 0},
        {"depends_on", "Depends on", CELL_TEXT, 0},
        {"workspace_id", "Workspace", CELL_TEXT, 0},
        {"workspace_name", "Workspace name", CELL_TEXT, 0},
        {"run_no", "Run", CELL_TEXT, 0},
        {"created_by", "Created by", CELL_TEXT, 0},
        {"created_at", "Created", CELL_TIME, 0},
        {"start_at", "Starts", CELL_TIME, 0},
        {"deadline_at", "Deadline", CELL_TIME, 0},
        {"updated_at", "Updated", CELL_TIME, 0},
        {"completed_at", "Ended", CELL_TIME, 0},
};

int wave_show(struct cli *c, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        struct table t;
        if (api_wave_path(c, c->args.words[0], "", &path, e) < 0 ||
            api_get(c, buf_str(&path), &a, e) < 0 ||
            table_init(&t, c, show_columns, COUNT_OF(show_columns), e) < 0)
                return -1;
        if (c->output == OUTPUT_JSON)
                api_print_raw(c, &a);
        else
                table_record(&t, json_get(a.data, "wave"));
        cli_hint(c, "its migrations: wavefleet migration list %s", json_str_at(a.data, "wave.id"));
        return EXIT_DONE;
}

int wave_logs(struct cli *c, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autobuf id = BUF_INIT(SIZE_MAX);
        if (api_wave_id(c, c->args.words[0], &id, e) < 0 ||
            api_wave_path(c, buf_str(&id), "", &path, e) < 0)
                return -1;
        autofree char *logs = xasprintf("%s/logs", buf_str(&path));
        autofree char *state = xasprintf("%s/status", buf_str(&path));
        return logs_show(
                c, &(struct log_source){.wave = buf_str(&id), .logs = logs, .state = state}, e);
}

/* ---- following ---- */

/* Those that are under way: what there is to see when nobody says what. */
static int add_under_way(struct cli *c, const char *status, struct waves *w, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        buf_adds(&path, "/api/waves?limit=500");
        url_query(&path, "status", status);
        if (api_get(c, buf_str(&path), &a, e) < 0)
                return -1;
        w->ids = xreallocarray(w->ids, w->n + json_count(a.data) + 1, sizeof(*w->ids));
        for (const struct json *i = json_first(a.data); i; i = json_next(i))
                w->ids[w->n++] = xstrdup(json_str_at(i, "id"));
        return 0;
}

int wave_watch(struct cli *c, struct err *e)
{
        autowaves w = {0};
        if (c->args.nwords) {
                if (add_named(c, &w, e) < 0)
                        return -1;
        } else if (add_under_way(c, "in_progress", &w, e) < 0 ||
                   add_under_way(c, "pending", &w, e) < 0) {
                return -1;
        }
        if (w.n == 0) {
                cli_note(c, "no wave is under way");
                return EXIT_DONE;
        }
        return watch_waves(c, (const char *const *)w.ids, w.n, e);
}

/* ---- acts ---- */

static int act(struct cli *c, const char *wave, const char *verb, const char *done, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        autofree char *rest = xasprintf("/%s", verb);
        if (api_wave_path(c, wave, rest, &path, e) < 0 ||
            api_post(c, buf_str(&path), NULL, &a, e) < 0)
                return -1;
        if (c->output == OUTPUT_JSON)
                api_print_raw(c, &a);
        else
                cli_say(c, "%s: %s", wave,
                        json_bool(json_get(a.data, "changed")) ? done : "it is so already");
        return 0;
}

static int act_on_all(struct cli *c, const struct waves *w, const char *verb, const char *done,
                      struct err *e)
{
        for (size_t i = 0; i < w->n; i++) {
                if (act(c, w->ids[i], verb, done, e) < 0)
                        return w->n > 1 ? err_wrap(e, "%s", w->ids[i]) : -1;
        }
        return EXIT_DONE;
}

static int act_on_named(struct cli *c, const char *verb, const char *done, struct err *e)
{
        autowaves w = {0};
        return add_named(c, &w, e) < 0 ? -1 : act_on_all(c, &w, verb, done, e);
}

int wave_pause(struct cli *c, struct err *e)
{
        return act_on_named(c, "pause", "paused; what runs finishes", e);
}

int wave_resume(struct cli *c, struct err *e)
{
        return act_on_named(c, "resume", "goes on", e);
}

/* How many migrations of a wave are not over. */
static int count_open(struct cli *c, const char *wave, int64_t *open, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        if (api_wave_path(c, wave, "/status", &path, e) < 0 || api_get(c, buf_str(&path), &a, e) < 0)
                return -1;
        *open += json_int_at(a.data, "progress.total") - json_int_at(a.data, "progress.completed") -
                 json_int_at(a.data, "progress.failed") - json_int_at(a.data, "cancelled");
        return 0;
}

int wave_stop(struct cli *c, struct err *e)
{
        autowaves w = {0};
        int64_t open = 0;
        if (add_named(c, &w, e) < 0)
                return -1;
        for (size_t i = 0; i < w.n; i++) {
                if (count_open(c, w.ids[i], &open, e) < 0)
                        return -1;
        }
        if (cli_sure(c, e, "stop %s%s and cancel %lld migration%s",
                     w.n == 1 ? "wave " : "these waves", w.n == 1 ? w.ids[0] : "", (long long)open,
                     open == 1 ? "" : "s") < 0)
                return -1;
        return act_on_all(c, &w, "stop", "stopped; what runs is being ended", e);
}

int wave_change(struct cli *c, struct err *e)
{
        static const enum option settings[] = {
                OPT_name,         OPT_batch_size,      OPT_priority,
                OPT_max_attempts, OPT_timeout_seconds, OPT_max_failures,
                OPT_start_at,     OPT_deadline_at};
        autobuf path = BUF_INIT(SIZE_MAX);
        autobuf body = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        struct json_out o;
        json_out_init(&o, &body);
        json_out_object(&o, NULL);
        if (settings_add(c, &o, settings, COUNT_OF(settings), e) < 0)
                return -1;
        json_out_object_end(&o);
        if (body.len == 2)
                return err_set(e, ERR_CONFIG,
                               "it wants what to change: see wavefleet help wave change");
        struct call q = {.method = "PATCH", .body = buf_str(&body), .len = body.len};
        if (api_wave_path(c, c->args.words[0], "", &path, e) < 0)
                return -1;
        q.path = buf_str(&path);
        if (api_call(c, &q, &a, e) < 0)
                return -1;
        if (c->output == OUTPUT_JSON)
                api_print_raw(c, &a);
        else
                cli_say(c, "%s: changed", c->args.words[0]);
        return EXIT_DONE;
}

/* ---- restarting ---- */

static int restart_body(const struct cli *c, bool dry_run, struct buf *body, struct err *e)
{
        static const enum option filter[] = {OPT_status, OPT_class, OPT_text, OPT_since, OPT_until};
        struct json_out o;
        json_out_init(&o, body);
        json_out_object(&o, NULL);
        if (settings_add_filter(c, &o, filter, COUNT_OF(filter), e) < 0)
                return -1;
        if (c->args.nwords > 1) {
                json_out_array(&o, "mb_uuids");
                for (size_t i = 1; i < c->args.nwords; i++)
                        json_out_str(&o, NULL, c->args.words[i]);
                json_out_array_end(&o);
        }
        if (dry_run)
                json_out_bool(&o, "dry_run", true);
        json_out_object_end(&o);
        return buf_check(body, "the request", e);
}

static int restart(struct cli *c, const char *path, bool dry_run, struct answer *a, struct err *e)
{
        autobuf body = BUF_INIT(SIZE_MAX);
        return restart_body(c, dry_run, &body, e) < 0 ? -1
                                                      : api_post(c, path, buf_str(&body), a, e);
}

static int restart_and_watch(struct cli *c, const char *id, const char *path, struct err *e)
{
        autoanswer a = {0};
        if (restart(c, path, false, &a, e) < 0)
                return -1;
        if (c->output == OUTPUT_JSON)
                api_print_raw(c, &a);
        else
                cli_say(c, "%s: %lld restarted", id, (long long)json_int_at(a.data, "restarted"));
        return args_has(&c->args, OPT_watch) ? watch_waves(c, &id, 1, e) : EXIT_DONE;
}

int wave_restart(struct cli *c, struct err *e)
{
        autobuf id = BUF_INIT(SIZE_MAX);
        autobuf path = BUF_INIT(SIZE_MAX);
        autoanswer preview = {0};
        if (api_wave_id(c, c->args.words[0], &id, e) < 0 ||
            api_wave_path(c, buf_str(&id), "/restart-all", &path, e) < 0 ||
            restart(c, buf_str(&path), true, &preview, e) < 0)
                return -1;
        long long count = json_int_at(preview.data, "restarted");
        if (!count)
                count = json_int_at(preview.data, "success");
        if (args_has(&c->args, OPT_dry_run)) {
                if (c->output == OUTPUT_JSON)
                        api_print_raw(c, &preview);
                else
                        cli_say(c, "%s: %lld would be restarted", buf_str(&id), count);
                return EXIT_DONE;
        }
        if (!count) {
                cli_say(c, "%s: there is nothing to restart", buf_str(&id));
                return EXIT_DONE;
        }
        if (cli_sure(c, e, "restart %lld migration%s of wave %s", count, count == 1 ? "" : "s",
                     buf_str(&id)) < 0)
                return -1;
        return restart_and_watch(c, buf_str(&id), buf_str(&path), e);
}
