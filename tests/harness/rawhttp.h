/*
 * rawhttp.h - a client for tests that says exactly the bytes it is told, well-formed or not, and
 * reads answers one by one. It blocks, and gives up after 10 s.
 */
#ifndef TESTS_RAWHTTP_H
#define TESTS_RAWHTTP_H

#include <stdbool.h>
#include <stddef.h>

struct reply {
        int status; /* 0: the connection ended, or there was no whole answer */
        char head[8192];
        char *body; /* of the length that Content-Length says, and a NUL; NULL without one */
        size_t body_len;
};

/* -1 where nobody listens. */
int rawhttp_connect(int port);
/* False when the other side has closed. */
bool rawhttp_send(int fd, const char *text);
bool rawhttp_sendn(int fd, const void *data, size_t len);
/* The next answer. `head`: to a HEAD, so there is no body. The reply's body is freed by the next. */
int rawhttp_read(int fd, struct reply *r);
int rawhttp_read_head(int fd, struct reply *r);
/* connect, send, read, close. */
int rawhttp_once(int port, const char *text, struct reply *r);
/* A header's value in a static buffer, or NULL. */
const char *reply_header(const struct reply *r, const char *name);
void reply_free(struct reply *r);
/* True when the other side ends the stream, orderly, within ms; what still comes is dropped. */
bool rawhttp_ends(int fd, int ms);

#endif
