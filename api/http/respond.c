/*
 * respond.c - answers put together: head, body, end, as pieces that go out with one system call. The
 * body is not copied here; what the socket does not take at once is copied by the connection.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api/http/problem.h"
#include "api/http/request_inside.h"
#include "api/http/server.h"
#include "api/http/stream.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { RETRY_AFTER_S = 5, DATE_SIZE = 40 };

/* ---- headers ---- */

/* Headers that every answer has unless the handler set its own; bit i of request.own_headers. */
static const struct {
        const char *name, *value;
} standard[] = {
        {"Content-Type", NULL},
        {"Cache-Control", "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"Retry-After", NULL},
};
enum { OWN_CONTENT_TYPE = 1, OWN_RETRY_AFTER = 8 };
enum { SWITCHING = 101 };
#define NO_LENGTH SIZE_MAX /* the end of the body is that of the connection */

/* A value may come from outside: no control character gets into the head. */
void respond_header(struct request *rq, const char *name, const char *value)
{
        for (size_t i = 0; i < COUNT_OF(standard); i++) {
                if (strcasecmp(name, standard[i].name) == 0)
                        rq->own_headers |= 1u << i;
        }
        if (strlen(name) + strlen(value) + 4 > rq->extra.max - rq->extra.len) {
                log_warn("http.header_dropped", LS("request_id", rq->id), LS("name", name));
                return;
        }
        buf_adds(&rq->extra, name);
        buf_adds(&rq->extra, ": ");
        for (const char *p = value; *p; p++)
                buf_addc(&rq->extra, (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p);
        buf_adds(&rq->extra, "\r\n");
}

/* IMF-fixdate (RFC 9110, 5.6.7), made once a second. */
static const char *http_date(void)
{
        static char text[DATE_SIZE];
        static time_t made;
        time_t now = clock_wall_ms() / 1000;
        if (now != made || !text[0]) {
                static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
                static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
                struct tm tm;
                gmtime_r(&now, &tm);
                snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                         days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
                         tm.tm_hour, tm.tm_min, tm.tm_sec);
                made = now;
        }
        return text;
}

/* RFC 9110, 8.6 and 15.4.5: neither has a body, and 204 no length. */
static bool has_no_body(int status)
{
        return status == 204 || status == 304;
}

static void add_line(struct buf *out, const char *name, const char *value)
{
        buf_adds(out, name);
        buf_adds(out, ": ");
        buf_adds(out, value);
        buf_adds(out, "\r\n");
}

static void add_head(struct request *rq, int status, const char *content_type, size_t body_bytes)
{
        struct buf *out = &rq->out;
        buf_reset(out);
        buf_adds(out, "HTTP/1.1 ");
        buf_addi(out, status);
        buf_addc(out, ' ');
        buf_adds(out, status_phrase(status));
        buf_adds(out, "\r\n");
        add_line(out, "Date", http_date());
        if (content_type && !(rq->own_headers & OWN_CONTENT_TYPE) && !has_no_body(status))
                add_line(out, "Content-Type", content_type);
        if (!has_no_body(status) && body_bytes != NO_LENGTH) {
                buf_adds(out, "Content-Length: ");
                buf_addi(out, (long long)body_bytes);
                buf_adds(out, "\r\n");
        }
        for (size_t i = 0; i < COUNT_OF(standard); i++) {
                if (standard[i].value && !(rq->own_headers & 1u << i))
                        add_line(out, standard[i].name, standard[i].value);
        }
        add_line(out, "X-Request-Id", rq->id);
        if (status == SWITCHING)
                add_line(out, "Connection", "Upgrade");
        else if (rq->close)
                add_line(out, "Connection", "close");
        else if (rq->parser.http_minor == 0)
                add_line(out, "Connection", "keep-alive");
        buf_add(out, buf_str(&rq->extra), rq->extra.len);
        buf_adds(out, "\r\n");
}

/* ---- answers ---- */

struct piece {
        const void *data;
        size_t len;
};

static struct iovec to_iovec(struct piece p)
{
        return (struct iovec){.iov_base = (void *)(uintptr_t)p.data, .iov_len = p.len};
}

/* Gives the pieces of the body to whoever sends them; rq is gone afterwards. */
static void send_answer(struct request *rq, int status, const char *content_type,
                        const struct piece *pieces, size_t count)
{
        assert(!rq->answered); /* a handler answers once */
        assert(count < ANSWER_PARTS);
        rq->answered = true;
        if (rq->server && server_stopping(rq->server))
                rq->close = true;
        struct answer a = {.status = status, .count = 1};
        for (size_t i = 0; i < count; i++) {
                a.body_bytes += pieces[i].len;
                if (pieces[i].len)
                        a.parts[a.count++] = to_iovec(pieces[i]);
        }
        add_head(rq, status, content_type, a.body_bytes);
        if (!buf_ok(&rq->out)) { /* the headers of the handler are what is large */
                buf_reset(&rq->extra);
                add_head(rq, status, content_type, a.body_bytes);
        }
        a.parts[0] = to_iovec((struct piece){rq->out.data, rq->out.len});
        bool is_head = rq->method && strcmp(rq->method, "HEAD") == 0;
        if (is_head || has_no_body(status)) {
                a.count = 1;
                a.body_bytes = 0;
        }
        rq->deliver(rq, &a);
}

void respond_stream(struct request *rq, int status, const char *content_type,
                    const struct stream_ops *ops, void *arg)
{
        assert(!rq->answered);
        rq->answered = rq->close = true;
        add_head(rq, status, content_type, NO_LENGTH);
        struct answer a = {.status = status, .count = 1, .stream = ops, .stream_arg = arg};
        a.parts[0] = to_iovec((struct piece){rq->out.data, rq->out.len});
        rq->deliver(rq, &a);
}

/* ---- problems ---- */

static void add_retry_after(struct request *rq, const struct err *e, int status)
{
        if ((status != 503 && status != 429) || rq->own_headers & OWN_RETRY_AFTER)
                return;
        char text[24];
        long long s = e->retry_after_ms ? (e->retry_after_ms + 999LL) / 1000 : RETRY_AFTER_S;
        snprintf(text, sizeof(text), "%lld", s);
        respond_header(rq, "Retry-After", text);
}

/* instance: the path. -1: there is no memory for it. */
static int send_problem(struct request *rq, const struct err *e, const char *instance,
                        const char *data_json)
{
        buf_reset(&rq->tail);
        problem_print(&rq->tail, &(struct problem){.err = e,
                                                   .instance = instance,
                                                   .request_id = rq->id,
                                                   .mistakes = rq->mistakes,
                                                   .data = data_json});
        if (!buf_ok(&rq->tail))
                return -1;
        send_answer(rq, err_http_status(e->code), "application/problem+json",
                    &(struct piece){rq->tail.data, rq->tail.len}, 1);
        return 0;
}

void respond_starved(struct request *rq)
{
        struct err e = ERR_INIT;
        err_set(&e, ERR_UNAVAILABLE, "there is no memory for the answer now");
        log_warn("http.starved", LS("request_id", rq->id), LS("path", request_path(rq)));
        rq->mistakes = NULL;
        buf_reset(&rq->extra);
        rq->own_headers = 0;
        add_retry_after(rq, &e, 503);
        send_problem(rq, &e, "", NULL);
}

void respond_text(struct request *rq, int status, const char *content_type, const char *text,
                  size_t len)
{
        if (arena_failed(rq->arena))
                respond_starved(rq);
        else
                send_answer(rq, status, content_type, &(struct piece){text, len}, 1);
}

void respond_json(struct request *rq, int status, const char *json, size_t len)
{
        respond_text(rq, status, "application/json", json, len);
}

void respond_data(struct request *rq, int status, const char *data_json, int64_t count,
                  const char *message)
{
        static const char begin[] = "{\"success\":true,\"data\":";
        struct buf *tail = &rq->tail;
        if (!data_json)
                data_json = "null";
        if (count >= 0) {
                buf_adds(tail, ",\"count\":");
                buf_addi(tail, count);
        }
        if (message) {
                buf_adds(tail, ",\"message\":");
                json_quote(tail, message, strlen(message));
        }
        buf_addc(tail, '}');
        if (!buf_ok(tail) || arena_failed(rq->arena)) {
                respond_starved(rq);
                return;
        }
        const struct piece pieces[] = {{begin, sizeof(begin) - 1},
                                       {data_json, strlen(data_json)},
                                       {tail->data, tail->len}};
        send_answer(rq, status, "application/json", pieces, COUNT_OF(pieces));
}

void respond_made(struct request *rq, int status, const struct buf *data, int64_t count,
                  const char *message)
{
        if (buf_ok(data))
                respond_data(rq, status, buf_str(data), count, message);
        else
                respond_starved(rq);
}

/* What went wrong inside is for the log: its text may name tables and files. */
static struct err for_outside(const struct request *rq, const struct err *e)
{
        struct err shown = *e;
        if (e->code == ERR_INTERNAL || e->code == ERR_CONFIG || e->code == ERR_OK) {
                log_error("http.failed", LS("request_id", rq->id), LS("path", request_path(rq)),
                          LE(e));
                err_set(&shown, ERR_INTERNAL, "an internal error, logged under request id %s",
                        rq->id);
        }
        return shown;
}

void respond_error_data(struct request *rq, const struct err *e, const char *data_json)
{
        struct err shown = for_outside(rq, e);
        add_retry_after(rq, &shown, err_http_status(shown.code));
        if (send_problem(rq, &shown, rq->path, data_json) < 0)
                respond_starved(rq);
}

void respond_error(struct request *rq, const struct err *e)
{
        respond_error_data(rq, e, NULL);
}

void respond_errorf(struct request *rq, enum err_code code, const char *fmt, ...)
{
        struct err e = ERR_INIT;
        char text[ERR_TEXT_MAX];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        err_set(&e, code, "%s", text);
        respond_error(rq, &e);
}

/* draft-ietf-httpapi-ratelimit-headers. */
void respond_rate(struct request *rq, int64_t quota, int64_t window_s, int64_t remaining,
                  int64_t reset_s)
{
        char text[96];
        snprintf(text, sizeof(text), "\"default\";q=%lld;w=%lld", (long long)quota,
                 (long long)window_s);
        respond_header(rq, "RateLimit-Policy", text);
        snprintf(text, sizeof(text), "\"default\";r=%lld;t=%lld", (long long)remaining,
                 (long long)reset_s);
        respond_header(rq, "RateLimit", text);
}
