/* server.c - the listener, the lists of connections, and requests to be used again. */
#include "api/http/server.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/http/connection.h"
#include "api/http/problem.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/metrics.h"

#ifdef __SANITIZE_ADDRESS__
static const bool use_again = false; /* so that a use after the answer is seen */
#else
static const bool use_again = true;
#endif
enum {
        REQUESTS_KEPT = 64,
        BACKLOG = 4096,
        REFUSED_MAX = 128,     /* connections that are being told that there are too many */
        REST_MS = 100,         /* of the listener when descriptors have run out */
        STOP_IDLE_MS = 50,     /* idle connections may have a request on the way */
        WARN_EVERY_MS = 10000, /* the same complaint */
};

struct server {
        struct server_opts opts;
        struct loop *loop;
        struct evconnlistener *listener; /* NULL once it stops */
        struct loop_timer *rest;
        char address[PEER_SIZE + 12];
        int reserve; /* a descriptor to give up when there is no other; -1: none */

        struct list connections; /* connection_place.link */
        size_t count, refused;
        struct map *by_address; /* key -> number, as a pointer */
        int64_t warned_ms;
        size_t unwarned;

        struct request *kept[REQUESTS_KEPT]; /* to be used again */
        size_t kept_count;
        size_t requests_out;
        char id_prefix[20];
        uint64_t id_last;

        bool stopping, stopped, freed;
        struct loop_timer *stop_idle, *stop_tell;
        void (*stop_fn)(void *arg);
        void *stop_arg;
};

/* ---- addresses ---- */

/* What counts as one address: an IPv4 address, or the /64 that one IPv6 customer has. */
static uint64_t address_key(const struct sockaddr *sa)
{
        uint32_t v4 = 0;
        uint64_t prefix;
        if (sa->sa_family == AF_INET) {
                memcpy(&v4, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, sizeof(v4));
                return v4;
        }
        if (sa->sa_family != AF_INET6)
                return 0;
        const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(a)) {
                memcpy(&v4, &a->s6_addr[12], sizeof(v4));
                return v4;
        }
        memcpy(&prefix, a->s6_addr, sizeof(prefix));
        return prefix;
}

static void address_text(const struct sockaddr *sa, char out[PEER_SIZE])
{
        out[0] = '\0';
        if (sa->sa_family == AF_INET) {
                inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, out,
                          PEER_SIZE);
        } else if (sa->sa_family == AF_INET6) {
                const struct in6_addr *a =
                        &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
                if (IN6_IS_ADDR_V4MAPPED(a))
                        inet_ntop(AF_INET, &a->s6_addr[12], out, PEER_SIZE);
                else
                        inet_ntop(AF_INET6, a, out, PEER_SIZE);
        }
}

static size_t address_count(const struct server *s, uint64_t key)
{
        return (size_t)(uintptr_t)map_get(s->by_address, (int64_t)key);
}

static void address_set_count(struct server *s, uint64_t key, size_t n)
{
        if (n)
                map_put(s->by_address, (int64_t)key, (void *)(uintptr_t)n);
        else
                map_remove(s->by_address, (int64_t)key);
}

/* ---- accepting ---- */

/* One line for many: a flood of connections must not become one of log lines. */
static void complain(struct server *s, const char *event, const char *reason)
{
        int64_t now = clock_mono_ms();
        s->unwarned++;
        if (s->warned_ms && now - s->warned_ms < WARN_EVERY_MS)
                return;
        log_warn(event, LS("reason", reason), LI("times", s->unwarned), LI("connections", s->count));
        s->warned_ms = now;
        s->unwarned = 0;
}

/* 0, or -1 with what a connection from there is to be told. */
static int check_limits(struct server *s, uint64_t key, struct err *e)
{
        const char *reason = "connections";
        if (s->count >= s->opts.connections_max) {
                err_set(e, ERR_UNAVAILABLE, "there are too many connections");
        } else if (address_count(s, key) >= s->opts.connections_per_address_max) {
                reason = "address";
                err_set(e, ERR_RATE, "there are too many connections from this address");
        } else {
                return 0;
        }
        e->retry_after_ms = 1000;
        metric_add(METRIC_HTTP_REFUSED, 1, reason, NULL);
        complain(s, "http.connection_refused", e->text);
        return -1;
}

