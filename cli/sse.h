/*
 * sse.h - reading a stream of server-sent events (WHATWG HTML, "Server-sent events"), as it comes in
 * pieces.
 */
#ifndef CLI_SSE_H
#define CLI_SSE_H

#include <stddef.h>

#include "base/buf.h"

/* name is "message" where the event has none; data without a line end after its last line. */
typedef void (*sse_fn)(const char *name, const char *data, size_t len, void *arg);

struct sse {
        sse_fn fn;
        void *arg;
        struct buf line, name, data;
        struct buf id;      /* of the last event, for Last-Event-ID */
        struct buf next_id; /* of the one that is being read */
        bool has_data, after_cr, begun;
};

enum { SSE_EVENT_MAX = 16 << 20 };

void sse_init(struct sse *s, sse_fn fn, void *arg);
void sse_fini(struct sse *s);
void sse_feed(struct sse *s, const char *text, size_t len);
/* A new connection: what was not ended is dropped, the last id is kept. */
void sse_reset(struct sse *s);
/* Last-Event-ID, or NULL where there was none. */
const char *sse_last_id(const struct sse *s);

#endif
