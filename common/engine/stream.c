/*
 * stream.c - log lines and progress of bodies, on their way into PostgreSQL on a connection of their
 * own: one transaction under way, the next lines gather. What PostgreSQL does not take in time is
 * dropped past a bound and counted; a body's log never holds up its settlement.
 */
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "engine/worker_internal.h"

enum {
        BATCH_LINES = 2000,
        BATCH_BYTES = 1 << 20,
        WAITING_BYTES = 16 << 20,
        AGAIN_MS = 500,
        WAIT_MAX_MS = 10000, /* a settlement waits no longer for its lines */
};

struct line {
        struct line *next;
        int64_t id;
        int32_t attempt;
        int64_t at_ms; /* monotonic: sent as an age */
        char stream[8];
        size_t len;
        char text[];
};
struct progress {
        int64_t id;
        int32_t attempt;
        char *json;
};
struct counted {
        int64_t lines;
        uint64_t last; /* the number of the last line that was kept */
        bool told;
};
/* A settlement that waits until the lines of its attempt are written. */
struct waiting {
        struct waiting *next;
        uint64_t last;
        int64_t since_ms;
        void (*fn)(bool written, void *arg);
        void *arg;
};

struct stream {
        struct engine_worker *w;
        struct line *head, **tail;
        size_t count, bytes;
        struct map *progress; /* id -> struct progress, the newest only */
        struct map *counts;   /* id -> struct counted, of the attempt that runs */
        bool busy;
        struct line *sent; /* the batch under way */
        size_t nsent;
        uint64_t appended, written; /* how many lines ever */
        struct waiting *first, **end;
        struct loop_timer *again;
};

static void wake(struct stream *l);

static void again(void *arg)
{
        struct stream *l = arg;

        wake(l);
        stream_kick(l);
        if (l->first)
                loop_timer_start(l->again, AGAIN_MS);
}

struct stream *stream_new(struct engine_worker *w)
{
        struct stream *l = xcalloc(1, sizeof(*l));

        l->w = w;
        l->tail = &l->head;
        l->end = &l->first;
        l->progress = map_new();
        l->counts = map_new();
        l->again = loop_timer_new(w->loop, again, l);
        return l;
}

static void free_lines(struct line *line)
{
        while (line) {
                struct line *next = line->next;
                free(line);
                line = next;
        }
}

static void progress_free(struct progress *p)
{
        if (p)
                free(p->json);
        free(p);
}

void stream_free(struct stream *l)
{
        size_t at = 0;
        int64_t id;
        void *v;

        if (!l)
                return;
        free_lines(l->head);
        free_lines(l->sent);
        while (l->first) {
                struct waiting *next = l->first->next;
                l->first->fn(false, l->first->arg);
                free(l->first);
                l->first = next;
        }
        while ((v = map_next(l->progress, &at, &id)))
                progress_free(v);
        at = 0;
        while ((v = map_next(l->counts, &at, &id)))
                free(v);
        map_free(l->progress);
        map_free(l->counts);
        loop_timer_free(l->again);
        free(l);
}

bool stream_quiet(const struct stream *l)
{
        return !l->busy && !l->head && !map_count(l->progress);
}

void stream_end(struct stream *l, int64_t id)
{
        free(map_remove(l->counts, id));
}

static void append(struct stream *l, int64_t id, int32_t attempt, const char *stream,
                   const char *text, size_t len)
{
        struct line *line = mem_try(NULL, sizeof(*line) + len + 1);

        if (!line) {
                metric_add(METRIC_LOG_LINES, 1, "dropped", NULL);
                return;
        }
        line->next = NULL;
        line->id = id;
        line->attempt = attempt;
        line->at_ms = clock_mono_ms();
        snprintf(line->stream, sizeof(line->stream), "%s", stream);
        line->len = len;
        memcpy(line->text, text, len);
        line->text[len] = '\0';
        for (size_t i = 0; i < len; i++)
                if (!line->text[i])
                        line->text[i] = ' ';
        if (!utf8_valid(line->text, len))
                for (size_t i = 0; i < len; i++)
                        if ((unsigned char)line->text[i] >= 0x80)
                                line->text[i] = '?';
        *l->tail = line;
        l->tail = &line->next;
        l->appended++;
        l->count++;
        l->bytes += sizeof(*line) + len;
}

