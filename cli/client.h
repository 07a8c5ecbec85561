/*
 * client.h - HTTP to one API: a call with its repetitions, and a stream of events beside them.
 *
 * What is refused for a while (429, 503) is asked again after its Retry-After, within the time for the
 * call: nothing was done. What broke off in the middle is asked again only where that is harmless: reading,
 * and what has a key that makes it so. Redirects are not followed: credentials go to the address that was
 * given, and nowhere else.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct client;

struct client_config {
        const char *url;     /* http://host:8088, or with a path before /api */
        const char *token;   /* NULL: none */
        const char *session; /* of the login; used where there is no token; NULL: none */
        const char *ca_file; /* NULL: the system's */
        int64_t timeout_ms;  /* for a call and its repetitions */
        bool quiet;          /* do not say that a call is repeated */
};
/* The texts are copied. -1: ERR_CONFIG, the address cannot be used. */
int client_new(const struct client_config *config, struct client **out, struct err *e);
void client_free(struct client *cl);
const char *client_url(const struct client *cl); /* without user, password, and "/" at its end */
const char *client_session(const struct client *cl);
bool client_has_token(const struct client *cl);
/* Whether what is sent can be read on the way: plain HTTP to another machine. */
bool client_is_open(const struct client *cl);
bool client_is_tls(const struct client *cl);

enum { REPLY_MAX = 512 << 20, REQUEST_ID_SIZE = 80 };

struct call {
        const char *method; /* NULL: GET */
        const char *path;   /* "/api/waves?limit=5" */
        const char *body;   /* JSON; NULL: none */
        size_t len;
        const char *key;       /* Idempotency-Key; NULL: none */
        const char *accept;    /* NULL: application/json */
        bool once;             /* no repetition at all */
        bool (*give_up)(void); /* asked now and then: true ends it; may be NULL */
};
struct reply {
        int status;
        struct buf body;
        char request_id[REQUEST_ID_SIZE];
        int64_t date_ms;  /* the server's clock, whole seconds; 0: not said */
        int64_t begun_ms; /* our clock when it was asked */
        int64_t took_ms;
};
void reply_fini(struct reply *r);
/*
 * 0: an answer, whatever its status. -1: ERR_UNAVAILABLE (nobody is there), ERR_LOST (it broke off, and it
 * is not known whether it was done), ERR_TIMEOUT, ERR_UPSTREAM (TLS, or an answer that is too large).
 */
int client_call(struct client *cl, const struct call *q, struct reply *r, struct err *e);

/* Percent-encoded (RFC 3986). */
void url_escape(struct buf *out, const char *text);
/* Appends "?name=value", or "&name=value"; nothing where value is NULL. */
void url_query(struct buf *path, const char *name, const char *value);

/* ---- a stream: an answer that does not end ---- */

struct stream;
typedef void (*stream_fn)(const char *data, size_t len, void *arg);
/* last_id: Last-Event-ID, or NULL. */
struct stream *stream_open(struct client *cl, const char *path, const char *last_id, stream_fn fn,
                           void *arg);
void stream_close(struct stream *s);
/* Waits at most wait_ms for something to come, and hands it on. Not of one that has ended. */
void stream_turn(struct stream *s, int64_t wait_ms);
/* 0: no answer yet. Of what is no 200 nothing is handed on. */
int stream_status(const struct stream *s);
bool stream_ended(const struct stream *s);
int64_t stream_quiet_ms(const struct stream *s); /* since something came */

#endif
