/*
 * connection.c - the phases of a connection, driven by what arrives, what could be sent, and one
 * deadline.
 *
 *     IDLE -> HEAD -> (GATE) -> (BODY) -> HANDLER -> (FLUSH) -> IDLE
 *                                    any answer that closes: -> LINGER -> gone
 *                                    an answer without an end: -> STREAM -> LINGER or gone
 *
 * run() takes step after step as long as there is something to do. While it (or anything else with
 * `busy` set) is on the stack the connection is not freed: end() only marks it.
 */
#include "api/http/connection.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http/access.h"
#include "api/http/parse.h"
#include "api/http/stream.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

enum {
        READ_AHEAD = 65536, /* most that waits unread */
        STEPS_MAX = 64,     /* then the other connections have their turn */
        LINGER_MS = 2000,
        LINGER_BYTES = 1 << 28,
        BYTES_PER_S = 65536, /* what a client must send or take, at least */
        STREAM_KERNEL_BYTES =
                65536,             /* of a stream that the kernel holds, at most (and twice that) */
        STREAM_SILENT_MS = 60000,  /* a client that does not even acknowledge is gone */
        STREAM_SAID_BYTES = 16384, /* small things that wait to go out on a blocked stream */
};

enum phase {
        PHASE_IDLE,    /* between requests */
        PHASE_HEAD,    /* a request has begun */
        PHASE_GATE,    /* who is asking is being looked up */
        PHASE_BODY,    /* its body is coming */
        PHASE_HANDLER, /* its handler has it */
        PHASE_FLUSH,   /* its answer is on the way out */
        PHASE_STREAM,  /* its answer goes on as long as the client listens */
        PHASE_LINGER, /* shut; what still comes is thrown away, so that the client reads the answer */
        PHASE_GONE,   /* to be freed */
};

struct connection {
        struct connection_place place;
        struct server *server;
        struct bufferevent *bev;
        int fd; /* of bev */
        struct loop_timer *timer;
        int64_t deadline_ms; /* of the phase; 0: none */
        int64_t armed_ms;    /* when the timer goes off, at the deadline or before it; 0: not set */
        enum phase phase;
        struct request *rq; /* HEAD to HANDLER */
        int64_t body_begun_ms;
        size_t unsent; /* of the answer when the deadline of PHASE_FLUSH was set */
        size_t lingered;
        const struct stream_ops *stream; /* PHASE_STREAM */
        void *stream_arg;
        bool closing; /* after the answer that is on its way */
        bool eof;     /* nothing more will come */
        bool busy;
        char peer[PEER_SIZE];
};

static void run(struct connection *c);

/* ---- deadlines: moving one back costs nothing, the timer finds out when it goes off ---- */

static void arm(struct connection *c, int64_t now_ms)
{
        c->armed_ms = c->deadline_ms;
        loop_timer_start(c->timer, c->deadline_ms - now_ms);
}

static void set_deadline(struct connection *c, int64_t after_ms)
{
        int64_t now = clock_mono_ms();
        c->deadline_ms = now + after_ms;
        if (!c->armed_ms || c->deadline_ms < c->armed_ms)
                arm(c, now);
}

/* ---- the end ---- */

/* A request that a handler holds goes on without its client. */
static void detach_request(struct connection *c)
{
        struct request *rq = take(c->rq);
        if (!rq)
                return;
        rq->conn = NULL;
        if (c->phase == PHASE_HANDLER)
                return;
        auth_cancel(&rq->waiting);
        server_give_request(rq);
}

static void tell_gone(struct connection *c)
{
        const struct stream_ops *ops = take(c->stream);
        if (ops)
                ops->gone(c->stream_arg);
}

void connection_free(struct connection *c)
{
        detach_request(c);
        tell_gone(c);
        server_connection_gone(c->server, c);
        loop_timer_free(c->timer);
        bufferevent_free(c->bev);
        free(c);
}

static void end(struct connection *c)
{
        detach_request(c);
        tell_gone(c);
        c->phase = PHASE_GONE;
        if (!c->busy)
                connection_free(c);
}

/* ---- sending ---- */

