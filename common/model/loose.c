/* loose.c - see the header. */
#include "model/loose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

enum { PRINTED_MAX = 16 << 20 }; /* more than any answer has */

bool loose_is_blank(const char *s)
{
        return s[strspn(s, " \t\r\n")] == '\0';
}

/* At most LOOSE_TEXT_MAX bytes of s, whole characters only. */
static const char *cut(struct arena *a, const char *s)
{
        size_t len = strnlen(s, LOOSE_TEXT_MAX), n = 0, step;
        while ((step = utf8_step(s + n, len - n)))
                n += step;
        return arena_strndup(a, s, n);
}

const char *loose_text(const struct json *v, const char *name, struct arena *a)
{
        const struct json *m = json_get(v, name);
        if (!m || (json_type_of(m) != JSON_STRING && json_type_of(m) != JSON_NUMBER))
                return NULL;
        const char *s = json_get_text(v, name, a);
        return s && !loose_is_blank(s) ? cut(a, s) : NULL;
}

bool loose_number(const struct json *v, double *out)
{
        if (!v)
                return false;
        if (json_type_of(v) == JSON_NUMBER) {
                *out = json_double(v);
                return true;
        }
        const char *s = json_str(v);
        char *end;
        if (!s || loose_is_blank(s))
                return false;
        double d = strtod(s, &end);
        end += strspn(end, " %");
        if (*end || !isfinite(d))
                return false;
        *out = d;
        return true;
}

int64_t loose_integer(const struct json *v, int64_t otherwise)
{
        double d;
        if (!loose_number(v, &d) || d != floor(d) || d < 0 || d > (double)JSON_INT_MAX)
                return otherwise;
        return (int64_t)d;
}

/* Unix time in seconds, or in milliseconds where it is too large for that; 0: neither. */
static int64_t unix_ms(double d)
{
        const double seconds_min = 1e9, seconds_max = 1e11; /* the years 2001 and 5138 */
        if (d < seconds_min || d > seconds_max * 1000)
                return 0;
        return (int64_t)(d < seconds_max ? d * 1000 : d);
}

struct loose_time loose_time(const struct json *v, const char *name)
{
        const struct json *m = json_get(v, name);
        const char *s = json_str(m);
        struct loose_time t = {0};
        double d;
        if (s && clock_parse(s, &t.ms) == 0) {
                t.zoned = strlen(s) > 19 && strpbrk(s + 19, "Zz+-") != NULL;
                /* "0001-01-01T00:00:00Z" is how some languages say that there is none. */
                return t.ms > 0 ? t : (struct loose_time){0};
        }
        if (loose_number(m, &d))
                t = (struct loose_time){.ms = unix_ms(d), .zoned = true};
        return t;
}

const struct json *loose_first(const struct json *v, const char *const *names)
{
        const struct json *m = NULL;
        for (; *names && !m; names++)
                m = json_get(v, *names);
        return m;
}

/* ---- words of an error ---- */

static const char *printed(const struct json *v, struct arena *a)
{
        autobuf text = BUF_INIT(PRINTED_MAX);
        json_print(v, &text);
        return cut(a, buf_str(&text));
}

static const char *joined(const struct json *list, struct arena *a)
{
        autobuf text = BUF_INIT(PRINTED_MAX);
        for (const struct json *i = json_first(list); i; i = json_next(i)) {
                if (!json_str(i))
                        return printed(list, a);
                buf_adds(&text, text.len ? "; " : "");
                buf_adds(&text, json_str(i));
        }
        return cut(a, buf_str(&text));
}

const char *loose_words(const struct json *v, struct arena *a)
{
        static const char *const names[] = {"message",     "error", "detail",
                                            "description", "msg",   NULL};
        if (!v)
                return NULL;
        switch (json_type_of(v)) {
        case JSON_STRING:
                return loose_is_blank(json_str(v)) ? NULL : cut(a, json_str(v));
        case JSON_OBJECT:
                for (size_t i = 0; names[i]; i++) {
                        const struct json *m = json_get(v, names[i]);
                        if (m && json_str(m) && !loose_is_blank(json_str(m)))
                                return cut(a, json_str(m));
                }
                return json_first(v) ? printed(v, a) : NULL;
        case JSON_ARRAY:
                return json_first(v) ? joined(v, a) : NULL;
        case JSON_NUMBER:
                return json_double(v) != 0 ? printed(v, a) : NULL;
        case JSON_BOOL:
                return json_bool(v) ? "true" : NULL;
        default:
                return NULL;
        }
}
