/*
 * brizy.h - workspaces and projects of Brizy, found by their exact names or created. Names are not
 * unique there, so that a second create makes a second thing: after a create whose end is not known
 * it is looked for again before anything else. Only one process at a time may be about one name
 * (see target.c).
 */
#ifndef WORKER_REMOTE_BRIZY_H
#define WORKER_REMOTE_BRIZY_H

#include "worker/kinds/remote/remote.h"

struct brizy_thing {
        const char *what; /* "workspace" or "project", for messages */
        const char *path; /* of its list; create is a POST there */
        const char *name;
        const char *workspace; /* id of the workspace it is in, or NULL */
};

/*
 * 0 and the id. -1: ERR_CONFIG, ERR_FORBIDDEN (the token), ERR_INVALID (another 4xx: permanent),
 * ERR_RATE (429), or ERR_UNAVAILABLE, ERR_LOST, ERR_UPSTREAM (temporary); retry_after_ms where it
 * was said.
 */
int brizy_find_or_create(struct remote *r, const struct brizy_thing *t, int64_t *id, struct err *e);

#endif
