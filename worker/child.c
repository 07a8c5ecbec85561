/* child.c - the table of a runner's life, and what each step does. */
#include "worker/child.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

enum {
        START_GRACE_MS = 30000,
        EOF_GRACE_MS = 200,    /* from the end of its pipe to its death */
        GROUP_GRACE_MS = 2000, /* for the rest of its group to be gone */
        TEXT_BYTES = ERR_TEXT_MAX + 64,
};

static const char *const state_names[] = {
        [CHILD_STARTING] = "starting", [CHILD_IDLE] = "idle",       [CHILD_BUSY] = "busy",
        [CHILD_ENDING] = "ending",     [CHILD_KILLING] = "killing", [CHILD_DEAD] = "dead",
};
_Static_assert(COUNT_OF(state_names) == CHILD_STATE_COUNT, "each state has a name");

const char *child_state_name(enum child_state s)
{
        return state_names[s];
}

/* ---- why it died ---- */

/* By the event that ended it; reason is a label of the metric, and stands in the obituary. */
static const struct {
        const char *reason;
        bool expected; /* nobody need look at it */
} ends[CHILD_EVENT_COUNT] = {
        [CHILD_EXIT] = {"crashed", false},    [CHILD_RETIRE] = {"recycled", true},
        [CHILD_CANCEL] = {"cancelled", true}, [CHILD_HAND_BACK] = {"stopped", true},
        [CHILD_FENCE] = {"fenced", false},    [CHILD_RUBBISH] = {"rubbish", false},
        [CHILD_EOF] = {"closed_pipe", false}, [CHILD_LEFTOVERS] = {"leftovers", true},
        [CHILD_DUE] = {"timed_out", false},
};

static const char *reason_of(const struct child *c)
{
        return c->left.fenced ? ends[CHILD_FENCE].reason : ends[c->why].reason;
}

/* "killed by signal 9 (KILL)" or "exited with status 3". */
static void describe_status(int status, char out[TEXT_BYTES])
{
        const char *name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;
        if (WIFSIGNALED(status))
                snprintf(out, TEXT_BYTES, "killed by signal %d (%s)", WTERMSIG(status),
                         name ? name : "?");
        else
                snprintf(out, TEXT_BYTES, "exited with status %d", WEXITSTATUS(status));
}

static void set_failed(struct outcome *o, enum error_class class, const char *error)
{
        *o = (struct outcome){
                .kind = OUTCOME_FAILED, .class = class, .error = error, .due_in_ms = -1};
}

/* Whether it was ended for the job in hand, or for one that was over by then. */
static bool is_blamed(const struct child *c)
{
        return c->blamed == 0 || c->blamed == c->number;
}

/* How the job of a dead runner ends, where the body has not said it. */
static void judge(const struct child *c, struct outcome *o, char text[TEXT_BYTES])
{
        if (c->left.fenced) {
                set_failed(o, CLASS_LOST,
                           "the worker's lease ran out before it was renewed: the body "
                           "was ended");
        } else if (c->number > c->left.begun || !is_blamed(c) || c->why == CHILD_HAND_BACK) {
                *o = (struct outcome){.kind = OUTCOME_HANDED_BACK, .due_in_ms = -1};
        } else if (c->why == CHILD_DUE) {
                snprintf(text, TEXT_BYTES, "ran longer than its %.10g s and was ended",
                         (double)c->timeout_ms / 1000);
                set_failed(o, CLASS_TIMED_OUT, text);
        } else if (c->why == CHILD_CANCEL) {
                snprintf(text, TEXT_BYTES, "ended: %s", c->detail);
                set_failed(o, CLASS_TEMPORARY, text);
        } else if (c->why == CHILD_RUBBISH) {
                snprintf(text, TEXT_BYTES, "the runner was killed, it sent rubbish: %s", c->detail);
                set_failed(o, CLASS_CRASHED, text);
        } else if (c->why == CHILD_EOF) {
                set_failed(o, CLASS_CRASHED,
                           "the runner closed its pipe to the worker, and was killed");
        } else {
                describe_status(c->status, text);
                set_failed(o, CLASS_CRASHED, text);
        }
}

/* What was on its way to be completed or parked is; a failure under SIGTERM is ours. */
static bool word_counts(const struct child *c, const struct outcome *o)
{
        bool ended = is_blamed(c) &&
                     (c->why == CHILD_DUE || c->why == CHILD_CANCEL || c->why == CHILD_HAND_BACK);
        return !ended || o->kind == OUTCOME_COMPLETED || o->kind == OUTCOME_PARKED;
}

/* ---- its job ---- */

