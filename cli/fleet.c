/* fleet.c - the commands about queues and workers. */
#include <string.h>

#include "base/mem.h"
#include "cli/api.h"
#include "cli/table.h"

/* ---- queues ---- */

static const struct column queue_columns[] = {
        {"name", "QUEUE", CELL_TEXT, 0},
        {"paused", "PAUSED", CELL_TEXT, 0},
        {"depth", "WAITING", CELL_NUMBER, 0},
        {"ready", "READY", CELL_NUMBER, 0},
        {"backlog", "BACKLOG", CELL_NUMBER, COLUMN_SPARE},
        {"demand", "DEMAND", CELL_NUMBER, 0},
        {"waves", "WAVES", CELL_NUMBER, 0},
        {"oldest_wave_age_seconds", "OLDEST", CELL_AGE, COLUMN_SPARE},
        {"workers", "WORKERS", CELL_NUMBER, 0},
        {"runners", "RUNNERS", CELL_NUMBER, 0},
        {"changed_by", "CHANGED BY", CELL_TEXT, COLUMN_CSV},
        {"changed_at", "CHANGED", CELL_TIME, COLUMN_CSV},
};

int queue_list(struct cli *c, struct err *e)
{
        return list_show(c, "/api/queues", queue_columns, COUNT_OF(queue_columns),
                         "there are no queues: no worker is alive, and no wave waits", e);
}

static int queue_act(struct cli *c, const char *verb, const char *done, struct err *e)
{
        for (size_t i = 0; i < c->args.nwords; i++) {
                autobuf path = BUF_INIT(SIZE_MAX);
                autoanswer a = {0};
                buf_adds(&path, "/api/queues/");
                url_escape(&path, c->args.words[i]);
                buf_addf(&path, "/%s", verb);
                if (api_post(c, buf_str(&path), NULL, &a, e) < 0)
                        return -1;
                if (c->output == OUTPUT_JSON)
                        api_print_raw(c, &a);
                else
                        cli_say(c, "%s: %s", c->args.words[i],
                                json_bool(json_get(a.data, "changed")) ? done : "it is so already");
                if (json_str(json_get(a.json, "message")))
                        cli_note(c, "%s", json_str(json_get(a.json, "message")));
        }
        return EXIT_DONE;
}

int queue_pause(struct cli *c, struct err *e)
{
        return queue_act(c, "pause", "paused; what runs finishes", e);
}

int queue_resume(struct cli *c, struct err *e)
{
        return queue_act(c, "resume", "goes on", e);
}

/* ---- workers ---- */

static const struct column worker_columns[] = {
        {"id", "WORKER", CELL_NUMBER, 0},
        {"name", "NAME", CELL_TEXT, COLUMN_CSV},
        {"host", "HOST", CELL_TEXT, COLUMN_ELASTIC},
        {"pid", "PID", CELL_NUMBER, 0},
        {"queues", "QUEUES", CELL_TEXT, COLUMN_ELASTIC},
        {"running", "RUNNING", CELL_NUMBER, 0},
        {"concurrency", "RUNNERS", CELL_NUMBER, 0},
        {"draining", "DRAINING", CELL_TEXT, 0},
        {"version", "VERSION", CELL_TEXT, COLUMN_SPARE},
        {"started_at", "STARTED", CELL_TIME, COLUMN_SPARE},
};

int worker_list(struct cli *c, struct err *e)
{
        return list_show(c, "/api/workers", worker_columns, COUNT_OF(worker_columns),
                         "no worker is alive: start wavefleet-worker", e);
}

/* How many bodies run on the workers that are meant. */
static int count_running(struct cli *c, int64_t *running, struct err *e)
{
        autoanswer a = {0};
        if (api_get(c, "/api/workers", &a, e) < 0)
                return -1;
        for (const struct json *i = json_first(a.data); i; i = json_next(i)) {
                autobuf id = BUF_INIT(32);
                buf_addi(&id, json_int_at(i, "id"));
                for (size_t w = 0; w < c->args.nwords; w++) {
                        if (strcmp(c->args.words[w], buf_str(&id)) == 0)
                                *running += json_int_at(i, "running");
                }
        }
        return 0;
}

int worker_drain(struct cli *c, struct err *e)
{
        int64_t running = 0;
        size_t n = c->args.nwords;
        if (count_running(c, &running, e) < 0 ||
            cli_sure(c, e, "drain %zu worker%s, on which %lld bod%s", n, n == 1 ? "" : "s",
                     (long long)running, running == 1 ? "y runs" : "ies run") < 0)
                return -1;
        for (size_t i = 0; i < n; i++) {
                autobuf path = BUF_INIT(SIZE_MAX);
                autoanswer a = {0};
                buf_adds(&path, "/api/workers/");
                url_escape(&path, c->args.words[i]);
                buf_adds(&path, "/drain");
                if (api_post(c, buf_str(&path), NULL, &a, e) < 0)
                        return -1;
                if (c->output == OUTPUT_JSON)
                        api_print_raw(c, &a);
                else
                        cli_say(c, "%s: %s", c->args.words[i], json_str_at(a.json, "message"));
        }
        return EXIT_DONE;
}
