/* sse.c - see sse.h. An event larger than SSE_EVENT_MAX is dropped. */
#include "cli/sse.h"

#include <string.h>

void sse_init(struct sse *s, sse_fn fn, void *arg)
{
        *s = (struct sse){.fn = fn, .arg = arg};
        buf_init(&s->line, SSE_EVENT_MAX);
        buf_init(&s->name, SSE_EVENT_MAX);
        buf_init(&s->data, SSE_EVENT_MAX);
        buf_init(&s->id, SSE_EVENT_MAX);
        buf_init(&s->next_id, SSE_EVENT_MAX);
}

void sse_fini(struct sse *s)
{
        buf_fini(&s->line);
        buf_fini(&s->name);
        buf_fini(&s->data);
        buf_fini(&s->id);
        buf_fini(&s->next_id);
}

void sse_reset(struct sse *s)
{
        buf_reset(&s->line);
        buf_reset(&s->name);
        buf_reset(&s->data);
        buf_reset(&s->next_id);
        buf_add(&s->next_id, s->id.data, s->id.len);
        s->has_data = s->after_cr = s->begun = false;
}

const char *sse_last_id(const struct sse *s)
{
        return s->id.len ? buf_str(&s->id) : NULL;
}

/* An empty line ends an event; one without data is none, but its id counts. */
static void end_event(struct sse *s)
{
        buf_reset(&s->id);
        buf_add(&s->id, s->next_id.data, s->next_id.len);
        if (s->has_data && buf_ok(&s->data))
                s->fn(s->name.len ? buf_str(&s->name) : "message", buf_str(&s->data), s->data.len,
                      s->arg);
        buf_reset(&s->name);
        buf_reset(&s->data);
        s->has_data = false;
}

static void set(struct buf *b, const char *value, size_t len)
{
        buf_reset(b);
        buf_add(b, value, len);
}

static void take_field(struct sse *s, const char *name, size_t name_len, const char *value,
                       size_t len)
{
        if (name_len == 4 && memcmp(name, "data", 4) == 0) {
                if (s->has_data)
                        buf_addc(&s->data, '\n');
                buf_add(&s->data, value, len);
                s->has_data = true;
        } else if (name_len == 5 && memcmp(name, "event", 5) == 0) {
                set(&s->name, value, len);
        } else if (name_len == 2 && memcmp(name, "id", 2) == 0 && !memchr(value, '\0', len)) {
                set(&s->next_id, value, len);
        }
}

static void end_line(struct sse *s)
{
        static const char mark[] = "\xEF\xBB\xBF"; /* of byte order, which may begin a stream */
        const char *line = buf_str(&s->line), *colon;
        size_t len = s->line.len;
        if (!s->begun && len >= 3 && memcmp(line, mark, 3) == 0) {
                line += 3;
                len -= 3;
        }
        s->begun = true;
        colon = memchr(line, ':', len);
        if (len == 0) {
                end_event(s);
        } else if (!colon) {
                take_field(s, line, len, "", 0);
        } else if (colon != line) {
                const char *value = colon + 1, *end = line + len;
                if (value < end && *value == ' ')
                        value++;
                take_field(s, line, (size_t)(colon - line), value, (size_t)(end - value));
        }
        buf_reset(&s->line);
}

void sse_feed(struct sse *s, const char *text, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                bool second = s->after_cr && text[i] == '\n'; /* of CR LF */
                s->after_cr = text[i] == '\r';
                if (second)
                        continue;
                if (text[i] == '\n' || text[i] == '\r')
                        end_line(s);
                else
                        buf_addc(&s->line, text[i]);
        }
}