static void take_in_hand(struct child *c, const struct parcel *p)
{
        c->id = p->id;
        c->attempt = p->attempt;
        c->timeout_ms = p->timeout_ms;
        c->number = p->number;
        c->begun_ms = clock_mono_ms();
}

/* The next one in its pipe is in hand now, if there is any. */
static void advance(struct child *c)
{
        struct list *l = list_pop_front(&c->behind);
        c->id = 0;
        if (!l)
                return;
        struct parcel *next = CONTAINER_OF(l, struct parcel, link);
        c->behind_count--;
        take_in_hand(c, next);
        parcel_free(next);
}

static void settle(struct child *c, const struct outcome *o)
{
        int64_t id = c->id;
        c->id = 0;
        if (id != 0 && c->why != CHILD_FENCE)
                c->owner->on_settle(id, c->attempt, o, c->owner->arg);
        buf_fini(&c->word);
        advance(c);
}

static void drop_behind(struct child *c)
{
        struct list *l;
        while ((l = list_pop_front(&c->behind)))
                parcel_free(CONTAINER_OF(l, struct parcel, link));
        c->behind_count = 0;
}

void child_recall(struct child *c, struct list *to)
{
        if (list_empty(&c->behind))
                return;
        uint32_t begun = fence_recall(c->owner->fence, c->slot, c->number, c->jobs);
        LIST_EACH(l, &c->behind)
        {
                struct parcel *p = CONTAINER_OF(l, struct parcel, link);
                if (p->number <= begun)
                        continue;
                list_remove(l);
                c->behind_count--;
                p->number = 0;
                list_push_back(to, l);
        }
}

static void settle_dead(struct child *c)
{
        char text[TEXT_BYTES];
        struct outcome o;
        struct message m;
        if (c->word.len > 0 &&
            message_decode(c->word.data, c->word.len, MESSAGE_UP, &m, NULL) == 0 &&
            word_counts(c, &m.u.outcome.outcome))
                o = m.u.outcome.outcome;
        else
                judge(c, &o, text);
        settle(c, &o);
}

/* ---- what a step does ---- */

enum action {
        NOTHING,
        BUG,
        RUBBISH, /* happens, as if it had come */
        BEGIN,
        SETTLE,
        KEEP,      /* the outcome, until it is dead */
        KEEP_KILL, /* that, and SIGKILL */
        TERM,
        WAIT, /* a moment, for its death */
        KILL,
        DISOWN, /* that, and nothing of its job counts any more */
};

static void signal_group(const struct child *c, int signo)
{
        if (c->state != CHILD_DEAD) /* its process id may be somebody else's by then */
                kill(-c->pid, signo);
}

static void keep_word(struct child *c, const struct message *m)
{
        if (c->id == 0 || c->word.len > 0 || !m)
                return;
        c->word = BUF_INIT(MESSAGE_MAX_BYTES);
        message_encode(&c->word, MESSAGE_OUTCOME, &m->u.outcome);
}

static void begin(struct child *c)
{
        c->due_ms = c->timeout_ms > 0 ? c->begun_ms + c->timeout_ms : INT64_MAX;
}

/* c->state is the new one already. */
static void act(struct child *c, enum action action, const struct message *m)
{
        switch (action) {
        case NOTHING:
        case BUG:
        case RUBBISH:
                break;
        case BEGIN:
                begin(c);
                break;
        case SETTLE:
                settle(c, &m->u.outcome.outcome);
                if (c->id != 0) {
                        c->state = CHILD_BUSY;
                        begin(c);
                }
                break;
        case KEEP:
                keep_word(c, m);
                break;
        case TERM:
                signal_group(c, SIGTERM);
                signal_group(c, SIGCONT); /* a stopped one takes it too */
                c->due_ms = clock_mono_ms() + c->owner->kill_grace_ms;
                break;
        case WAIT:
                c->due_ms = clock_mono_ms() + EOF_GRACE_MS;
                break;
        case KEEP_KILL:
                keep_word(c, m);
                signal_group(c, SIGKILL);
                c->due_ms = INT64_MAX;
                break;
        case KILL:
        case DISOWN:
                signal_group(c, SIGKILL);
                c->due_ms = INT64_MAX;
                c->killed = true;
                if (action == DISOWN)
                        drop_behind(c);
                break;
        }
}

/* ---- the table ---- */

