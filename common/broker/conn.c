/*
 * conn.c - see conn.h. A connection is in one of five states; drop() is the one way back to WAITING,
 * whatever happened. Callbacks may free the connection: `busy` counts how deep we are in them, and
 * the memory goes when the last has returned. Commands gather in `said`, and are written when the callbacks that
 * are due have returned; only what the kernel does not take at once waits in the bufferevent for the loop to turn.
 * Answers are read without it: it would ask first how much there is.
 */
#include "broker/conn.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/rand.h"
#include "broker/resolve.h"

enum {
        STEADY_MS = 1000,
        SECOND_LOOK_MS = 20,
        REASON_SIZE = 256,
        READ_MAX = 64 << 10,
        WRITE_MAX = 256 << 10
};

enum conn_state { CONN_WAITING, CONN_RESOLVING, CONN_CONNECTING, CONN_GREETING, CONN_OPEN };

struct request {
        struct list link;
        int64_t sent_ms;
        conn_fn fn;
        void *arg;
};

struct conn {
        struct loop *loop;
        const struct redis_url *url;
        const char *name;
        int64_t timeout_ms, extra_ms;
        struct conn_events ev;
        enum conn_state state;
        struct resolve *resolve;
        struct addrinfo *found, *next; /* addresses, and the one to try next */
        struct bufferevent *bev;
        struct event *readable; /* while bev is connected */
        struct buf said;
        struct event *tell; /* said is to be written */
        redisReader *reader;
        struct list pending; /* request.link, oldest first */
        int64_t since_ms;    /* when this state began */
        int64_t heard_ms;    /* when something came last */
        bool second_look;    /* the time is over, but perhaps only our loop was late */
        bool starved;        /* a command could not be queued for want of memory: to be given up */
        unsigned failures;   /* since it was last open for a while */
        char reason[REASON_SIZE];
        char logged[REASON_SIZE]; /* the reason that the log has already */
        struct loop_timer *retry, *watch;
        bool watching;
        unsigned busy;
        bool doomed;
};

static void attempt_failed(struct conn *c, const char *reason);
static void connect_next(struct conn *c);

static void enter(struct conn *c)
{
        c->busy++;
}

static void leave(struct conn *c)
{
        if (--c->busy > 0 || !c->doomed)
                return;
        loop_timer_free(c->retry);
        loop_timer_free(c->watch);
        event_free(c->tell);
        buf_fini(&c->said);
        free(c);
}

static void set_state(struct conn *c, enum conn_state state)
{
        c->state = state;
        c->since_ms = clock_mono_ms();
}

/* ---- the time-out ---- */

/* Since when we have been waiting for the server; 0: we are not. */
static int64_t waiting_since_ms(const struct conn *c)
{
        if (c->state == CONN_RESOLVING || c->state == CONN_CONNECTING)
                return c->since_ms;
        if (list_empty(&c->pending))
                return 0;
        const struct request *oldest = CONTAINER_OF(c->pending.next, struct request, link);
        return oldest->sent_ms > c->heard_ms ? oldest->sent_ms : c->heard_ms;
}

static void watch(struct conn *c)
{
        if (c->watching)
                return;
        c->watching = true;
        loop_timer_start(c->watch, c->timeout_ms + c->extra_ms);
}

static void on_watch(void *arg)
{
        struct conn *c = arg;
        int64_t since_ms = waiting_since_ms(c);
        c->watching = false;
        if (c->starved) {
                attempt_failed(c, "out of memory: a command could not be queued");
                return;
        }
        if (since_ms == 0)
                return;
        int64_t left_ms = since_ms + c->timeout_ms + c->extra_ms - clock_mono_ms();
        if (left_ms <= 0 && c->second_look) {
                char reason[96];
                snprintf(reason, sizeof(reason), "no answer within %" PRId64 " ms",
                         c->timeout_ms + c->extra_ms);
                attempt_failed(c, reason);
                return;
        }
        c->second_look = left_ms <= 0;
        c->watching = true;
        loop_timer_start(c->watch, left_ms > 0 ? left_ms : SECOND_LOOK_MS);
}

/* ---- going down, coming back ---- */

static void close_socket(struct conn *c)
{
        event_del(c->tell);
        buf_reset(&c->said);
        if (c->readable)
                event_free(take(c->readable));
        if (c->bev)
                bufferevent_free(take(c->bev));
}

static void close_transport(struct conn *c)
{
        resolve_cancel(c->resolve);
        c->resolve = NULL;
        if (c->found)
                evutil_freeaddrinfo(c->found);
        c->found = c->next = NULL;
        close_socket(c);
        if (c->reader)
                redisReaderFree(c->reader);
        c->reader = NULL;
        loop_timer_stop(c->watch);
        c->watching = c->second_look = c->starved = false;
        c->heard_ms = 0;
}

