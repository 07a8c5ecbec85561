/*
 * page.h - lists in pages: `limit` and `cursor` of the query, and the envelope with `next_cursor`.
 *
 * A cursor is the number of the last row, in decimal; clients take it for opaque. Without `limit` a
 * list answers LIST_WHOLE rows at once.
 */
#ifndef API_PAGE_H
#define API_PAGE_H

#include "api/http/request.h"

enum { LIST_LIMIT_MAX = 500, LIST_WHOLE = 1000 };

struct page {
        int64_t limit;
        int64_t from; /* the cursor, or `start` where there is none */
};
/* -1: e and the request's mistakes say which parameter is wrong. */
int page_read(struct request *rq, int64_t start, struct page *out, struct err *e);
/* {"success":true,"data":<data_json>,"count":N,"next_cursor":"last"|null}; last counts if the page is full. */
void page_respond(struct request *rq, const struct page *p, const char *data_json, int64_t count,
                  const char *last);

#endif
