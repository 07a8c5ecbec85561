/*
 * loose.h - values of JSON that comes from a badly mannered server: a number may be a string, a
 * time may have any of several forms, an error may be a text, an object or a list. What cannot be
 * understood is as good as absent; nothing here fails. Texts are copied into the arena.
 */
#ifndef MODEL_LOOSE_H
#define MODEL_LOOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"

bool loose_is_blank(const char *s);
enum { LOOSE_TEXT_MAX = 4096 }; /* bytes; what is longer is cut at a whole character */

/* Member `name`, a text or a number, as text; NULL: neither, or blank. */
const char *loose_text(const struct json *v, const char *name, struct arena *a);
/* A number, or a string that holds one ("42", "42 %"). v may be NULL. */
bool loose_number(const struct json *v, double *out);
/* Likewise an integer of at least 0; `otherwise` where it is none. */
int64_t loose_integer(const struct json *v, int64_t otherwise);

struct loose_time {
        int64_t ms; /* since 1970; 0: not said */
        bool zoned; /* false: it came without a zone and was read as UTC */
};
/* Member `name`: RFC 3339, "YYYY-MM-DD HH:MM:SS", or Unix seconds or milliseconds, in a string too. */
struct loose_time loose_time(const struct json *v, const char *name);

/* The first of these members (NULL ends the names) that is there, or NULL. */
const struct json *loose_first(const struct json *v, const char *const *names);

/*
 * What an error says, at most LOOSE_TEXT_MAX bytes: a text as it is, an object's "message" (or the
 * like), a list of texts joined, anything else as JSON. NULL: it says that there is none (absent,
 * null, false, 0, empty).
 */
const char *loose_words(const struct json *v, struct arena *a);

#endif
