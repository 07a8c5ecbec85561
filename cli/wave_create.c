/*
 * wave_create.c - submitting a wave. It goes with an Idempotency-Key, so that it is sent again after a broken
 * connection without a second wave coming of it.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "cli/api.h"
#include "cli/projects.h"
#include "cli/settings.h"
#include "cli/watch.h"

enum { BODY_MAX = 200 << 20 };

/* ---- the projects ---- */

static bool is_csv(const struct cli *c, const char *path, struct err *e)
{
        const char *format = args_value(&c->args, OPT_projects_format);
        size_t len = strlen(path);
        if (format && strcmp(format, "csv") != 0 && strcmp(format, "lines") != 0)
                err_set(e, ERR_CONFIG, "--projects-format is lines or csv, not \"%s\"", format);
        if (format)
                return strcmp(format, "csv") == 0;
        return len > 4 && strcmp(path + len - 4, ".csv") == 0;
}

static int add_projects(const struct cli *c, struct json_out *o, struct err *e)
{
        const char *path = args_value(&c->args, OPT_projects);
        autobuf text = BUF_INIT(BODY_MAX);
        bool csv;
        if (!path)
                return err_set(e, ERR_CONFIG, "it wants --projects FILE; - is standard input");
        csv = is_csv(c, path, e);
        if (e->code != ERR_OK || projects_read(path, &text, e) < 0)
                return -1;
        const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
        return (csv ? projects_csv : projects_lines)(o, buf_str(&text), text.len, name, e);
}

/* ---- the parameters ---- */

/* "@FILE": what stands there, without a line end. */
static int value_text(const char *value, struct buf *out, struct err *e)
{
        if (*value != '@') {
                buf_adds(out, value);
                return 0;
        }
        if (projects_read(value + 1, out, e) < 0)
                return -1;
        while (out->len && strchr("\r\n", out->data[out->len - 1]))
                out->data[--out->len] = '\0';
        return 0;
}

CLEANUP_DEFINE(json, struct json *, json_free)

static int add_whole_params(const struct cli *c, struct json_out *o, struct err *e)
{
        const char *whole = args_value(&c->args, OPT_params);
        autobuf text = BUF_INIT(BODY_MAX);
        if (!whole)
                return 0;
        if (value_text(whole, &text, e) < 0)
                return -1;
        struct json *v cleanup(json_cleanup) = json_parse(buf_str(&text), text.len, e);
        if (!v || json_type_of(v) != JSON_OBJECT) {
                e->code = ERR_CONFIG;
                return v ? err_set(e, ERR_CONFIG, "--params must be a JSON object")
                         : err_wrap(e, "--params is no JSON");
        }
        for (const struct json *i = json_first(v); i; i = json_next(i))
                json_out_value(o, json_name(i), i);
        return 0;
}

static int add_params(const struct cli *c, struct json_out *o, struct err *e)
{
        const char *pair;
        json_out_object(o, "params");
        if (add_whole_params(c, o, e) < 0)
                return -1;
        for (size_t at = 0; (pair = args_each(&c->args, OPT_param, &at));) {
                const char *equals = strchr(pair, '=');
                autobuf text = BUF_INIT(BODY_MAX);
                if (!equals || equals == pair)
                        return err_set(e, ERR_CONFIG, "--param wants NAME=VALUE, not \"%s\"", pair);
                autofree char *name = xstrndup(pair, (size_t)(equals - pair));
                if (value_text(equals + 1, &text, e) < 0)
                        return -1;
                if (equals[1] == '@')
                        json_out_str(o, name, buf_str(&text));
                else
                        projects_value(o, name, buf_str(&text));
        }
        json_out_object_end(o);
        return 0;
}

/* ---- the wave ---- */

static void add_dependencies(const struct cli *c, struct json_out *o)
{
        const char *wave;
        if (!args_has(&c->args, OPT_depends_on))
                return;
        json_out_array(o, "depends_on");
        for (size_t at = 0; (wave = args_each(&c->args, OPT_depends_on, &at));)
                json_out_str(o, NULL, wave);
        json_out_array_end(o);
}

static int write_body(const struct cli *c, struct buf *body, struct err *e)
{
        static const enum option settings[] = {
                OPT_kind,         OPT_batch_size,      OPT_canary,       OPT_max_failures,
                OPT_max_attempts, OPT_timeout_seconds, OPT_queue,        OPT_priority,
                OPT_start_at,     OPT_deadline_at,     OPT_workspace_id, OPT_workspace_name};
        struct json_out o;
        json_out_init(&o, body);
        json_out_object(&o, NULL);
        json_out_str(&o, "name", c->args.words[0]);
        if (settings_add(c, &o, settings, COUNT_OF(settings), e) < 0)
                return -1;
        if (args_has(&c->args, OPT_manual))
                json_out_bool(&o, "mgr_manual", true);
        if (args_has(&c->args, OPT_cloning))
                json_out_bool(&o, "enable_cloning", true);
        add_dependencies(c, &o);
        if (add_params(c, &o, e) < 0 || add_projects(c, &o, e) < 0)
                return -1;
        json_out_object_end(&o);
        return buf_check(body, "the wave", e);
}

static int created(struct cli *c, const struct answer *a, struct err *e)
{
        const char *id = json_str_at(a->data, "wave_id");
        if (c->output == OUTPUT_JSON && !args_has(&c->args, OPT_watch))
                api_print_raw(c, a);
        else if (c->output == OUTPUT_CSV && !c->quiet && !args_has(&c->args, OPT_watch))
                printf("wave_id\r\n%s\r\n", id);
        else if (c->output == OUTPUT_TABLE || c->quiet)
                printf("%s\n", id);
        if (!args_has(&c->args, OPT_watch)) {
                cli_hint(c, "follow it: wavefleet wave watch %s", id);
                return EXIT_DONE;
        }
        return watch_waves(c, &id, 1, e);
}

int wave_create(struct cli *c, struct err *e)
{
        autobuf body = BUF_INIT(BODY_MAX);
        autoanswer a = {0};
        char made[UUID_SIZE];
        const char *key = args_value(&c->args, OPT_idempotency_key);
        rand_uuid(made);
        if (write_body(c, &body, e) < 0)
                return -1;
        struct call q = {.method = "POST",
                         .path = "/api/waves",
                         .body = buf_str(&body),
                         .len = body.len,
                         .key = key ? key : made};
        if (api_call(c, &q, &a, e) < 0)
                return -1;
        return created(c, &a, e);
}
