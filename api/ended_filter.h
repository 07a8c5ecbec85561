/*
 * ended_filter.h - which of the migrations that ended are meant: in the query of a list, or as the object
 * "filter" of a body. What is absent asks for nothing.
 */
#ifndef API_ENDED_FILTER_H
#define API_ENDED_FILTER_H

#include "api/http/request.h"
#include "base/clock.h"
#include "store/pg.h"

struct ended_filter { /* texts live as long as the request; NULL: any */
        const char *wave, *status, *class, *text;
        const char *since, *until; /* RFC 3339, UTC */
};

/* Which of them may be asked for besides class, text, since and until. */
enum ended_field { ENDED_WAVE = 1, ENDED_STATUS = 2 };

/* Both note mistakes in request_mistakes(rq), which the caller checks. `v` is the object. */
void ended_filter_read(struct request *rq, const struct json *v, unsigned fields,
                       struct ended_filter *out);
void ended_filter_query(struct request *rq, struct ended_filter *out);
/* Four parameters of a statement: class, text, since, until. */
void ended_filter_add(struct pg_tx *tx, const struct ended_filter *f);

#endif
