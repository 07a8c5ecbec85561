/* remote_answer.c - reading the migration server's answers, whatever their manners. */
#include "model/remote_answer.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/loose.h"

enum { TEXT_MAX = 64 * 1024 };

CLEANUP_DEFINE(json, struct json *, json_free)

/* ---- words ---- */

static const struct {
        const char *word;
        enum remote_state state;
} words[] = {
        {"pending", REMOTE_PENDING},     {"in_progress", REMOTE_RUNNING},
        {"completed", REMOTE_COMPLETED}, {"error", REMOTE_ERROR},
        {"success", REMOTE_COMPLETED},   {"failed", REMOTE_ERROR}, /* seen in the wild */
        {"queued", REMOTE_PENDING},      {"running", REMOTE_RUNNING},
        {"processing", REMOTE_RUNNING},  {"complete", REMOTE_COMPLETED},
        {"succeeded", REMOTE_COMPLETED}, {"failure", REMOTE_ERROR},
};

const char *remote_state_name(enum remote_state s)
{
        for (size_t i = 0; i < COUNT_OF(words); i++) {
                if (words[i].state == s)
                        return words[i].word;
        }
        return "unknown";
}

/* The same word in other letters: "In-Progress" is in_progress. */
static bool same_word(const char *a, const char *b)
{
        for (; *a && *b; a++, b++) {
                char c = *a == '-' || *a == ' ' ? '_' : (char)tolower((unsigned char)*a);
                if (c != *b)
                        return false;
        }
        return !*b && a[strspn(a, " ")] == '\0';
}

enum remote_state remote_state_parse(const char *word)
{
        word += strspn(word, " ");
        for (size_t i = 0; i < COUNT_OF(words); i++) {
                if (same_word(word, words[i].word))
                        return words[i].state;
        }
        return REMOTE_NONE;
}

/* The text behind a byte order mark, which some servers put before their JSON. */
static const char *behind_mark(const char *text, size_t *len)
{
        if (*len < 3 || memcmp(text, "\xEF\xBB\xBF", 3) != 0)
                return text;
        *len -= 3;
        return text + 3;
}

/* ---- errors ---- */

static bool says(const struct json *v, const char *name, bool wanted)
{
        const struct json *m = json_get(v, name);
        return m && json_type_of(m) == JSON_BOOL && json_bool(m) == wanted;
}

static enum error_class class_said(const struct json *v)
{
        const char *word = json_str(json_get(v, "class"));
        if (word && strcasecmp(word, "temporary") == 0)
                return CLASS_TEMPORARY;
        if (word && strcasecmp(word, "critical") == 0)
                return CLASS_CRITICAL;
        if (word && strcasecmp(word, "data") == 0)
                return CLASS_DATA;
        return says(v, "permanent", true) || says(v, "retryable", false) ? CLASS_DATA : CLASS_NONE;
}

static enum error_class class_of(const struct json *body)
{
        enum error_class c = class_said(json_get(body, "error"));
        if (c == CLASS_NONE)
                c = class_said(body);
        return c == CLASS_NONE ? CLASS_TEMPORARY : c;
}

/* ---- progress ---- */

static void read_progress(const struct json *body, struct arena *a, struct remote_progress *out)
{
        static const char *const totals[] = {"total_pages", "total", "Total", NULL};
        static const char *const dones[] = {"processed_pages", "processed", "Success", "done", NULL};
        static const char *const percents[] = {"progress_percent", "percent", "percentage", NULL};
        const struct json *p = json_get(body, "progress");
        bool object = p && json_type_of(p) == JSON_OBJECT;
        double percent;
        *out = (struct remote_progress){.total = -1, .done = -1, .percent = -1};
        if (!object && !loose_number(p, &percent))
                return;
        out->total = loose_integer(loose_first(p, totals), -1);
        out->done = loose_integer(loose_first(p, dones), -1);
        out->stage = loose_text(p, json_get(p, "current_stage") ? "current_stage" : "stage", a);
        if (!object || loose_number(loose_first(p, percents), &percent))
                out->percent = percent < 0 ? 0 : percent > 100 ? 100 : (int)percent;
        else if (out->total > 0 && out->done >= 0)
                out->percent = out->done >= out->total
                                       ? 100
                                       : (int)((double)out->done * 100 / (double)out->total);
        out->there = out->total >= 0 || out->done >= 0 || out->percent >= 0 || out->stage;
}

static void out_count(struct json_out *o, const char *name, int64_t v)
{
        if (v >= 0)
                json_out_int(o, name, v);
        else
                json_out_null(o, name);
}

const char *remote_progress_json(const struct remote_progress *p, struct arena *a)
{
        if (!p->there)
                return NULL;
        autobuf text = BUF_INIT(TEXT_MAX);
        struct json_out o;
        json_out_init(&o, &text);
        json_out_object(&o, NULL);
        out_count(&o, "total", p->total);
        out_count(&o, "done", p->done);
        out_count(&o, "percent", p->percent);
        json_out_str(&o, "stage", p->stage);
        json_out_object_end(&o);
        return arena_text(a, &text);
}

