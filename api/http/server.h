/*
 * server.h - the HTTP server: a listener and its connections, with limits on how many there are in
 * all and from one address (a /64 where it is IPv6). Over the limit a connection gets one problem
 * document, 503 or 429, and is closed. When descriptors run out the listener rests for a moment
 * instead of spinning.
 */
#ifndef API_HTTP_SERVER_H
#define API_HTTP_SERVER_H

#include "api/http/gate.h"
#include "base/loop.h"

struct server_opts {
        const char *listen; /* "127.0.0.1:8088", "[::]:8088", port 0: any free one */
        struct app *app;
        struct auth *auth;
        struct gate gate;
        size_t header_max;
        int64_t header_timeout_ms, body_timeout_ms, idle_timeout_ms;
        size_t connections_max, connections_per_address_max;
        const char *spool_dir;
};

struct server;
/* Listens at once. Keeps a copy of the options, not of what they point to. */
struct server *server_new(struct loop *l, const struct server_opts *opts, struct err *e);
/* "127.0.0.1:40123", with the real port. */
const char *server_address(const struct server *s);
/*
 * Accepts nothing more, lets requests that have begun come to their end (each answer closes its
 * connection), then calls fn, once.
 */
void server_stop(struct server *s, void (*fn)(void *arg), void *arg);
/* Closes everything at once. Requests that handlers still hold stay valid until they are answered. */
void server_free(struct server *s);
size_t server_connections(const struct server *s);

/* ---- for connection.c ---- */

struct connection;
const struct server_opts *server_opts(const struct server *s);
struct loop *server_loop(struct server *s);
bool server_stopping(const struct server *s);
struct request *server_take_request(struct server *s);
void server_give_request(struct request *rq);
/* Takes it off the lists; it is freed by connection.c. */
void server_connection_gone(struct server *s, struct connection *c);

#endif
