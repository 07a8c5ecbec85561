/* json_read.c - mistakes and the reading of objects by a table of their fields. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum { FIELDS_MAX = 64 };

/* ---- mistakes ---- */

void mistake_add(struct mistakes *m, enum err_code code, const char *pointer, const char *fmt, ...)
{
        m->total++;
        if (m->count == JSON_MISTAKES_MAX) {
                /* The kind decides the status, so the last place is given up for the graver one. */
                if (code == ERR_WRONG_TYPE)
                        m->list[JSON_MISTAKES_MAX - 1].code = code;
                return;
        }
        char detail[512];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(detail, sizeof(detail), fmt, ap);
        va_end(ap);
        struct mistake *at = &m->list[m->count++];
        at->code = code;
        at->pointer = arena_try_strndup(m->arena, pointer, SIZE_MAX);
        at->detail = arena_strdup(m->arena, detail);
        if (!at->pointer || !at->detail)
                m->count--;
}

int mistakes_check(const struct mistakes *m, struct err *e)
{
        if (m->total == 0)
                return 0;
        enum err_code code = ERR_INVALID;
        for (size_t i = 0; i < m->count; i++) {
                if (m->list[i].code == ERR_WRONG_TYPE)
                        code = ERR_WRONG_TYPE;
        }
        if (m->count == 0)
                return err_set(e, code, "%zu mistakes", m->total);
        const struct mistake *first = &m->list[0];
        const char *where =
                first->pointer[0] == '#' && first->pointer[1] ? first->pointer + 2 : "the body";
        if (m->total == 1)
                return err_set(e, code, "%s %s", where, first->detail);
        return err_set(e, code, "%s %s (and %zu more)", where, first->detail, m->total - 1);
}

/* ---- pointers ---- */

/* RFC 6901 §3 and §6: "~" and "/" as ~0 and ~1, then what no URI fragment may hold as %XX. */
static void add_escaped(struct buf *b, const char *name)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-._!$&'()*+,;=:@?";
        for (; *name; name++) {
                if (*name == '~')
                        buf_adds(b, "~0");
                else if (*name == '/')
                        buf_adds(b, "~1");
                else if (strchr(allowed, *name))
                        buf_addc(b, *name);
                else
                        buf_addf(b, "%%%02X", (unsigned)(unsigned char)*name);
        }
}

const char *json_pointer(struct arena *a, const char *pointer, const char *name)
{
        autobuf b = BUF_INIT(SIZE_MAX);
        buf_adds(&b, pointer);
        buf_addc(&b, '/');
        add_escaped(&b, name);
        const char *text = arena_text(a, &b);
        return text ? text : pointer;
}

const char *json_pointer_at(struct arena *a, const char *pointer, size_t index)
{
        return arena_printf(a, "%s/%zu", pointer, index);
}

/* ---- fields ---- */

struct reading {
        char *out;
        const char *pointer; /* of the object */
        struct mistakes *mistakes;
};

/* Notes a mistake of the field `name`; past the limit without building its pointer. */
__attribute__((format(printf, 4, 5))) static void note(const struct reading *r, enum err_code code,
                                                       const char *name, const char *fmt, ...)
{
        struct mistakes *m = r->mistakes;
        const char *pointer = NULL;
        if (m->count < JSON_MISTAKES_MAX)
                pointer = json_pointer(m->arena, r->pointer, name);
        char detail[512];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(detail, sizeof(detail), fmt, ap);
        va_end(ap);
        mistake_add(m, code, pointer ? pointer : r->pointer, "%s", detail);
}

static bool limited(const struct json_field *f)
{
        return f->min != 0 || f->max != 0;
}

static const char *wanted_type(enum json_want want)
{
        switch (want) {
        case WANT_STRING:
                return "a string";
        case WANT_INT:
                return "an integer";
        case WANT_BOOL:
                return "true or false";
        case WANT_DOUBLE:
                return "a number";
        case WANT_OBJECT:
                return "an object";
        case WANT_ARRAY:
                return "an array";
        case WANT_INT_OR_TEXT:
                return "an integer, or a string of decimal digits";
        case WANT_ANY:
                break;
        }
        return "a value";
}

static bool fail_type(const struct reading *r, const struct json_field *f)
{
        note(r, ERR_WRONG_TYPE, f->name, "must be %s", wanted_type(f->want));
        return false;
}

static bool read_string(const struct reading *r, const struct json_field *f, const struct json *v)
{
        const char *s = json_str(v);
        if (!s)
                return fail_type(r, f);
        int64_t len = (int64_t)strlen(s);
        if (limited(f) && (len < f->min || len > f->max)) {
                if (len == 0 && f->min == 1)
                        note(r, ERR_INVALID, f->name, "must not be empty");
                else
                        note(r, ERR_INVALID, f->name, "must be %lld to %lld bytes long",
                             (long long)f->min, (long long)f->max);
                return false;
        }
        memcpy(r->out + f->offset, &s, sizeof(s));
        return true;
}

static bool store_int(const struct reading *r, const struct json_field *f, int64_t i)
{
        if (limited(f) && (i < f->min || i > f->max)) {
                note(r, ERR_INVALID, f->name, "must be from %lld to %lld", (long long)f->min,
                     (long long)f->max);
                return false;
        }
        memcpy(r->out + f->offset, &i, sizeof(i));
        return true;
}

