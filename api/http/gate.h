/*
 * gate.h - what is decided at the end of the headers, before a byte of the body is taken: the route,
 * the role, the media type, the declared length. Each step gives 0, or -1 with the refusal in e and
 * its headers (Allow, WWW-Authenticate) in the request.
 */
#ifndef API_HTTP_GATE_H
#define API_HTTP_GATE_H

#include "api/http/request_inside.h"

struct gate {
        const struct route *routes;
        size_t routes_count;
        /* What people open: for paths that no row has and that are not of programs. NULL: none. */
        const struct route *pages;
        uint64_t body_max, wave_body_max;
        /* May refuse calls for now (the schema is not there yet). NULL: never. */
        int (*admit)(struct app *app, const struct route *r, struct err *e);
};

/* Finds the route; decodes path parameters and query. */
int gate_route(struct request *rq, const struct gate *g, struct err *e);
/* What the answer to "who is asking?" means for this route; also gate.admit. */
int gate_role(struct request *rq, const struct gate *g, const struct auth_answer *who,
              struct err *e);
/* Media type and length of a body that is announced; sets the limit for what comes. */
int gate_body(struct request *rq, const struct gate *g, struct err *e);

#endif
