/* logs.c - see logs.h. */
#include "cli/logs.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/api.h"
#include "cli/feed.h"
#include "cli/table.h"
#include "cli/text.h"
#include "model/state.h"

enum {
        PAGE = 1000,
        TURN_MS = 100,
        READ_MS = 200, /* at least between two looks */
};

struct reader {
        struct cli *c;
        const struct log_source *source;
        int64_t after, read_at_ms;
        bool header, news;
};

/* ---- a line ---- */

static const char *const columns[] = {"id", "at", "attempt", "stream", "line"};

static void print_csv(struct reader *r, const struct json *entry, struct buf *out)
{
        if (!r->header)
                buf_adds(out, "id,at,attempt,stream,line\r\n");
        r->header = true;
        for (size_t i = 0; i < COUNT_OF(columns); i++) {
                csv_value(r->c, json_get(entry, columns[i]), CELL_TEXT, false, out);
                buf_adds(out, i + 1 < COUNT_OF(columns) ? "," : "\r\n");
        }
}

/* Time, attempt and stream before the line, in grey; with --quiet the line alone. */
static void print_plain(const struct reader *r, const struct json *entry, struct buf *out)
{
        const char *line = json_str_at(entry, "line"), *stream = json_str_at(entry, "stream");
        autobuf time = BUF_INIT(SIZE_MAX);
        text_time(&time, json_str_at(entry, "at"));
        if (!r->c->quiet) {
                buf_adds(out, term_colour(&r->c->term, COLOUR_GREY));
                text_clean(out, buf_str(&time), time.len);
                if (json_get(entry, "attempt"))
                        buf_addf(out, " #%lld", (long long)json_int_at(entry, "attempt"));
                if (*stream && strcmp(stream, "log") != 0) {
                        buf_addc(out, ' ');
                        text_clean(out, stream, strlen(stream));
                }
                buf_adds(out, term_plain(&r->c->term));
                buf_adds(out, "  ");
        }
        if (r->c->term.safe)
                text_clean(out, line, strlen(line));
        else
                buf_adds(out, line);
        buf_addc(out, '\n');
}

static void print_entry(struct reader *r, const struct json *entry)
{
        autobuf out = BUF_INIT(SIZE_MAX);
        if (r->c->output == OUTPUT_CSV) {
                print_csv(r, entry, &out);
        } else if (r->c->output == OUTPUT_JSON) {
                json_print(entry, &out);
                api_print_json(r->c, buf_str(&out), out.len);
                buf_reset(&out);
                buf_addc(&out, '\n');
        } else {
                print_plain(r, entry, &out);
        }
        cli_write(&out);
}

/* ---- what there is ---- */

/* The migration server's own, of a migration that ran there. */
static void print_server(const struct reader *r, const struct json *data)
{
        const char *trouble = json_str(json_get(data, "server_error"));
        if (r->c->output != OUTPUT_TABLE)
                return;
        for (const struct json *i = json_first(json_get(data, "server_log")); i; i = json_next(i)) {
                autobuf out = BUF_INIT(SIZE_MAX);
                buf_adds(&out, r->c->quiet ? "" : "server  ");
                text_clean(&out, json_str(i) ? json_str(i) : "",
                           json_str(i) ? strlen(json_str(i)) : 0);
                buf_addc(&out, '\n');
                cli_write(&out);
        }
        if (trouble)
                cli_note(r->c, "of the migration server's own log: %s", trouble);
}

static int read_page(struct reader *r, size_t *count, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        buf_addf(&path, "%s?limit=%d", r->source->logs, PAGE);
        if (r->after)
                buf_addf(&path, "&after=%lld", (long long)r->after);
        url_query(&path, "attempt", args_value(&r->c->args, OPT_attempt));
        struct call q = {.path = buf_str(&path), .give_up = feed_interrupted};
        if (api_call(r->c, &q, &a, e) < 0)
                return -1;
        const struct json *entries = json_get(a.data, "entries");
        *count = json_count(entries);
        for (const struct json *i = json_first(entries); i; i = json_next(i)) {
                print_entry(r, i);
                r->after = json_int_at(i, "id");
        }
        print_server(r, a.data);
        return 0;
}

static int read_lines(struct reader *r, struct err *e)
{
        size_t count;
        do {
                if (read_page(r, &count, e) < 0)
                        return -1;
        } while (count == PAGE && !feed_interrupted());
        fflush(stdout);
        return 0;
}

/* ---- following ---- */

static bool is_over(const char *state)
{
        enum migration_state m;
        enum wave_state w;
        return (migration_state_parse(state, &m) == 0 && migration_is_terminal(m)) ||
               (wave_state_parse(state, &w) == 0 && wave_is_ended(w));
}

static int read_state(struct reader *r, bool *over, struct err *e)
{
        autoanswer a = {0};
        struct call q = {.path = r->source->state, .give_up = feed_interrupted};
        if (api_call(r->c, &q, &a, e) < 0)
                return -1;
        *over = is_over(json_str_at(a.data, "state"));
        return 0;
}

static bool has_item(const struct json *items, const char *migration)
{
        for (const struct json *i = json_first(items); i; i = json_next(i)) {
                if (strcmp(json_str_at(i, "id"), migration) == 0)
                        return true;
        }
        return false;
}

/* Of a migration only what is about it; other migrations of the wave are no news. */
static void on_event(const char *name, const struct json *data, void *arg)
{
        struct reader *r = arg;
        const char *migration = r->source->migration;
        if (!migration)
                r->news |= strcmp(name, "wave") == 0;
        else if (strcmp(name, "migrations") == 0)
                r->news |= has_item(json_get(data, "items"), migration);
        else if (strcmp(name, "log") == 0)
                r->news |= strcmp(json_str_at(data, "migration_id"), migration) == 0;
}

/* The state first: what was written before the end is there when the end is seen. */
static int follow(struct reader *r, struct feed *feed, struct err *e)
{
        for (bool over = false; !feed_interrupted();) {
                bool again = feed_turn(feed, TURN_MS);
                if (!again && (!r->news || clock_mono_ms() < r->read_at_ms))
                        continue;
                r->news = false;
                r->read_at_ms = clock_mono_ms() + READ_MS;
                if ((read_state(r, &over, e) < 0 || read_lines(r, e) < 0) && !feed_interrupted())
                        return -1;
                if (over)
                        return EXIT_DONE;
        }
        cli_note(r->c, "no longer followed; it goes on");
        return EXIT_INTERRUPTED;
}

int logs_show(struct cli *c, const struct log_source *s, struct err *e)
{
        struct reader r = {.c = c, .source = s};
        autobuf path = BUF_INIT(SIZE_MAX);
        if (!args_has(&c->args, OPT_follow)) {
                if (read_lines(&r, e) < 0)
                        return -1;
                if (!r.after)
                        cli_note(c, "there are no lines yet");
                return EXIT_DONE;
        }
        buf_adds(&path, "/api/events");
        url_query(&path, "wave", s->wave);
        if (s->migration)
                url_query(&path, "logs", s->migration);
        feed_catch_signals();
        struct feed *feed = feed_open(c, buf_str(&path), on_event, &r);
        int rc = follow(&r, feed, e);
        feed_close(feed);
        return rc;
}