static void fail_pending(struct conn *c, const char *reason)
{
        struct err e = ERR_INIT;
        struct list *at;
        err_set(&e, ERR_LOST, "lost the connection to redis at %s: %s", c->url->shown, reason);
        while ((at = list_pop_front(&c->pending))) { /* one of them may free the connection */
                struct request *r = CONTAINER_OF(at, struct request, link);
                r->fn(NULL, &e, r->arg);
                free(r);
        }
}

static void start_retry(struct conn *c)
{
        static const struct backoff back = {.base_ms = 200, .cap_ms = 1000, .factor = 2};
        int64_t wait_ms = 0;
        if (c->failures > 0) {
                int64_t half_ms = backoff_ceiling(&back, c->failures) / 2;
                wait_ms = half_ms + rand_below((uint32_t)half_ms + 1);
        }
        c->failures++;
        loop_timer_start(c->retry, wait_ms);
}

static void drop(struct conn *c, const char *reason)
{
        char why[REASON_SIZE];
        snprintf(why, sizeof(why), "%s", reason); /* it may stand in what is closed now */
        bool was_open = c->state == CONN_OPEN;
        if (was_open && clock_mono_ms() - c->since_ms >= STEADY_MS)
                c->failures = 0;
        if (!was_open)
                metric_add(METRIC_REDIS_CONNECTS, 1, "failed", NULL);
        enter(c);
        close_transport(c);
        set_state(c, CONN_WAITING);
        memcpy(c->reason, why, sizeof(why));
        if (was_open || strcmp(c->logged, why) != 0)
                log_warn("redis.down", LS("connection", c->name), LS("server", c->url->shown),
                         LS("reason", why));
        memcpy(c->logged, why, sizeof(why));
        fail_pending(c, why);
        if (!c->doomed)
                start_retry(c);
        if (!c->doomed)
                c->ev.on_close(why, c->ev.arg);
        leave(c);
}

/* An address that fails is followed by the next of its host. */
static void attempt_failed(struct conn *c, const char *reason)
{
        if (c->state == CONN_CONNECTING && c->next) {
                close_socket(c);
                c->second_look = false;
                connect_next(c);
                return;
        }
        drop(c, reason);
}

/* ---- greeting ---- */

static void say(struct conn *c, const struct cmd *cmd, conn_fn fn)
{
        struct request *r = xmalloc(sizeof(*r));
        *r = (struct request){.sent_ms = clock_mono_ms(), .fn = fn, .arg = c};
        list_push_back(&c->pending, &r->link);
        conn_cast(c, cmd);
        watch(c);
}

static void on_greeted(redisReply *reply, const struct err *e, void *arg)
{
        struct conn *c = arg;
        if (e || c->state != CONN_GREETING)
                return;
        if (reply->type == REDIS_REPLY_ERROR) {
                char reason[REASON_SIZE];
                snprintf(reason, sizeof(reason), "refused: %s", reply->str);
                drop(c, reason);
        }
}

/* The last word: that it is answered at all is what counts; a name may be forbidden. */
static void on_named(redisReply *reply, const struct err *e, void *arg)
{
        struct conn *c = arg;
        if (e || c->state != CONN_GREETING)
                return;
        if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOPERM", 6) != 0) {
                on_greeted(reply, e, arg);
                return;
        }
        set_state(c, CONN_OPEN);
        c->logged[0] = '\0';
        metric_add(METRIC_REDIS_CONNECTS, 1, "ok", NULL);
        c->ev.on_open(c->ev.arg);
}

static void greet(struct conn *c)
{
        struct cmd cmd;
        set_state(c, CONN_GREETING);
        c->reader = redisReaderCreate();
        assert(c->reader);
        cmd_init(&cmd);
        if (c->url->password || c->url->user) {
                cmd_str(&cmd, "AUTH");
                if (c->url->user)
                        cmd_str(&cmd, c->url->user);
                cmd_str(&cmd, c->url->password ? c->url->password : "");
                say(c, &cmd, on_greeted);
                mem_wipe(cmd.body.data, cmd.body.len);
                cmd_fini(&cmd);
                cmd_init(&cmd);
        }
        if (c->url->db > 0) {
                cmd_str(&cmd, "SELECT");
                cmd_int(&cmd, c->url->db);
                say(c, &cmd, on_greeted);
                cmd_fini(&cmd);
                cmd_init(&cmd);
        }
        cmd_words(&cmd, "CLIENT", "SETNAME", c->name, NULL);
        say(c, &cmd, on_named);
        cmd_fini(&cmd);
}

