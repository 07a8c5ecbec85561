/* lookup.c - getaddrinfo() aside. */
#include "store/lookup.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/aside.h"
#include "base/mem.h"

struct question {
        char *name;
        size_t n;
        char addresses[LOOKUP_ADDRESSES_MAX][LOOKUP_ADDRESS_SIZE];
        char problem[128];
};

struct lookup {
        struct aside *aside;
        lookup_fn fn;
        void *arg;
};

static void ask(void *task)
{
        struct question *q = task;
        const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;
        int failed = getaddrinfo(q->name, NULL, &hints, &found);
        if (failed) {
                snprintf(q->problem, sizeof(q->problem), "%s", gai_strerror(failed));
                return;
        }
        for (struct addrinfo *i = found; i && q->n < LOOKUP_ADDRESSES_MAX; i = i->ai_next) {
                if (getnameinfo(i->ai_addr, i->ai_addrlen, q->addresses[q->n], LOOKUP_ADDRESS_SIZE,
                                NULL, 0, NI_NUMERICHOST) == 0)
                        q->n++;
        }
        freeaddrinfo(found);
        if (!q->n)
                snprintf(q->problem, sizeof(q->problem), "it has no address");
}

static void drop(void *task)
{
        struct question *q = task;
        free(q->name);
        free(q);
}

static void done(void *task, const char *problem, void *arg)
{
        const struct question *q = task;
        struct lookup *k = arg;
        lookup_fn fn = k->fn;
        void *fn_arg = k->arg;
        free(k);
        fn(q->addresses, problem ? 0 : q->n, problem ? problem : q->problem, fn_arg);
}

void lookup_cancel(struct lookup *k)
{
        if (!k)
                return;
        aside_cancel(k->aside);
        free(k);
}

struct lookup *lookup_start(struct loop *l, const char *name, lookup_fn fn, void *arg)
{
        static const struct aside_kind kind = {.work = ask, .drop = drop, .done = done};
        struct question *q = xcalloc(1, sizeof(*q));
        struct lookup *k = xcalloc(1, sizeof(*k));
        q->name = xstrdup(name);
        *k = (struct lookup){.fn = fn, .arg = arg};
        k->aside = aside_start(l, &kind, q, k);
        return k;
}
