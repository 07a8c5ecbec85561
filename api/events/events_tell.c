/*
 * events_tell.c - an entry of the stream in the words that readers get: its rows gathered by wave, its other items
 * one by one. Parts of an entry are numbered as they stand in it, whether or not anybody wants them, so that
 * every process gives the same messages the same tokens.
 */
#include <stdio.h>
#include <string.h>

#include "api/events/events_inside.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "model/news.h"

enum { ROWS_MAX = 500 /* migrations in a message */, MESSAGE_MAX = 1 << 20, LINES_MAX = 1 << 24 };

/* An entry on its way into the ring. */
struct telling {
        struct events *ev;
        const struct entry *of;
        const struct pg_result *r; /* what was asked for the chunk; NULL: nothing */
        int64_t part;
        struct buf items;  /* of the message of migrations that is being put together … */
        struct wave *wave; /* … and their wave; NULL: none is */
        size_t rows;
};

static void add(struct telling *t, struct message *m, const struct buf *data)
{
        if (!buf_ok(data)) {
                tell_reset(t->ev, &m->token, "a message could not be held");
                return;
        }
        ring_add(&t->ev->ring, m, buf_str(data), data->len);
        metric_add(METRIC_EVENTS_RELAYED, 1, event_name(m->kind), NULL);
}

static struct token token_of(struct telling *t)
{
        return (struct token){t->of->id.ms, t->of->id.seq, t->part};
}

static void quote(struct buf *out, const char *s)
{
        json_quote(out, s, strlen(s));
}

/* The migrations gathered so far. */
static void tell_rows(struct telling *t)
{
        struct wave *w = t->wave;
        if (!w)
                return;
        t->wave = NULL;
        t->part++;
        struct message m = {.token = token_of(t), .kind = EVENT_MIGRATIONS, .wave_no = w->no};
        buf_adds(&t->items, "]}");
        if (t->rows)
                add(t, &m, &t->items);
        buf_reset(&t->items);
        t->rows = 0;
}

static void begin_rows(struct telling *t, struct wave *w)
{
        t->wave = w;
        buf_adds(&t->items, "{\"wave_id\":");
        quote(&t->items, w->id);
        buf_adds(&t->items, ",\"items\":[");
}