/* Whether the line may be kept; the first that may not says so in its place. */
static bool admitted(struct stream *l, int64_t id, int32_t attempt)
{
        struct counted *c = map_get(l->counts, id);
        const char *why = NULL;

        if (!c) {
                c = xcalloc(1, sizeof(*c));
                map_put(l->counts, id, c);
        }
        if (++c->lines > l->w->cfg->worker_log_lines)
                why = "further lines of this attempt were dropped: worker.log_lines_max is reached";
        else if (l->bytes > WAITING_BYTES)
                why = "lines were dropped here: PostgreSQL does not take them fast enough";
        if (!why)
                return true;
        metric_add(METRIC_LOG_LINES, 1, "dropped", NULL);
        if (!c->told)
                append(l, id, attempt, "log", why, strlen(why));
        c->told = true;
        return false;
}

bool engine_worker_log_full(const struct engine_worker *w)
{
        return w->stream->bytes > WAITING_BYTES / 2;
}

void engine_worker_log(struct engine_worker *w, int64_t id, int32_t attempt, const char *stream,
                       const char *line, size_t len)
{
        struct stream *l = w->stream;

        if (!admitted(l, id, attempt))
                return;
        metric_add(METRIC_LOG_LINES, 1, "kept", NULL);
        append(l, id, attempt, stream, line, len);
        ((struct counted *)map_get(l->counts, id))->last = l->appended;
        stream_kick(l);
}

void engine_worker_progress(struct engine_worker *w, int64_t id, int32_t attempt, const char *json)
{
        struct progress *p = xmalloc(sizeof(*p));
        struct json *v = json_parse(json, strlen(json), NULL);
        bool object = v && json_type_of(v) == JSON_OBJECT;

        json_free(v);
        *p = (struct progress){id, attempt, NULL};
        if (!object) {
                free(p);
                return;
        }
        p->json = mem_try_strdup(json);
        if (!p->json) {
                free(p);
                return;
        }
        progress_free(map_put(w->stream->progress, id, p));
        stream_kick(w->stream);
}

/* Lines are written in their order: who waits longest is ready first. */
static void wake(struct stream *l)
{
        int64_t now = clock_mono_ms();

        while (l->first &&
               (l->first->last <= l->written || now - l->first->since_ms >= WAIT_MAX_MS)) {
                struct waiting *first = l->first;
                l->first = first->next;
                if (!l->first)
                        l->end = &l->first;
                first->fn(true, first->arg);
                free(first);
        }
}

bool stream_written(const struct stream *l, int64_t id)
{
        const struct counted *c = map_get(l->counts, id);

        return !c || c->last <= l->written;
}

void stream_after_lines(struct stream *l, int64_t id, void (*fn)(bool written, void *arg), void *arg)
{
        struct counted *c = map_get(l->counts, id);
        uint64_t last = c ? c->last : 0;
        struct waiting *w;

        w = xmalloc(sizeof(*w));
        *w = (struct waiting){NULL, last, clock_mono_ms(), fn, arg};
        *l->end = w;
        l->end = &w->next;
        loop_timer_start(l->again, AGAIN_MS);
}

