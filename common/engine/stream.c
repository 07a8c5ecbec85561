/*
 * stream.c - log lines and progress of bodies, on their way into PostgreSQL on a connection of their
 * own: one transaction under way, the next lines gather; where many come they gather for a moment more,
 * unless a settlement waits for them, so that the flushes of the log leave room for those of settlements.
 * What PostgreSQL does not take in time is dropped past a bound and counted; a body's log never holds up its
 * settlement.
 */
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "engine/worker_internal.h"
#include "model/news.h"

enum {
        BATCH_LINES = 2000,
        BATCH_BYTES = 1 << 20,
        WAITING_BYTES = 16 << 20,
        AGAIN_MS = 500,
        WAIT_MAX_MS = 10000, /* a settlement waits no longer for its lines */
        APART_MS = 20,       /* from one batch to the next that is not full */
        STREAM_NAME_MAX = 7,
};

struct line {
        struct line *next;
        int64_t id;
        int32_t attempt;
        int64_t at_ms; /* monotonic: sent as an age */
        char stream[STREAM_NAME_MAX + 1];
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
        uint64_t kept;              /* lines of bodies that the metric does not have yet */
        struct waiting *first, **end;
        struct loop_timer *again;
        struct loop_timer *soon;
        bool gathering;   /* soon is set */
        int64_t begun_ms; /* when the last batch was sent */
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

static void kick_soon(void *arg)
{
        struct stream *l = arg;

        l->gathering = false;
        stream_kick(l);
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
        l->soon = loop_timer_new(w->loop, kick_soon, l);
        l->begun_ms = clock_mono_ms() - APART_MS;
        w->asks = asks_new(w); /* on the same connection */
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
        loop_timer_free(l->soon);
        asks_free(take(l->w->asks));
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

/* text: UTF-8, as the runners' messages are. */
static void append(struct stream *l, int64_t id, int32_t attempt, const char *stream,
                   const char *text, size_t len)
{
        struct line *line = mem_try(NULL, sizeof(*line) + len + 1);
        size_t name = strnlen(stream, STREAM_NAME_MAX);

        if (!line) {
                metric_add(METRIC_LOG_LINES, 1, "dropped", NULL);
                return;
        }
        line->next = NULL;
        line->id = id;
        line->attempt = attempt;
        line->at_ms = clock_mono_ms();
        memcpy(line->stream, stream, name);
        line->stream[name] = '\0';
        line->len = len;
        memcpy(line->text, text, len);
        line->text[len] = '\0';
        for (char *nul = line->text; (nul = memchr(nul, '\0', len - (size_t)(nul - line->text)));)
                *nul = ' ';
        *l->tail = line;
        l->tail = &line->next;
        l->appended++;
        l->count++;
        l->bytes += sizeof(*line) + len;
}

/* Where the line is counted, if it may be kept; the first that may not says so in its place. */
static struct counted *admit(struct stream *l, int64_t id, int32_t attempt)
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
                return c;
        metric_add(METRIC_LOG_LINES, 1, "dropped", NULL);
        if (!c->told)
                append(l, id, attempt, "log", why, strlen(why));
        c->told = true;
        return NULL;
}

bool engine_worker_log_full(const struct engine_worker *w)
{
        return w->stream->bytes > WAITING_BYTES / 2;
}

void engine_worker_log(struct engine_worker *w, int64_t id, int32_t attempt, const char *stream,
                       const char *line, size_t len)
{
        struct stream *l = w->stream;
        struct counted *c = admit(l, id, attempt);

        if (!c)
                return;
        append(l, id, attempt, stream, line, len);
        c->last = l->appended;
        l->kept++;
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
        stream_kick(l);
}

/* For those who follow a log. r NULL: nobody knows whether the lines were written. */
static void tell_readers(struct stream *l, const struct pg_result *r)
{
        autofree int64_t *ids = NULL;
        struct news n = {0};
        size_t count = 0;

        if (!l->sent)
                return;
        ids = xreallocarray(NULL, l->nsent, sizeof(*ids));
        for (const struct line *line = l->sent; line; line = line->next)
                if (!count || ids[count - 1] != line->id)
                        ids[count++] = line->id;
        if (r)
                news_lines(&n, pg_int(r, 0, 0, 0), pg_int(r, 0, 0, 1), ids, count);
        else
                news_reread(&n);
        broker_publish_lines(l->w->broker, news_text(&n));
        news_fini(&n);
}

static void sent(const struct pg_result *r, const struct err *e, void *arg)
{
        struct stream *l = arg;
        bool lost = e && e->code != ERR_UNAVAILABLE;

        FAULT_POINT(lines_committed);
        l->busy = false;
        if (!e || lost)
                tell_readers(l, r);
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

/* Milliseconds until what waits should be sent; 0: now. */
static int64_t due_in_ms(const struct stream *l)
{
        int64_t left = l->begun_ms + APART_MS - clock_mono_ms();

        return l->first || l->count >= BATCH_LINES || l->bytes >= BATCH_BYTES || left < 0 ? 0
                                                                                          : left;
}

static void count_kept(struct stream *l)
{
        if (l->kept)
                metric_add(METRIC_LOG_LINES, (double)l->kept, "kept", NULL);
        l->kept = 0;
}

void stream_kick(struct stream *l)
{
        struct pg_tx *tx;
        int64_t wait_ms;

        if (l->busy || stream_quiet(l) || !pg_takes(l->w->stream_pg))
                return;
        wait_ms = due_in_ms(l);
        if (wait_ms > 0) {
                if (!l->gathering)
                        loop_timer_start(l->soon, wait_ms);
                l->gathering = true;
                return;
        }
        l->busy = true;
        l->begun_ms = clock_mono_ms();
        count_kept(l);
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
