/* json_out.c - writing JSON and checking UTF-8. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/json.h"

/* ---- UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing past U+10FFFF ---- */

size_t utf8_step(const char *s, size_t len)
{
        const unsigned char *b = (const unsigned char *)s;
        if (len == 0)
                return 0;
        if (b[0] < 0x80)
                return 1;
        size_t n = b[0] >= 0xC2 && b[0] <= 0xDF   ? 2
                   : (b[0] & 0xF0) == 0xE0        ? 3
                   : b[0] >= 0xF0 && b[0] <= 0xF4 ? 4
                                                  : 0;
        if (n == 0 || len < n)
                return 0;
        for (size_t i = 1; i < n; i++) {
                if ((b[i] & 0xC0) != 0x80)
                        return 0;
        }
        if ((b[0] == 0xE0 && b[1] < 0xA0) || (b[0] == 0xED && b[1] > 0x9F) ||
            (b[0] == 0xF0 && b[1] < 0x90) || (b[0] == 0xF4 && b[1] > 0x8F))
                return 0;
        return n;
}

/* How many bytes at the beginning are ASCII: eight at a time, the rest one by one. */
static size_t ascii_prefix(const char *s, size_t len)
{
        size_t n = 0;
        uint64_t eight;
        for (; len - n >= sizeof(eight); n += sizeof(eight)) {
                memcpy(&eight, s + n, sizeof(eight));
                if (eight & 0x8080808080808080U)
                        break;
        }
        while (n < len && (unsigned char)s[n] < 0x80)
                n++;
        return n;
}

bool utf8_valid(const char *s, size_t len)
{
        while (len) {
                size_t plain = ascii_prefix(s, len);
                s += plain;
                len -= plain;
                if (!len)
                        break;
                size_t n = utf8_step(s, len);
                if (n == 0)
                        return false;
                s += n;
                len -= n;
        }
        return true;
}

/* ---- strings ---- */

static void add_escape(struct buf *out, unsigned char c)
{
        static const char short_names[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                           ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
        static const char hex[] = "0123456789abcdef";
        if (short_names[c]) {
                buf_add(out, (const char[]){'\\', short_names[c]}, 2);
                return;
        }
        buf_adds(out, "\\u00");
        buf_add(out, (const char[]){hex[c >> 4], hex[c & 15]}, 2);
}

void json_quote(struct buf *out, const char *s, size_t len)
{
        buf_addc(out, '"');
        const char *end = s + len, *plain = s; /* what was not added yet begins here */
        while (s < end && buf_ok(out)) {
                unsigned char c = (unsigned char)*s;
                size_t n = utf8_step(s, (size_t)(end - s));
                if (n && c >= 0x20 && c != '"' && c != '\\') {
                        s += n;
                        continue;
                }
                buf_add(out, plain, (size_t)(s - plain));
                if (n)
                        add_escape(out, c);
                else
                        buf_adds(out, "\xEF\xBF\xBD"); /* U+FFFD */
                plain = ++s;
        }
        buf_add(out, plain, (size_t)(s - plain));
        buf_addc(out, '"');
}

/* ---- the writer ---- */

void json_out_init(struct json_out *o, struct buf *buf)
{
        *o = (struct json_out){.buf = buf};
}

/* The comma, then the name. */
static void begin_value(struct json_out *o, const char *name)
{
        if (o->filled >> o->depth & 1)
                buf_addc(o->buf, ',');
        o->filled |= UINT64_C(1) << o->depth;
        if (name) {
                json_quote(o->buf, name, strlen(name));
                buf_addc(o->buf, ':');
        }
}

static void open_level(struct json_out *o, const char *name, char c)
{
        begin_value(o, name);
        assert(o->depth < 63);
        o->depth++;
        o->filled &= ~(UINT64_C(1) << o->depth);
        buf_addc(o->buf, c);
}

static void close_level(struct json_out *o, char c)
{
        assert(o->depth > 0);
        o->depth--;
        buf_addc(o->buf, c);
}

void json_out_object(struct json_out *o, const char *name)
{
        open_level(o, name, '{');
}

void json_out_object_end(struct json_out *o)
{
        close_level(o, '}');
}

void json_out_array(struct json_out *o, const char *name)
{
        open_level(o, name, '[');
}

void json_out_array_end(struct json_out *o)
{
        close_level(o, ']');
}

void json_out_strn(struct json_out *o, const char *name, const char *value, size_t len)
{
        begin_value(o, name);
        json_quote(o->buf, value, len);
}

void json_out_str(struct json_out *o, const char *name, const char *value)
{
        if (value)
                json_out_strn(o, name, value, strlen(value));
        else
                json_out_null(o, name);
}

void json_out_int(struct json_out *o, const char *name, int64_t value)
{
        begin_value(o, name);
        buf_addi(o->buf, value);
}

void json_out_double(struct json_out *o, const char *name, double value)
{
        begin_value(o, name);
        if (isfinite(value))
                buf_addd(o->buf, value);
        else
                buf_adds(o->buf, "null");
}

void json_out_bool(struct json_out *o, const char *name, bool value)
{
        begin_value(o, name);
        buf_adds(o->buf, value ? "true" : "false");
}

void json_out_null(struct json_out *o, const char *name)
{
        begin_value(o, name);
        buf_adds(o->buf, "null");
}

void json_out_raw(struct json_out *o, const char *name, const char *json)
{
        begin_value(o, name);
        buf_adds(o->buf, json ? json : "null");
}

void json_out_value(struct json_out *o, const char *name, const struct json *v)
{
        begin_value(o, name);
        json_print(v, o->buf);
}

static void print_inside(const struct json *v, struct buf *out, bool object)
{
        buf_addc(out, object ? '{' : '[');
        const struct json *first = json_first(v);
        for (const struct json *i = first; i && buf_ok(out); i = json_next(i)) {
                if (i != first)
                        buf_addc(out, ',');
                if (object) {
                        json_quote(out, json_name(i), strlen(json_name(i)));
                        buf_addc(out, ':');
                }
                json_print(i, out);
        }
        buf_addc(out, object ? '}' : ']');
}

void json_print(const struct json *v, struct buf *out)
{
        switch (v ? json_type_of(v) : JSON_NULL) {
        case JSON_NULL:
                buf_adds(out, "null");
                break;
        case JSON_BOOL:
                buf_adds(out, json_bool(v) ? "true" : "false");
                break;
        case JSON_NUMBER:
                buf_addd(out, json_double(v));
                break;
        case JSON_STRING:
                json_quote(out, json_str(v), strlen(json_str(v)));
                break;
        case JSON_ARRAY:
                print_inside(v, out, false);
                break;
        case JSON_OBJECT:
                print_inside(v, out, true);
                break;
        }
}
