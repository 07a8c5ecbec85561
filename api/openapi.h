/*
 * openapi.h - the description of the HTTP API (api/openapi.yaml) as scripts/embed writes it into the program: OpenAPI
 * 3.1, as compact JSON.
 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include <stddef.h>

extern const char openapi_text[];
extern const size_t openapi_text_len;

#endif
