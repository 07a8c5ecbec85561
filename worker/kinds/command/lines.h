/*
 * lines.h - a program's output as log lines, while it comes, and what is kept of it: the last line that
 * is not empty.
 *
 * Lines end at '\n'; a '\r' before it is dropped. A line may be of any length: no more of it is held
 * than can be of use, worker.log_line_max_bytes for the log, and 1 MiB where it begins with a brace and
 * may be the result.
 */
#ifndef WORKER_KINDS_COMMAND_LINES_H
#define WORKER_KINDS_COMMAND_LINES_H

#include "base/buf.h"
#include "worker/kinds/kind.h"

struct lines {
        struct body *body;
        const char *stream; /* "out", "err" */
        size_t log_max_bytes;
        struct buf open; /* the line that has not ended yet */
        bool begun;      /* it is there, even if nothing of it is held */
        bool cut;        /* something of it is not held */
        bool thinned;    /* of the blanks that it begins with, not all are held */
        struct buf last; /* the last that is not empty, without the blanks that it begins with */
        bool last_cut;
};

void lines_init(struct lines *l, struct body *b, const char *stream);
void lines_fini(struct lines *l);
void lines_feed(struct lines *l, const char *data, size_t len);
/* No more comes: the open line is one too. */
void lines_end(struct lines *l);
/* The last line that is not empty, whole, where it is a JSON object; else NULL. */
const char *lines_result(const struct lines *l);
/* The same line in at most `max` bytes of valid UTF-8; "" where there is none. */
void lines_quote_last(const struct lines *l, size_t max, struct buf *out);

#endif
