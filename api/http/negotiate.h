/*
 * negotiate.h - what a client will take, as its headers say it (RFC 9110, 12.5.3 and 13.1.2). Pure functions.
 */
#ifndef API_HTTP_NEGOTIATE_H
#define API_HTTP_NEGOTIATE_H

#include <stdbool.h>

/* "0.5", all of the text before `end`, as 500; 0: it is no weight. */
int negotiate_weight(const char *s, const char *end);
/*
 * How much a client that sent this Accept-Encoding wants the coding, in thousandths; 0: not at all. `header`
 * NULL (it sent none): only "identity". What is not q-value nor token weighs nothing.
 */
int negotiate_coding(const char *header, const char *coding);
/* Whether If-None-Match names this entity tag, as weak comparison has it. NULL: no. */
bool negotiate_has_etag(const char *header, const char *etag);

#endif
