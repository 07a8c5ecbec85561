/* roster.c - places for runners, those in them, and those that died. */
#include "worker/roster.h"

#include <assert.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/rand.h"
#include "worker/spawn.h"

/* A runner that dies before its first word, or cannot be forked, is not tried again at once. */
static const struct backoff start_backoff = {.base_ms = 100, .cap_ms = 10000, .factor = 2};

struct roster {
        struct loop *loop;
        const struct config *cfg;
        struct fence *fence;
        struct roster_events events;
        struct child_owner owner;
        size_t count;
        struct child **places; /* by slot; NULL: to be filled */
        struct list idle;      /* child.link */
        unsigned idle_count, idle_told;
        struct list dead;       /* child.link: their groups are waited for */
        unsigned failed_starts; /* in a row */
        bool closed;
        struct loop_timer *refill;
        struct loop_timer *due;
        int64_t due_at_ms; /* what it is set to */
};

/* ---- what is due ---- */

static void wake_at(struct roster *r, int64_t due_ms)
{
        if (due_ms >= r->due_at_ms)
                return;
        r->due_at_ms = due_ms;
        loop_timer_start(r->due, due_ms - clock_mono_ms());
}

static bool finish_dead(struct roster *r, struct child *c)
{
        if (!child_settled(c)) {
                wake_at(r, c->due_ms);
                return false;
        }
        child_free(c);
        r->events.on_gone(r->events.arg);
        return true;
}

static void on_due(void *arg)
{
        struct roster *r = arg;
        int64_t now = clock_mono_ms();
        r->due_at_ms = INT64_MAX;
        for (size_t i = 0; i < r->count; i++) {
                struct child *c = r->places[i];
                if (c && c->due_ms <= now)
                        child_happens(c, CHILD_DUE, NULL);
                if (c && c->due_ms > now)
                        wake_at(r, c->due_ms);
        }
        LIST_EACH(at, &r->dead)
        finish_dead(r, CONTAINER_OF(at, struct child, link));
}

/* ---- the owner of each ---- */

/* Moves it into or out of the idle ones, and tells when their number is another one. */
static void on_change(struct child *c, void *arg)
{
        struct roster *r = arg;
        bool is_idle = c->state == CHILD_IDLE;
        if (is_idle && !c->offered) {
                list_push_front(&r->idle, &c->link);
                r->idle_count++;
                r->failed_starts = 0;
        } else if (!is_idle && c->offered) {
                list_remove(&c->link);
                r->idle_count--;
        }
        c->offered = is_idle;
        if (c->state != CHILD_DEAD)
                wake_at(r, c->due_ms);
        if (r->idle_count != r->idle_told) {
                r->idle_told = r->idle_count;
                r->events.on_idle(r->idle_count, r->events.arg);
        }
}

static void on_settle(int64_t id, int32_t attempt, const struct outcome *o, void *arg)
{
        struct roster *r = arg;
        r->events.on_settle(id, attempt, o, r->events.arg);
}

static void on_word(struct child *c, const struct message *m, void *arg)
{
        struct roster *r = arg;
        r->events.on_word(c, m, r->events.arg);
}

/* ---- filling the places ---- */

static void fill_later(struct roster *r)
{
        r->failed_starts++;
        loop_timer_start(r->refill, backoff_wait(&start_backoff, r->failed_starts, rand_u64()));
}

static int fill(struct roster *r, unsigned slot)
{
        struct runner runner = {.slot = slot, .fence = r->fence, .cfg = r->cfg};
        struct err e = ERR_INIT;
        int pipe;
        pid_t pid = spawn_runner(&runner, &pipe, &e);
        if (pid < 0) {
                log_error("runner.spawn", LE(&e));
                return -1;
        }
        fence_enlist(r->fence, slot, pid);
        r->places[slot] = child_new(r->loop, pid, pipe, slot, &r->owner);
        wake_at(r, r->places[slot]->due_ms);
        return 0;
}

static void fill_all(void *arg)
{
        struct roster *r = arg;
        for (size_t i = 0; i < r->count && !r->closed; i++) {
                if (!r->places[i] && fill(r, (unsigned)i) < 0) {
                        fill_later(r);
                        return;
                }
        }
}

struct roster *roster_new(struct loop *l, const struct config *cfg, struct fence *fence,
                          const struct roster_events *events)
{
        struct roster *r = xmalloc(sizeof(*r));
        *r = (struct roster){
                .loop = l,
                .cfg = cfg,
                .fence = fence,
                .events = *events,
                .owner = {.on_change = on_change,
                          .on_settle = on_settle,
                          .on_word = on_word,
                          .arg = r,
                          .kill_grace_ms = cfg->worker_kill_grace_ms,
                          .recycle_jobs = cfg->worker_recycle_jobs},
                .count = (size_t)cfg->worker_concurrency,
                .due_at_ms = INT64_MAX,
        };
        list_init(&r->idle);
        list_init(&r->dead);
        r->places = xcalloc(r->count, sizeof(struct child *));
        r->refill = loop_timer_new(l, fill_all, r);
        r->due = loop_timer_new(l, on_due, r);
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        fill_all(r);
        return r;
}

