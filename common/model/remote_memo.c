/* remote_memo.c - the memo in JSON and back. */
#include "model/remote_memo.h"

#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"

enum { MEMO_MAX = 4096 };

CLEANUP_DEFINE(json, struct json *, json_free)

static const char *const start_names[] = {
        [START_NONE] = "none",           [START_NOT_SENT] = "not_sent", [START_SENT] = "sent",
        [START_AMBIGUOUS] = "ambiguous", [START_ACCEPTED] = "accepted", [START_ENDED] = "ended",
};
_Static_assert(COUNT_OF(start_names) == START_COUNT, "every state of a start has a name");

static int64_t integer(const struct json *v, const char *name)
{
        int64_t i;
        return json_int(json_get(v, name), &i) == 0 && i > 0 ? i : 0;
}

/* A number of something: what fits into none is none. */
static int32_t count_of(const struct json *v, const char *name)
{
        int64_t i = integer(v, name);
        return i <= INT32_MAX ? (int32_t)i : 0;
}

static void read_trace(const struct json *v, struct remote_trace *out)
{
        const char *state = json_str(json_get(v, "state"));
        const char *print = json_str(json_get(v, "print"));
        if (!state)
                return;
        out->known = true;
        out->state = remote_state_parse(state);
        out->started_ms = integer(v, "started_at");
        out->updated_ms = integer(v, "updated_at");
        out->completed_ms = integer(v, "completed_at");
        out->failed_ms = integer(v, "failed_at");
        if (print && strlen(print) < sizeof(out->print))
                memcpy(out->print, print, strlen(print));
}

void remote_memo_parse(const char *text, struct remote_memo *out)
{
        *out = (struct remote_memo){0};
        cleanup(json_cleanup) struct json *v = text ? json_parse(text, strlen(text), NULL) : NULL;
        const char *start = json_str(json_get(v, "start"));
        for (size_t i = 0; start && i < COUNT_OF(start_names); i++) {
                if (strcmp(start, start_names[i]) == 0)
                        out->start = (enum remote_start)i;
        }
        out->brz_project_id = integer(v, "brz_project_id");
        out->attempt = count_of(v, "attempt");
        out->spent = count_of(v, "spent");
        out->claimed_ms = integer(v, "claimed_at");
        out->start_sent_ms = integer(v, "start_sent_at");
        out->server_now_ms = integer(v, "server_now");
        read_trace(json_get(v, "status_before"), &out->before);
        out->seen_running = json_bool(json_get(v, "seen_running"));
        out->unknown = count_of(v, "unknown");
}

static void out_time(struct json_out *o, const char *name, int64_t ms)
{
        if (ms)
                json_out_int(o, name, ms);
}

static void out_trace(struct json_out *o, const struct remote_trace *t)
{
        if (!t->known)
                return;
        json_out_object(o, "status_before");
        json_out_str(o, "state", remote_state_name(t->state));
        out_time(o, "started_at", t->started_ms);
        out_time(o, "updated_at", t->updated_ms);
        out_time(o, "completed_at", t->completed_ms);
        out_time(o, "failed_at", t->failed_ms);
        if (*t->print)
                json_out_str(o, "print", t->print);
        json_out_object_end(o);
}

char *remote_memo_json(const struct remote_memo *m, struct arena *a)
{
        autobuf text = BUF_INIT(MEMO_MAX);
        struct json_out o;
        json_out_init(&o, &text);
        json_out_object(&o, NULL);
        json_out_str(&o, "start", start_names[m->start]);
        json_out_int(&o, "brz_project_id", m->brz_project_id);
        json_out_int(&o, "attempt", m->attempt);
        json_out_int(&o, "spent", m->spent);
        out_time(&o, "claimed_at", m->claimed_ms);
        out_time(&o, "start_sent_at", m->start_sent_ms);
        out_time(&o, "server_now", m->server_now_ms);
        out_trace(&o, &m->before);
        json_out_bool(&o, "seen_running", m->seen_running);
        json_out_int(&o, "unknown", m->unknown);
        json_out_object_end(&o);
        return arena_strdup(a, buf_str(&text));
}

bool remote_memo_sent(const struct remote_memo *m, int64_t brz_project_id)
{
        return m->start >= START_SENT && m->brz_project_id == brz_project_id;
}

/* ---- what stood at the server ---- */

static void hash_text(struct hash_stream *h, const char *s)
{
        if (s)
                hash_stream_add(h, s, strlen(s));
        hash_stream_add(h, "", 1);
}

void remote_trace_of(const struct remote_answer *s, struct remote_trace *out)
{
        *out = (struct remote_trace){.known = true};
        if (!s)
                return;
        out->state = s->state;
        out->started_ms = s->started.ms;
        out->updated_ms = s->updated.ms;
        out->completed_ms = s->completed.ms;
        out->failed_ms = s->failed.ms;
        unsigned char hash[HASH_BYTES];
        struct hash_stream *h = hash_stream_new();
        hash_text(h, s->error);
        hash_text(h, s->domain);
        hash_text(h, s->migration_id);
        hash_stream_add(h, &s->brizy_project_id, sizeof(s->brizy_project_id));
        hash_stream_end(h, hash);
        hash_hex(hash, (sizeof(out->print) - 1) / 2, out->print);
}

bool remote_trace_same(const struct remote_trace *a, const struct remote_trace *b)
{
        return a->known && b->known && a->state == b->state && a->started_ms == b->started_ms &&
               a->updated_ms == b->updated_ms && a->completed_ms == b->completed_ms &&
               a->failed_ms == b->failed_ms && strcmp(a->print, b->print) == 0;
}
