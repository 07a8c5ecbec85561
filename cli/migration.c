/* migration.c - the commands about migrations. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/api.h"
#include "cli/logs.h"
#include "cli/table.h"

/* ---- lists ---- */

static const struct column wave_columns[] = {
        {"id", "MIGRATION", CELL_REF, 0},
        {"mb_project_uuid", "PROJECT", CELL_TEXT, COLUMN_ELASTIC},
        {"brz_project_id", "TARGET", CELL_TEXT, COLUMN_SPARE},
        {"status", "STATUS", CELL_STATE, 0},
        {"state", "STATE", CELL_STATE, COLUMN_CSV},
        {"attempts", "TRIES", CELL_NUMBER, 0},
        {"class", "CLASS", CELL_TEXT, COLUMN_SPARE},
        {"error", "ERROR", CELL_TEXT, COLUMN_ELASTIC},
        {"brizy_project_domain", "DOMAIN", CELL_TEXT, COLUMN_ELASTIC | COLUMN_SPARE},
        {"completed_at", "ENDED", CELL_TIME, COLUMN_SPARE},
        {"result_data", "RESULT", CELL_TEXT, COLUMN_CSV},
};

static const struct column all_columns[] = {
        {"ref", "MIGRATION", CELL_TEXT, 0},
        {"mb_project_uuid", "PROJECT", CELL_TEXT, COLUMN_ELASTIC},
        {"brz_project_id", "TARGET", CELL_TEXT, COLUMN_SPARE},
        {"wave_id", "WAVE", CELL_TEXT, COLUMN_SPARE},
        {"status", "STATUS", CELL_STATE, 0},
        {"state", "STATE", CELL_STATE, COLUMN_CSV},
        {"attempts", "TRIES", CELL_NUMBER, 0},
        {"error", "ERROR", CELL_TEXT, COLUMN_ELASTIC},
        {"brizy_project_domain", "DOMAIN", CELL_TEXT, COLUMN_ELASTIC | COLUMN_SPARE},
        {"created_at", "CREATED", CELL_TIME, COLUMN_SPARE},
        {"updated_at", "UPDATED", CELL_TIME, COLUMN_CSV},
        {"completed_at", "ENDED", CELL_TIME, COLUMN_CSV},
};

int migration_list(struct cli *c, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        bool in_wave = c->args.nwords;
        if (!in_wave && args_has(&c->args, OPT_text))
                return err_set(e, ERR_CONFIG, "--text looks through one wave: name it");
        if (!in_wave)
                buf_adds(&path, "/api/migrations");
        else if (api_wave_path(c, c->args.words[0], "/migrations", &path, e) < 0)
                return -1;
        url_query(&path, "status", args_value(&c->args, OPT_status));
        url_query(&path, "mb_project_uuid", args_value(&c->args, OPT_project));
        url_query(&path, "text", args_value(&c->args, OPT_text));
        return in_wave ? list_show(c, buf_str(&path), wave_columns, COUNT_OF(wave_columns),
                                   "the wave has no such migrations", e)
                       : list_show(c, buf_str(&path), all_columns, COUNT_OF(all_columns),
                                   "there are no such migrations", e);
}

/* ---- one ---- */

static const struct column show_columns[] = {
        {"ref", "Migration", CELL_TEXT, 0},
        {"mb_project_uuid", "Project", CELL_TEXT, 0},
        {"brz_project_id", "Target", CELL_TEXT, 0},
        {"wave_id", "Wave", CELL_TEXT, 0},
        {"wave.id", "Wave", CELL_TEXT, 0},
        {"wave.name", "Wave's name", CELL_TEXT, 0},
        {"kind", "Kind", CELL_TEXT, 0},
        {"status", "Status", CELL_STATE, 0},
        {"state", "State", CELL_STATE, 0},
        {"error_class", "Class", CELL_TEXT, 0},
        {"class", "Class", CELL_TEXT, 0},
        {"error", "Error", CELL_TEXT, 0},
        {"attempts", "Attempts", CELL_TEXT, 0},
        {"max_attempts", "At most", CELL_TEXT, 0},
        {"progress", "Progress", CELL_TEXT, 0},
        {"params", "Parameters", CELL_TEXT, 0},
        {"brizy_project_domain", "Domain", CELL_TEXT, 0},
        {"depends_on", "Depends on", CELL_TEXT, 0},
        {"started_at", "Started", CELL_TIME, 0},
        {"due_at", "Due", CELL_TIME, 0},
        {"completed_at", "Ended", CELL_TIME, 0},
        {"result_data", "Result", CELL_TEXT, 0},
};

