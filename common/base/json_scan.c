/*
 * json_scan.c - a JSON checker without recursion: one bit per open array or object says which of
 * the two it is.
 */
#include "base/json_scan.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

_Static_assert(JSON_DEPTH_MAX <= 64, "one bit per level");

enum { NUMBER_MAX = 62 }; /* cJSON reads numbers through a buffer of 63 characters */

struct scan {
        const char *at, *end, *begin;
        const char *mistake; /* what is wrong at `at` */
        uint64_t objects;    /* bit 0: the innermost open level is an object */
        unsigned depth;
        size_t names;  /* seen so far */
        size_t wanted; /* stop at this one; SIZE_MAX: at none */
};

static int blame(struct scan *s, const char *at, const char *what)
{
        s->at = at;
        s->mistake = what;
        return -1;
}

/* Lines end at "\n"; columns count characters, not bytes. */
static int report(const struct scan *s, struct err *e)
{
        size_t line = 1, column = 1;
        for (const char *p = s->begin; p < s->at; p++) {
                if (*p == '\n') {
                        line++;
                        column = 1;
                } else if (((unsigned char)*p & 0xC0) != 0x80) {
                        column++;
                }
        }
        return err_set(e, ERR_MALFORMED, "line %zu, column %zu: %s", line, column, s->mistake);
}