static bool read_int(const struct reading *r, const struct json_field *f, const struct json *v)
{
        int64_t i;
        if (json_type_of(v) != JSON_NUMBER || json_double(v) != floor(json_double(v)))
                return fail_type(r, f);
        if (json_int(v, &i) < 0) {
                note(r, ERR_INVALID, f->name, "must be within +-(2^53 - 1)");
                return false;
        }
        return store_int(r, f, i);
}

/* "-"? digits, within 64 bits. */
static int parse_digits(const char *s, int64_t *out)
{
        const char *digits = s + (*s == '-');
        if (!*digits || digits[strspn(digits, "0123456789")])
                return -1;
        errno = 0;
        long long v = strtoll(s, NULL, 10);
        if (errno)
                return -1;
        *out = v;
        return 0;
}

static bool read_int_or_text(const struct reading *r, const struct json_field *f,
                             const struct json *v)
{
        const char *s = json_str(v);
        int64_t i;
        if (!s)
                return read_int(r, f, v);
        if (parse_digits(s, &i) < 0)
                return fail_type(r, f);
        return store_int(r, f, i);
}

static bool read_bool(const struct reading *r, const struct json_field *f, const struct json *v)
{
        if (json_type_of(v) != JSON_BOOL)
                return fail_type(r, f);
        bool b = json_bool(v);
        memcpy(r->out + f->offset, &b, sizeof(b));
        return true;
}

static bool read_double(const struct reading *r, const struct json_field *f, const struct json *v)
{
        if (json_type_of(v) != JSON_NUMBER)
                return fail_type(r, f);
        double d = json_double(v);
        if (limited(f) && (d < (double)f->min || d > (double)f->max)) {
                note(r, ERR_INVALID, f->name, "must be from %lld to %lld", (long long)f->min,
                     (long long)f->max);
                return false;
        }
        memcpy(r->out + f->offset, &d, sizeof(d));
        return true;
}

static bool read_object(const struct reading *r, const struct json_field *f, const struct json *v)
{
        if (json_type_of(v) != JSON_OBJECT)
                return fail_type(r, f);
        memcpy(r->out + f->offset, &v, sizeof(v));
        return true;
}

static bool read_array(const struct reading *r, const struct json_field *f, const struct json *v)
{
        if (json_type_of(v) != JSON_ARRAY)
                return fail_type(r, f);
        int64_t n = limited(f) ? (int64_t)json_count(v) : 0;
        if (limited(f) && (n < f->min || n > f->max)) {
                if (n == 0 && f->min == 1)
                        note(r, ERR_INVALID, f->name, "must not be empty");
                else
                        note(r, ERR_INVALID, f->name, "must have %lld to %lld elements",
                             (long long)f->min, (long long)f->max);
                return false;
        }
        memcpy(r->out + f->offset, &v, sizeof(v));
        return true;
}

static bool read_any(const struct reading *r, const struct json_field *f, const struct json *v)
{
        memcpy(r->out + f->offset, &v, sizeof(v));
        return json_type_of(v) != JSON_NULL;
}

typedef bool (*read_fn)(const struct reading *, const struct json_field *, const struct json *);

static const read_fn readers[] = {
        [WANT_STRING] = read_string, [WANT_INT] = read_int,
        [WANT_BOOL] = read_bool,     [WANT_DOUBLE] = read_double,
        [WANT_OBJECT] = read_object, [WANT_ARRAY] = read_array,
        [WANT_ANY] = read_any,       [WANT_INT_OR_TEXT] = read_int_or_text,
};

static void set_present(const struct reading *r, const struct json_field *f, bool present)
{
        if (f->present != NO_PRESENT)
                memcpy(r->out + f->present, &present, sizeof(present));
}

static size_t find_field(const struct json_field *fields, size_t count, const char *name)
{
        size_t k = 0;
        while (k < count && strcmp(fields[k].name, name) != 0)
                k++;
        return k;
}

void json_read(const struct json *v, const struct json_field *fields, size_t count, void *out,
               const char *pointer, struct mistakes *m)
{
        assert(count <= FIELDS_MAX);
        struct reading r = {.out = out, .pointer = pointer, .mistakes = m};
        for (size_t k = 0; k < count; k++)
                set_present(&r, &fields[k], false);
        if (!v || json_type_of(v) != JSON_OBJECT) {
                mistake_add(m, ERR_WRONG_TYPE, pointer, "must be an object");
                return;
        }
        uint64_t seen = 0;
        for (const struct json *i = json_first(v); i; i = json_next(i)) {
                size_t k = find_field(fields, count, json_name(i));
                if (k == count) {
                        note(&r, ERR_INVALID, json_name(i), "is not a known field");
                        continue;
                }
                if (json_type_of(i) != JSON_NULL)
                        seen |= UINT64_C(1) << k;
                else if (fields[k].want != WANT_ANY)
                        continue;
                set_present(&r, &fields[k], readers[fields[k].want](&r, &fields[k], i));
        }
        for (size_t k = 0; k < count; k++) {
                if (fields[k].required && !(seen >> k & 1))
                        note(&r, ERR_INVALID, fields[k].name, "is required");
        }
}
