/* hashing.c - a line before the threads of base/aside.h. */
#include "api/people/hashing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"

enum { NICENESS = 10 };

/* What the thread has. */
struct task {
        bool has_hash;
        char hash[PASSWORD_HASH_SIZE];
        char password[PASSWORD_MAX + 1];
        enum password_verdict verdict;
};

struct job {
        struct list link; /* waiting or running */
        struct hashing *all;
        struct task *task; /* until it runs */
        struct aside *aside;
        hashing_fn fn;
        void *arg;
};

struct hashing {
        struct loop *loop;
        struct list waiting, running;
        size_t running_count, places_taken;
};

/* ---- the thread ---- */

/* The loop goes first where the two want the same core; on Linux a thread has a niceness of its own. */
static void work(void *arg)
{
        struct task *t = arg;
        setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
        t->verdict = password_verify(t->has_hash ? t->hash : NULL, t->password);
}

static void drop(void *task)
{
        mem_wipe(task, sizeof(struct task));
        free(task);
}

/* ---- the line ---- */

static void begin_next(struct hashing *h);

static void end(struct job *j, enum password_verdict verdict)
{
        hashing_fn fn = j->fn;
        void *arg = j->arg;
        list_remove(&j->link);
        free(j);
        fn(verdict, arg);
}

static void done(void *task, const char *problem, void *arg)
{
        struct job *j = arg;
        struct hashing *h = j->all;
        enum password_verdict verdict = ((const struct task *)task)->verdict;
        if (problem) {
                log_error("hashing.no_thread", LS("reason", problem));
                verdict = PASSWORD_STARVED;
        }
        h->running_count--;
        end(j, verdict);
        begin_next(h);
}

static void begin_next(struct hashing *h)
{
        static const struct aside_kind kind = {.work = work, .drop = drop, .done = done};
        while (h->running_count < HASHING_AT_ONCE && !list_empty(&h->waiting)) {
                struct job *j = CONTAINER_OF(list_pop_front(&h->waiting), struct job, link);
                list_push_back(&h->running, &j->link);
                h->running_count++;
                j->aside = aside_start(h->loop, &kind, take(j->task), j);
        }
}

void hashing_verify(struct hashing *h, const char *hash, const char *password, hashing_fn fn,
                    void *arg)
{
        struct job *j = xcalloc(1, sizeof(*j));
        struct task *t = xcalloc(1, sizeof(*t));
        size_t len = strlen(password);
        assert(len <= PASSWORD_MAX && (!hash || strlen(hash) < sizeof(t->hash)));
        memcpy(t->password, password, len);
        t->has_hash = hash != NULL;
        if (hash)
                memcpy(t->hash, hash, strlen(hash));
        *j = (struct job){.all = h, .task = t, .fn = fn, .arg = arg};
        list_push_back(&h->waiting, &j->link);
        begin_next(h);
}

bool hashing_enter(struct hashing *h)
{
        if (h->places_taken == HASHING_PLACES)
                return false;
        h->places_taken++;
        return true;
}

void hashing_leave(struct hashing *h)
{
        assert(h->places_taken > 0);
        h->places_taken--;
}

/* ---- its life ---- */

struct hashing *hashing_new(struct loop *l)
{
        struct hashing *h = xcalloc(1, sizeof(*h));
        h->loop = l;
        list_init(&h->waiting);
        list_init(&h->running);
        return h;
}

void hashing_free(struct hashing *h)
{
        if (!h)
                return;
        LIST_EACH(at, &h->running)
        {
                struct job *j = CONTAINER_OF(at, struct job, link);
                aside_cancel(j->aside);
                end(j, PASSWORD_STARVED);
        }
        LIST_EACH(at, &h->waiting)
        {
                struct job *j = CONTAINER_OF(at, struct job, link);
                drop(take(j->task));
                end(j, PASSWORD_STARVED);
        }
        free(h);
}
