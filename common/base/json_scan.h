/*
 * json_scan.h - strict check of a JSON text (RFC 8259) before it is parsed.
 *
 * cJSON accepts things that are no JSON (control characters as white space, a byte order mark),
 * cuts strings at \u0000 and does not say what it did not like. This says it, with line and column,
 * and builds nothing. Private to json.c.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stddef.h>

#include "base/err.h"

/* 0, or -1 with ERR_MALFORMED. */
int json_scan(const char *text, size_t len, struct err *e);
/* Reports `what` at the n-th (from 0) member name of a text that was accepted. Always -1. */
int json_scan_blame_name(const char *text, size_t len, size_t n, const char *what, struct err *e);

#endif
