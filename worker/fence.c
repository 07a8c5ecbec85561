/* fence.c - the shared page and the watchdog. All that runs in a handler is async-signal-safe. */
#include "worker/fence.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
        PERIODS_IN_A_LEASE = 10,
        PERIOD_LEAST_MS = 10,
        STACK_BYTES = 128 * 1024,
        PARENT_LOOKS = 100
};

struct slot {
        _Atomic pid_t pgid; /* 0: nobody */
        _Atomic bool running;
        _Atomic bool fenced;
        /* Who is faster, the runner that begins a job or the supervisor that takes it back, is decided in
         * this one word: the number of the last job begun, and above it the last one taken back. */
        _Atomic uint64_t jobs;
        _Atomic uint32_t head; /* is not taken back; set before the word is */
};
struct fence {
        _Atomic int64_t deadline_ms;
        int64_t period_ms;
        unsigned count;
        struct slot slots[];
};
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 &&
                       ATOMIC_BOOL_LOCK_FREE == 2,
               "atomics without locks, which processes can share and handlers can use");

static size_t size_of(unsigned count)
{
        return sizeof(struct fence) + count * sizeof(struct slot);
}

struct fence *fence_new(unsigned slots, int64_t lease_ms)
{
        struct fence *f = mmap(NULL, size_of(slots), PROT_READ | PROT_WRITE,
                               // cppcheck-suppress invalidFunctionArg
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert(f != MAP_FAILED);
        f->count = slots;
        f->period_ms = lease_ms / PERIODS_IN_A_LEASE;
        if (f->period_ms < PERIOD_LEAST_MS)
                f->period_ms = PERIOD_LEAST_MS;
        return f;
}

void fence_free(struct fence *f)
{
        if (f)
                munmap(f, size_of(f->count));
}

void fence_set(struct fence *f, int64_t deadline_mono_ms)
{
        atomic_store(&f->deadline_ms, deadline_mono_ms);
}

bool fence_open(const struct fence *f)
{
        return clock_mono_ms() < atomic_load(&f->deadline_ms);
}

void fence_enlist(struct fence *f, unsigned slot, pid_t pgid)
{
        assert(slot < f->count);
        struct slot *s = &f->slots[slot];
        atomic_store(&s->running, false);
        atomic_store(&s->fenced, false);
        atomic_store(&s->jobs, 0);
        atomic_store(&s->pgid, pgid);
}

static uint64_t jobs_word(uint32_t begun, uint32_t recalled)
{
        return (uint64_t)recalled << 32 | begun;
}

static uint32_t begun_of(uint64_t word)
{
        return (uint32_t)word;
}

static uint32_t recalled_of(uint64_t word)
{
        return (uint32_t)(word >> 32);
}

uint32_t fence_recall(struct fence *f, unsigned slot, uint32_t head, uint32_t given)
{
        _Atomic uint64_t *jobs = &f->slots[slot].jobs;
        uint64_t word = atomic_load(jobs);
        atomic_store(&f->slots[slot].head, head);
        while (!atomic_compare_exchange_weak(jobs, &word, jobs_word(begun_of(word), given)))
                ;
        return begun_of(word);
}

struct fence_left fence_dismiss(struct fence *f, unsigned slot)
{
        struct slot *s = &f->slots[slot];
        atomic_store(&s->pgid, 0);
        return (struct fence_left){.begun = begun_of(atomic_load(&s->jobs)),
                                   .fenced = atomic_load(&s->fenced)};
}

/* ---- in a runner ---- */

static struct {
        struct fence *fence;
        unsigned slot;
        int pipe;
        pid_t parent;
} here;

static void kill_slot(struct slot *s)
{
        pid_t pgid = atomic_load(&s->pgid);
        if (pgid <= 1 || !atomic_load(&s->running))
                return;
        atomic_store(&s->fenced, true);
        kill(-pgid, SIGKILL);
}

static void kill_all_bodies(void)
{
        struct fence *f = here.fence;
        for (unsigned i = 0; i < f->count; i++) {
                if (i != here.slot)
                        kill_slot(&f->slots[i]);
        }
        kill_slot(&f->slots[here.slot]);
}

static int until_next_look_ms(const struct fence *f)
{
        int64_t left = atomic_load(&f->deadline_ms) - clock_mono_ms();
        if (left <= 0 || left > f->period_ms)
                left = f->period_ms;
        return left > INT_MAX ? INT_MAX : (int)left;
}

/*
 * The pipe hangs up when the supervisor dies, and also when the body closes its own end of it: the others
 * have no part in that. A process that dies closes its descriptors a moment before it is nobody's parent.
 */
static bool supervisor_died(void)
{
        for (int i = 0; i < PARENT_LOOKS && getppid() == here.parent; i++)
                poll(NULL, 0, 1);
        return getppid() != here.parent;
}

void fence_hung_up(void)
{
        if (supervisor_died())
                kill_all_bodies();
}

static void *watch(void *unused)
{
        (void)unused;
        for (;;) {
                struct pollfd p = {.fd = here.pipe};
                poll(&p, 1, until_next_look_ms(here.fence));
                if (p.revents) {
                        fence_hung_up();
                        kill(0, SIGKILL);
                }
                if (!fence_open(here.fence))
                        kill_all_bodies();
        }
        return NULL;
}

/* Runs in the thread of the body, before anything else of it does. */
static void on_continue(int signo)
{
        (void)signo;
        int saved = errno;
        if (!fence_open(here.fence))
                kill_slot(&here.fence->slots[here.slot]);
        errno = saved;
}

int fence_watch(struct fence *f, unsigned slot, int pipe)
{
        here.fence = f;
        here.slot = slot;
        here.pipe = pipe;
        here.parent = getppid();
        sigset_t all, old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        pthread_attr_t attr;
        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, STACK_BYTES);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        pthread_t thread;
        int failed = pthread_create(&thread, &attr, watch, NULL);
        pthread_attr_destroy(&attr);
        struct sigaction sa = {.sa_handler = on_continue, .sa_flags = SA_RESTART};
        sigemptyset(&sa.sa_mask);
        if (!failed && sigaction(SIGCONT, &sa, NULL) < 0)
                failed = errno;
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        errno = failed;
        return failed ? -1 : 0;
}

bool fence_begin(struct fence *f, unsigned slot, uint32_t number)
{
        struct slot *s = &f->slots[slot];
        uint64_t word = atomic_load(&s->jobs);
        do
                if (number <= recalled_of(word) && number != atomic_load(&s->head))
                        return false;
        while (!atomic_compare_exchange_weak(&s->jobs, &word, jobs_word(number, recalled_of(word))));
        atomic_store(&s->running, true);
        return true;
}

void fence_end(struct fence *f, unsigned slot)
{
        atomic_store(&f->slots[slot].running, false);
}