/* ---- reading ---- */

static void dispatch(struct conn *c, redisReply *reply)
{
        struct list *at = list_pop_front(&c->pending);
        if (at) {
                struct request *r = CONTAINER_OF(at, struct request, link);
                r->fn(reply, NULL, r->arg);
                free(r);
        } else if (c->ev.on_push && c->state == CONN_OPEN) {
                c->ev.on_push(reply, c->ev.arg);
        } else {
                drop(c, reply->type == REDIS_REPLY_ERROR ? reply->str : "an answer to no question");
        }
}

static void read_replies(struct conn *c)
{
        redisReader *reader = c->reader;
        while (c->reader == reader) {
                void *reply = NULL;
                if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
                        drop(c, reader->errstr);
                        break;
                }
                if (!reply)
                        break;
                dispatch(c, reply);
                freeReplyObject(reply);
        }
}

static void broken_off(struct conn *c, int code)
{
        attempt_failed(c, code ? evutil_socket_error_to_string(code) : "broken off");
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
        struct conn *c = arg;
        char text[READ_MAX];
        ssize_t n = read(fd, text, sizeof(text));
        (void)what;
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        enter(c);
        if (n < 0) {
                broken_off(c, errno);
        } else if (n == 0) {
                attempt_failed(c, "closed by the server");
        } else {
                c->heard_ms = clock_mono_ms();
                c->second_look = false;
                redisReaderFeed(c->reader, text, (size_t)n);
                read_replies(c);
        }
        leave(c);
}

static void connected(struct conn *c)
{
        c->readable = event_new(loop_base(c->loop), bufferevent_getfd(c->bev), EV_READ | EV_PERSIST,
                                on_readable, c);
        assert(c->readable);
        event_add(c->readable, NULL);
        bufferevent_enable(c->bev, EV_WRITE);
        greet(c);
}

/* ---- connecting ---- */

static void on_event(struct bufferevent *bev, short what, void *arg)
{
        struct conn *c = arg;
        if (what & BEV_EVENT_CONNECTED) {
                connected(c);
        } else if (what & BEV_EVENT_EOF) {
                attempt_failed(c, "closed by the server");
        } else {
                broken_off(c, EVUTIL_SOCKET_ERROR());
        }
}

static void connect_to(struct conn *c, const struct sockaddr *address, int len)
{
        int one = 1;
        set_state(c, CONN_CONNECTING);
        watch(c);
        int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
                attempt_failed(c, strerror(errno));
                return;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* fails on a socket: fine */
        c->bev = bufferevent_socket_new(loop_base(c->loop), fd, BEV_OPT_CLOSE_ON_FREE);
        assert(c->bev);
        bufferevent_setcb(c->bev, NULL, NULL, on_event, c);
        bufferevent_set_max_single_write(c->bev, WRITE_MAX);
        if (address->sa_family ==
            AF_UNIX) { /* at once or not at all, and libevent loses the errno */
                if (connect(fd, address, (socklen_t)len) < 0) {
                        attempt_failed(c, strerror(errno));
                } else {
                        connected(c);
                }
        } else if (bufferevent_socket_connect(c->bev, address, len) < 0) {
                attempt_failed(c, strerror(errno));
        }
}

static void connect_next(struct conn *c)
{
        struct addrinfo *at = c->next;
        c->next = at->ai_next;
        connect_to(c, at->ai_addr, (int)at->ai_addrlen);
}

static void on_found(struct addrinfo *found, const char *problem, void *arg)
{
        struct conn *c = arg;
        if (!found) {
                char reason[REASON_SIZE];
                snprintf(reason, sizeof(reason), "could not find the host: %s", problem);
                drop(c, reason);
                return;
        }
        c->found = c->next = found;
        connect_next(c);
}

static void start(void *arg)
{
        struct conn *c = arg;
        enter(c);
        if (c->url->path) {
                struct sockaddr_un address = {.sun_family = AF_UNIX};
                snprintf(address.sun_path, sizeof(address.sun_path), "%s", c->url->path);
                connect_to(c, (struct sockaddr *)&address, sizeof(address));
        } else {
                set_state(c, CONN_RESOLVING);
                watch(c);
                resolve_start(c->loop, c->url->host, c->url->port, &c->resolve, on_found, c);
        }
        leave(c);
}

/* ---- what is said ---- */

