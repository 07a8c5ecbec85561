/*
 * dead_many.h - restarting or discarding dead letters, one or many, wave by wave.
 *
 * First PostgreSQL is asked which are meant, by wave. Then each wave is an act of its own, which locks it, in
 * ascending order; one that refuses is told and does not stop the others. What a filter means is judged
 * again under the lock, so a letter that came or went meanwhile is taken as it is then.
 */
#ifndef API_DEAD_MANY_H
#define API_DEAD_MANY_H

#include "api/ended_filter.h"

struct dead_wish {    /* what it points to lives as long as the request */
        bool restart; /* else they are discarded */
        bool one;     /* the path names it: a refusal is the whole answer */
        bool dry_run; /* only says which are meant */
        const int64_t *ids;
        size_t n; /* 0: by the filter, among those that GET /api/dead lists */
        struct ended_filter filter;
};
/* Answers the request. */
void dead_many(struct request *rq, const struct dead_wish *wish);

#endif
