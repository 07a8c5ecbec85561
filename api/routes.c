/* routes.c - routes.def as a table. */
#include "api/routes.h"

const struct route routes[] = {
#define ROUTE(method, path, role, body, handler) {method, path, role, body, handler},
#define NOT_OFFERED(path) {"*", path, ROLE_OPEN, BODY_NONE, NULL},
#include "api/routes.def"
#undef ROUTE
#undef NOT_OFFERED
};
const size_t routes_count = sizeof(routes) / sizeof(routes[0]);