struct step {
        enum child_state to; /* SAME: stays where it is */
        enum action action;
};
/* clang-format off */
#define SAME CHILD_STATE_COUNT
#define STAY        {SAME, NOTHING}
#define DO(a)       {SAME, a}
#define TO(s, a)    {CHILD_##s, a}
static const struct step steps[CHILD_EVENT_COUNT][CHILD_STATE_COUNT] = {
        /*                   starting              idle                  busy                    ending                  killing            dead */
        [CHILD_READY]     = {TO(IDLE, NOTHING),    DO(RUBBISH),          DO(RUBBISH),            STAY,                   STAY,              STAY},
        [CHILD_JOB]       = {DO(BUG),              TO(BUSY, BEGIN),      DO(BUG),                DO(BUG),                DO(BUG),           DO(BUG)},
        [CHILD_OUTCOME]   = {DO(RUBBISH),          DO(RUBBISH),          TO(IDLE, SETTLE),       TO(KILLING, KEEP_KILL), DO(KEEP),          STAY},
        [CHILD_LEFTOVERS] = {DO(RUBBISH),          DO(RUBBISH),          TO(KILLING, KEEP_KILL), TO(KILLING, KEEP_KILL), DO(KEEP),          STAY},
        [CHILD_RETIRE]    = {TO(ENDING, TERM),     TO(ENDING, TERM),     STAY,                   STAY,                   STAY,              STAY},
        [CHILD_CANCEL]    = {STAY,                 STAY,                 TO(ENDING, TERM),       STAY,                   STAY,              STAY},
        [CHILD_HAND_BACK] = {STAY,                 STAY,                 TO(ENDING, TERM),       STAY,                   STAY,              STAY},
        [CHILD_FENCE]     = {STAY,                 STAY,                 TO(KILLING, DISOWN),    TO(KILLING, DISOWN),    DO(DISOWN),        DO(DISOWN)},
        [CHILD_RUBBISH]   = {TO(KILLING, KILL),    TO(KILLING, KILL),    TO(KILLING, KILL),      TO(KILLING, KILL),      STAY,              STAY},
        [CHILD_EOF]       = {TO(ENDING, WAIT),     TO(ENDING, WAIT),     TO(ENDING, WAIT),       STAY,                   STAY,              STAY},
        [CHILD_DUE]       = {TO(KILLING, KILL),    STAY,                 TO(ENDING, TERM),       TO(KILLING, KILL),      STAY,              STAY},
        [CHILD_DYING]     = {TO(KILLING, NOTHING), TO(KILLING, NOTHING), TO(KILLING, NOTHING),   TO(KILLING, NOTHING),   STAY,              STAY},
        [CHILD_EXIT]      = {TO(DEAD, NOTHING),    TO(DEAD, NOTHING),    TO(DEAD, NOTHING),      TO(DEAD, NOTHING),      TO(DEAD, NOTHING), DO(BUG)},
};
/* clang-format on */
_Static_assert(COUNT_OF(steps) == CHILD_EVENT_COUNT, "each event has a row");

static void set_detail(struct child *c, const char *detail)
{
        snprintf(c->detail, sizeof(c->detail), "%s", detail ? detail : "");
        size_t len = strlen(c->detail);
        while (!utf8_valid(c->detail, len)) /* cut within a character */
                c->detail[--len] = '\0';
}

/* The first that ends it says why; that nothing counts goes before all. */
static void note_why(struct child *c, enum child_event event, enum action action, const char *detail)
{
        bool ends_it = action == TERM || action == WAIT || action == KILL || action == KEEP_KILL;
        if (action == DISOWN) {
                c->why = CHILD_FENCE;
        } else if (ends_it && c->why == CHILD_EXIT && event != CHILD_OUTCOME) {
                c->why = event;
                c->blamed = event == CHILD_CANCEL || event == CHILD_DUE ? c->number : 0;
                set_detail(c, detail);
        }
}

static void step(struct child *c, enum child_event event, const char *detail,
                 const struct message *m)
{
        const struct step *s = &steps[event][c->state];
        assert(s->action != BUG);
        if (event == CHILD_OUTCOME && c->state > CHILD_BUSY && !list_empty(&c->behind)) {
                settle(c, &m->u.outcome.outcome); /* it was over before the end began */
                return;
        }
        if (s->action == RUBBISH) {
                step(c, CHILD_RUBBISH, "a word out of turn", NULL);
                return;
        }
        note_why(c, event, s->action, detail);
        if (s->to != SAME)
                c->state = s->to;
        if (s->to == CHILD_IDLE)
                c->due_ms = INT64_MAX;
        act(c, s->action, m);
        if (c->state == CHILD_IDLE && c->jobs >= (uint64_t)c->owner->recycle_jobs)
                step(c, CHILD_RETIRE, NULL, NULL);
        else
                c->owner->on_change(c, c->owner->arg);
}

