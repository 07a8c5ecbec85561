/* roster.c - places for runners, those in them, and those that died. */
#include "worker/roster.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
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

enum {
        LOOK_MS = 2,
        WAIT_MS = 50,             /* without a runner, beyond worker.ahead_ms */
        BEHIND_BYTES = 64 * 1024, /* that its runner has not taken, or one of them has */
};

/* Rings at the earliest of the times that it was told. */
struct bell {
        struct loop_timer *timer;
        int64_t at_ms; /* INT64_MAX: it does not run */
};

struct roster {
        struct loop *loop;
        const struct config *cfg;
        struct fence *fence;
        struct roster_events events;
        struct child_owner owner;
        size_t count;
        struct child **places; /* by slot; NULL: to be filled */
        struct list idle;      /* child.link */
        unsigned idle_count;
        struct list waiting; /* parcel.link: no runner has them */
        size_t turn;         /* the place that is the next to get one behind its own */
        size_t latest;       /* the place that was given a job last */
        struct bell look;
        struct list dead;       /* child.link: their groups are waited for */
        unsigned failed_starts; /* in a row */
        bool closed;
        struct loop_timer *refill;
        struct bell due;
};

/* ---- what is due ---- */

static void ring_by(struct bell *b, int64_t at_ms)
{
        if (at_ms >= b->at_ms)
                return;
        b->at_ms = at_ms;
        loop_timer_start(b->timer, at_ms - clock_mono_ms());
}

