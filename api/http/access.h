/* access.h - the line in the log and the numbers of each request that was answered. */
#ifndef API_HTTP_ACCESS_H
#define API_HTTP_ACCESS_H

#include "api/http/request_inside.h"

/* Level info for what changes something and for errors, debug for the rest. */
void access_note(const struct request *rq, const struct answer *a);

#endif
