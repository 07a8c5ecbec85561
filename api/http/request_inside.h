/*
 * request_inside.h - struct request from inside, for what reads requests and sends answers:
 * connection, parse, gate, request, respond, access. Handlers see request.h only.
 *
 * Requests are used again: request_reset() keeps the small buffers. The text of the head (request
 * line and headers) stands whole in `head`; everything about it is an offset or, once parse_finish()
 * has put NULs in, a pointer into it.
 */
#ifndef API_HTTP_REQUEST_INSIDE_H
#define API_HTTP_REQUEST_INSIDE_H

#include <http_parser.h>
#include <sys/uio.h>

#include "api/people/auth.h"
#include "api/people/credential.h"
#include "api/http/request.h"
#include "api/http/route.h"
#include "api/http/spool.h"
#include "base/buf.h"
#include "base/rand.h"

struct connection;
struct stream_ops;

enum {
        REQUEST_HEADERS_MAX = 100,
        REQUEST_QUERY_MAX = 64,
        REQUEST_ID_MAX = 128,
        PEER_SIZE = 48,
        ANSWER_PARTS = 4,
        SPOOL_BYTES = 1048576, /* larger bodies of BODY_WAVE go to a file */
};

/* What goes out, in pieces that are valid during deliver() only. */
struct answer {
        int status;
        int count;
        struct iovec parts[ANSWER_PARTS]; /* head first */
        size_t body_bytes;                /* of the parts behind the head */
        const struct stream_ops *stream;  /* a head only: what follows is up to these */
        void *stream_arg;
};

struct header_span {
        uint32_t name, name_len, value, value_len; /* in head */
};

struct query_pair {
        const char *name, *value; /* decoded, in the arena */
};

struct request {
        struct arena *arena;
        struct app *app;
        struct server *server;   /* NULL in unit tests */
        struct connection *conn; /* NULL: the client has gone */
        /* Sends the answer and ends the request. */
        void (*deliver)(struct request *rq, const struct answer *a);
        int64_t begun_us;
        char id[REQUEST_ID_MAX + 1];
        char peer[PEER_SIZE];

        http_parser parser;
        char *head;
        size_t head_len, head_cap;
        size_t url_at, url_len;
        struct header_span headers[REQUEST_HEADERS_MAX];
        size_t headers_count;
        bool in_value;  /* the parser is in the value of the last header */
        bool head_done; /* what the parser names from now on are trailers */
        bool body_done;
        struct err fault; /* what a callback of the parser did not like */

        const char *method; /* NULL until the head is complete, like path */
        const char *path;
        const char *query_text; /* NULL: none */
        struct query_pair *query;
        size_t query_count;
        struct route_match match;
        const char *params[ROUTE_PARAMS_MAX]; /* decoded */
        enum role role;
        const char *principal;
        struct credential credential; /* points into head */
        struct auth_wait waiting;     /* while the credential is looked up */

        bool has_body;
        bool expects_continue;
        uint64_t body_limit, body_len;
        struct buf body;
        const char *spool_dir;
        struct spool *spool; /* holds the body instead */
        unsigned char spool_hash[HASH_BYTES];
        struct json *json;
        struct mistakes *mistakes;

        bool answered;
        bool close;           /* the connection ends with the answer */
        bool quiet;           /* no line in the log: it is told otherwise */
        unsigned own_headers; /* bits of respond.c: standard headers that the handler has set */
        struct buf extra;     /* header lines of respond_header() */
        struct buf out, tail; /* head of the answer, end of its body */
};

struct request *request_new(void);
void request_free(struct request *rq);
/* Ready for the next one. */
void request_reset(struct request *rq);
/* A piece of the body. -1: over the limit, or it cannot be kept. */
int request_body_add(struct request *rq, const char *data, size_t len, struct err *e);
/* The body is there whole. */
int request_body_end(struct request *rq, struct err *e);

/* X-Request-Id as clients may choose it: [A-Za-z0-9._-]{1,128}. */
bool request_id_ok(const char *id);
/* Decodes %XX (and + as a space where `plus`) into the arena. NULL: bad escape, NUL, no UTF-8. */
const char *request_decode(struct arena *a, const char *s, size_t len, bool plus);
/* Fills rq->query. -1: ERR_BAD_REQUEST. */
int request_read_query(struct request *rq, struct err *e);

#endif