static void end_at_once(struct child *c)
{
        if (c->state != CHILD_DEAD) {
                kill(-c->pid, SIGKILL);
                waitpid(c->pid, NULL, 0);
        }
        child_free(c);
}

void roster_free(struct roster *r)
{
        if (!r)
                return;
        for (size_t i = 0; i < r->count; i++) {
                if (r->places[i])
                        end_at_once(r->places[i]);
        }
        LIST_EACH(at, &r->dead)
        end_at_once(CONTAINER_OF(at, struct child, link));
        loop_timer_free(r->refill);
        loop_timer_free(r->due);
        free(r->places);
        free(r);
}

void roster_close(struct roster *r)
{
        r->closed = true;
}

/* ---- reaping ---- */

/* Whether it had come as far as its first word. */
static bool bury(struct roster *r, struct child *c, const siginfo_t *si)
{
        int status = si->si_code == CLD_EXITED ? W_EXITCODE(si->si_status, 0)
                                               : W_EXITCODE(0, si->si_status);
        bool started = c->state != CHILD_STARTING;
        child_bury(c, status, fence_dismiss(r->fence, c->slot));
        waitpid(c->pid, NULL, 0);
        r->places[c->slot] = NULL;
        list_push_back(&r->dead, &c->link);
        return started;
}

static bool is_ours(const struct roster *r, pid_t pid)
{
        for (size_t i = 0; i < r->count; i++) {
                if (r->places[i] && r->places[i]->pid == pid)
                        return true;
        }
        return false;
}

/*
 * Orphans of bodies that left their group and came to us. A child that a library of this process has
 * started is in our own group, and the library's to reap.
 */
static void reap_adopted(const struct roster *r)
{
        siginfo_t si = {0};
        while (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid > 0 &&
               getpgid(si.si_pid) != getpgrp() && !is_ours(r, si.si_pid)) {
                waitpid(si.si_pid, NULL, 0);
                si.si_pid = 0;
        }
}

static void reap_group(pid_t pgid)
{
        while (waitpid(-pgid, NULL, WNOHANG) > 0)
                ;
}

void roster_reap(struct roster *r)
{
        bool found = false, started = true;
        for (size_t i = 0; i < r->count; i++) {
                struct child *c = r->places[i];
                siginfo_t si = {0};
                if (!c || waitid(P_PID, (id_t)c->pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
                    si.si_pid == 0)
                        continue;
                started &= bury(r, c, &si);
                found = true;
        }
        LIST_EACH(at, &r->dead)
        {
                struct child *c = CONTAINER_OF(at, struct child, link);
                reap_group(c->pid);
                finish_dead(r, c);
        }
        reap_adopted(r);
        if (found && started)
                fill_all(r);
        else if (found)
                fill_later(r);
}

/* ---- looking ---- */

void roster_tell(struct roster *r)
{
        r->events.on_idle(r->idle_count, r->events.arg);
}

struct child *roster_idle(const struct roster *r)
{
        return list_empty(&r->idle) ? NULL : CONTAINER_OF(r->idle.next, struct child, link);
}

struct child *roster_find(const struct roster *r, int64_t id, int32_t attempt)
{
        for (size_t i = 0; i < r->count; i++) {
                struct child *c = r->places[i];
                if (c && c->id == id && c->attempt == attempt)
                        return c;
        }
        return NULL;
}

struct child *roster_find_no(const struct roster *r, uint64_t no)
{
        for (size_t i = 0; i < r->count; i++) {
                if (r->places[i] && r->places[i]->no == no)
                        return r->places[i];
        }
        return NULL;
}

void roster_each(struct roster *r, enum child_event event)
{
        for (size_t i = 0; i < r->count; i++) {
                if (r->places[i])
                        child_happens(r->places[i], event, NULL);
        }
        LIST_EACH(at, &r->dead)
        child_happens(CONTAINER_OF(at, struct child, link), event, NULL);
}

size_t roster_bodies(const struct roster *r)
{
        size_t n = 0;
        for (size_t i = 0; i < r->count; i++)
                n += r->places[i] && r->places[i]->id != 0;
        LIST_EACH(at, &r->dead)
        n += CONTAINER_OF(at, struct child, link)->id != 0;
        return n;
}

void roster_measure(const struct roster *r)
{
        unsigned in[CHILD_STATE_COUNT] = {0};
        for (size_t i = 0; i < r->count; i++) {
                if (r->places[i])
                        in[r->places[i]->state]++;
        }
        for (int s = 0; s < CHILD_DEAD; s++)
                metric_set(METRIC_RUNNERS, in[s], child_state_name((enum child_state)s), NULL);
}

void roster_listen(struct roster *r)
{
        for (size_t i = 0; i < r->count; i++) {
                struct child *c = r->places[i];
                if (c && c->deaf) {
                        c->deaf = false;
                        channel_resume(c->channel);
                }
        }
}
