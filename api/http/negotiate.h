/*
 * negotiate.h - what a client will take, as its headers say it (RFC 9110, 12.5.3 and 13.1.2). Pure functions.
 */
#ifndef API_HTTP_NEGOTIATE_H
#define API_HTTP_NEGOTIATE_H

#include <stdbool.h>
#include <stddef.h>

/* "0.5", all of the text before `end`, as 500; 0: it is no weight. */
int negotiate_weight(const char *s, const char *end);
/*
 * How much a client that sent this Accept-Encoding wants the coding, in thousandths; 0: not at all. `header`
 * NULL (it sent none): only "identity". What is not q-value nor token weighs nothing.
 */
int negotiate_coding(const char *header, const char *coding);
enum { ETAG_SIZE = 2 + 32 + 1 };
/* The strong entity tag of these bytes: 128 bits of their SHA-256. */
void negotiate_make_etag(const void *data, size_t len, char out[ETAG_SIZE]);
/* Whether If-None-Match names this entity tag, as weak comparison has it. NULL: no. */
bool negotiate_has_etag(const char *header, const char *etag);

#endif
