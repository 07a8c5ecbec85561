/*
 * placeholder.h - `{name}` in a text: taken apart here, for the check at submit time and for the
 * filling in a runner alike.
 *
 * A name begins with a letter or an underscore and holds no white space, quotes, braces or any of
 * , : ; and $ - so that JSON ({"a":1}), awk ({print $1}), shell ({ cmd; }), {} and {1,3} are what they
 * are. `{{` is a brace, for the rest: `${{HOME}` is ${HOME}. A value that is filled in is never looked
 * at again.
 */
#ifndef MODEL_PLACEHOLDER_H
#define MODEL_PLACEHOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct placeholder_piece {
        const char *text; /* not terminated */
        size_t len;
        bool name; /* what stands between the braces; else literal text */
};
/* The next piece, moving *at on; false at the end. */
bool placeholder_next(const char **at, struct placeholder_piece *piece);

/* Appends the value of a name, or returns -1 with the reason. */
typedef int (*placeholder_fn)(const char *name, struct buf *out, void *arg, struct err *e);
int placeholder_fill(const char *text, struct buf *out, placeholder_fn fn, void *arg, struct err *e);

#endif