static const struct column attempt_columns[] = {
        {"attempt", "ATTEMPT", CELL_NUMBER, 0},
        {"outcome", "OUTCOME", CELL_STATE, 0},
        {"class", "CLASS", CELL_TEXT, 0},
        {"host", "HOST", CELL_TEXT, COLUMN_SPARE},
        {"worker_id", "WORKER", CELL_NUMBER, COLUMN_SPARE},
        {"started_at", "STARTED", CELL_TIME, 0},
        {"finished_at", "FINISHED", CELL_TIME, 0},
        {"error", "ERROR", CELL_TEXT, COLUMN_ELASTIC},
};

/* "m12" or a target's number: /api/migrations/…; a wave and a project: /api/waves/…/migrations/…. */
static int one_path(struct cli *c, struct buf *path, struct err *e)
{
        if (c->args.nwords == 1) {
                buf_adds(path, "/api/migrations/");
                url_escape(path, c->args.words[0]);
                return 0;
        }
        if (api_wave_path(c, c->args.words[0], "/migrations/", path, e) < 0)
                return -1;
        url_escape(path, c->args.words[1]);
        return 0;
}

int migration_show(struct cli *c, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        struct table facts, attempts;
        if (one_path(c, &path, e) < 0 || api_get(c, buf_str(&path), &a, e) < 0 ||
            table_init(&facts, c, show_columns, COUNT_OF(show_columns), e) < 0 ||
            table_init(&attempts, c, attempt_columns, COUNT_OF(attempt_columns), e) < 0)
                return -1;
        if (c->output == OUTPUT_JSON) {
                api_print_raw(c, &a);
                return EXIT_DONE;
        }
        table_record(&facts, a.data);
        if (c->output == OUTPUT_TABLE && !c->quiet && json_count(json_get(a.data, "history"))) {
                putchar('\n');
                attempts.only = true;
                table_rows(&attempts, json_get(a.data, "history"));
        }
        return EXIT_DONE;
}

/* What log lines are asked by: where its wave is known, that says more while it runs. */
int migration_logs(struct cli *c, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autobuf wave = BUF_INIT(SIZE_MAX);
        autobuf state = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        char id[32] = "";
        if (one_path(c, &path, e) < 0 || api_get(c, buf_str(&path), &a, e) < 0)
                return -1;
        buf_adds(&wave,
                 json_str_at(a.data, *json_str_at(a.data, "wave.id") ? "wave.id" : "wave_id"));
        snprintf(id, sizeof(id), "%s", json_str_at(a.data, "ref"));
        if (!*id)
                snprintf(id, sizeof(id), "m%lld", (long long)json_int_at(a.data, "id"));
        if (wave.len) {
                if (api_wave_path(c, buf_str(&wave), "/migrations/", &state, e) < 0)
                        return -1;
                url_escape(&state, json_str_at(a.data, "mb_project_uuid"));
        } else {
                buf_adds(&state, buf_str(&path));
        }
        autofree char *logs = xasprintf("%s/logs", buf_str(&path));
        return logs_show(c,
                         &(struct log_source){.wave = wave.len ? buf_str(&wave) : NULL,
                                              .migration = id,
                                              .logs = logs,
                                              .state = buf_str(&state)},
                         e);
}

/* ---- acts ---- */

static int act(struct cli *c, const char *id, const char *verb, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        buf_adds(&path, "/api/migrations/");
        url_escape(&path, id);
        buf_addf(&path, "/%s", verb);
        if (api_post(c, buf_str(&path), NULL, &a, e) < 0)
                return -1;
        const char *message = json_str(json_get(a.json, "message"));
        if (!message)
                message = *json_str_at(a.data, "message") ? json_str_at(a.data, "message") : "done";
        if (c->output == OUTPUT_JSON)
                api_print_raw(c, &a);
        else
                cli_say(c, "%s: %s", id, message);
        return 0;
}

static int act_on_all(struct cli *c, const char *verb, struct err *e)
{
        size_t n = c->args.nwords;
        if (n > 1 && cli_sure(c, e, "%s %zu migrations", verb, n) < 0)
                return -1;
        for (size_t i = 0; i < n; i++) {
                if (act(c, c->args.words[i], verb, e) < 0)
                        return n > 1 ? err_wrap(e, "%s", c->args.words[i]) : -1;
        }
        return EXIT_DONE;
}

int migration_restart(struct cli *c, struct err *e)
{
        return act_on_all(c, "restart", e);
}

int migration_cancel(struct cli *c, struct err *e)
{
        return act_on_all(c, "cancel", e);
}
