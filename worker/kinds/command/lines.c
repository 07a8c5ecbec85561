/* lines.c - chunks into lines. */
#include "worker/kinds/command/lines.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"

enum { RESULT_MAX_BYTES = 1024 * 1024 };

void lines_init(struct lines *l, struct body *b, const char *stream)
{
        *l = (struct lines){.body = b,
                            .stream = stream,
                            .log_max_bytes = (size_t)body_config(b)->worker_log_line_bytes,
                            .open = BUF_INIT(2 * RESULT_MAX_BYTES), /* blanks, and then the rest */
                            .last = BUF_INIT(RESULT_MAX_BYTES)};
}

void lines_fini(struct lines *l)
{
        buf_fini(&l->open);
        buf_fini(&l->last);
}

static size_t blanks(const char *s, size_t len)
{
        size_t n = 0;
        while (n < len && isspace((unsigned char)s[n]))
                n++;
        return n;
}

/* How much of a line that begins like this, behind its blanks, is held. */
static size_t most_of(const struct lines *l, const char *s)
{
        return *s == '{' ? RESULT_MAX_BYTES : l->log_max_bytes;
}

static void keep_last(struct lines *l, const char *s, size_t len)
{
        size_t most = most_of(l, s);
        buf_reset(&l->last);
        buf_add(&l->last, s, len > most ? most : len);
        l->last_cut = l->cut || len > most || !buf_ok(&l->last);
}

/* A line has ended. */
static void take_line(struct lines *l, const char *s, size_t len)
{
        size_t blank = blanks(s, len);
        bool whole = !l->cut && !(l->thinned && blank == len);
        if (whole && len > 0 && s[len - 1] == '\r')
                len--;
        body_log_line(l->body, l->stream, s, len);
        if (blank < len)
                keep_last(l, s + blank, len - blank);
}

/* Of the blanks that a line begins with, as much as the log takes; *s and *len move past them. */
static void hold_blanks(struct lines *l, const char **s, size_t *len)
{
        size_t n = blanks(*s, *len), room = l->log_max_bytes - l->open.len;
        l->thinned |= n > room;
        buf_add(&l->open, *s, n > room ? room : n);
        *s += n;
        *len -= n;
}

static void hold(struct lines *l, const char *s, size_t len)
{
        size_t blank = blanks(buf_str(&l->open), l->open.len);
        l->begun = true;
        if (blank == l->open.len) {
                hold_blanks(l, &s, &len);
                blank = l->open.len;
        }
        if (len == 0)
                return;
        size_t held = l->open.len - blank, most = most_of(l, held ? l->open.data + blank : s);
        size_t room = most - held;
        buf_add(&l->open, s, len > room ? room : len);
        l->cut |= len > room || !buf_ok(&l->open);
}

static void close_line(struct lines *l)
{
        take_line(l, buf_str(&l->open), l->open.len);
        buf_reset(&l->open);
        l->begun = l->cut = l->thinned = false;
}

void lines_feed(struct lines *l, const char *data, size_t len)
{
        while (len > 0) {
                const char *end = memchr(data, '\n', len);
                size_t n = end ? (size_t)(end - data) : len;
                if (end && !l->begun) {
                        take_line(l, data, n);
                } else {
                        hold(l, data, n);
                        if (end)
                                close_line(l);
                }
                n += end ? 1 : 0;
                data += n;
                len -= n;
        }
}

void lines_end(struct lines *l)
{
        if (l->begun)
                close_line(l);
}

const char *lines_result(const struct lines *l)
{
        if (l->last_cut || l->last.len == 0 || l->last.data[0] != '{')
                return NULL;
        struct json *v = json_parse(l->last.data, l->last.len, NULL);
        bool object = v && json_type_of(v) == JSON_OBJECT;
        json_free(v);
        return object ? l->last.data : NULL;
}

void lines_quote_last(const struct lines *l, size_t max, struct buf *out)
{
        const char *s = buf_str(&l->last);
        size_t end = 0;
        while (end < l->last.len && end < max) {
                size_t step = utf8_step(s + end, l->last.len - end);
                if (step == 0 || (unsigned char)s[end] < ' ')
                        buf_addc(out, '?');
                else
                        buf_add(out, s + end, step);
                end += step ? step : 1;
        }
        if (end < l->last.len || l->last_cut)
                buf_adds(out, "...");
}
