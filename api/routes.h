/* routes.h - declares every handler that a row of routes.def names. */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "api/http/route.h"

#define ROUTE(method, path, role, body, handler) void handler(struct request *rq);
#define NOT_OFFERED(path)
#include "api/routes.def"
#undef ROUTE
#undef NOT_OFFERED

#endif
