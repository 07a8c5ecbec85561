/*
 * parse.h - bytes into a request, by http-parser: the head first, then, once the head has been
 * judged, the body. Limits on the head hold as it grows.
 *
 * http-parser takes the chunked coding and the length apart; what it lets pass and RFC 9112 does not
 * is refused in parse_finish(): a space in or behind a header's name, folded lines, control
 * characters, no or two Host headers, transfer codings other than chunked.
 */
#ifndef API_HTTP_PARSE_H
#define API_HTTP_PARSE_H

#include "api/http/request_inside.h"

enum parse_result { PARSE_MORE, PARSE_DONE, PARSE_BAD };

enum { PARSE_URL_MAX = 8192 };

void parse_begin(struct request *rq);
/*
 * Takes bytes of the head, at most head_max in all; *used of them belong to it. PARSE_BAD: e is
 * ERR_BAD_REQUEST, ERR_HEADERS, ERR_URI_TOO_LONG or ERR_HTTP_VERSION.
 */
enum parse_result parse_head(struct request *rq, const char *data, size_t len, size_t head_max,
                             size_t *used, struct err *e);
/* After PARSE_DONE: fills in what handlers ask for. Also ERR_NOT_SUPPORTED. */
int parse_finish(struct request *rq, struct err *e);
/* Takes bytes of the body into request_body_add(). Not called where there is none (has_body). */
enum parse_result parse_body(struct request *rq, const char *data, size_t len, size_t *used,
                             struct err *e);

#endif
