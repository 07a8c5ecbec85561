/* parse.c - http-parser's callbacks, and what it leaves to be checked. */
#include "api/http/parse.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

enum { HEAD_FIRST = 1024, HEAD_STEP = 2048 };

/* ---- the callbacks; `at` points into rq->head until the head is done ---- */

static int on_url(http_parser *p, const char *at, size_t len)
{
        struct request *rq = p->data;
        if (!rq->url_len)
                rq->url_at = (size_t)(at - rq->head);
        rq->url_len += len;
        if (rq->url_len > PARSE_URL_MAX) {
                err_set(&rq->fault, ERR_URI_TOO_LONG, "the address is longer than %d bytes",
                        PARSE_URL_MAX);
                return 1;
        }
        return 0;
}

static int on_field(http_parser *p, const char *at, size_t len)
{
        struct request *rq = p->data;
        if (rq->head_done)
                return 0;
        bool begins = rq->headers_count == 0 || rq->in_value;
        if (begins && rq->headers_count == REQUEST_HEADERS_MAX) {
                err_set(&rq->fault, ERR_HEADERS, "there are more than %d headers",
                        REQUEST_HEADERS_MAX);
                return 1;
        }
        if (begins) {
                rq->headers[rq->headers_count++] =
                        (struct header_span){.name = (uint32_t)(at - rq->head)};
                rq->in_value = false;
        }
        rq->headers[rq->headers_count - 1].name_len += (uint32_t)len;
        return 0;
}

/* Pieces of a value lie side by side unless its line was folded. */
static int on_value(http_parser *p, const char *at, size_t len)
{
        struct request *rq = p->data;
        if (rq->head_done)
                return 0;
        struct header_span *h = &rq->headers[rq->headers_count - 1];
        uint32_t begin = (uint32_t)(at - rq->head);
        if (!rq->in_value) {
                h->value = begin;
                rq->in_value = true;
        } else if (begin != h->value + h->value_len) {
                err_set(&rq->fault, ERR_BAD_REQUEST, "a header is folded over several lines");
                return 1;
        }
        h->value_len += (uint32_t)len;
        return 0;
}

/* The body is not wanted before the head has been judged. Upgrades are not offered: ignored. */
static int on_head(http_parser *p)
{
        struct request *rq = p->data;
        rq->head_done = true;
        p->upgrade = 0;
        http_parser_pause(p, 1);
        return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
        struct request *rq = p->data;
        return request_body_add(rq, at, len, &rq->fault) < 0;
}

static int on_end(http_parser *p)
{
        struct request *rq = p->data;
        rq->body_done = true;
        http_parser_pause(p, 1);
        return 0;
}

static const http_parser_settings settings = {
        .on_url = on_url,
        .on_header_field = on_field,
        .on_header_value = on_value,
        .on_headers_complete = on_head,
        .on_body = on_body,
        .on_message_complete = on_end,
};

/* What the parser, or one of the callbacks, did not like. */
static enum parse_result refuse(struct request *rq, struct err *e)
{
        enum http_errno n = HTTP_PARSER_ERRNO(&rq->parser);
        if (rq->fault.code != ERR_OK) {
                *e = rq->fault;
        } else if (n == HPE_HEADER_OVERFLOW) {
                err_set(e, ERR_HEADERS, "the headers are too large");
        } else if (n == HPE_INVALID_VERSION) {
                err_set(e, ERR_HTTP_VERSION, "only HTTP/1.0 and HTTP/1.1 are spoken here");
        } else {
                err_set(e, ERR_BAD_REQUEST, "cannot read this as an HTTP request: %s",
                        http_errno_description(n));
        }
        return PARSE_BAD;
}

/* ---- the head ---- */

void parse_begin(struct request *rq)
{
        http_parser_init(&rq->parser, HTTP_REQUEST);
        rq->parser.data = rq;
}

static int head_room(struct request *rq, size_t more, struct err *e)
{
        size_t need = rq->head_len + more;
        if (need <= rq->head_cap)
                return 0;
        size_t cap = rq->head_cap ? rq->head_cap : HEAD_FIRST;
        while (cap < need)
                cap *= 2;
        char *head = mem_try(rq->head, cap);
        if (!head)
                return err_set(e, ERR_UNAVAILABLE, "could not hold the headers: out of memory");
        rq->head = head;
        rq->head_cap = cap;
        return 0;
}

static enum parse_result head_too_large(const struct request *rq, size_t head_max, struct err *e)
{
        if (rq->url_len && rq->parser.http_major == 0 && rq->headers_count == 0)
                err_set(e, ERR_URI_TOO_LONG, "the request line is longer than %zu bytes", head_max);
        else
                err_set(e, ERR_HEADERS, "the headers are longer than %zu bytes", head_max);
        return PARSE_BAD;
}

enum parse_result parse_head(struct request *rq, const char *data, size_t len, size_t head_max,
                             size_t *used, struct err *e)
{
        *used = 0;
        while (*used < len) {
                size_t n = len - *used;
                if (n > HEAD_STEP)
                        n = HEAD_STEP;
                if (n > head_max - rq->head_len)
                        n = head_max - rq->head_len;
                if (n == 0)
                        return head_too_large(rq, head_max, e);
                if (head_room(rq, n, e) < 0)
                        return PARSE_BAD;
                char *at = rq->head + rq->head_len;
                memcpy(at, data + *used, n);
                size_t took = http_parser_execute(&rq->parser, &settings, at, n);
                rq->head_len += took;
                *used += took;
                if (rq->head_done)
                        break;
                if (HTTP_PARSER_ERRNO(&rq->parser) != HPE_OK)
                        return refuse(rq, e);
        }
        if (!rq->head_done)
                return PARSE_MORE;
        http_parser_pause(&rq->parser, 0);
        return PARSE_DONE;
}