static void skip_space(struct scan *s)
{
        while (s->at < s->end &&
               (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
                s->at++;
}

static bool next_is(const struct scan *s, char c)
{
        return s->at < s->end && *s->at == c;
}

/* The four hex digits behind "\u", or -1. */
static int hex4(const struct scan *s, const char *at)
{
        if (s->end - at < 4)
                return -1;
        int v = 0;
        for (int i = 0; i < 4; i++) {
                char c = at[i];
                if (c >= '0' && c <= '9')
                        v = v * 16 + c - '0';
                else if (c >= 'a' && c <= 'f')
                        v = v * 16 + c - 'a' + 10;
                else if (c >= 'A' && c <= 'F')
                        v = v * 16 + c - 'A' + 10;
                else
                        return -1;
        }
        return v;
}

static int scan_unicode(struct scan *s, const char *escape)
{
        int v = hex4(s, escape + 2);
        if (v < 0)
                return blame(s, escape, "\\u needs four hexadecimal digits");
        if (v == 0)
                return blame(s, escape, "\\u0000 is not allowed in a string");
        s->at = escape + 6;
        if (v < 0xD800 || v > 0xDFFF)
                return 0;
        bool pair = v < 0xDC00 && s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u';
        int low = pair ? hex4(s, s->at + 2) : -1;
        if (low < 0xDC00 || low > 0xDFFF)
                return blame(s, escape, "half of a surrogate pair");
        s->at += 6;
        return 0;
}

static int scan_escape(struct scan *s)
{
        const char *escape = s->at;
        if (s->end - escape < 2)
                return blame(s, escape, "the string does not end");
        if (escape[1] == 'u')
                return scan_unicode(s, escape);
        if (!escape[1] || !strchr("\"\\/bfnrt", escape[1]))
                return blame(s, escape, "unknown escape in a string");
        s->at += 2;
        return 0;
}

/* From the opening quote to behind the closing one. */
static int scan_string(struct scan *s)
{
        const char *open = s->at++;
        while (s->at < s->end) {
                unsigned char c = (unsigned char)*s->at;
                if (c == '"') {
                        s->at++;
                        return 0;
                }
                if (c == '\\') {
                        if (scan_escape(s) < 0)
                                return -1;
                } else if (c < 0x20) {
                        return blame(s, s->at, "control character in a string");
                } else if (c < 0x80) {
                        s->at++;
                } else {
                        size_t n = utf8_step(s->at, (size_t)(s->end - s->at));
                        if (n == 0)
                                return blame(s, s->at, "bytes that are not UTF-8");
                        s->at += n;
                }
        }
        return blame(s, open, "the string does not end");
}

/* At least one digit. */
static int scan_digits(struct scan *s)
{
        const char *from = s->at;
        while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
                s->at++;
        return s->at > from ? 0 : blame(s, s->at, "a digit is missing in a number");
}

static bool overflows(const char *from, size_t len)
{
        char text[NUMBER_MAX + 1];
        memcpy(text, from, len);
        text[len] = '\0';
        return !isfinite(strtod(text, NULL));
}

static int scan_number(struct scan *s)
{
        const char *from = s->at;
        bool exponent = false;
        s->at += *s->at == '-';
        if (next_is(s, '0') && s->end - s->at > 1 && s->at[1] >= '0' && s->at[1] <= '9')
                return blame(s, from, "a number with a leading zero");
        if (scan_digits(s) < 0)
                return -1;
        if (next_is(s, '.')) {
                s->at++;
                if (scan_digits(s) < 0)
                        return -1;
        }
        if (next_is(s, 'e') || next_is(s, 'E')) {
                exponent = true;
                s->at++;
                s->at += next_is(s, '+') || next_is(s, '-');
                if (scan_digits(s) < 0)
                        return -1;
        }
        size_t len = (size_t)(s->at - from);
        if (len > NUMBER_MAX)
                return blame(s, from, "a number of more than 62 characters");
        return exponent && overflows(from, len) ? blame(s, from, "a number out of range") : 0;
}

static int scan_word(struct scan *s, const char *word)
{
        size_t n = strlen(word);
        if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
                return blame(s, s->at, "a value was expected");
        s->at += n;
        return 0;
}

static int open_level(struct scan *s, bool object)
{
        if (s->depth == JSON_DEPTH_MAX)
                return blame(s, s->at, "nested too deeply, more than 64 levels");
        s->objects = s->objects << 1 | (object ? 1 : 0);
        s->depth++;
        s->at++;
        return 0;
}

static void close_level(struct scan *s)
{
        s->objects >>= 1;
        s->depth--;
        s->at++;
}

/* A member's name and its colon. 1: it was the wanted one. */
static int scan_name(struct scan *s)
{
        skip_space(s);
        if (!next_is(s, '"'))
                return blame(s, s->at, "the name of a member was expected");
        if (s->names++ == s->wanted)
                return 1;
        if (scan_string(s) < 0)
                return -1;
        skip_space(s);
        if (!next_is(s, ':'))
                return blame(s, s->at, "a colon was expected");
        s->at++;
        return 0;
}

/* A scalar, or the beginning of an array or object; *done says whether the value is complete. */
static int scan_value(struct scan *s, bool *done)
{
        skip_space(s);
        *done = true;
        if (s->at == s->end)
                return blame(s, s->at, "the text ends where a value was expected");
        bool object = *s->at == '{';
        switch (*s->at) {
        case '{':
        case '[':
                if (open_level(s, object) < 0)
                        return -1;
                skip_space(s);
                *done = next_is(s, object ? '}' : ']');
                if (*done)
                        close_level(s);
                return !*done && object ? scan_name(s) : 0;
        case '"':
                return scan_string(s);
        case 't':
                return scan_word(s, "true");
        case 'f':
                return scan_word(s, "false");
        case 'n':
                return scan_word(s, "null");
        default:
                if (*s->at == '-' || (*s->at >= '0' && *s->at <= '9'))
                        return scan_number(s);
                return blame(s, s->at, "a value was expected");
        }
}

/* Behind a value: closes levels until another value follows (1), or the outermost ends (0). */
static int scan_after(struct scan *s)
{
        while (s->depth) {
                bool object = s->objects & 1;
                skip_space(s);
                if (next_is(s, ',')) {
                        s->at++;
                        int r = object ? scan_name(s) : 0;
                        return r < 0 ? -1 : 1 + r;
                }
                if (!next_is(s, object ? '}' : ']'))
                        return blame(s, s->at,
                                     object ? "a comma or } was expected"
                                            : "a comma or ] was expected");
                close_level(s);
        }
        skip_space(s);
        if (s->at < s->end)
                return blame(s, s->at, "something stands behind the end of the value");
        return 0;
}

/* 0: accepted. 1: the wanted name was found at s->at. */
static int scan_text(struct scan *s)
{
        if (s->end - s->at >= 3 && memcmp(s->at, "\xEF\xBB\xBF", 3) == 0)
                return blame(s, s->at, "a byte order mark is not allowed");
        for (;;) {
                bool done;
                int r = scan_value(s, &done);
                if (r)
                        return r;
                if (!done)
                        continue;
                r = scan_after(s);
                if (r != 1)
                        return r == 2 ? 1 : r;
        }
}

int json_scan(const char *text, size_t len, struct err *e)
{
        struct scan s = {.at = text, .begin = text, .end = text + len, .wanted = SIZE_MAX};
        return scan_text(&s) < 0 ? report(&s, e) : 0;
}

int json_scan_blame_name(const char *text, size_t len, size_t n, const char *what, struct err *e)
{
        struct scan s = {.at = text, .begin = text, .end = text + len, .wanted = n};
        scan_text(&s);
        s.mistake = what;
        return report(&s, e);
}