/* What it is now, in rows that come by id; false: it was not asked for, or PostgreSQL does not know it. */
static bool look_up(const struct telling *t, struct news_item *it)
{
        int low = 0, high = t->r ? pg_rows(t->r, ASK_ROWS) : 0;
        while (low < high) {
                int middle = low + (high - low) / 2;
                int64_t id = pg_int(t->r, ASK_ROWS, middle, 0);
                if (id == it->id) {
                        it->attempt = (int32_t)pg_int(t->r, ASK_ROWS, middle, 2);
                        return migration_state_parse(pg_text(t->r, ASK_ROWS, middle, 1),
                                                     &it->state) == 0;
                }
                if (id < it->id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return false;
}

static void tell_row(struct telling *t, struct news_item *it)
{
        struct wave *w = wave_known(t->ev, it->wave_no);
        if (!w)
                return;
        if (t->wave != w || t->rows == ROWS_MAX) {
                tell_rows(t);
                begin_rows(t, w);
                wave_touch(t->ev, w, t->of->id.ms);
        }
        if (!look_up(t, it) && !it->known)
                return;
        buf_adds(&t->items, t->rows++ ? ",{\"id\":\"m" : "{\"id\":\"m");
        buf_addi(&t->items, it->id);
        buf_adds(&t->items, "\",\"state\":\"");
        buf_adds(&t->items, migration_state_name(it->state));
        buf_adds(&t->items, "\",\"status\":\"");
        buf_adds(&t->items, migration_status(it->state));
        buf_adds(&t->items, "\",\"attempt\":");
        buf_addi(&t->items, it->attempt);
        buf_addc(&t->items, '}');
}

static void tell_wave(struct telling *t, const struct news_item *it)
{
        struct wave *w = wave_known(t->ev, it->wave_no);
        t->part++;
        if (!w)
                return;
        wave_touch(t->ev, w, t->of->id.ms);
        if (it->kind == NEWS_WAVE)
                return;
        struct message m = {.token = token_of(t), .kind = EVENT_RESET, .wave_no = w->no};
        autobuf data = BUF_INIT(MESSAGE_MAX);
        buf_adds(&data,
                 "{\"reason\":\"more migrations of the wave changed than are named\",\"wave_id\":");
        quote(&data, w->id);
        buf_addc(&data, '}');
        add(t, &m, &data);
}

static void tell_worker(struct telling *t, const struct news_item *it)
{
        t->part++;
        struct message m = {.token = token_of(t), .kind = EVENT_WORKER};
        autobuf data = BUF_INIT(MESSAGE_MAX);
        buf_addf(&data, "{\"id\":%lld,\"what\":\"%s\"}", (long long)it->id,
                 news_worker_name(it->worker));
        add(t, &m, &data);
}

static void tell_queue(struct telling *t, const struct news_item *it)
{
        t->part++;
        struct message m = {.token = token_of(t), .kind = EVENT_QUEUE};
        autobuf data = BUF_INIT(MESSAGE_MAX);
        buf_addf(&data, "{\"name\":\"%.*s\",\"paused\":%s}", (int)it->queue_len, it->queue,
                 it->paused ? "true" : "false");
        add(t, &m, &data);
}

/* The lines of one commit, which stand together in the answer. All but the last have the token of before:
 * who has got some of them gets them once more rather than not all. */
static void tell_lines(struct telling *t, int64_t low)
{
        int rows = t->r ? pg_rows(t->r, ASK_LINES) : 0, last = rows;
        t->part++;
        while (last > 0 && pg_int(t->r, ASK_LINES, last - 1, 0) != low)
                last--;
        for (int i = 0; i < last; i++) {
                if (pg_int(t->r, ASK_LINES, i, 0) != low)
                        continue;
                struct message m = {.token = i == last - 1 ? token_of(t) : t->ev->ring.head,
                                    .kind = EVENT_LOG,
                                    .wave_no = pg_int(t->r, ASK_LINES, i, 2),
                                    .migration = pg_int(t->r, ASK_LINES, i, 1)};
                autobuf data = BUF_INIT(LINES_MAX);
                buf_addf(&data, "{\"migration_id\":\"m%lld\",\"wave_id\":", (long long)m.migration);
                quote(&data, pg_text(t->r, ASK_LINES, i, 3));
                buf_adds(&data, ",\"lines\":");
                buf_add(&data, pg_text(t->r, ASK_LINES, i, 4), pg_length(t->r, ASK_LINES, i, 4));
                buf_addc(&data, '}');
                add(t, &m, &data);
        }
}

static void tell_item(struct telling *t, struct news_item *it, int64_t *low)
{
        if (it->kind != NEWS_ROW)
                tell_rows(t);
        if (it->kind != NEWS_LINES)
                *low = 0;
        switch (it->kind) {
        case NEWS_ROW:
                tell_row(t, it);
                break;
        case NEWS_WAVE:
        case NEWS_WAVE_ROWS:
                tell_wave(t, it);
                break;
        case NEWS_LINES:
                if (it->low != *low)
                        tell_lines(t, it->low);
                *low = it->low;
                break;
        case NEWS_WORKER:
                tell_worker(t, it);
                break;
        case NEWS_QUEUE:
                tell_queue(t, it);
                break;
        case NEWS_REREAD:
                t->part++;
                tell_reset(t->ev, &(struct token){t->of->id.ms, t->of->id.seq, t->part},
                           "something could not be published");
                break;
        }
}

void tell_entry(struct events *ev, const struct entry *of, const struct pg_result *r)
{
        struct telling t = {.ev = ev, .of = of, .r = r, .items = BUF_INIT(MESSAGE_MAX)};
        struct news_reader reader;
        struct news_item it;
        int64_t low = 0;
        int more;
        news_open(&reader, of->text, of->len);
        while ((more = news_next(&reader, &it)) > 0)
                tell_item(&t, &it, &low);
        tell_rows(&t);
        buf_fini(&t.items);
        ev->ring.head = (struct token){of->id.ms, of->id.seq, TOKEN_ALL_PARTS};
        if (more < 0) { /* of a release that knows more than this one */
                log_warn("events.unreadable", LI("bytes", of->len));
                tell_reset(ev, &ev->ring.head, "an entry could not be read");
        }
        metric_observe(METRIC_EVENTS_LAG, (double)(clock_mono_us() - of->come_us) / 1e6, NULL);
}

void tell_reset(struct events *ev, const struct token *at, const char *reason)
{
        const struct message m = {.token = *at, .kind = EVENT_RESET};
        autobuf data = BUF_INIT(MESSAGE_MAX);
        buf_adds(&data, "{\"reason\":");
        quote(&data, reason);
        buf_addc(&data, '}');
        ring_add(&ev->ring, &m, buf_str(&data), data.len);
        metric_add(METRIC_EVENTS_RELAYED, 1, event_name(EVENT_RESET), NULL);
}
