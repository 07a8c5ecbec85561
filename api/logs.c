/* logs.c - log lines: of one migration, ours and then the migration server's own; the newest of all. */
#include <string.h>

#include "api/app.h"
#include "api/migration_find.h"
#include "api/reply.h"
#include "api/routes.h"
#include "api/secret_hide.h"
#include "api/upstream.h"
#include "base/mem.h"

enum { LINES = 1000, LINES_MAX = 10000, RECENT = 100, RECENT_MAX = 500, SERVER_LINES_MAX = 2000 };

CLEANUP_DEFINE(json, struct json *, json_free)

struct log_request {
        struct request *rq;
        const struct migration_facts *f;
        const char **lines; /* the server's */
        size_t count;
        const char *trouble;
};

/* ---- the server's own ---- */

static void add_line(struct log_request *l, const char *text, size_t len)
{
        struct arena *a = request_arena(l->rq);
        if (l->count == SERVER_LINES_MAX)
                return;
        char *line = arena_try_strndup(a, text, len);
        if (!line)
                return; /* and no answer is made of the rest */
        bool valid = utf8_valid(line, len);
        for (char *p = line; *p && !valid; p++) {
                if ((unsigned char)*p >= 0x80)
                        *p = '?';
        }
        l->lines[l->count++] = line;
}

static void add_text(struct log_request *l, const char *text, size_t len)
{
        const char *end = text + len;
        while (text < end) {
                const char *eol = memchr(text, '\n', (size_t)(end - text));
                size_t n = (size_t)((eol ? eol : end) - text);
                size_t shown = n && text[n - 1] == '\r' ? n - 1 : n;
                if (shown)
                        add_line(l, text, strnlen(text, shown));
                text += n + 1;
        }
}

static void add_value(struct log_request *l, const struct json *v)
{
        autobuf text = BUF_INIT(UPSTREAM_ANSWER_MAX);
        if (json_str(v)) {
                add_text(l, json_str(v), strlen(json_str(v)));
                return;
        }
        json_print(v, &text);
        if (buf_ok(&text) || arena_text(request_arena(l->rq), &text))
                add_line(l, buf_str(&text), text.len);
}

/* Lines are the elements of an array, or of an object's array or text `logs` or `log`. */
static void add_json(struct log_request *l, const struct json *v)
{
        const struct json *logs = json_get(v, "logs");
        if (!logs)
                logs = json_get(v, "log");
        if (logs)
                v = logs;
        if (json_type_of(v) != JSON_ARRAY) {
                add_value(l, v);
                return;
        }
        for (const struct json *i = json_first(v); i; i = json_next(i))
                add_value(l, i);
}

static void read_lines(struct log_request *l, const struct upstream_reply *r)
{
        struct arena *a = request_arena(l->rq);
        size_t len = r->len;
        const char *text =
                secret_hide(a, r->body, &len, l->f->secret, request_app(l->rq)->config->secret_key);
        struct json *v cleanup(json_cleanup) = json_parse(text, len, NULL);
        if (v && json_type_of(v) >= JSON_STRING)
                add_json(l, v);
        else
                add_text(l, text, len);
}

/* ---- together ---- */

static void answer(struct log_request *l)
{
        struct request *rq = l->rq;
        struct err e = ERR_INIT;
        int64_t after, limit, attempt;
        if (request_query_int(rq, "after", 0, 0, INT64_MAX, &after, &e) < 0 ||
            request_query_int(rq, "limit", LINES, 1, LINES_MAX, &limit, &e) < 0 ||
            request_query_int(rq, "attempt", 0, 0, INT32_MAX, &attempt, &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_MIGRATION_LOG_LINES);
        pg_arg_int(tx, l->f->id);
        pg_arg_int(tx, after);
        pg_arg_int(tx, limit);
        pg_arg_int(tx, attempt);
        pg_arg_texts(tx, l->lines, l->count);
        pg_arg_text(tx, l->trouble);
        reply_data(rq, tx);
}

static void on_log(const struct upstream_reply *r, const struct err *e, void *arg)
{
        struct log_request *l = arg;
        struct arena *a = request_arena(l->rq);
        if (e)
                l->trouble = arena_strdup(a, e->text);
        else if (r->status == 404)
                l->trouble = "the migration server has no log of it";
        else if (r->status != 200)
                l->trouble = arena_printf(a, "the migration server answers %d", r->status);
        else
                read_lines(l, r);
        answer(l);
}

/* Whoever pages through ours has seen the server's with the first page. */
static void logs_found(struct request *rq, const struct migration_facts *f)
{
        struct arena *a = request_arena(rq);
        struct log_request *l = ARENA_NEW(a, struct log_request);
        *l = (struct log_request){.rq = rq, .f = f};
        l->lines = ARENA_ARRAY(a, const char *, SERVER_LINES_MAX);
        if (migration_is_remote(f) && !request_query(rq, "after"))
                upstream_log(request_app(rq)->upstream, f->target, on_log, l);
        else
                answer(l);
}

void migration_logs(struct request *rq)
{
        migration_find(rq, logs_found);
}

void logs_recent(struct request *rq)
{
        struct err e = ERR_INIT;
        int64_t limit;
        if (request_query_int(rq, "limit", RECENT, 1, RECENT_MAX, &limit, &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_MIGRATIONS_LOGS_RECENT);
        pg_arg_int(tx, limit);
        reply_list(rq, tx);
}
