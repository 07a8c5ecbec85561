/*
 * parse.c: the bytes of an HTTP request. The same comes of it in whatever pieces it is read: the first
 * byte chooses how long they are.
 */
#include "api/http/parse.h"
#include "tests/fuzz/fuzz.h"

enum { HEAD_MOST = 2048, BODY_MOST = 256, TEXT_MOST = 1 << 20 };

static const struct route any = {"*", "*", ROLE_OPEN, BODY_ANY, NULL};

/* As server_take_request() and connection.c leave it. */
static struct request *fresh(void)
{
        struct request *rq = request_new();
        parse_begin(rq);
        rq->match.route = &any;
        rq->body_limit = BODY_MOST;
        return rq;
}

static void describe(struct request *rq, const struct err *e, size_t used, struct buf *out)
{
        if (e->code != ERR_OK) {
                must_explain(e);
                int status = err_http_status(e->code);
                must((status >= 400 && status < 500) || status == 501 || status == 505);
                buf_adds(out, "refused"); /* of two mistakes either may be met first */
                return;
        }
        buf_addf(out, "%s %s ? %s id %s has %d close %d continue %d used %zu\n", rq->method,
                 rq->path, rq->query_text ? rq->query_text : "-", rq->id, rq->has_body, rq->close,
                 rq->expects_continue, used);
        for (size_t i = 0; i < rq->headers_count; i++) {
                const struct header_span *h = &rq->headers[i];
                const char *name = rq->head + h->name, *value = rq->head + h->value;
                must(strlen(name) == h->name_len && strlen(value) == h->value_len);
                must(name[0] && !strpbrk(name, " \t\r\n:") && !strpbrk(value, "\r\n"));
                must(request_header(rq, name));
                buf_addf(out, "%s=%s\n", name, value);
        }
        buf_add(out, buf_str(&rq->body), rq->body.len);
}

/* PARSE_MORE as long as the request is not there whole. */
static enum parse_result feed(struct request *rq, const char *piece, size_t len, size_t *used,
                              struct err *e)
{
        if (rq->head_done)
                return parse_body(rq, piece, len, used, e);
        enum parse_result r = parse_head(rq, piece, len, HEAD_MOST, used, e);
        must(*used <= len && rq->head_len <= HEAD_MOST);
        if (r != PARSE_DONE)
                return r;
        if (parse_finish(rq, e) < 0)
                return PARSE_BAD;
        return rq->has_body ? PARSE_MORE : PARSE_DONE;
}

static void parse(const char *text, size_t len, size_t step, struct buf *out)
{
        struct request *rq = fresh();
        struct err e = ERR_INIT;
        enum parse_result r = PARSE_MORE;
        size_t at = 0;
        while (at < len && r == PARSE_MORE) {
                size_t n = len - at < step ? len - at : step, used = 0;
                autofree char *piece = xmalloc(n);
                memcpy(piece, text + at, n);
                r = feed(rq, piece, n, &used, &e);
                must(used <= n && (used == n || r != PARSE_MORE || rq->head_done));
                at += used;
        }
        must((r == PARSE_BAD) == (e.code != ERR_OK));
        if (r != PARSE_MORE)
                describe(rq, &e, at, out);
        must(rq->body.len <= BODY_MOST);
        request_free(rq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = input_of(data, size);
        fuzz_quiet();
        size_t step = 1 + input_choice(&in, 64), len;
        autofree char *text = input_rest(&in, &len);
        autobuf whole = BUF_INIT(TEXT_MOST), pieces = BUF_INIT(TEXT_MOST);
        parse(text, len, len ? len : 1, &whole);
        parse(text, len, step, &pieces);
        if (strcmp(buf_str(&whole), buf_str(&pieces)) != 0)
                fprintf(stderr, "whole:\n%s\npieces:\n%s\n", buf_str(&whole), buf_str(&pieces));
        must(strcmp(buf_str(&whole), buf_str(&pieces)) == 0);
        return 0;
}
