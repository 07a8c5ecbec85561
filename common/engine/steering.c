/* steering.c - each field by a function; what it finds wrong is noted, and the field left as it was. */
#include "engine/steering.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/wave_id.h"

enum { MOST_FAILURES = 1000000 };

bool steering_any(const struct steering *s)
{
        return s->planned || s->start_at || s->deadline_at || s->canary || s->max_failures ||
               s->max_failures_percent > 0 || s->ndepends_on;
}

/* ---- times ---- */

/* Without a zone nobody knows which hour was meant. */
static bool has_zone(const char *s)
{
        const char *t = strpbrk(s, "Tt");
        return t && strpbrk(t, "Zz+-");
}

void steering_read_time(const struct json *v, const char *pointer, struct arena *a,
                        struct mistakes *m, const char **out)
{
        char text[CLOCK_RFC3339_SIZE];
        const char *s = json_str(v);
        int64_t ms;
        if (!v)
                return;
        if (json_type_of(v) == JSON_NULL) {
                *out = NULL;
                return;
        }
        if (!s) {
                mistake_add(m, ERR_WRONG_TYPE, pointer, "must be a string");
                return;
        }
        if (!has_zone(s) || clock_parse(s, &ms) < 0) {
                mistake_add(m, ERR_INVALID, pointer,
                            "must be a time with its zone, such as 2026-01-31T12:00:00Z");
                return;
        }
        clock_rfc3339(ms, text);
        *out = arena_strdup(a, text);
}

/* ---- the limit of failures ---- */

static bool read_percent(const char *s, double *out)
{
        char *end;
        double p = strtod(s, &end);
        if (end == s || strcmp(end, "%") != 0 || !(p > 0 && p <= 100))
                return false;
        *out = p;
        return true;
}

void steering_read_limit(const struct json *v, const char *pointer, struct mistakes *m,
                         int64_t *count, double *percent)
{
        int64_t n = 0;
        double share = 0;
        if (!v)
                return;
        switch (json_type_of(v)) {
        case JSON_NULL:
                break;
        case JSON_NUMBER:
                if (json_int(v, &n) < 0 || n < 1 || n > MOST_FAILURES) {
                        mistake_add(m, ERR_INVALID, pointer, "must be an integer from 1 to %d",
                                    MOST_FAILURES);
                        return;
                }
                break;
        case JSON_STRING:
                if (!read_percent(json_str(v), &share)) {
                        mistake_add(m, ERR_INVALID, pointer,
                                    "must be a share above 0 %% and up to 100 %%, such as \"5%%\"");
                        return;
                }
                break;
        default:
                mistake_add(m, ERR_WRONG_TYPE, pointer, "must be an integer or a share (\"5%%\")");
                return;
        }
        *count = n;
        *percent = share;
}

/* ---- other waves ---- */

static bool names(const struct steering *s, const char *wave_id)
{
        for (size_t i = 0; i < s->ndepends_on; i++)
                if (strcmp(s->depends_on[i], wave_id) == 0)
                        return true;
        return false;
}

void steering_read_waves(const struct json *v, const char *pointer, struct arena *a,
                         struct mistakes *m, struct steering *out)
{
        size_t at = 0, n = json_count(v);
        if (n > WAVE_DEPENDENCIES_MAX) {
                mistake_add(m, ERR_INVALID, pointer, "must name at most %d waves",
                            WAVE_DEPENDENCIES_MAX);
                return;
        }
        out->depends_on = ARENA_ARRAY(a, const char *, n + 1);
        for (const struct json *i = json_first(v); i; i = json_next(i), at++) {
                const char *id = json_str(i), *where = json_pointer_at(a, pointer, at);
                if (!id)
                        mistake_add(m, ERR_WRONG_TYPE, where, "must be a string");
                else if (!wave_id_ok(id))
                        mistake_add(m, ERR_INVALID, where, "is no id of a wave");
                else if (!names(out, id))
                        out->depends_on[out->ndepends_on++] = arena_strdup(a, id);
        }
}