static bool finish_dead(struct roster *r, struct child *c)
{
        if (!child_settled(c)) {
                ring_by(&r->due, c->due_ms);
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
        r->due.at_ms = INT64_MAX;
        for (size_t i = 0; i < r->count; i++) {
                struct child *c = r->places[i];
                if (c && c->due_ms <= now)
                        child_happens(c, CHILD_DUE, NULL);
                if (c && c->due_ms > now)
                        ring_by(&r->due, c->due_ms);
        }
        LIST_EACH(at, &r->dead)
        finish_dead(r, CONTAINER_OF(at, struct child, link));
}

/* ---- dealing out ---- */

/* Its body has begun so short a time ago that the next job may stand behind it. */
static bool is_fresh(const struct roster *r, const struct child *c, int64_t now)
{
        return now - c->begun_ms < r->cfg->worker_ahead_ms;
}

static unsigned room_behind(const struct roster *r, const struct child *c, unsigned depth,
                            int64_t now)
{
        bool takes =
                c && (c->state == CHILD_IDLE || (c->state == CHILD_BUSY && is_fresh(r, c, now)));
        if (!takes || c->behind_count >= depth || c->jobs >= r->cfg->worker_recycle_jobs)
                return 0;
        return depth - c->behind_count;
}

void roster_tell(struct roster *r)
{
        unsigned depth = list_empty(&r->waiting) ? r->events.depth(r->events.arg) : 0, behind = 0;
        int64_t now = depth > 0 ? clock_mono_ms() : 0;
        for (size_t i = 0; depth > 0 && i < r->count; i++)
                behind += room_behind(r, r->places[i], depth, now);
        r->events.on_room(r->idle_count, behind, r->events.arg);
}

static bool takes_behind(const struct roster *r, const struct child *c, unsigned depth, int64_t now)
{
        return c && c->state == CHILD_BUSY && channel_pending(c->channel) < BEHIND_BYTES &&
               room_behind(r, c, depth, now) > 0;
}

/* The one that was given the job before, while it has little to do; else the last one that became idle, else the next
   that has room behind its job. */
static struct child *find_place(struct roster *r, const struct parcel *p)
{
        bool may_wait = p->len <= BEHIND_BYTES;
        int64_t now = clock_mono_ms();
        struct child *c = r->places[r->latest];
        if (may_wait && takes_behind(r, c, r->events.together(r->events.arg), now))
                return c;
        if (!list_empty(&r->idle))
                return CONTAINER_OF(r->idle.next, struct child, link);
        for (size_t i = 0; may_wait && i < r->count; i++) {
                c = r->places[r->turn++ % r->count];
                if (takes_behind(r, c, (unsigned)r->cfg->worker_ahead_jobs, now))
                        return c;
        }
        return NULL;
}

static void look_soon(struct roster *r)
{
        ring_by(&r->look, clock_mono_ms() + LOOK_MS);
}

/* When what stands behind its body is to be looked at: while nobody is idle, not before that is a long one. */
static int64_t look_due_ms(const struct roster *r, const struct child *c, int64_t now)
{
        int64_t soon = now + LOOK_MS, long_ms = c->begun_ms + r->cfg->worker_ahead_ms;
        return r->idle_count > 0 || long_ms < soon ? soon : long_ms;
}

/* False: nobody takes it just now. */
static bool deal(struct roster *r, struct parcel *p)
{
        struct child *c = find_place(r, p);
        if (!c || child_give(c, p) < 0)
                return false;
        r->latest = c->slot;
        if (c->behind_count > 0)
                ring_by(&r->look, look_due_ms(r, c, clock_mono_ms()));
        return true;
}

static void deal_waiting(struct roster *r)
{
        while (!list_empty(&r->waiting)) {
                struct list *l = list_pop_front(&r->waiting);
                if (!deal(r, CONTAINER_OF(l, struct parcel, link))) {
                        list_push_front(&r->waiting, l);
                        return;
                }
        }
}

static void on_settle(int64_t id, int32_t attempt, const struct outcome *o, void *arg)
{
        struct roster *r = arg;
        r->events.on_settle(id, attempt, o, r->events.arg);
}

static void hand_back(struct roster *r, struct parcel *p)
{
        const struct outcome o = {.kind = OUTCOME_HANDED_BACK, .due_in_ms = -1};
        int64_t id = p->id;
        int32_t attempt = p->attempt;
        parcel_free(p);
        on_settle(id, attempt, &o, r);
}

static void recall(struct roster *r, struct child *c)
{
        child_recall(c, &r->waiting);
        if (!list_empty(&r->waiting))
                look_soon(r);
}

/* What stands behind a long body goes to whoever is idle; what has waited for too long goes back. */
static void on_look(void *arg)
{
        struct roster *r = arg;
        int64_t now = clock_mono_ms(), next = INT64_MAX, due;
        r->look.at_ms = INT64_MAX;
        for (size_t i = 0; i < r->count; i++) {
                struct child *c = r->places[i];
                if (!c || c->behind_count == 0)
                        continue;
                if (!is_fresh(r, c, now) || (r->idle_count > 0 && now - c->begun_ms >= LOOK_MS))
                        recall(r, c);
                due = c->behind_count > 0 ? look_due_ms(r, c, now) : INT64_MAX;
                next = due < next ? due : next;
        }
        deal_waiting(r);
        while (!list_empty(&r->waiting)) {
                struct parcel *p = CONTAINER_OF(r->waiting.next, struct parcel, link);
                if (now - p->since_ms < r->cfg->worker_ahead_ms + WAIT_MS)
                        break;
                list_remove(&p->link);
                hand_back(r, p);
        }
        ring_by(&r->look, next);
        if (!list_empty(&r->waiting))
                look_soon(r);
        roster_tell(r);
}

void roster_give(struct roster *r, const struct job *job)
{
        struct err e = ERR_INIT;
        struct parcel *p = parcel_pack(job, &e);
        char text[ERR_TEXT_MAX + 64];
        struct outcome o = {.kind = OUTCOME_HANDED_BACK, .due_in_ms = -1};
        if (p && !deal(r, p)) {
                list_push_back(&r->waiting, &p->link);
                look_soon(r);
        }
        if (p)
                return;
        if (e.code == ERR_TOO_LARGE) {
                snprintf(text, sizeof(text), "cannot be given to a runner: %s", e.text);
                o.kind = OUTCOME_FAILED;
                o.class = CLASS_DATA;
                o.error = text;
        }
        on_settle(job->id, job->attempt, &o, r);
}

static void recall_all(struct roster *r)
{
        for (size_t i = 0; i < r->count; i++) {
                if (r->places[i])
                        recall(r, r->places[i]);
        }
}

void roster_return(struct roster *r)
{
        struct list *l;
        recall_all(r);
        while ((l = list_pop_front(&r->waiting)))
                hand_back(r, CONTAINER_OF(l, struct parcel, link));
}

void roster_drop(struct roster *r)
{
        struct list *l;
        recall_all(r);
        while ((l = list_pop_front(&r->waiting)))
                parcel_free(CONTAINER_OF(l, struct parcel, link));
}

/* The one that has this attempt in hand, and lives. */
static struct child *find_busy(const struct roster *r, int64_t id, int32_t attempt)
{
        for (size_t i = 0; i < r->count; i++) {
                struct child *c = r->places[i];
                if (c && c->id == id && c->attempt == attempt)
                        return c;
        }
        return NULL;
}

static struct parcel *find_in(const struct list *parcels, int64_t id, int32_t attempt)
{
        LIST_EACH(l, parcels)
        {
                struct parcel *p = CONTAINER_OF(l, struct parcel, link);
                if (p->id == id && p->attempt == attempt)
                        return p;
        }
        return NULL;
}

void roster_cancel(struct roster *r, int64_t id, int32_t attempt, const char *reason)
{
        struct child *c = find_busy(r, id, attempt);
        if (c) {
                child_happens(c, CHILD_CANCEL, reason);
                return;
        }
        for (size_t i = 0; i < r->count; i++) {
                c = r->places[i];
                if (c && find_in(&c->behind, id, attempt))
                        recall(r, c);
        }
        struct parcel *p = find_in(&r->waiting, id, attempt);
        if (p) {
                list_remove(&p->link);
                hand_back(r, p);
        }
        deal_waiting(r);
}

/* ---- the owner of each ---- */

/* Moves it into or out of the idle ones, and tells when there is more or less room. */
static void on_change(struct child *c, void *arg)
{
        struct roster *r = arg;
        bool is_idle = c->state == CHILD_IDLE;
        if (is_idle && !c->offered) {
                list_push_front(&r->idle, &c->link);
                r->idle_count++;
                r->failed_starts = 0;
                if (r->look.at_ms < INT64_MAX) /* something stands behind others */
                        look_soon(r);
        } else if (!is_idle && c->offered) {
                list_remove(&c->link);
                r->idle_count--;
        }
        c->offered = is_idle;
        if (c->state != CHILD_DEAD)
                ring_by(&r->due, c->due_ms);
        if (c->state > CHILD_BUSY)
                recall(r, c);
        deal_waiting(r);
        roster_tell(r);
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
        struct pipe_ends pipe;
        pid_t pid = spawn_runner(&runner, &pipe, &e);
        if (pid < 0) {
                log_error("runner.spawn", LE(&e));
                return -1;
        }
        fence_enlist(r->fence, slot, pid);
        r->places[slot] = child_new(r->loop, pid, &pipe, slot, &r->owner);
        ring_by(&r->due, r->places[slot]->due_ms);
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
                          .fence = fence,
                          .kill_grace_ms = cfg->worker_kill_grace_ms,
                          .recycle_jobs = cfg->worker_recycle_jobs},
                .count = (size_t)cfg->worker_concurrency,
        };
        list_init(&r->idle);
        list_init(&r->dead);
        list_init(&r->waiting);
        r->look = (struct bell){loop_timer_new(l, on_look, r), INT64_MAX};
        r->places = xcalloc(r->count, sizeof(struct child *));
        r->refill = loop_timer_new(l, fill_all, r);
        r->due = (struct bell){loop_timer_new(l, on_due, r), INT64_MAX};
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
        LIST_EACH(at, &r->waiting)
        parcel_free(CONTAINER_OF(at, struct parcel, link));
        loop_timer_free(r->refill);
        loop_timer_free(r->due.timer);
        loop_timer_free(r->look.timer);
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
