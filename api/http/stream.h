/*
 * stream.h - an answer that does not end: what is written goes out piece by piece for as long as the client
 * listens, and what the client sends meanwhile is handed over. connection.c has the connection, its owner what
 * is said on it.
 *
 * Its owner writes while it is not blocked. What the socket does not take of a piece is kept until it can go
 * out; then `drained` says so. So a client that does not read costs the rest of one piece.
 */
#ifndef API_HTTP_STREAM_H
#define API_HTTP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct connection;
struct request;

struct stream_ops {
        void (*opened)(struct connection *c, void *arg); /* the head is on its way */
        void (*drained)(void *arg);
        /* NULL: what the client sends is thrown away. May end the stream. */
        void (*input)(const char *data, size_t len, void *arg);
        /* The server is about to stop: say good-bye, and end it. */
        void (*stop)(void *arg);
        /* The client has gone, or the server: the connection is not there any more. */
        void (*gone)(void *arg);
};

/*
 * Answers with a head only, which respond_header() has added to. One of two things follows, maybe within the
 * call: opened, or gone.
 */
void respond_stream(struct request *rq, int status, const char *content_type,
                    const struct stream_ops *ops, void *arg);

bool stream_blocked(struct connection *c);
/* Not while it is blocked. How many of the parts were taken, at least one; -1: the connection is broken. */
int stream_write(struct connection *c, struct iovec *parts, int count);
/* Something small, blocked or not. -1: broken, or too much of it waits. */
int stream_say(struct connection *c, const void *data, size_t len);
/* Nothing of the owner's is called any more. What was written still goes out; dropped, it does not. */
void stream_end(struct connection *c);
void stream_drop(struct connection *c);
const char *stream_peer(const struct connection *c);

#endif