void child_happens(struct child *c, enum child_event event, const char *detail)
{
        step(c, event, detail, NULL);
}

/* ---- its words ---- */

/* What its body says: only while there is one, and one question at a time. */
static void hear(struct child *c, const struct message *m)
{
        bool idle = c->state == CHILD_IDLE || c->state == CHILD_STARTING;
        if (idle || (m->type == MESSAGE_ASK && c->asking))
                step(c, CHILD_RUBBISH, "a word out of turn", NULL);
        else if (c->id != 0)
                c->owner->on_word(c, m, c->owner->arg);
}

static void on_message(const struct message *m, void *arg)
{
        struct child *c = arg;
        switch (m->type) {
        case MESSAGE_READY:
                step(c, CHILD_READY, NULL, m);
                break;
        case MESSAGE_OUTCOME:
                if (m->u.outcome.lines_dropped > 0)
                        metric_add(METRIC_LOG_LINES, (double)m->u.outcome.lines_dropped, "dropped",
                                   NULL);
                step(c, m->u.outcome.leftovers ? CHILD_LEFTOVERS : CHILD_OUTCOME, NULL, m);
                break;
        default:
                hear(c, m);
        }
}

static void on_end(const char *wrong, void *arg)
{
        struct child *c = arg;
        step(c, wrong ? CHILD_RUBBISH : CHILD_EOF, wrong, NULL);
}

struct child *child_new(struct loop *l, pid_t pid, const struct pipe_ends *pipe, unsigned slot,
                        const struct child_owner *owner)
{
        static uint64_t last_no;
        struct child *c = xmalloc(sizeof(*c));
        *c = (struct child){.no = ++last_no,
                            .slot = slot,
                            .pid = pid,
                            .state = CHILD_STARTING,
                            .why = CHILD_EXIT,
                            .owner = owner,
                            .due_ms = clock_mono_ms() + START_GRACE_MS};
        list_init(&c->link);
        list_init(&c->behind);
        struct channel_events events = {.on_message = on_message, .on_end = on_end, .arg = c};
        c->channel = channel_new(l, pipe, &events);
        return c;
}

void child_free(struct child *c)
{
        if (!c)
                return;
        list_remove(&c->link);
        drop_behind(c);
        channel_free(c->channel);
        buf_fini(&c->word);
        free(c);
}

int child_give(struct child *c, struct parcel *p)
{
        struct err e = ERR_INIT;
        if (channel_post(c->channel, p->frame, p->len, p->secret, &e) < 0)
                return -1;
        p->number = ++c->jobs;
        if (c->state == CHILD_BUSY) {
                list_push_back(&c->behind, &p->link);
                c->behind_count++;
                return 0;
        }
        take_in_hand(c, p);
        parcel_free(p);
        step(c, CHILD_JOB, NULL, NULL);
        return 0;
}

/* ---- its death ---- */

static void write_obituary(const struct child *c)
{
        char how[TEXT_BYTES];
        const char *reason = reason_of(c);
        bool expected = ends[c->why].expected && !c->left.fenced;
        describe_status(c->status, how);
        metric_add(METRIC_RUNNER_DEATHS, 1, reason, NULL);
        LOG_AT(expected ? LOG_INFO : LOG_WARN, "runner.died", LI("runner", c->pid), LS("how", how),
               LI("signal", WIFSIGNALED(c->status) ? WTERMSIG(c->status) : 0),
               LI("status", WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1),
               LS("reason", reason), LS("detail", c->detail), LI("jobs", c->jobs),
               LI("migration", c->id), LI("attempt", c->id ? c->attempt : 0));
}

void child_bury(struct child *c, int status, struct fence_left left)
{
        step(c, CHILD_DYING, NULL, NULL);
        channel_drain(c->channel);
        c->status = status;
        c->left = left;
        if (c->why == CHILD_EOF && !c->killed)
                c->why = CHILD_EXIT; /* its pipe closed because it died */
        signal_group(c, SIGKILL);
        write_obituary(c);
        c->settle_by_ms = clock_mono_ms() + GROUP_GRACE_MS;
        step(c, CHILD_EXIT, NULL, NULL);
}

bool child_settled(struct child *c)
{
        assert(c->state == CHILD_DEAD);
        if (c->id == 0)
                return true;
        if (kill(-c->pid, 0) == 0 && clock_mono_ms() < c->settle_by_ms) {
                c->due_ms = c->settle_by_ms;
                return false;
        }
        while (c->id != 0)
                settle_dead(c);
        return true;
}
