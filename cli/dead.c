/* dead.c - the commands about dead letters. */
#include <string.h>

#include "base/mem.h"
#include "cli/api.h"
#include "cli/settings.h"
#include "cli/table.h"

static const struct column columns[] = {
        {"ref", "MIGRATION", CELL_TEXT, 0},
        {"mb_project_uuid", "PROJECT", CELL_TEXT, COLUMN_ELASTIC},
        {"brz_project_id", "TARGET", CELL_TEXT, COLUMN_CSV},
        {"wave_id", "WAVE", CELL_TEXT, COLUMN_SPARE},
        {"wave_name", "WAVE'S NAME", CELL_TEXT, COLUMN_CSV},
        {"kind", "KIND", CELL_TEXT, COLUMN_CSV},
        {"class", "CLASS", CELL_TEXT, 0},
        {"attempts", "TRIES", CELL_NUMBER, 0},
        {"error", "ERROR", CELL_TEXT, COLUMN_ELASTIC},
        {"at", "FAILED", CELL_TIME, COLUMN_SPARE},
        {"discarded_at", "DISCARDED", CELL_TIME, COLUMN_CSV},
        {"discarded_by", "BY", CELL_TEXT, COLUMN_CSV},
};

static int add_time(struct cli *c, struct buf *path, const char *name, enum option o, struct err *e)
{
        autofree char *time = NULL;
        if (args_time(&c->args, o, &time, e) < 0)
                return -1;
        url_query(path, name, time);
        return 0;
}

int dead_list(struct cli *c, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        buf_adds(&path, "/api/dead");
        url_query(&path, "wave", args_value(&c->args, OPT_wave));
        url_query(&path, "class", args_value(&c->args, OPT_class));
        url_query(&path, "text", args_value(&c->args, OPT_text));
        url_query(&path, "discarded", args_has(&c->args, OPT_discarded) ? "true" : NULL);
        if (add_time(c, &path, "since", OPT_since, e) < 0 ||
            add_time(c, &path, "until", OPT_until, e) < 0)
                return -1;
        return list_show(c, buf_str(&path), columns, COUNT_OF(columns),
                         "there are no such dead letters: nothing failed for good", e);
}

/* ---- many ---- */

static int write_body(const struct cli *c, bool dry_run, struct buf *body, struct err *e)
{
        static const enum option filter[] = {OPT_wave, OPT_class, OPT_text, OPT_since, OPT_until};
        struct json_out o;
        json_out_init(&o, body);
        json_out_object(&o, NULL);
        if (c->args.nwords) {
                json_out_array(&o, "ids");
                for (size_t i = 0; i < c->args.nwords; i++)
                        json_out_str(&o, NULL, c->args.words[i]);
                json_out_array_end(&o);
        }
        if (settings_add_filter(c, &o, filter, COUNT_OF(filter), e) < 0)
                return -1;
        if (args_has(&c->args, OPT_all))
                json_out_bool(&o, "all", true);
        if (dry_run)
                json_out_bool(&o, "dry_run", true);
        json_out_object_end(&o);
        return buf_check(body, "the request", e);
}

static int ask_api(struct cli *c, const char *verb, bool dry_run, struct answer *a, struct err *e)
{
        autobuf body = BUF_INIT(SIZE_MAX);
        autofree char *path = xasprintf("/api/dead/%s", verb);
        return write_body(c, dry_run, &body, e) < 0 ? -1 : api_post(c, path, buf_str(&body), a, e);
}

static void say_refused(const struct cli *c, const struct json *data)
{
        for (const struct json *i = json_first(json_get(data, "refused")); i; i = json_next(i))
                cli_note(c, "refused: %s", json_str_at(i, "reason"));
        if (json_int_at(data, "left"))
                cli_note(c, "%lld are left, in further waves: say it again",
                         (long long)json_int_at(data, "left"));
}

static int carry_out(struct cli *c, const char *verb, const char *done, struct err *e)
{
        autoanswer a = {0};
        if (ask_api(c, verb, false, &a, e) < 0)
                return -1;
        if (c->output == OUTPUT_JSON)
                api_print_raw(c, &a);
        else
                cli_say(c, "%lld %s", (long long)json_int_at(a.data, done), done);
        say_refused(c, a.data);
        return json_count(json_get(a.data, "refused")) ? EXIT_FAILED : EXIT_DONE;
}

static int deal_with(struct cli *c, const char *verb, const char *done, struct err *e)
{
        autoanswer preview = {0};
        if (ask_api(c, verb, true, &preview, e) < 0)
                return -1;
        long long count = json_int_at(preview.data, "matched");
        size_t waves = json_count(json_get(preview.data, "waves"));
        if (args_has(&c->args, OPT_dry_run)) {
                if (c->output == OUTPUT_JSON)
                        api_print_raw(c, &preview);
                else
                        cli_say(c, "%lld in %zu wave%s would be %s", count, waves,
                                waves == 1 ? "" : "s", done);
                say_refused(c, preview.data);
                return EXIT_DONE;
        }
        if (!count) {
                cli_say(c, "there is nothing to %s", verb);
                say_refused(c, preview.data);
                return json_count(json_get(preview.data, "refused")) ? EXIT_FAILED : EXIT_DONE;
        }
        if (cli_sure(c, e, "%s %lld dead letter%s of %zu wave%s", verb, count,
                     count == 1 ? "" : "s", waves, waves == 1 ? "" : "s") < 0)
                return -1;
        return carry_out(c, verb, done, e);
}

int dead_restart(struct cli *c, struct err *e)
{
        return deal_with(c, "restart", "restarted", e);
}

int dead_discard(struct cli *c, struct err *e)
{
        return deal_with(c, "discard", "discarded", e);
}
