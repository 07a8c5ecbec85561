/* role.c - two tables. */
#include "api/people/role.h"

#include <string.h>

#include "base/mem.h"

const char *role_name(enum role role)
{
        static const char *const names[] = {
                [ROLE_OPEN] = "open",         [ROLE_ANYONE] = "anyone", [ROLE_VIEWER] = "viewer",
                [ROLE_OPERATOR] = "operator", [ROLE_ADMIN] = "admin",
        };
        _Static_assert(COUNT_OF(names) == ROLE_ADMIN + 1, "each role has a name");
        return names[role];
}

int role_parse(const char *name, enum role *out)
{
        for (enum role r = ROLE_VIEWER; r <= ROLE_ADMIN; r++) {
                if (strcmp(name, role_name(r)) == 0) {
                        *out = r;
                        return 0;
                }
        }
        return -1;
}

/* What is allowed from which role on. */
static const struct {
        const char *resource, *action;
        enum role from;
} permissions[] = {
        {"waves", "view", ROLE_VIEWER},        {"waves", "create", ROLE_OPERATOR},
        {"waves", "edit", ROLE_OPERATOR},      {"waves", "restart", ROLE_OPERATOR},
        {"migrations", "view", ROLE_VIEWER},   {"migrations", "create", ROLE_OPERATOR},
        {"migrations", "edit", ROLE_OPERATOR}, {"migrations", "restart", ROLE_OPERATOR},
        {"dead", "view", ROLE_VIEWER},         {"dead", "restart", ROLE_OPERATOR},
        {"dead", "discard", ROLE_OPERATOR},    {"queues", "view", ROLE_VIEWER},
        {"queues", "edit", ROLE_OPERATOR},     {"workers", "view", ROLE_VIEWER},
        {"workers", "edit", ROLE_OPERATOR},    {"logs", "view", ROLE_VIEWER},
        {"settings", "view", ROLE_VIEWER},     {"settings", "edit", ROLE_ADMIN},
};

void role_print(enum role role, struct json_out *o)
{
        json_out_array(o, "roles");
        json_out_object(o, NULL);
        json_out_str(o, "name", role_name(role));
        json_out_object_end(o);
        json_out_array_end(o);
        json_out_array(o, "permissions");
        for (size_t i = 0; i < COUNT_OF(permissions); i++) {
                if (role < permissions[i].from)
                        continue;
                json_out_object(o, NULL);
                json_out_str(o, "resource", permissions[i].resource);
                json_out_str(o, "action", permissions[i].action);
                json_out_object_end(o);
        }
        json_out_array_end(o);
}
