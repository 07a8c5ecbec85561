/*
 * url.h - where a Redis is: redis://[[user:]password@]host[:port][/db], unix:///path[?db=N] (with
 * user and password too). User, password and path are percent-decoded. As redis-cli -u reads it, what
 * stands alone before the @ is the password.
 */
#ifndef BROKER_URL_H
#define BROKER_URL_H

#include <stdint.h>

#include "base/err.h"

struct redis_url {
        char *host; /* NULL: a socket */
        char *path; /* of the socket */
        uint16_t port;
        char *user;     /* NULL: none */
        char *password; /* NULL: none; wiped when freed */
        int db;
        char *shown; /* for people: host:port or path, no secret */
};

/* ERR_CONFIG with a sentence that never quotes user or password. */
int redis_url_parse(const char *text, struct redis_url *out, struct err *e);
void redis_url_fini(struct redis_url *u);

#endif
