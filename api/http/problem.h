/*
 * problem.h - a problem document (RFC 9457) with the members that the existing client reads beside:
 *   type, title, status, detail, instance; success, error, code, errors, request_id; data (where
 *   there is something to say besides).
 */
#ifndef API_HTTP_PROBLEM_H
#define API_HTTP_PROBLEM_H

#include "base/json.h"

struct problem {
        const struct err *err;
        const char *instance; /* the path; NULL: not known */
        const char *request_id;
        const struct mistakes *mistakes; /* NULL: none */
        const char *data;                /* JSON; NULL: none */
};
void problem_print(struct buf *out, const struct problem *p);
/* "Not Found" */
const char *status_phrase(int status);

#endif
