/*
 * request.h - one HTTP request, as its handler sees it, and the ways to answer it.
 *
 * A handler is called when the whole body is there, in the loop; it answers at once or later, exactly
 * once. The request stays valid until then, also when its client has gone (the answer then goes
 * nowhere). Everything it hands out lives in its arena and ends with the answer.
 */
#ifndef API_HTTP_REQUEST_H
#define API_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

/* ROLE_OPEN: nobody is asked who he is. ROLE_ANYONE: it is looked up, and nobody is refused. */
enum role { ROLE_OPEN, ROLE_ANYONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN };

struct request;
struct app; /* what handlers work with: configuration, pool, engine, broker (api/app.h) */

typedef void (*request_fn)(struct request *rq);

/* ---- what was asked ---- */

struct app *request_app(const struct request *rq);
struct arena *request_arena(struct request *rq);
const char *request_id(const struct request *rq); /* X-Request-Id, taken or made */
const char *request_method(const struct request *rq);
const char *request_path(const struct request *rq); /* as it came, without the query */
const char *request_param(const struct request *rq,
                          const char *name);                     /* ":name" of the route, decoded */
const char *request_query(struct request *rq, const char *name); /* decoded; NULL: not there */
/* An integer of the query; absent: def. -1 and mistakes where it is none or out of range. */
int request_query_int(struct request *rq, const char *name, int64_t def, int64_t min, int64_t max,
                      int64_t *out, struct err *e);
const char *request_header(const struct request *rq, const char *name); /* any case; NULL */
/* The header traceparent where it is one (W3C Trace Context, level 1); NULL: none that is to be kept. */
const char *request_traceparent(const struct request *rq);
const char *request_body(const struct request *rq, size_t *len); /* "" without one */
/* The body as a JSON object, parsed once; an empty body is an empty object. NULL: answered already. */
const struct json *request_json(struct request *rq);
/* Large bodies: the descriptor of the unlinked file that holds them, position 0; -1: in memory. */
int request_spool(const struct request *rq);
/* SHA-256 of the body. */
const unsigned char *request_body_hash(const struct request *rq);
/* Whether the client knows chunks (HTTP/1.1). */
bool request_takes_chunks(const struct request *rq);
enum role request_role(const struct request *rq);
/* Name of the user or of the token; "" where nobody is known. */
const char *request_principal(const struct request *rq);
/* What the request has brought to show who is asking (api/people/credential.h); it may have been no good. */
struct credential;
const struct credential *request_credential(const struct request *rq);
const char *request_peer(const struct request *rq);
struct mistakes *request_mistakes(struct request *rq); /* empty, for json_read */

/* ---- the answer: exactly one of these ---- */

/* A header of the answer to come. */
void respond_header(struct request *rq, const char *name, const char *value);
/* {"success":true,"data":<data_json>,"count":N,"message":…}; count -1, message NULL: left out. */
void respond_data(struct request *rq, int status, const char *data_json, int64_t count,
                  const char *message);
/* The same of what was put together in a buffer: 503 where there was no memory for it. */
void respond_made(struct request *rq, int status, const struct buf *data, int64_t count,
                  const char *message);
/* 503: there is no memory for what should have been answered. */
void respond_starved(struct request *rq);
/* A JSON text as it is. */
void respond_json(struct request *rq, int status, const char *json, size_t len);
void respond_text(struct request *rq, int status, const char *content_type, const char *text,
                  size_t len);
/* A problem document (RFC 9457) with the members of the envelope; mistakes of request_mistakes(). */
void respond_error(struct request *rq, const struct err *e);
void respond_errorf(struct request *rq, enum err_code code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* The same with a member "data", JSON, for what there is to say besides (NULL: none). */
void respond_error_data(struct request *rq, const struct err *e, const char *data_json);

/*
 * RateLimit-Policy and RateLimit for the answer to come: `quota` calls in `window_s` seconds, of
 * which `remaining` are left; `reset_s` until there are more.
 */
void respond_rate(struct request *rq, int64_t quota, int64_t window_s, int64_t remaining,
                  int64_t reset_s);

#endif