/* As much as the socket takes at once, from where it lies; a copy of the rest goes out as it can. */
static int write_parts(struct connection *c, struct iovec *parts, int count)
{
        size_t sent = 0;
        if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0) {
                struct msghdr msg = {.msg_iov = parts, .msg_iovlen = (size_t)count};
                ssize_t n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -1;
                sent = n > 0 ? (size_t)n : 0;
        }
        for (int i = 0; i < count; i++) {
                size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;
                sent -= skip;
                if (skip < parts[i].iov_len &&
                    bufferevent_write(c->bev, (char *)parts[i].iov_base + skip,
                                      parts[i].iov_len - skip) < 0)
                        return -1; /* out of memory in the middle of an answer */
        }
        return 0;
}

/* The rest goes out as the client takes it, BYTES_PER_S at least from one deadline to the next. */
static void flush(struct connection *c, size_t unsent)
{
        c->phase = PHASE_FLUSH;
        c->unsent = unsent;
        set_deadline(c, server_opts(c->server)->body_timeout_ms);
}

static bool is_slow_reader(const struct connection *c, size_t unsent)
{
        int64_t window_ms = server_opts(c->server)->body_timeout_ms;
        return (int64_t)(c->unsent - unsent) * 1000 < window_ms * BYTES_PER_S;
}

/* Orderly: the client reads the answer and the end of the stream, not a reset. */
static void begin_linger(struct connection *c)
{
        if (c->eof || shutdown(c->fd, SHUT_WR) < 0) {
                end(c);
                return;
        }
        c->phase = PHASE_LINGER;
        set_deadline(c, LINGER_MS);
}

static void answer_is_out(struct connection *c)
{
        if (c->closing) {
                begin_linger(c);
                return;
        }
        c->phase = PHASE_IDLE;
        set_deadline(c, server_opts(c->server)->idle_timeout_ms);
}

static void send_answer(struct connection *c, struct answer *a)
{
        if (write_parts(c, a->parts, a->count) < 0) {
                end(c);
                return;
        }
        size_t unsent = evbuffer_get_length(bufferevent_get_output(c->bev));
        if (unsent)
                flush(c, unsent);
        else
                answer_is_out(c);
}

/* ---- an answer that goes on ---- */

/* Little of it lies in the kernel, so that one that does not read is noticed. */
static void tune_stream(const struct connection *c)
{
        int bytes = STREAM_KERNEL_BYTES, silent_ms = STREAM_SILENT_MS, on = 1;
        setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
        setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent_ms, sizeof(silent_ms));
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void begin_stream(struct connection *c, struct answer *head)
{
        c->phase = PHASE_STREAM;
        c->deadline_ms = 0;
        c->stream = head->stream;
        c->stream_arg = head->stream_arg;
        tune_stream(c);
        if (write_parts(c, head->parts, head->count) < 0)
                end(c);
        else
                c->stream->opened(c, c->stream_arg);
}

bool stream_blocked(struct connection *c)
{
        return evbuffer_get_length(bufferevent_get_output(c->bev)) > 0;
}

/* How many parts went out whole or in part; of the last, the rest is copied. */
int stream_write(struct connection *c, struct iovec *parts, int count)
{
        struct msghdr msg = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        ssize_t sent = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
                return -1;
        size_t left = sent > 0 ? (size_t)sent : 0;
        int taken = 0;
        while (taken < count && left >= parts[taken].iov_len)
                left -= parts[taken++].iov_len;
        if (taken == count || (taken && !left))
                return taken;
        const struct iovec *cut = &parts[taken];
        return bufferevent_write(c->bev, (const char *)cut->iov_base + left, cut->iov_len - left) <
                               0
                       ? -1
                       : taken + 1;
}

int stream_say(struct connection *c, const void *data, size_t len)
{
        union {
                const void *given;
                void *wanted;
        } base = {data};
        if (evbuffer_get_length(bufferevent_get_output(c->bev)) > STREAM_SAID_BYTES)
                return -1;
        return write_parts(c, &(struct iovec){base.wanted, len}, 1);
}

void stream_end(struct connection *c)
{
        c->stream = NULL;
        c->closing = true;
        size_t unsent = evbuffer_get_length(bufferevent_get_output(c->bev));
        if (unsent)
                flush(c, unsent);
        else
                begin_linger(c);
}