/* The end comes when the loop turns. */
static void starve(struct conn *c)
{
        bufferevent_disable(c->bev, EV_WRITE);
        c->starved = c->watching = true;
        loop_timer_start(c->watch, 0);
}

/* What cannot be written now, for whatever reason, is left to the bufferevent, which sees to errors, too. */
static void tell(struct conn *c)
{
        struct evbuffer *out = bufferevent_get_output(c->bev);
        size_t len = c->said.len < WRITE_MAX ? c->said.len : WRITE_MAX;
        ssize_t sent = 0;
        if (c->starved || c->said.len == 0) /* conn_flush() was faster */
                return;
        if (evbuffer_get_length(out) == 0)
                sent = send(bufferevent_getfd(c->bev), c->said.data, len, MSG_NOSIGNAL);
        len = sent > 0 ? (size_t)sent : 0;
        if (len < c->said.len && evbuffer_add(out, c->said.data + len, c->said.len - len) != 0)
                starve(c);
        buf_reset(&c->said);
}

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        tell(arg);
}

void conn_flush(struct conn *c)
{
        if (c->bev)
                tell(c);
}

/* ---- for others ---- */

struct conn *conn_new(struct loop *l, const struct redis_url *url, const char *name,
                      int64_t timeout_ms, const struct conn_events *events)
{
        struct conn *c = xcalloc(1, sizeof(*c));
        c->loop = l;
        c->url = url;
        c->name = name;
        c->timeout_ms = timeout_ms;
        c->ev = *events;
        list_init(&c->pending);
        buf_init(&c->said, SIZE_MAX);
        c->tell = event_new(loop_base(l), -1, 0, on_tell, c);
        assert(c->tell);
        c->retry = loop_timer_new(l, start, c);
        c->watch = loop_timer_new(l, on_watch, c);
        start_retry(c);
        return c;
}

void conn_free(struct conn *c)
{
        if (!c || c->doomed)
                return;
        enter(c);
        c->doomed = true;
        set_state(c, CONN_WAITING);
        close_transport(c);
        loop_timer_stop(c->retry);
        fail_pending(c, "it is closed for good");
        leave(c);
}

void conn_forget(struct conn *c)
{
        if (c && c->bev && bufferevent_getfd(c->bev) >= 0)
                close(bufferevent_getfd(c->bev));
}

void conn_close(struct conn *c, const char *reason)
{
        if (c->state != CONN_WAITING)
                drop(c, reason);
}

void conn_hurry(struct conn *c)
{
        if (c->state == CONN_WAITING && !c->doomed)
                loop_timer_start(c->retry, 0);
}

bool conn_is_open(const struct conn *c)
{
        return c->state == CONN_OPEN;
}

const char *conn_reason(const struct conn *c)
{
        return c->reason;
}

int64_t conn_oldest_ms(const struct conn *c)
{
        if (list_empty(&c->pending))
                return 0;
        int64_t age =
                clock_mono_ms() - CONTAINER_OF(c->pending.next, struct request, link)->sent_ms;
        return age > 0 ? age : 1;
}

int64_t conn_heard_ms(const struct conn *c)
{
        return c->heard_ms;
}

void conn_set_extra(struct conn *c, int64_t extra_ms)
{
        c->extra_ms = extra_ms;
}

void conn_send(struct conn *c, const struct cmd *cmd, conn_fn fn, void *arg)
{
        struct request *r = xmalloc(sizeof(*r));
        assert(c->state == CONN_OPEN);
        *r = (struct request){.sent_ms = clock_mono_ms(), .fn = fn, .arg = arg};
        list_push_back(&c->pending, &r->link);
        conn_cast(c, cmd);
        watch(c);
}

void conn_cast(struct conn *c, const struct cmd *cmd)
{
        assert(buf_ok(&cmd->body) && cmd->argc > 0);
        buf_addc(&c->said, '*');
        buf_addi(&c->said, cmd->argc);
        buf_add(&c->said, "\r\n", 2);
        buf_add(&c->said, cmd->body.data, cmd->body.len);
        if (buf_ok(&c->said))
                event_active(c->tell, EV_WRITE, 1);
        else /* part of it may be in, so nothing more may go out */
                starve(c);
}

#ifdef WAVEFLEET_FAULTS
void conn_fault_flush(struct conn *c)
{
        struct evbuffer *out = bufferevent_get_output(c->bev);
        conn_flush(c);
        evbuffer_unfreeze(out, 1);
        while (evbuffer_get_length(out) > 0 &&
               (evbuffer_write(out, bufferevent_getfd(c->bev)) >= 0 || errno == EAGAIN))
                ;
        evbuffer_freeze(out, 1);
}
#endif