/* ---- answers ---- */

/* All but the state and the body. */
static void read_answer(const struct json *v, struct arena *a, struct remote_answer *out)
{
        out->started = loose_time(v, "started_at");
        out->updated = loose_time(v, "updated_at");
        out->completed = loose_time(v, "completed_at");
        out->failed = loose_time(v, "failed_at");
        read_progress(v, a, &out->progress);
        out->brizy_project_id = loose_integer(json_get(v, "brizy_project_id"), 0);
        out->domain = loose_text(v, "brizy_project_domain", a);
        out->migration_id = loose_text(v, "migration_id", a);
        out->error = loose_words(json_get(v, "error"), a);
        out->class = class_of(v);
}

static void settle_error(const struct json *v, struct arena *a, struct remote_answer *out)
{
        if (out->state != REMOTE_ERROR)
                out->error = NULL;
        else if (!out->error)
                out->error = loose_words(json_get(v, "message"), a);
        if (out->state == REMOTE_ERROR && !out->error)
                out->error = "the migration server reports an error without saying which";
        if (out->state != REMOTE_ERROR)
                out->class = CLASS_NONE;
}

/* The object that a text holds, or NULL (code; the reason in e). */
static struct json *object_of(const char *text, size_t len, enum err_code code, struct err *e)
{
        struct err why = ERR_INIT;
        struct json *v = json_parse(text, len, &why);
        if (v && json_type_of(v) == JSON_OBJECT)
                return v;
        if (v)
                err_set(e, code, "it is no JSON object");
        else
                err_set(e, code, "it is no JSON (%s)", why.text);
        json_free(v);
        return NULL;
}

static const char *as_it_came(struct arena *a, const char *text, size_t len)
{
        return arena_try_strndup(a, text, len);
}

int remote_answer_parse(const char *text, size_t len, struct arena *a, struct remote_answer *out,
                        struct err *e)
{
        text = behind_mark(text, &len);
        cleanup(json_cleanup) struct json *v = object_of(text, len, ERR_UPSTREAM, e);
        if (!v)
                return -1;
        const char *word = json_str(json_get(v, "status"));
        struct remote_answer found = {.state = word ? remote_state_parse(word) : REMOTE_NONE};
        if (!word)
                return err_set(e, ERR_UPSTREAM, "it has no status");
        if (found.state == REMOTE_NONE)
                return err_set(e, ERR_UPSTREAM, "its status \"%.60s\" is no known word", word);
        read_answer(v, a, &found);
        settle_error(v, a, &found);
        found.body = as_it_came(a, text, len);
        if (arena_failed(a))
                return err_set(e, ERR_UPSTREAM, "it is too large");
        *out = found;
        return 0;
}

int remote_start_parse(const char *text, size_t len, const char *project, int64_t brz_project_id,
                       struct arena *a, struct err *e)
{
        text = behind_mark(text, &len);
        cleanup(json_cleanup) struct json *v = object_of(text, len, ERR_UPSTREAM, e);
        if (!v)
                return -1;
        const char *word = json_str(json_get(v, "status"));
        enum remote_state s = word ? remote_state_parse(word) : REMOTE_NONE;
        if (s != REMOTE_PENDING && s != REMOTE_RUNNING)
                return err_set(e, ERR_UPSTREAM, "it does not say that the migration is in progress");
        const char *echo = loose_text(v, "mb_project_uuid", a);
        int64_t target = loose_integer(json_get(v, "brz_project_id"), 0);
        if ((echo && strcmp(echo, project) != 0) || (target && target != brz_project_id))
                return err_set(e, ERR_UPSTREAM, "it is about another migration");
        return 0;
}

const char *remote_error_text(const char *text, size_t len, struct arena *a)
{
        text = behind_mark(text, &len);
        cleanup(json_cleanup) struct json *v = object_of(text, len, ERR_UPSTREAM, NULL);
        const char *said = loose_words(json_get(v, "error"), a);
        return said ? said : loose_words(json_get(v, "message"), a);
}

/* ---- webhook ---- */

static int read_pair(const struct json *v, struct arena *a, struct remote_webhook *out,
                     struct err *e)
{
        const struct json *project = json_get(v, "mb_project_uuid");
        const struct json *target = json_get(v, "brz_project_id");
        if (!project || json_type_of(project) == JSON_NULL)
                return err_set(e, ERR_BAD_REQUEST, "mb_project_uuid is required");
        if (!target || json_type_of(target) == JSON_NULL)
                return err_set(e, ERR_BAD_REQUEST, "brz_project_id is required");
        out->project = loose_text(v, "mb_project_uuid", a);
        if (!out->project)
                return err_set(e, ERR_WRONG_TYPE,
                               "mb_project_uuid must be a string that is not empty");
        out->brz_project_id = loose_integer(target, 0);
        if (out->brz_project_id <= 0)
                return err_set(e, ERR_WRONG_TYPE, "brz_project_id must be an integer above 0");
        return 0;
}

