/*
 * route.h - the table of routes. A row says method, path (":name" takes one segment, percent-encoded,
 * slashes included; a "*" at the end takes whatever follows), the role it wants, how large a body it
 * takes and the handler; a path that exists under another method answers 405 with Allow, an unknown
 * one 404. HEAD goes where GET goes. The first row that fits wins.
 */
#ifndef API_HTTP_ROUTE_H
#define API_HTTP_ROUTE_H

#include "api/http/request.h"

enum body_kind {
        BODY_NONE, /* one that comes is refused over 1 KiB and ignored */
        BODY_JSON, /* application/json (or none), at most http.body_max_bytes */
        BODY_WAVE, /* JSON, at most http.wave_body_max_bytes; over 1 MiB it comes as a file */
        BODY_ANY,  /* any media type, at most http.body_max_bytes */
};

struct route {
        const char *method; /* "*": any */
        const char *path;
        enum role role;
        enum body_kind body;
        request_fn handler; /* NULL: known from elsewhere and not offered here: 404 `not_offered` */
};
/* routes.def is the table. */
extern const struct route routes[];
extern const size_t routes_count;

enum { ROUTE_PARAMS_MAX = 4 };
struct route_match {
        const struct route *route; /* NULL: none */
        size_t params;
        struct {
                const char *name; /* without the colon; points into the route */
                size_t name_len;
                const char *value; /* raw, points into the path */
                size_t value_len;
        } param[ROUTE_PARAMS_MAX];
        char allow[64]; /* when the path exists under other methods: "GET, HEAD, POST" */
};
void route_find(const char *method, const char *path, size_t path_len, struct route_match *out);
/* In another table. */
void route_find_in(const struct route *table, size_t count, const char *method, const char *path,
                   size_t path_len, struct route_match *out);

#endif
