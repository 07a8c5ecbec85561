#include "api/events/events_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { RING_FIRST = 1024, MESSAGE_MAX = 1 << 26 };

/* ---- tokens ---- */

static int compare(int64_t a, int64_t b)
{
        return (a > b) - (a < b);
}

int token_compare(const struct token *a, const struct token *b)
{
        if (a->ms != b->ms)
                return compare(a->ms, b->ms);
        return a->seq != b->seq ? compare(a->seq, b->seq) : compare(a->part, b->part);
}

void token_print(const struct token *t, char out[TOKEN_TEXT_SIZE])
{
        snprintf(out, TOKEN_TEXT_SIZE, "%lld-%lld.%lld", (long long)t->ms, (long long)t->seq,
                 (long long)t->part);
}

static bool digits(const char **at, int64_t *out)
{
        const char *s = *at;
        int64_t n = 0;
        for (; *s >= '0' && *s <= '9'; s++)
                if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *s - '0', &n))
                        return false;
        bool any = s != *at;
        *at = s;
        *out = n;
        return any;
}

bool token_parse(const char *text, struct token *out)
{
        struct token t;
        if (!digits(&text, &t.ms) || *text++ != '-' || !digits(&text, &t.seq) || *text++ != '.' ||
            !digits(&text, &t.part) || *text)
                return false;
        *out = t;
        return true;
}

/* ---- words ---- */

const char *event_name(enum event_kind kind)
{
        static const char *const names[] = {
                [EVENT_WAVE] = "wave",     [EVENT_MIGRATIONS] = "migrations",
                [EVENT_WORKER] = "worker", [EVENT_QUEUE] = "queue",
                [EVENT_LOG] = "log",       [EVENT_RESET] = "reset",
        };
        _Static_assert(COUNT_OF(names) == EVENT_KINDS, "each kind has a name");
        return names[kind];
}

void event_print(struct buf *out, const struct token *t, const char *event, const char *data,
                 size_t len)
{
        char id[TOKEN_TEXT_SIZE];
        token_print(t, id);
        buf_addf(out, "id: %s\nevent: %s\ndata: ", id, event);
        buf_add(out, data, len);
        buf_adds(out, "\n\n");
}

void frame_print(struct buf *out, const struct token *t, const char *event, const char *data,
                 size_t len)
{
        enum { FIN_TEXT = 0x81, LENGTH_16 = 126, LENGTH_64 = 127 };
        char head[TOKEN_TEXT_SIZE + 64], id[TOKEN_TEXT_SIZE];
        token_print(t, id);
        int n = snprintf(head, sizeof(head), "{\"id\":\"%s\",\"event\":\"%s\",\"data\":", id, event);
        uint64_t whole = (uint64_t)n + len + 1;
        int bytes = whole < LENGTH_16 ? 0 : whole <= UINT16_MAX ? 2 : 8;
        buf_addc(out, (char)FIN_TEXT);
        buf_addc(out, (char)(bytes == 0 ? (int)whole : bytes == 2 ? LENGTH_16 : LENGTH_64));
        while (bytes-- > 0)
                buf_addc(out, (char)(whole >> (8 * bytes) & 0xff));
        buf_add(out, head, (size_t)n);
        buf_add(out, data, len);
        buf_addc(out, '}');
}

const char *message_frame(struct ring *r, struct message *m, size_t *len)
{
        if (!m->frame) {
                struct buf frame = BUF_INIT(MESSAGE_MAX);
                frame_print(&frame, &m->token, event_name(m->kind), m->text + m->data_at,
                            m->data_len);
                size_t n = frame.len;
                m->frame = buf_take(&frame);
                buf_fini(&frame);
                if (!m->frame)
                        return NULL;
                m->frame_len = n;
                r->bytes += n;
        }
        *len = m->frame_len;
        return m->frame;
}

/* ---- the ring ---- */

void ring_init(struct ring *r, size_t max_bytes)
{
        *r = (struct ring){.cap = RING_FIRST, .max = max_bytes};
        r->at = xreallocarray(NULL, r->cap, sizeof(struct message *));
}

static size_t size_of(const struct message *m)
{
        return sizeof(*m) + m->len + (m->frame ? m->frame_len : 0);
}

static void drop_first(struct ring *r)
{
        struct message *m = ring_get(r, r->first++);
        r->bytes -= size_of(m);
        r->since = m->token;
        free(m->frame);
        free(m);
}

void ring_fini(struct ring *r)
{
        while (r->first < r->next)
                drop_first(r);
        free(r->at);
}

void ring_restart(struct ring *r, const struct token *at)
{
        while (r->first < r->next)
                drop_first(r);
        r->since = r->head = *at;
}

struct message *ring_get(const struct ring *r, uint64_t number)
{
        return r->at[number % r->cap];
}

static void grow(struct ring *r)
{
        struct message **at = xreallocarray(NULL, r->cap * 2, sizeof(struct message *));
        for (uint64_t n = r->first; n < r->next; n++)
                at[n % (r->cap * 2)] = ring_get(r, n);
        free(r->at);
        r->at = at;
        r->cap *= 2;
}

/* One that there is no memory for is missing: those who would have got it must read again. */
void ring_add(struct ring *r, const struct message *of, const char *data, size_t len)
{
        autobuf text = BUF_INIT(MESSAGE_MAX);
        event_print(&text, &of->token, event_name(of->kind), data, len);
        struct message *m = buf_ok(&text) ? mem_try(NULL, sizeof(*m) + text.len) : NULL;
        if (!m) {
                ring_restart(r, &of->token);
                return;
        }
        *m = *of;
        m->frame = NULL;
        m->len = text.len;
        m->data_len = len;
        m->data_at = text.len - len - 2;
        memcpy(m->text, text.data, text.len);
        if (r->next - r->first == r->cap)
                grow(r);
        r->at[r->next++ % r->cap] = m;
        r->bytes += size_of(m);
        r->head = m->token;
        while (r->bytes > r->max && r->next - r->first > 1)
                drop_first(r);
}

bool ring_after(const struct ring *r, const struct token *t, uint64_t *number)
{
        if (token_compare(t, &r->since) < 0 || token_compare(t, &r->head) > 0)
                return false;
        uint64_t n = r->next;
        while (n > r->first && token_compare(&ring_get(r, n - 1)->token, t) > 0)
                n--;
        *number = n;
        return true;
}