static int read_webhook_state(const struct json *v, struct remote_answer *out, struct err *e)
{
        const struct json *status = json_get(v, "status");
        const char *word = json_str(status);
        if (!status || json_type_of(status) == JSON_NULL || (word && loose_is_blank(word))) {
                out->state = out->error ? REMOTE_ERROR : REMOTE_COMPLETED;
                return 0;
        }
        if (!word)
                return err_set(e, ERR_WRONG_TYPE, "status must be a string");
        out->state = remote_state_parse(word);
        if (out->state == REMOTE_NONE)
                return err_set(e, ERR_BAD_REQUEST,
                               "status must be completed, error or in_progress, not \"%.60s\"",
                               word);
        return 0;
}

static const char *warnings_of(const struct json *v, struct arena *a)
{
        const struct json *w = json_get(v, "warnings");
        if (!w || json_type_of(w) != JSON_ARRAY)
                return NULL;
        autobuf text = BUF_INIT(1 << 20);
        json_print(w, &text);
        return buf_ok(&text) || text.starved ? arena_text(a, &text) : NULL;
}

static int read_webhook(const char *text, size_t len, struct arena *a, struct remote_webhook *out,
                        struct err *e)
{
        struct err why = ERR_INIT;
        cleanup(json_cleanup) struct json *v = json_parse(text, len, &why);
        if (!v && why.code == ERR_UNAVAILABLE) {
                *e = why;
                return -1;
        }
        if (!v)
                return err_set(e, ERR_MALFORMED, "the body is no JSON: %s", why.text);
        if (json_type_of(v) != JSON_OBJECT)
                return err_set(e, ERR_WRONG_TYPE, "the body must be an object");
        struct remote_webhook found = {0};
        if (read_pair(v, a, &found, e) < 0)
                return -1;
        read_answer(v, a, &found.answer);
        if (read_webhook_state(v, &found.answer, e) < 0)
                return -1;
        settle_error(v, a, &found.answer);
        found.answer.body = as_it_came(a, text, len);
        found.migration_uuid = loose_text(v, "migration_uuid", a);
        found.date = loose_text(v, "date", a);
        found.theme = loose_text(v, "theme", a);
        found.mb_product_name = loose_text(v, "mb_product_name", a);
        found.mb_site_id = loose_text(v, "mb_site_id", a);
        found.mb_project_domain = loose_text(v, "mb_project_domain", a);
        found.warnings = warnings_of(v, a);
        *out = found;
        return 0;
}

int remote_webhook_parse(const char *text, size_t len, struct arena *a, struct remote_webhook *out,
                         struct err *e)
{
        struct remote_webhook found = {0};
        text = behind_mark(text, &len);
        int rc = read_webhook(text, len, a, &found, e);
        /* What there was no memory for looks as if it had not been said, so nothing follows from it. */
        struct err full = ERR_INIT;
        if (arena_check(a, "the body", &full) < 0) {
                enum err_code code = full.code == ERR_TOO_LARGE ? ERR_BAD_REQUEST : full.code;
                return err_set(e, code, "%s", full.text);
        }
        if (rc < 0)
                return -1;
        *out = found;
        return 0;
}

/* ---- handshake, result ---- */

int remote_handshake_parse(const char *text, size_t len, struct arena *a,
                           struct remote_handshake *out, struct err *e)
{
        text = behind_mark(text, &len);
        cleanup(json_cleanup) struct json *v = object_of(text, len, ERR_UPSTREAM, e);
        if (!v)
                return -1;
        const char *word = json_str(json_get(v, "handshake_with_dashboard"));
        struct remote_handshake found = {
                .ok = word && strcasecmp(word, "ok") == 0,
                .service = loose_text(v, "service", a),
                .server_id = loose_text(v, "server_id", a),
                .client_ip = loose_text(v, "client_ip", a),
                .timestamp = loose_text(v, "timestamp", a),
                .error = loose_words(json_get(v, "handshake_error"), a),
                .body = as_it_came(a, text, len),
        };
        if (!word)
                return err_set(e, ERR_UPSTREAM, "it does not say how the handshake went");
        *out = found;
        return 0;
}

const char *remote_result_json(const char *text, size_t len, struct arena *a)
{
        text = behind_mark(text, &len);
        cleanup(json_cleanup) struct json *v = json_parse(text, len, NULL);
        if (v && json_type_of(v) == JSON_OBJECT)
                return as_it_came(a, text, len);
        autobuf b = BUF_INIT(len * 6 + TEXT_MAX);
        if (v) {
                buf_adds(&b, "{\"body\":");
                buf_add(&b, text, len);
        } else {
                size_t shown = strnlen(text, len < TEXT_MAX ? len : TEXT_MAX);
                buf_adds(&b, "{\"text\":");
                json_quote(&b, text, shown);
        }
        buf_addc(&b, '}');
        return arena_text(a, &b);
}
