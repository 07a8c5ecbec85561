/* route.c - a path against the table, row by row: some sixty short comparisons. */
#include "api/http/route.h"

#include <stdio.h>
#include <string.h>

/* A parameter's value: up to the next slash, not empty. */
static const char *take_param(const char **pattern, const char *at, const char *end,
                              struct route_match *out)
{
        const char *name = *pattern + 1;
        size_t name_len = strcspn(name, "/");
        const char *slash = memchr(at, '/', (size_t)(end - at));
        const char *stop = slash ? slash : end;
        if (stop == at || out->params == ROUTE_PARAMS_MAX)
                return NULL;
        out->param[out->params].name = name;
        out->param[out->params].name_len = name_len;
        out->param[out->params].value = at;
        out->param[out->params].value_len = (size_t)(stop - at);
        out->params++;
        *pattern = name + name_len;
        return stop;
}

static bool match_path(const char *pattern, const char *path, size_t len, struct route_match *out)
{
        const char *at = path, *end = path + len;
        out->params = 0;
        while (*pattern) {
                if (*pattern == '*')
                        return true;
                if (*pattern == ':') {
                        at = take_param(&pattern, at, end, out);
                        if (!at)
                                return false;
                } else if (at == end || *pattern++ != *at++) {
                        return false;
                }
        }
        return at == end;
}

static bool match_method(const char *wanted, const char *method)
{
        return strcmp(wanted, method) == 0 || strcmp(wanted, "*") == 0 ||
               (strcmp(method, "HEAD") == 0 && strcmp(wanted, "GET") == 0);
}

static void allow(struct route_match *out, const char *method)
{
        size_t len = strlen(out->allow);
        snprintf(out->allow + len, sizeof(out->allow) - len, "%s%s%s", len ? ", " : "", method,
                 strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

void route_find_in(const struct route *table, size_t count, const char *method, const char *path,
                   size_t path_len, struct route_match *out)
{
        out->route = NULL;
        out->allow[0] = '\0';
        for (const struct route *r = table; r < table + count; r++) {
                if (!match_path(r->path, path, path_len, out))
                        continue;
                if (match_method(r->method, method)) {
                        out->route = r;
                        return;
                }
                allow(out, r->method);
        }
        out->params = 0;
}

void route_find(const char *method, const char *path, size_t path_len, struct route_match *out)
{
        route_find_in(routes, routes_count, method, path, path_len, out);
}
