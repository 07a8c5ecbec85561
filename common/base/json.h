/*
 * json.h - JSON in, by declared fields, and JSON out, by a writer. The only door to cJSON.
 *
 * Reading: a body is parsed once (depth and size are limited, UTF-8 is checked, duplicate names in
 * an object and rubbish after the end are refused), then json_read() takes each object apart by a
 * table of its fields. Every mistake is noted with its JSON pointer, all of them at once: unknown
 * fields, wrong types, numbers that are no integers or out of range, strings too short or too long.
 * Integers are exact below 2^53; larger ones travel as strings.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* 2^53 - 1: from 2^53 on, two integers share one double. */
#define JSON_INT_MAX 9007199254740991LL
enum { JSON_DEPTH_MAX = 64, JSON_MISTAKES_MAX = 100 };

/* ---- a parsed value; opaque, owned by whoever parsed it ---- */

struct json;
enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* NULL on failure: ERR_MALFORMED with line and column of the first mistake. */
struct json *json_parse(const char *text, size_t len, struct err *e);
void json_free(struct json *v);
enum json_type json_type_of(const struct json *v);
/* Member `name` of an object (exact name), or NULL; v may be NULL. */
const struct json *json_get(const struct json *v, const char *name);
/* First member or element, the next one, a member's name. */
const struct json *json_first(const struct json *v);
const struct json *json_next(const struct json *v);
const char *json_name(const struct json *v);
size_t json_count(const struct json *v);
/* NULL, false, or 0 where it is of another type; v may be NULL. */
const char *json_str(const struct json *v);
bool json_bool(const struct json *v);
double json_double(const struct json *v);
/* -1 where it is no integer within +-JSON_INT_MAX. */
int json_int(const struct json *v, int64_t *out);
/* Member `name` as a string: a string as it is, a number or boolean in decimal. NULL: none. */
const char *json_get_text(const struct json *v, const char *name, struct arena *a);
/* Appends v as compact JSON. */
void json_print(const struct json *v, struct buf *out);

/* ---- mistakes ---- */

struct mistake {
        const char *pointer; /* "#/projects/3/depends_on", RFC 6901 in a fragment */
        const char *detail;
        enum err_code code; /* ERR_WRONG_TYPE or ERR_INVALID */
};
struct mistakes {
        struct arena *arena; /* holds the texts; set by the owner */
        size_t count;        /* listed, at most JSON_MISTAKES_MAX */
        size_t total;        /* found */
        struct mistake list[JSON_MISTAKES_MAX];
};
void mistake_add(struct mistakes *m, enum err_code code, const char *pointer, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/*
 * 0 when there are none; else -1, with e saying the first and how many more. The code is
 * ERR_WRONG_TYPE (400) if any is of that kind, else ERR_INVALID (422).
 */
int mistakes_check(const struct mistakes *m, struct err *e);

/* ---- declared fields ---- */

enum json_want {
        WANT_STRING,      /* const char *; length in bytes within min..max */
        WANT_INT,         /* int64_t within min..max */
        WANT_BOOL,        /* bool */
        WANT_DOUBLE,      /* double */
        WANT_OBJECT,      /* const struct json * */
        WANT_ARRAY,       /* const struct json *; element count within min..max */
        WANT_ANY,         /* const struct json * of any type, null too */
        WANT_INT_OR_TEXT, /* int64_t, from a number or a string of decimal digits */
};
struct json_field {
        const char *name;
        enum json_want want;
        bool required;
        int64_t min, max; /* both 0: no limit */
        size_t offset;    /* of the member in the struct that is filled */
        int present; /* offset of a bool told whether the field was there (not null); -1: none */
};
#define NO_PRESENT (-1)
/*
 * Fills `out` from object `v`; members of absent fields (and of nulls) keep what they hold. Strings
 * and values point into v. `pointer` is the path of v ("#" at the top). Mistakes go into m; the
 * members of mistaken fields keep what they hold.
 */
void json_read(const struct json *v, const struct json_field *fields, size_t count, void *out,
               const char *pointer, struct mistakes *m);
/*
 * A pointer one level deeper, its name escaped as RFC 6901 wants; `pointer` itself where there is no
 * memory for that.
 */
const char *json_pointer(struct arena *a, const char *pointer, const char *name);
const char *json_pointer_at(struct arena *a, const char *pointer, size_t index);

/* ---- the writer: commas come by themselves; failure is the buffer's ---- */

struct json_out {
        struct buf *buf;
        unsigned depth;
        uint64_t filled; /* bit per depth: something stands there already */
        bool after_name;
};
void json_out_init(struct json_out *o, struct buf *buf);
/* name NULL: an element, or the whole text. */
void json_out_object(struct json_out *o, const char *name);
void json_out_object_end(struct json_out *o);
void json_out_array(struct json_out *o, const char *name);
void json_out_array_end(struct json_out *o);
void json_out_str(struct json_out *o, const char *name, const char *value); /* NULL: null */
void json_out_strn(struct json_out *o, const char *name, const char *value, size_t len);
void json_out_int(struct json_out *o, const char *name, int64_t value);
void json_out_double(struct json_out *o, const char *name, double value);
void json_out_bool(struct json_out *o, const char *name, bool value);
void json_out_null(struct json_out *o, const char *name);
void json_out_raw(struct json_out *o, const char *name, const char *json); /* NULL: null */
void json_out_value(struct json_out *o, const char *name, const struct json *v);
/* Appends a quoted string; bytes that are not UTF-8 become U+FFFD. */
void json_quote(struct buf *out, const char *s, size_t len);
bool utf8_valid(const char *s, size_t len);
/* Bytes of the UTF-8 character that s begins with (1 to 4), 0 where it begins with none. */
size_t utf8_step(const char *s, size_t len);

#endif
