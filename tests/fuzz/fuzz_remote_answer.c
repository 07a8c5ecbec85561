/*
 * remote_answer.c, loose.c, remote_verdict.c, remote_memo.c: what the migration server says, to each
 * question. Texts are UTF-8 without a NUL, numbers within their ranges, and what is noted of it is read
 * again as it was noted.
 */
#include "model/remote_answer.h"
#include "model/remote_memo.h"
#include "model/remote_verdict.h"
#include "tests/fuzz/fuzz.h"

static void must_be_text(const char *s)
{
        must(!s || utf8_valid(s, strlen(s)));
}

static void must_be_object(const char *text)
{
        struct json *v = json_parse(text, strlen(text), NULL);
        must(v && json_type_of(v) == JSON_OBJECT);
        json_free(v);
}

static void must_be_answer(const struct remote_answer *r, struct arena *a)
{
        must(r->state > REMOTE_NONE && r->state <= REMOTE_ERROR);
        must(remote_state_parse(remote_state_name(r->state)) == r->state);
        must(r->brizy_project_id >= 0);
        must(r->progress.percent >= -1 && r->progress.percent <= 100);
        must(r->progress.total >= -1 && r->progress.done >= -1);
        must(!r->error || (r->error[0] && strlen(r->error) <= LOOSE_TEXT_MAX));
        must_be_text(r->error);
        must_be_text(r->domain);
        must_be_text(r->migration_id);
        must_be_text(r->progress.stage);
        must_be_object(r->body);
        const char *progress = remote_progress_json(&r->progress, a);
        if (progress)
                must_be_object(progress);
}

static bool same_memo(const struct remote_memo *x, const struct remote_memo *y)
{
        return x->start == y->start && x->brz_project_id == y->brz_project_id &&
               x->attempt == y->attempt && x->spent == y->spent && x->claimed_ms == y->claimed_ms &&
               x->start_sent_ms == y->start_sent_ms && x->server_now_ms == y->server_now_ms &&
               x->seen_running == y->seen_running && x->unknown == y->unknown &&
               x->before.known == y->before.known &&
               (!x->before.known || remote_trace_same(&x->before, &y->before));
}

/* The memo in `text`, if it is one: what it becomes is read again as the same. */
static void read_memo(const char *text, struct remote_memo *m, struct arena *a)
{
        struct remote_memo again;
        remote_memo_parse(text, m);
        must((unsigned)m->start < START_COUNT);
        char *json = remote_memo_json(m, a);
        must_be_object(json);
        remote_memo_parse(json, &again);
        must(same_memo(m, &again));
}

static void judge(const struct remote_answer *r, const struct remote_memo *m)
{
        struct remote_moment moment;
        struct remote_trace trace, same;
        remote_trace_of(r, &trace);
        remote_trace_of(r, &same);
        must(remote_trace_same(&trace, &same));
        remote_moment_of_memo(m, r->brizy_project_id, &moment);
        enum remote_verdict v = remote_verdict(REPLY_STATUS, r, &moment);
        must((unsigned)v < VERDICT_COUNT && remote_verdict_name(v));
        must((unsigned)remote_step_before_start(v, m, m->spent, m->claimed_ms) < STEP_COUNT);
        remote_moment_of_parked(m, r->brizy_project_id, m->claimed_ms, &moment);
        must((unsigned)remote_verdict(REPLY_STATUS, r, &moment) < VERDICT_COUNT);
}

static void read_webhook(const char *text, size_t len, struct arena *a)
{
        struct remote_webhook w;
        struct err e = ERR_INIT;
        memset(&w, 0x5A, sizeof(w));
        if (remote_webhook_parse(text, len, a, &w, &e) < 0) {
                must_explain(&e);
                must(err_http_status(e.code) == 400);
                struct remote_webhook untouched;
                memset(&untouched, 0x5A, sizeof(untouched));
                must(same_bytes(&w, &untouched, sizeof(w)));
                return;
        }
        must(w.project[0] && w.brz_project_id > 0);
        must_be_answer(&w.answer, a);
        must_be_text(w.theme);
        must_be_text(w.date);
        if (w.warnings) {
                struct json *v = json_parse(w.warnings, strlen(w.warnings), NULL);
                must(v && json_type_of(v) == JSON_ARRAY);
                json_free(v);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = input_of(data, size);
        struct arena *a = arena_new(0);
        struct err e = ERR_INIT;
        size_t len;
        autofree char *memo = input_line(&in, NULL), *text = input_rest(&in, &len);
        struct remote_memo m;
        read_memo(memo, &m, a);
        struct remote_answer r;
        if (remote_answer_parse(text, len, a, &r, &e) == 0) {
                must_be_answer(&r, a);
                judge(&r, &m);
        } else {
                must_explain(&e);
                must(e.code == ERR_UPSTREAM);
        }
        if (remote_start_parse(text, len, "project", 7, a, &e) < 0)
                must(e.code == ERR_UPSTREAM);
        read_webhook(text, len, a);
        struct remote_handshake h;
        if (remote_handshake_parse(text, len, a, &h, &e) == 0) {
                must_be_object(h.body);
                must_be_text(h.error);
        }
        const char *words = remote_error_text(text, len, a);
        must(!words || (words[0] && strlen(words) <= LOOSE_TEXT_MAX));
        must_be_text(words);
        must_be_object(remote_result_json(text, len, a));
        arena_free(a);
        return 0;
}
