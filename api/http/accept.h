/* accept.h - which of several forms of an answer a client likes best (RFC 9110, 12.5.1). */
#ifndef API_HTTP_ACCEPT_H
#define API_HTTP_ACCEPT_H

#include <stddef.h>

/*
 * `accept`: the header, NULL where there is none. The index of the type with the highest quality, the first
 * of those that are liked alike; 0 where it takes none of them: an answer is better than a refusal.
 */
size_t accept_best(const char *accept, const char *const *types, size_t n);

#endif
