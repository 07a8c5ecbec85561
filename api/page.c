/* page.c - see page.h. */
#include "api/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { CURSOR_DIGITS = 18 };

static int read_cursor(struct request *rq, int64_t *out, struct err *e)
{
        const char *text = request_query(rq, "cursor");
        if (!text)
                return 0;
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > CURSOR_DIGITS || text[digits]) {
                mistake_add(request_mistakes(rq), ERR_INVALID, "#/cursor",
                            "is none that a list has answered");
                return mistakes_check(request_mistakes(rq), e);
        }
        *out = strtoll(text, NULL, 10);
        return 0;
}

int page_read(struct request *rq, int64_t start, struct page *out, struct err *e)
{
        struct page p = {.from = start};
        if (request_query_int(rq, "limit", LIST_WHOLE, 1, LIST_LIMIT_MAX, &p.limit, e) < 0 ||
            read_cursor(rq, &p.from, e) < 0)
                return -1;
        *out = p;
        return 0;
}

void page_respond(struct request *rq, const struct page *p, const char *data_json, int64_t count,
                  const char *last)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        buf_adds(&text, "{\"success\":true,\"data\":");
        buf_adds(&text, data_json);
        buf_adds(&text, ",\"count\":");
        buf_addi(&text, count);
        if (last && count == p->limit)
                buf_addf(&text, ",\"next_cursor\":\"%s\"}", last);
        else
                buf_adds(&text, ",\"next_cursor\":null}");
        if (buf_ok(&text))
                respond_json(rq, 200, text.data, text.len);
        else
                respond_starved(rq);
}