static void sent(const struct pg_result *r, const struct err *e, void *arg)
{
        struct stream *l = arg;
        bool lost = e && e->code != ERR_UNAVAILABLE;

        (void)r;
        FAULT_POINT(lines_committed);
        l->busy = false;
        if (e)
                log_warn("lines.not_written", LI("lines", l->nsent), LE(e));
        if (e && !lost && l->sent) { /* not done for sure: first in line again */
                struct line **end = &l->sent;
                while (*end) {
                        l->bytes += sizeof(**end) + (*end)->len;
                        end = &(*end)->next;
                }
                *end = l->head;
                if (!l->head)
                        l->tail = end;
                l->head = l->sent;
                l->count += l->nsent;
        } else {
                free_lines(l->sent);
                l->written += l->nsent;
        }
        l->sent = NULL;
        l->nsent = 0;
        wake(l);
        if (e)
                loop_timer_start(l->again, AGAIN_MS);
        else
                stream_kick(l);
        if (stream_quiet(l))
                lease_hurry(l->w);
}

static void cut_batch(struct stream *l)
{
        struct line **end = &l->head;
        size_t bytes = 0;

        while (*end && l->nsent < BATCH_LINES && bytes < BATCH_BYTES) {
                bytes += (*end)->len;
                l->bytes -= sizeof(**end) + (*end)->len;
                l->nsent++;
                end = &(*end)->next;
        }
        l->sent = l->head;
        l->head = *end;
        *end = NULL;
        if (!l->head)
                l->tail = &l->head;
        l->count -= l->nsent;
}

static void add_lines(struct stream *l, struct pg_tx *tx)
{
        size_t n = l->nsent, i = 0;
        autofree int64_t *ids = xreallocarray(NULL, n, sizeof(*ids));
        autofree int64_t *ages = xreallocarray(NULL, n, sizeof(*ages));
        autofree int32_t *attempts = xreallocarray(NULL, n, sizeof(*attempts));
        autofree const char **streams = xreallocarray(NULL, n, sizeof(*streams));
        autofree const char **texts = xreallocarray(NULL, n, sizeof(*texts));
        int64_t now = clock_mono_ms();

        for (const struct line *line = l->sent; line; line = line->next, i++) {
                ids[i] = line->id;
                attempts[i] = line->attempt;
                streams[i] = line->stream;
                texts[i] = line->text;
                ages[i] = now - line->at_ms;
        }
        pg_stmt(tx, SQL_LOGS_ADD);
        pg_arg_int8s(tx, ids, n);
        pg_arg_int4s(tx, attempts, n);
        pg_arg_texts(tx, streams, n);
        pg_arg_texts(tx, texts, n);
        pg_arg_int8s(tx, ages, n);
}

static void add_progress(struct stream *l, struct pg_tx *tx)
{
        size_t n = map_count(l->progress), i = 0, at = 0;
        autofree int64_t *ids = xreallocarray(NULL, n, sizeof(*ids));
        autofree int32_t *attempts = xreallocarray(NULL, n, sizeof(*attempts));
        autofree const char **texts = xreallocarray(NULL, n, sizeof(*texts));
        int64_t id;
        struct progress *p;

        while ((p = map_next(l->progress, &at, &id))) {
                ids[i] = id;
                attempts[i] = p->attempt;
                texts[i++] = p->json;
        }
        pg_stmt(tx, SQL_PROGRESS_SET);
        pg_arg_int8s(tx, ids, n);
        pg_arg_int4s(tx, attempts, n);
        pg_arg_texts(tx, texts, n);
        while (at = 0, (p = map_next(l->progress, &at, &id))) {
                map_remove(l->progress, id);
                progress_free(p);
        }
}

void stream_kick(struct stream *l)
{
        struct pg_tx *tx;

        if (l->busy || stream_quiet(l) || !pg_up(l->w->stream_pg))
                return;
        l->busy = true;
        tx = pg_tx_new();
        if (l->head) {
                cut_batch(l);
                add_lines(l, tx);
        }
        if (map_count(l->progress))
                add_progress(l, tx);
        PG_FAULT_SENT(tx, lines_sent);
        pg_send(l->w->stream_pg, tx, sent, l);
}
