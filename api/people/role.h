/*
 * role.h - what a role is called and what it may do. The server asks the table of routes (routes.def) whether
 * a role may make a call; what it may do in words is for pages that show or hide their buttons by it.
 */
#ifndef API_PEOPLE_ROLE_H
#define API_PEOPLE_ROLE_H

#include "api/http/request.h"
#include "base/json.h"

const char *role_name(enum role role);
int role_parse(const char *name, enum role *out); /* viewer, operator, admin; 0 or -1 */
/* The members "roles" and "permissions" of a user. */
void role_print(enum role role, struct json_out *o);

#endif