static void add_connection(struct server *s, struct connection *c, uint64_t key, bool refused)
{
        struct connection_place *p = connection_place(c);
        p->address = key;
        p->refused = refused;
        list_push_back(&s->connections, &p->link);
        if (refused) {
                s->refused++;
                return;
        }
        s->count++;
        address_set_count(s, key, address_count(s, key) + 1);
        metric_set(METRIC_HTTP_CONNECTIONS, (double)s->count, NULL);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
                      int len, void *arg)
{
        (void)listener;
        (void)len;
        struct server *s = arg;
        struct err e = ERR_INIT;
        uint64_t key = address_key(sa);
        bool refused = check_limits(s, key, &e) < 0;
        if (refused && s->refused >= REFUSED_MAX) {
                close(fd);
                return;
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        char peer[PEER_SIZE];
        address_text(sa, peer);
        struct connection *c = connection_new(s, fd, peer);
        add_connection(s, c, key, refused);
        if (refused)
                connection_refuse(c, &e);
        else
                connection_start(c);
}

/* Without a request and without memory of it. */
static void refuse_bare(struct server *s, int fd)
{
        struct err e = ERR_INIT;
        err_set(&e, ERR_UNAVAILABLE, "the server has run out of descriptors");
        autobuf body = BUF_INIT(4096), text = BUF_INIT(8192);
        char id[REQUEST_ID_MAX + 1];
        snprintf(id, sizeof(id), "%s%llx", s->id_prefix, (unsigned long long)++s->id_last);
        problem_print(&body, &(struct problem){.err = &e, .request_id = id});
        buf_addf(&text,
                 "HTTP/1.1 503 %s\r\nContent-Type: application/problem+json\r\n"
                 "Content-Length: %zu\r\nRetry-After: 1\r\nX-Request-Id: %s\r\n"
                 "Connection: close\r\n\r\n%s",
                 status_phrase(503), body.len, id, buf_str(&body));
        if (send(fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
                shutdown(fd, SHUT_WR);
}

/*
 * Out of descriptors: the connection that waits would make the listener readable for ever. The
 * reserve is given up for it, so that it can be told, and the listener rests.
 */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
        struct server *s = arg;
        int reason = EVUTIL_SOCKET_ERROR();
        metric_add(METRIC_HTTP_REFUSED, 1, "descriptors", NULL);
        complain(s, "http.accept_failed", strerror(reason));
        if ((reason == EMFILE || reason == ENFILE) && s->reserve >= 0) {
                close(s->reserve);
                int fd = accept4(evconnlistener_get_fd(listener), NULL, NULL, SOCK_CLOEXEC);
                if (fd >= 0) {
                        refuse_bare(s, fd);
                        close(fd);
                }
                s->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
        }
        evconnlistener_disable(listener);
        loop_timer_start(s->rest, REST_MS);
}

static void on_rested(void *arg)
{
        struct server *s = arg;
        if (s->reserve < 0)
                s->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (s->listener)
                evconnlistener_enable(s->listener);
}

/* ---- listening ---- */

/* "host:port" or "[host]:port" into its parts; host "" or "*": any. */
static int split_listen(const char *listen, char host[256], char port[8], struct err *e)
{
        const char *colon = strrchr(listen, ':');
        size_t host_len = colon ? (size_t)(colon - listen) : 0;
        const char *from = listen;
        if (host_len >= 2 && listen[0] == '[' && listen[host_len - 1] == ']') {
                from++;
                host_len -= 2;
        }
        if (!colon || host_len > 255 || strlen(colon + 1) > 5 || !colon[1] ||
            colon[1 + strspn(colon + 1, "0123456789")] || strtol(colon + 1, NULL, 10) > 65535)
                return err_set(e, ERR_CONFIG,
                               "cannot listen on '%s': want address:port, like 127.0.0.1:8088",
                               listen);
        snprintf(host, 256, "%.*s", (int)host_len, from);
        snprintf(port, 8, "%s", colon + 1);
        return 0;
}

static int open_listener(const struct addrinfo *a)
{
        int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int on = 1;
        if (fd < 0)
                return -1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
                return fd;
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
}

static int bind_listener(const char *address, struct err *e)
{
        char host[256] = "", port[8] = "";
        if (split_listen(address, host, port, e) < 0)
                return -1;
        struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                 .ai_socktype = SOCK_STREAM,
                                 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
        struct addrinfo *found = NULL;
        bool any = !host[0] || strcmp(host, "*") == 0;
        int rc = getaddrinfo(any ? NULL : host, port, &hints, &found);
        if (rc != 0)
                return err_set(e, ERR_CONFIG, "could not listen on '%s': %s", address,
                               gai_strerror(rc));
        int fd = -1;
        for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
                fd = open_listener(a);
        if (fd < 0)
                err_errno(e, ERR_UNAVAILABLE, "could not listen on '%s'", address);
        freeaddrinfo(found);
        return fd;
}

static void note_address(struct server *s, int fd)
{
        struct sockaddr_storage sa = {0};
        socklen_t len = sizeof(sa);
        struct sockaddr *any = (struct sockaddr *)&sa;
        char host[PEER_SIZE] = "", port[8] = "";
        if (getsockname(fd, any, &len) < 0 ||
            getnameinfo(any, len, host, sizeof(host), port, sizeof(port),
                        NI_NUMERICHOST | NI_NUMERICSERV) != 0)
                return;
        snprintf(s->address, sizeof(s->address), strchr(host, ':') ? "[%s]:%s" : "%s:%s", host,
                 port);
}

/* ---- requests ---- */

struct request *server_take_request(struct server *s)
{
        struct request *rq = s->kept_count ? s->kept[--s->kept_count] : request_new();
        s->requests_out++;
        rq->server = s;
        rq->app = s->opts.app;
        rq->spool_dir = s->opts.spool_dir;
        rq->begun_us = clock_mono_us();
        rq->parser = (http_parser){0};
        rq->peer[0] = '\0';
        snprintf(rq->id, sizeof(rq->id), "%s%llx", s->id_prefix, (unsigned long long)++s->id_last);
        return rq;
}

static void on_stopped(void *arg)
{
        struct server *s = arg;
        s->stop_fn(s->stop_arg);
}

static void look_whether_stopped(struct server *s)
{
        if (!s->stopping || s->stopped || s->requests_out || !list_empty(&s->connections))
                return;
        s->stopped = true;
        loop_timer_start(s->stop_tell, 0);
}

void server_give_request(struct request *rq)
{
        struct server *s = rq->server;
        s->requests_out--;
        if (s->freed || !use_again || s->kept_count == REQUESTS_KEPT) {
                request_free(rq);
        } else {
                request_reset(rq);
                s->kept[s->kept_count++] = rq;
        }
        if (s->freed && !s->requests_out)
                free(s);
        else if (!s->freed)
                look_whether_stopped(s);
}

/* ---- for connections ---- */

void server_connection_gone(struct server *s, struct connection *c)
{
        struct connection_place *p = connection_place(c);
        list_remove(&p->link);
        if (p->refused) {
                s->refused--;
        } else {
                s->count--;
                address_set_count(s, p->address, address_count(s, p->address) - 1);
                metric_set(METRIC_HTTP_CONNECTIONS, (double)s->count, NULL);
        }
        look_whether_stopped(s);
}

const struct server_opts *server_opts(const struct server *s)
{
        return &s->opts;
}

struct loop *server_loop(struct server *s)
{
        return s->loop;
}

bool server_stopping(const struct server *s)
{
        return s->stopping;
}

/* ---- its life ---- */

static void close_idle(void *arg)
{
        struct server *s = arg;
        LIST_EACH(at, &s->connections)
        connection_stop(connection_at(CONTAINER_OF(at, struct connection_place, link)));
}

struct server *server_new(struct loop *l, const struct server_opts *opts, struct err *e)
{
        int fd = bind_listener(opts->listen, e);
        if (fd < 0)
                return NULL;
        struct server *s = xcalloc(1, sizeof(*s));
        s->opts = *opts;
        s->loop = l;
        list_init(&s->connections);
        s->by_address = map_new();
        s->rest = loop_timer_new(l, on_rested, s);
        s->stop_idle = loop_timer_new(l, close_idle, s);
        s->stop_tell = loop_timer_new(l, on_stopped, s);
        s->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
        snprintf(s->id_prefix, sizeof(s->id_prefix), "%016llx-", (unsigned long long)rand_u64());
        note_address(s, fd);
        http_parser_set_max_header_size(UINT32_MAX); /* header_max holds before it */
        sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
        s->listener = evconnlistener_new(loop_base(l), on_accept, s,
                                         LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
        evconnlistener_set_error_cb(s->listener, on_accept_error);
        return s;
}

const char *server_address(const struct server *s)
{
        return s->address;
}

size_t server_connections(const struct server *s)
{
        return s->count;
}

static void close_listener(struct server *s)
{
        if (s->listener)
                evconnlistener_free(s->listener);
        s->listener = NULL;
}

void server_stop(struct server *s, void (*fn)(void *arg), void *arg)
{
        if (s->stopping)
                return;
        s->stopping = true;
        s->stop_fn = fn;
        s->stop_arg = arg;
        close_listener(s);
        loop_timer_start(s->stop_idle, STOP_IDLE_MS);
        look_whether_stopped(s);
}

void server_free(struct server *s)
{
        if (!s)
                return;
        close_listener(s);
        s->stopping = false;
        LIST_EACH(at, &s->connections)
        connection_free(connection_at(CONTAINER_OF(at, struct connection_place, link)));
        loop_timer_free(s->rest);
        loop_timer_free(s->stop_idle);
        loop_timer_free(s->stop_tell);
        map_free(s->by_address);
        if (s->reserve >= 0)
                close(s->reserve);
        while (s->kept_count)
                request_free(s->kept[--s->kept_count]);
        s->freed = true;
        if (!s->requests_out)
                free(s);
}