/* What the kernel holds of it goes too. */
static void reset(const struct connection *c)
{
        struct linger at_once = {.l_onoff = 1};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

void stream_drop(struct connection *c)
{
        c->stream = NULL;
        reset(c);
        end(c);
}

const char *stream_peer(const struct connection *c)
{
        return c->peer;
}

/* request.deliver */
static void deliver(struct request *rq, const struct answer *answer)
{
        struct answer a = *answer;
        struct connection *c = rq->conn;
        access_note(rq, answer);
        if (!c) {
                server_give_request(rq);
                if (a.stream)
                        a.stream->gone(a.stream_arg);
                return;
        }
        bool was_busy = c->busy;
        c->busy = true;
        c->rq = NULL;
        c->closing = rq->close;
        if (a.stream)
                begin_stream(c, &a);
        else
                send_answer(c, &a);
        server_give_request(rq);
        c->busy = was_busy;
        if (!was_busy)
                run(c);
}

/* Nothing of the connection may be touched afterwards but by run(). */
static void refuse(struct connection *c, const struct err *e, bool close)
{
        if (close)
                c->rq->close = true;
        respond_error(c->rq, e);
}

static void refuse_slow(struct connection *c, const char *what, const char *reason)
{
        metric_add(METRIC_HTTP_REFUSED, 1, reason, NULL);
        struct err e = ERR_INIT;
        err_set(&e, ERR_TIMEOUT, "%s did not arrive in time", what);
        refuse(c, &e, true);
}

/* ---- a request, from its head to its handler ---- */

static void call_handler(struct connection *c)
{
        struct request *rq = c->rq;
        c->phase = PHASE_HANDLER;
        c->deadline_ms = 0;
        rq->match.route->handler(rq);
}

/* The client waits with the body until it is told to go on, unless some of it is here already. */
static void send_continue(struct connection *c)
{
        static char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
        const size_t end_of_head = 1; /* the last byte of the head is still unread */
        if (evbuffer_get_length(bufferevent_get_input(c->bev)) > end_of_head)
                return;
        write_parts(c, &(struct iovec){line, sizeof(line) - 1}, 1);
}

static void judge(struct connection *c, const struct auth_answer *who)
{
        struct request *rq = c->rq;
        const struct gate *g = &server_opts(c->server)->gate;
        struct err e = ERR_INIT;
        if (gate_role(rq, g, who, &e) < 0 || gate_body(rq, g, &e) < 0) {
                refuse(c, &e, rq->has_body);
                return;
        }
        if (!rq->has_body) {
                call_handler(c);
                return;
        }
        c->phase = PHASE_BODY;
        c->body_begun_ms = clock_mono_ms();
        set_deadline(c, server_opts(c->server)->body_timeout_ms);
        if (rq->expects_continue)
                send_continue(c);
}

/* auth_wait.fn */
static void on_identified(const struct auth_answer *who, void *arg)
{
        struct connection *c = arg;
        c->busy = true;
        judge(c, who);
        c->busy = false;
        run(c);
}

static void identify(struct connection *c)
{
        struct request *rq = c->rq;
        struct auth_answer who = {.verdict = AUTH_MISSING};
        if (rq->match.route->role != ROLE_OPEN) {
                rq->waiting.fn = on_identified;
                rq->waiting.arg = c;
                credential_find(request_header(rq, "Authorization"),
                                request_header(rq, "X-Dashboard-Session"),
                                request_header(rq, "Cookie"), &rq->credential);
                auth_check(server_opts(c->server)->auth, &rq->credential, &rq->waiting, &who);
        }
        if (who.verdict == AUTH_LATER)
                c->phase = PHASE_GATE;
        else
                judge(c, &who);
}

/* A request without a body ends with the last byte of its head, which the parser leaves unread. */
static void head_is_there(struct connection *c)
{
        struct request *rq = c->rq;
        struct err e = ERR_INIT;
        rq->begun_us = clock_mono_us();
        c->deadline_ms = 0;
        int parsed = parse_finish(rq, &e);
        if (!rq->has_body)
                evbuffer_drain(bufferevent_get_input(c->bev), 1);
        if (parsed < 0 || gate_route(rq, &server_opts(c->server)->gate, &e) < 0)
                refuse(c, &e, parsed < 0 || rq->has_body);
        else
                identify(c);
}

/* ---- the steps: true as long as there may be more to do ---- */

/* The first piece of what has come. False: nothing is there; at the end of the stream, it ends. */
static bool peek(struct connection *c, struct evbuffer_iovec *piece)
{
        struct evbuffer *in = bufferevent_get_input(c->bev);
        if (evbuffer_peek(in, -1, NULL, piece, 1) > 0 && piece->iov_len)
                return true;
        if (c->eof)
                end(c);
        return false;
}

static void drain(struct connection *c, size_t len)
{
        evbuffer_drain(bufferevent_get_input(c->bev), len);
}

/* Line ends between requests count for nothing (RFC 9112, 2.2). */
static bool step_idle(struct connection *c)
{
        struct evbuffer_iovec piece;
        if (!peek(c, &piece))
                return false;
        const char *data = piece.iov_base;
        size_t blank = 0;
        while (blank < piece.iov_len && (data[blank] == '\r' || data[blank] == '\n'))
                blank++;
        if (blank) {
                drain(c, blank);
                return true;
        }
        c->rq = server_take_request(c->server);
        c->rq->conn = c;
        c->rq->deliver = deliver;
        memcpy(c->rq->peer, c->peer, sizeof(c->peer));
        parse_begin(c->rq);
        c->phase = PHASE_HEAD;
        set_deadline(c, server_opts(c->server)->header_timeout_ms);
        return true;
}

static bool step_head(struct connection *c)
{
        struct evbuffer_iovec piece;
        if (!peek(c, &piece))
                return false;
        size_t used;
        struct err e = ERR_INIT;
        enum parse_result r = parse_head(c->rq, piece.iov_base, piece.iov_len,
                                         server_opts(c->server)->header_max, &used, &e);
        drain(c, used);
        if (r == PARSE_DONE)
                head_is_there(c);
        else if (r == PARSE_BAD)
                refuse(c, &e, true);
        return true;
}

/* A second more for every 64 KiB that has come. */
static int64_t body_deadline(const struct connection *c, uint64_t received)
{
        return c->body_begun_ms + server_opts(c->server)->body_timeout_ms +
               (int64_t)(received / BYTES_PER_S) * 1000;
}

static bool step_body(struct connection *c)
{
        struct evbuffer_iovec piece;
        if (!peek(c, &piece))
                return false;
        size_t used;
        struct err e = ERR_INIT;
        struct request *rq = c->rq;
        enum parse_result r = parse_body(rq, piece.iov_base, piece.iov_len, &used, &e);
        drain(c, used);
        if (r == PARSE_MORE)
                c->deadline_ms = body_deadline(c, rq->body_len);
        else if (r == PARSE_BAD || request_body_end(rq, &e) < 0)
                refuse(c, &e, true);
        else
                call_handler(c);
        return true;
}

static bool step_linger(struct connection *c)
{
        size_t len = evbuffer_get_length(bufferevent_get_input(c->bev));
        drain(c, len);
        c->lingered += len;
        if (c->eof || c->lingered > LINGER_BYTES)
                end(c);
        return false;
}

static bool step_stream(struct connection *c)
{
        struct evbuffer_iovec piece;
        if (!peek(c, &piece))
                return false;
        if (c->stream->input)
                c->stream->input(piece.iov_base, piece.iov_len, c->stream_arg);
        drain(c, piece.iov_len);
        return true;
}

static bool step(struct connection *c)
{
        switch (c->phase) {
        case PHASE_IDLE:
                return step_idle(c);
        case PHASE_HEAD:
                return step_head(c);
        case PHASE_BODY:
                return step_body(c);
        case PHASE_LINGER:
                return step_linger(c);
        case PHASE_STREAM:
                return step_stream(c);
        case PHASE_GATE:
        case PHASE_HANDLER:
        case PHASE_FLUSH:
        case PHASE_GONE:
                break;
        }
        return false;
}

static void run(struct connection *c)
{
        if (c->busy)
                return;
        c->busy = true;
        int steps = 0;
        while (steps < STEPS_MAX && step(c))
                steps++;
        c->busy = false;
        if (c->phase == PHASE_GONE)
                connection_free(c);
        else if (steps == STEPS_MAX)
                bufferevent_trigger(c->bev, EV_READ,
                                    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

/* ---- what the loop tells ---- */

static void on_readable(struct bufferevent *bev, void *arg)
{
        (void)bev;
        run(arg);
}

static void on_written(struct bufferevent *bev, void *arg)
{
        struct connection *c = arg;
        if (evbuffer_get_length(bufferevent_get_output(bev)) ||
            (c->phase != PHASE_FLUSH && c->phase != PHASE_STREAM))
                return;
        c->busy = true;
        if (c->phase == PHASE_STREAM)
                c->stream->drained(c->stream_arg);
        else
                answer_is_out(c);
        c->busy = false;
        run(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
        (void)bev;
        struct connection *c = arg;
        if (what & BEV_EVENT_EOF) {
                c->eof = true;
                run(c);
        } else if (what & BEV_EVENT_ERROR) {
                end(c);
        }
}

static void look_at_reader(struct connection *c)
{
        size_t unsent = evbuffer_get_length(bufferevent_get_output(c->bev));
        if (!is_slow_reader(c, unsent)) {
                flush(c, unsent);
                return;
        }
        metric_add(METRIC_HTTP_REFUSED, 1, "slow_reader", NULL);
        log_info("http.slow_reader", LS("peer", c->peer), LI("unsent", unsent));
        reset(c);
        end(c);
}

static void on_deadline(struct connection *c)
{
        switch (c->phase) {
        case PHASE_HEAD:
                refuse_slow(c, "the request's headers", "slow_headers");
                break;
        case PHASE_BODY:
                refuse_slow(c, "the request's body", "slow_body");
                break;
        case PHASE_FLUSH:
                look_at_reader(c);
                break;
        case PHASE_IDLE:
        case PHASE_LINGER:
                end(c);
                break;
        case PHASE_GATE:
        case PHASE_HANDLER:
        case PHASE_STREAM:
        case PHASE_GONE:
                break;
        }
}

static void on_timer(void *arg)
{
        struct connection *c = arg;
        int64_t now = clock_mono_ms();
        c->armed_ms = 0;
        if (!c->deadline_ms)
                return;
        if (now < c->deadline_ms)
                arm(c, now);
        else
                on_deadline(c);
}

/* ---- its life ---- */

struct connection *connection_new(struct server *s, int fd, const char *peer)
{
        struct connection *c = xcalloc(1, sizeof(*c));
        c->server = s;
        c->fd = fd;
        list_init(&c->place.link);
        snprintf(c->peer, sizeof(c->peer), "%s", peer);
        c->timer = loop_timer_new(server_loop(s), on_timer, c);
        c->bev = bufferevent_socket_new(loop_base(server_loop(s)), fd, BEV_OPT_CLOSE_ON_FREE);
        bufferevent_setcb(c->bev, on_readable, on_written, on_event, c);
        bufferevent_setwatermark(c->bev, EV_READ, 0, READ_AHEAD);
        bufferevent_set_max_single_read(c->bev, READ_AHEAD);
        return c;
}

struct connection_place *connection_place(struct connection *c)
{
        return &c->place;
}

struct connection *connection_at(struct connection_place *p)
{
        return CONTAINER_OF(p, struct connection, place);
}

void connection_start(struct connection *c)
{
        set_deadline(c, server_opts(c->server)->header_timeout_ms);
        bufferevent_enable(c->bev, EV_READ);
}

void connection_refuse(struct connection *c, const struct err *e)
{
        bufferevent_enable(c->bev, EV_READ);
        c->rq = server_take_request(c->server);
        c->rq->conn = c;
        c->rq->deliver = deliver;
        c->rq->quiet = true;
        c->phase = PHASE_HEAD;
        refuse(c, e, true);
}

void connection_stop(struct connection *c)
{
        if (c->phase == PHASE_STREAM) {
                c->stream->stop(c->stream_arg);
                return;
        }
        if (c->phase == PHASE_IDLE && evbuffer_get_length(bufferevent_get_input(c->bev)) == 0)
                end(c);
}
