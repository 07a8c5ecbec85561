/* lookup.c - a thread for each name, and its answer through a socket pair. */
#include "store/lookup.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* One packet from the thread to the loop; shorter than what a socket buffer holds. */
struct answer {
        size_t n;
        char addresses[LOOKUP_ADDRESSES_MAX][LOOKUP_ADDRESS_SIZE];
        char problem[128];
};

struct lookup {
        int fd;
        struct event *event;
        struct loop_timer *failed; /* there was no thread to be had */
        char problem[128];
        lookup_fn fn;
        void *arg;
};

struct question {
        int fd;
        char *name;
};

/* ---- the thread ---- */

static void ask(const char *name, struct answer *a)
{
        const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;
        int failed = getaddrinfo(name, NULL, &hints, &found);
        if (failed) {
                snprintf(a->problem, sizeof(a->problem), "%s", gai_strerror(failed));
                return;
        }
        for (struct addrinfo *i = found; i && a->n < LOOKUP_ADDRESSES_MAX; i = i->ai_next) {
                if (getnameinfo(i->ai_addr, i->ai_addrlen, a->addresses[a->n], LOOKUP_ADDRESS_SIZE,
                                NULL, 0, NI_NUMERICHOST) == 0)
                        a->n++;
        }
        freeaddrinfo(found);
        if (!a->n)
                snprintf(a->problem, sizeof(a->problem), "it has no address");
}

static void *run(void *arg)
{
        struct question *q = arg;
        struct answer a;
        memset(&a, 0, sizeof(a));
        ask(q->name, &a);
        while (send(q->fd, &a, sizeof(a), MSG_NOSIGNAL) < 0 && errno == EINTR)
                continue;
        close(q->fd);
        free(q->name);
        free(q);
        return NULL;
}

/* 0, or an errno. The thread takes no signals: those are for the loop. */
static int start_thread(struct question *q)
{
        pthread_t thread;
        pthread_attr_t attr;
        sigset_t all, before;
        pthread_attr_init(&attr);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int failed = pthread_create(&thread, &attr, run, q);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attr);
        return failed;
}

/* ---- the loop ---- */

void lookup_cancel(struct lookup *k)
{
        if (!k)
                return;
        if (k->event)
                event_free(k->event);
        if (k->fd >= 0)
                close(k->fd);
        loop_timer_free(k->failed);
        free(k);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
        (void)what;
        struct lookup *k = arg;
        struct answer a;
        ssize_t got = recv(fd, &a, sizeof(a), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        bool whole = got == (ssize_t)sizeof(a);
        lookup_fn fn = k->fn;
        void *fn_arg = k->arg;
        lookup_cancel(k);
        fn(a.addresses, whole ? a.n : 0, whole ? a.problem : "the lookup ended early", fn_arg);
}

static void on_failed(void *arg)
{
        struct lookup *k = arg;
        lookup_fn fn = k->fn;
        void *fn_arg = k->arg;
        char problem[sizeof(k->problem)];
        memcpy(problem, k->problem, sizeof(problem));
        lookup_cancel(k);
        fn(NULL, 0, problem, fn_arg);
}

static void fail(struct lookup *k, struct loop *l, const char *what, int error)
{
        snprintf(k->problem, sizeof(k->problem), "%s: %s", what, strerror(error));
        k->failed = loop_timer_new(l, on_failed, k);
        loop_timer_start(k->failed, 0);
}

struct lookup *lookup_start(struct loop *l, const char *name, lookup_fn fn, void *arg)
{
        struct lookup *k = xcalloc(1, sizeof(*k));
        int ends[2];
        *k = (struct lookup){.fd = -1, .fn = fn, .arg = arg};
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
                fail(k, l, "no socket for it", errno);
                return k;
        }
        struct question *q = xmalloc(sizeof(*q));
        *q = (struct question){.fd = ends[1], .name = xstrdup(name)};
        int failed = start_thread(q);
        if (failed) {
                close(ends[0]);
                close(ends[1]);
                free(q->name);
                free(q);
                fail(k, l, "no thread for it", failed);
                return k;
        }
        k->fd = ends[0];
        k->event = event_new(loop_base(l), k->fd, EV_READ | EV_PERSIST, on_answer, k);
        assert(k->event);
        event_add(k->event, NULL);
        return k;
}
