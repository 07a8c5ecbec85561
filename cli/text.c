/* text.c - see text.h. */
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "base/clock.h"
#include "base/json.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* ---- characters ---- */

/* The code point of a UTF-8 character of n bytes, as utf8_step() gave them. */
static wchar_t decode(const char *s, size_t n)
{
        static const unsigned char first_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
        uint32_t c = (unsigned char)s[0] & first_bits[n];
        for (size_t i = 1; i < n; i++)
                c = c << 6 | ((unsigned char)s[i] & 0x3F);
        return (wchar_t)c;
}

static size_t columns_of(wchar_t c)
{
        int width = wcwidth(c);
        return width > 0 ? (size_t)width : 0;
}

/* C0, DEL, C1, and those that turn the direction of what follows. */
static bool is_control(wchar_t c)
{
        return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x200E || c == 0x200F ||
               (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

/* Bytes of the escape sequence that s begins with: ECMA-48's CSI and OSC; of anything else only the ESC. */
static size_t escape_length(const char *s, size_t len)
{
        size_t i = 2;
        if (len < 2 || (s[1] != '[' && s[1] != ']'))
                return 1;
        if (s[1] == '[') {
                while (i < len && s[i] >= 0x20 && s[i] < 0x40)
                        i++;
                return i < len ? i + 1 : i;
        }
        while (i < len && s[i] != '\a' && s[i] != '\033')
                i++;
        if (i < len && s[i] == '\033' && i + 1 < len && s[i + 1] == '\\')
                i++;
        return i < len ? i + 1 : i;
}

size_t text_steers(const char *s, size_t len, uint32_t *character)
{
        size_t n = utf8_step(s, len);
        if (!n || !is_control(decode(s, n)))
                return 0;
        *character = (uint32_t)decode(s, n);
        return n;
}

void text_clean(struct buf *out, const char *s, size_t len)
{
        const char *end = s + len;
        while (s < end) {
                size_t n = utf8_step(s, (size_t)(end - s));
                if (*s == '\033') {
                        s += escape_length(s, (size_t)(end - s));
                        continue;
                }
                if (*s == '\n' || *s == '\t' || *s == '\r')
                        buf_addc(out, ' ');
                else if (n && !is_control(decode(s, n)))
                        buf_add(out, s, n);
                else
                        buf_adds(out, REPLACEMENT);
                s += n ? n : 1;
        }
}

/* ---- widths ---- */

size_t text_width(const char *s)
{
        size_t width = 0, len = strlen(s);
        while (len) {
                size_t n = utf8_step(s, len);
                width += n ? columns_of(decode(s, n)) : 1;
                n += !n;
                s += n;
                len -= n;
        }
        return width;
}

/* Bytes of s that take at most `width` columns; *taken: how many. */
static size_t bytes_within(const char *s, size_t width, size_t *taken)
{
        size_t at = 0, len = strlen(s);
        *taken = 0;
        while (at < len) {
                size_t n = utf8_step(s + at, len - at);
                size_t columns = n ? columns_of(decode(s + at, n)) : 1;
                if (*taken + columns > width)
                        break;
                *taken += columns;
                at += n ? n : 1;
        }
        return at;
}

void text_spaces(struct buf *out, size_t n)
{
        while (n-- > 0)
                buf_addc(out, ' ');
}

/* Returns how many columns it took. */
static size_t add_cut(struct buf *out, const char *s, size_t width, const char *ellipsis)
{
        size_t taken, mark = text_width(ellipsis);
        if (text_width(s) <= width) {
                buf_adds(out, s);
                return text_width(s);
        }
        if (mark > width)
                mark = 0;
        buf_add(out, s, bytes_within(s, width - mark, &taken));
        if (mark)
                buf_adds(out, ellipsis);
        return taken + mark;
}

void text_cut(struct buf *out, const char *s, size_t width, const char *ellipsis)
{
        add_cut(out, s, width, ellipsis);
}

void text_fit(struct buf *out, const char *s, size_t width, enum text_align align,
              const char *ellipsis)
{
        size_t wide = text_width(s), taken;
        if (align == ALIGN_RIGHT && wide < width)
                text_spaces(out, width - wide);
        taken = add_cut(out, s, width, ellipsis);
        if (align == ALIGN_LEFT || wide > width)
                text_spaces(out, width - taken);
}

/* ---- lines ---- */

static void new_line(struct buf *out, size_t indent, size_t *at)
{
        buf_addc(out, '\n');
        text_spaces(out, indent);
        *at = indent;
}

/* A word, over as many lines as it takes. */
static void add_word(struct buf *out, const char *word, size_t width, size_t indent, size_t *at)
{
        while (*word) {
                size_t taken, n = bytes_within(word, width - *at, &taken);
                if (n == 0) { /* wider than a line */
                        n = utf8_step(word, strlen(word));
                        taken = width - *at;
                }
                buf_add(out, word, n);
                word += n;
                *at += taken;
                if (*word)
                        new_line(out, indent, at);
        }
}

void text_wrap(struct buf *out, const char *s, size_t width, size_t indent, size_t at)
{
        bool first = true;
        if (!width || width <= indent) {
                buf_adds(out, s);
                return;
        }
        if (at >= width)
                new_line(out, indent, &at);
        while (*s) {
                size_t len = strcspn(s, " ");
                autobuf word = BUF_INIT(SIZE_MAX);
                buf_add(&word, s, len);
                s += len;
                s += strspn(s, " ");
                if (!len)
                        continue;
                if (!first && at + 1 + text_width(buf_str(&word)) > width) {
                        new_line(out, indent, &at);
                } else if (!first) {
                        buf_addc(out, ' ');
                        at++;
                }
                add_word(out, buf_str(&word), width, indent, &at);
                first = false;
        }
}

/* ---- for people ---- */

void text_duration(struct buf *out, int64_t seconds)
{
        enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };
        long long s = seconds < 0 ? 0 : seconds;
        if (s < MINUTE)
                buf_addf(out, "%llds", s);
        else if (s < HOUR)
                buf_addf(out, "%lldm %02llds", s / MINUTE, s % MINUTE);
        else if (s < DAY)
                buf_addf(out, "%lldh %02lldm", s / HOUR, s % HOUR / MINUTE);
        else
                buf_addf(out, "%lldd %02lldh", s / DAY, s % DAY / HOUR);
}

void text_rate(struct buf *out, double per_second)
{
        if (per_second >= 100)
                buf_addf(out, "%.0f/s", per_second);
        else if (per_second >= 1)
                buf_addf(out, "%.1f/s", per_second);
        else if (per_second * 60 >= 1)
                buf_addf(out, "%.1f/min", per_second * 60);
        else
                buf_addf(out, "%.1f/h", per_second * 3600);
}

void text_time(struct buf *out, const char *s)
{
        int64_t ms;
        struct tm local;
        char text[32];
        if (clock_parse(s, &ms) < 0) {
                buf_adds(out, s);
                return;
        }
        time_t seconds = (time_t)(ms / 1000);
        if (localtime_r(&seconds, &local) && strftime(text, sizeof(text), "%F %T", &local))
                buf_adds(out, text);
        else
                buf_adds(out, s);
}
