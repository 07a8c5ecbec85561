/*
 * migration_find.h - the migration that ":id" of a path names: a brz_project_id (its newest migration)
 * or "m" and the migration's own id.
 */
#ifndef API_MIGRATION_FIND_H
#define API_MIGRATION_FIND_H

#include "api/http/request.h"

struct migration_facts { /* texts live in the request's arena */
        int64_t id, wave_no;
        const char *wave_id, *kind, *state;
        int32_t attempt;
        const char *project;
        int64_t target;     /* brz_project_id; 0: none yet */
        const char *memo;   /* JSON, or NULL */
        int64_t started_ms; /* PostgreSQL's clock; 0: not started */
        const char *secret; /* sealed, the one that its start carries; or NULL */
};
typedef void (*migration_fn)(struct request *rq, const struct migration_facts *f);
/* fn is called later; where there is no such migration the request is answered instead. */
void migration_find(struct request *rq, migration_fn fn);
/* Whether the migration server can be asked about it. */
bool migration_is_remote(const struct migration_facts *f);

#endif
