/*
 * connection.h - one client: reading a request, judging its head, taking its body, waiting for its
 * answer, sending it, and the next. One request at a time; what the client sends meanwhile waits, at
 * most 64 KiB of it.
 */
#ifndef API_HTTP_CONNECTION_H
#define API_HTTP_CONNECTION_H

#include "api/http/server.h"
#include "base/list.h"

struct connection;

/* What the server keeps of a connection. */
struct connection_place {
        struct list link;
        uint64_t address; /* key of its address */
        bool refused;     /* over a limit: counted apart */
};

/* Takes the descriptor, which is non-blocking. */
struct connection *connection_new(struct server *s, int fd, const char *peer);
struct connection_place *connection_place(struct connection *c);
struct connection *connection_at(struct connection_place *p);
/* Begins to read. The connection may be gone afterwards. */
void connection_start(struct connection *c);
/* Answers without having read anything, then closes. */
void connection_refuse(struct connection *c, const struct err *e);
/* Closes it if it is idle. */
void connection_stop(struct connection *c);
/* Closes it as it is. Its request lives on without it. */
void connection_free(struct connection *c);

#endif
