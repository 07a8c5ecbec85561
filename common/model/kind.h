/*
 * kind.h - the kinds by name, and the check of their parameters, which the API asks at once when a
 * wave is submitted. How each runs stands in worker/kinds/.
 */
#ifndef MODEL_KIND_H
#define MODEL_KIND_H

#include "base/json.h"

struct kind_spec {
        const char *name;
        bool can_park;
        /* params of the wave (NULL: none given); pointer: where they stand ("#/params"). */
        void (*check_params)(const struct json *params, const char *pointer, struct mistakes *m);
        /* params of one project (never NULL); pointer "#/projects/3/params". */
        void (*check_project)(const struct json *params, const char *pointer, struct mistakes *m);
};
/* NULL: no such kind. */
const struct kind_spec *kind_spec_find(const char *name);
/* "remote, command, noop" for messages. */
const char *kind_names(void);

#endif
