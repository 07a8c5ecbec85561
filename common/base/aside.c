/* aside.c - the thread says that it is done through a socket pair. */
#include "base/aside.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* What thread and loop share; the last of the two frees it. */
struct errand {
        const struct aside_kind *kind;
        void *task;
        int fd; /* the thread's end */
        atomic_int holders;
};

struct aside {
        struct errand *errand;
        int fd;
        struct event *event;
        struct loop_timer *failed; /* there was no thread to be had */
        char problem[128];
        void *arg;
};

static void let_go(struct errand *er)
{
        if (atomic_fetch_sub(&er->holders, 1) > 1)
                return;
        er->kind->drop(er->task);
        free(er);
}

/* ---- the thread ---- */

static void *run(void *arg)
{
        struct errand *er = arg;
        int fd = er->fd;
        er->kind->work(er->task);
        let_go(er);
        /* Not by its closing alone: a process forked meanwhile may hold the descriptor for a moment. */
        while (send(fd, "", 1, MSG_NOSIGNAL) < 0 && errno == EINTR)
                continue;
        close(fd);
        return NULL;
}

/* 0, or an errno. Signals are for the loop. */
static int start_thread(struct errand *er)
{
        pthread_t thread;
        pthread_attr_t attr;
        sigset_t all, before;
        pthread_attr_init(&attr);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int failed = pthread_create(&thread, &attr, run, er);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attr);
        return failed;
}

/* ---- the loop ---- */

static void finish(struct aside *a, bool tell, const char *problem)
{
        struct errand *er = a->errand;
        void *arg = a->arg;
        if (a->event)
                event_free(a->event);
        if (a->fd >= 0)
                close(a->fd);
        loop_timer_free(a->failed);
        free(a);
        if (tell)
                er->kind->done(er->task, problem, arg);
        let_go(er);
}

void aside_cancel(struct aside *a)
{
        if (a)
                finish(a, false, NULL);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
        (void)what;
        char nothing;
        if (recv(fd, &nothing, 1, MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        finish(arg, true, NULL);
}

static void on_failed(void *arg)
{
        struct aside *a = arg;
        char problem[sizeof(a->problem)];
        memcpy(problem, a->problem, sizeof(problem));
        finish(a, true, problem);
}

static void fail(struct aside *a, struct loop *l, const char *what, int error)
{
        snprintf(a->problem, sizeof(a->problem), "%s: %s", what, strerror(error));
        a->failed = loop_timer_new(l, on_failed, a);
        loop_timer_start(a->failed, 0);
}

struct aside *aside_start(struct loop *l, const struct aside_kind *kind, void *task, void *arg)
{
        struct aside *a = xcalloc(1, sizeof(*a));
        struct errand *er = xcalloc(1, sizeof(*er));
        int ends[2];
        *er = (struct errand){.kind = kind, .task = task, .fd = -1};
        atomic_init(&er->holders, 1);
        *a = (struct aside){.errand = er, .fd = -1, .arg = arg};
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
                fail(a, l, "no socket for it", errno);
                return a;
        }
        er->fd = ends[1];
        atomic_store(&er->holders, 2);
        int failed = start_thread(er);
        if (failed) {
                atomic_store(&er->holders, 1);
                close(ends[0]);
                close(ends[1]);
                fail(a, l, "no thread for it", failed);
                return a;
        }
        a->fd = ends[0];
        a->event = event_new(loop_base(l), a->fd, EV_READ | EV_PERSIST, on_end, a);
        assert(a->event);
        event_add(a->event, NULL);
        return a;
}
