/*
 * http.h - a small HTTP client for bodies: one request, one answer, blocking, by libcurl.
 *
 * http and https only, HTTP/1.1, redirects are not followed (a 3xx is an answer like any other),
 * proxies of the environment are not used: what is called is the configured address. An answer is
 * at most 8 MiB; of the body of a failure (status 400 and up) only the first 64 KiB are read. No
 * text of an error holds a URL's query or user, so that no secret gets into messages.
 */
#ifndef WORKER_REMOTE_HTTP_H
#define WORKER_REMOTE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct http;

struct http *http_new(const char *traceparent); /* sent with every request; may be NULL */
void http_free(struct http *h);

struct http_request {
        const char *url;
        const char *form; /* NULL: GET; else POST with this application/x-www-form-urlencoded body */
        const char *header; /* one more, "name: value", or NULL */
        int64_t timeout_ms; /* for all of it */
        /*
         * Never sent twice: libcurl repeats a request by itself where a kept-alive connection dies
         * under it, so this one gets a connection of its own.
         */
        bool once;
};
struct http_answer {
        int status;
        const char *body; /* in the arena, NUL-terminated */
        size_t len;
        int64_t retry_after_ms; /* 0: not said */
        int64_t date_ms;        /* the server's clock, whole seconds; 0: not said */
};
/*
 * 0: an answer came, whatever its status. -1: ERR_CONFIG (the address cannot be called),
 * ERR_UNAVAILABLE (nothing was sent, and sure of it), ERR_LOST (it was sent at least in part and
 * there is no whole answer), ERR_UPSTREAM (the answer was too large).
 */
int http_call(struct http *h, const struct http_request *q, struct arena *a,
              struct http_answer *out, struct err *e);

/* "http://host:8080/path": without user, query and fragment. */
char *http_url_shown(const char *url, struct arena *a);
/* value percent-encoded (RFC 3986), appended. */
struct buf;
void http_escape(struct buf *out, const char *value);

#endif