/* ---- what the head says ---- */

/*
 * Terminates names and values in place: behind each stands a byte that nobody needs any more. An
 * empty value is where the parser noticed it, in the next line: it becomes the end of its name.
 */
static int finish_headers(struct request *rq, struct err *e)
{
        for (size_t i = 0; i < rq->headers_count; i++) {
                struct header_span *h = &rq->headers[i];
                char *name = rq->head + h->name, *value = rq->head + h->value;
                if (value <= name || memchr(name, ' ', h->name_len))
                        return err_set(e, ERR_BAD_REQUEST, "there is a space in a header's name");
                name[h->name_len] = '\0';
                if (h->value_len == 0)
                        value = rq->head + (h->value = h->name + h->name_len);
                while (h->value_len && strchr(" \t", value[h->value_len - 1]))
                        h->value_len--;
                value[h->value_len] = '\0';
                for (size_t k = 0; k < h->value_len; k++) {
                        unsigned char c = (unsigned char)value[k];
                        if ((c < ' ' && c != '\t') || c == 0x7f)
                                return err_set(e, ERR_BAD_REQUEST,
                                               "there is a control character in a header's value");
                }
        }
        return 0;
}

/* "/path?query", or the absolute form that proxies send: "http://host/path?query". */
static void finish_target(struct request *rq)
{
        char *target = rq->head + rq->url_at;
        target[rq->url_len] = '\0';
        char *query = strchr(target, '?');
        if (query) {
                *query = '\0';
                rq->query_text = query + 1;
        }
        char *scheme = target[0] == '/' ? NULL : strstr(target, "://");
        if (scheme) {
                target = strchr(scheme + 3, '/');
                rq->path = target ? target : "/";
        } else {
                rq->path = target;
        }
}

static size_t count_headers(const struct request *rq, const char *name, const char **last)
{
        size_t len = strlen(name), n = 0;
        for (size_t i = 0; i < rq->headers_count; i++) {
                const struct header_span *h = &rq->headers[i];
                if (h->name_len == len && strncasecmp(rq->head + h->name, name, len) == 0) {
                        *last = rq->head + h->value;
                        n++;
                }
        }
        return n;
}

static int check_host(const struct request *rq, struct err *e)
{
        const char *host;
        size_t n = count_headers(rq, "Host", &host);
        if (n > 1)
                return err_set(e, ERR_BAD_REQUEST, "there is more than one Host header");
        if (n == 0 && rq->parser.http_minor > 0)
                return err_set(e, ERR_BAD_REQUEST, "there is no Host header");
        return 0;
}

/* http-parser has refused a length beside a transfer coding, and a second length, by now. */
static int check_coding(const struct request *rq, struct err *e)
{
        const char *coding;
        size_t n = count_headers(rq, "Transfer-Encoding", &coding);
        if (n == 0)
                return 0;
        if (rq->parser.http_minor == 0)
                return err_set(e, ERR_BAD_REQUEST, "HTTP/1.0 knows no transfer codings");
        if (n > 1 || strcasecmp(coding, "chunked") != 0)
                return err_set(e, ERR_NOT_SUPPORTED, "only the transfer coding 'chunked' is known");
        return 0;
}

static int read_expect(struct request *rq, struct err *e)
{
        const char *expect = request_header(rq, "Expect");
        if (!expect || rq->parser.http_minor == 0)
                return 0;
        if (strcasecmp(expect, "100-continue") != 0)
                return err_set(e, ERR_EXPECTATION, "only '100-continue' can be expected");
        rq->expects_continue = true;
        return 0;
}

int parse_finish(struct request *rq, struct err *e)
{
        const http_parser *p = &rq->parser;
        rq->method = http_method_str((enum http_method)p->method);
        bool chunked = p->flags & F_CHUNKED;
        bool sized = p->content_length != 0 && p->content_length != UINT64_MAX;
        rq->has_body = chunked || sized || p->uses_transfer_encoding;
        rq->close = !http_should_keep_alive(p);
        if (p->http_major != 1 || p->http_minor > 1)
                return err_set(e, ERR_HTTP_VERSION,
                               "HTTP/%d.%d is not spoken here, only HTTP/1.0 and HTTP/1.1",
                               p->http_major, p->http_minor);
        if (finish_headers(rq, e) < 0)
                return -1;
        finish_target(rq);
        const char *id = request_header(rq, "X-Request-Id");
        if (id && request_id_ok(id))
                memcpy(rq->id, id, strlen(id) + 1);
        if (check_host(rq, e) < 0 || check_coding(rq, e) < 0)
                return -1;
        return read_expect(rq, e);
}

/* ---- the body ---- */

enum parse_result parse_body(struct request *rq, const char *data, size_t len, size_t *used,
                             struct err *e)
{
        *used = http_parser_execute(&rq->parser, &settings, data, len);
        if (rq->body_done)
                return PARSE_DONE;
        return HTTP_PARSER_ERRNO(&rq->parser) == HPE_OK ? PARSE_MORE : refuse(rq, e);
}
