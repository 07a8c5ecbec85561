/* supervisor.c - runners on one side, the engine on the other. */
#include "worker/supervisor.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <signal.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/crowd.h"
#include "engine/worker.h"
#include "worker/roster.h"

enum { TICK_MS = 1000, QUIET_LOOK_MS = 10, LISTEN_AGAIN_MS = 10 };

enum phase {
        PHASE_RUNNING,
        PHASE_DRAINING, /* bodies may finish */
        PHASE_ENDING,   /* they are ended and their jobs handed back */
};

struct supervisor {
        struct loop *loop;
        const struct config *cfg;
        struct crowd *crowd;
        struct engine_worker *engine; /* NULL until supervisor_start() */
        struct fence *fence;
        struct roster *roster;
        enum phase phase;
        bool dead;  /* on_dead came, and its bodies are not all gone yet */
        bool ready; /* has been */
        bool ended_well;
        int64_t give_up_ms; /* no body is left: waits for the engine until then; 0: not yet */
        struct loop_timer *tick, *grace, *quiet, *listen;
};

/* ---- from the runners ---- */

static bool takes_jobs(const struct supervisor *s)
{
        return s->phase == PHASE_RUNNING && !s->dead;
}

static void on_room(unsigned idle, unsigned behind, void *arg)
{
        struct supervisor *s = arg;
        if (s->engine)
                engine_worker_room(s->engine, takes_jobs(s) ? idle : 0, takes_jobs(s) ? behind : 0);
}

static unsigned together(void *arg)
{
        const struct supervisor *s = arg;
        return s->engine ? engine_worker_together(s->engine) : 0;
}

static unsigned depth(void *arg)
{
        const struct supervisor *s = arg;
        return s->engine ? engine_worker_depth(s->engine) : 0;
}

static void on_settle(int64_t id, int32_t attempt, const struct outcome *o, void *arg)
{
        struct supervisor *s = arg;
        FAULT_POINT(outcome_read);
        engine_worker_settle(s->engine, id, attempt, o);
}

/* What a body asked, until it is answered; its runner may be gone by then. */
struct question {
        struct supervisor *s;
        uint64_t no; /* of the child */
};

static void on_answer(const char *answer, const struct err *e, void *arg)
{
        struct question *q = arg;
        struct child *c = roster_find_no(q->s->roster, q->no);
        struct message_reply reply = {
                .ok = !e, .code = e ? (int32_t)e->code : 0, .text = e ? e->text : answer};
        if (c) {
                c->asking = false;
                channel_send(c->channel, MESSAGE_REPLY, &reply, NULL);
        }
        free(q);
}

static void on_log(struct supervisor *s, struct child *c, const struct message_log *log)
{
        engine_worker_log(s->engine, c->id, c->attempt, log->stream, log->line.data, log->line.len);
        if (c->deaf || !engine_worker_log_full(s->engine))
                return;
        c->deaf = true;
        channel_pause(c->channel);
        loop_timer_start(s->listen, LISTEN_AGAIN_MS);
}

static void listen_again(void *arg)
{
        struct supervisor *s = arg;
        if (engine_worker_log_full(s->engine))
                loop_timer_start(s->listen, LISTEN_AGAIN_MS);
        else
                roster_listen(s->roster);
}

static void on_word(struct child *c, const struct message *m, void *arg)
{
        struct supervisor *s = arg;
        if (m->type == MESSAGE_LOG) {
                on_log(s, c, &m->u.log);
        } else if (m->type == MESSAGE_PROGRESS) {
                engine_worker_progress(s->engine, c->id, c->attempt, m->u.progress.json);
        } else if (m->type == MESSAGE_ASK) {
                struct question *q = xmalloc(sizeof(*q));
                *q = (struct question){.s = s, .no = c->no};
                c->asking = true;
                engine_worker_ask(s->engine, c->id, c->attempt, m->u.ask.op, m->u.ask.arg1,
                                  m->u.ask.arg2, on_answer, q);
        }
}

/* ---- from the engine ---- */

static void on_job(const struct job *job, void *arg)
{
        struct supervisor *s = arg;
        static const struct outcome handed_back = {.kind = OUTCOME_HANDED_BACK, .due_in_ms = -1};
        if (takes_jobs(s) && fence_open(s->fence))
                roster_give(s->roster, job);
        else
                engine_worker_settle(s->engine, job->id, job->attempt, &handed_back);
        FAULT_POINT(job_given);
}

static void on_fence(int64_t deadline_mono_ms, void *arg)
{
        struct supervisor *s = arg;
        if (!s->dead)
                fence_set(s->fence, deadline_mono_ms);
}

static void look_for_bodies(void *arg)
{
        struct supervisor *s = arg;
        if (!s->dead || roster_bodies(s->roster) > 0)
                return;
        s->dead = false;
        engine_worker_bodies_gone(s->engine);
        roster_tell(s->roster);
}

static void on_dead(void *arg)
{
        struct supervisor *s = arg;
        log_warn("worker.dead", LI("bodies", roster_bodies(s->roster)));
        s->dead = true;
        fence_set(s->fence, 0);
        roster_drop(s->roster);
        roster_each(s->roster, CHILD_FENCE);
        loop_defer(s->loop, look_for_bodies, s);
}

static void on_cancel(int64_t id, int32_t attempt, const char *reason, void *arg)
{
        struct supervisor *s = arg;
        roster_cancel(s->roster, id, attempt, reason);
}

/* ---- the end ---- */

static void hand_back_all(void *arg)
{
        struct supervisor *s = arg;
        if (s->phase == PHASE_ENDING)
                return;
        s->phase = PHASE_ENDING;
        log_info("worker.hands_back", LI("bodies", roster_bodies(s->roster)));
        roster_each(s->roster, CHILD_HAND_BACK);
        FAULT_POINT(hand_back_begun);
}

static void look_for_quiet(void *arg)
{
        struct supervisor *s = arg;
        if (roster_bodies(s->roster) > 0)
                return;
        int64_t now = clock_mono_ms();
        if (s->give_up_ms == 0)
                s->give_up_ms = now + s->cfg->worker_lease_ms;
        s->ended_well = engine_worker_quiet(s->engine);
        if (!s->ended_well && now < s->give_up_ms)
                return;
        if (!s->ended_well)
                log_error("worker.unsettled",
                          LS("reason",
                             "what its bodies did could not be written for a whole lease; "
                             "another worker will take their migrations up again"));
        loop_stop(s->loop);
}

static void drain(void *arg)
{
        struct supervisor *s = arg;
        if (s->phase != PHASE_RUNNING)
                return;
        s->phase = PHASE_DRAINING;
        log_info("worker.drains", LI("bodies", roster_bodies(s->roster)),
                 LI("grace_ms", s->cfg->worker_shutdown_grace_ms));
        FAULT_POINT(drain_begun);
        roster_close(s->roster);
        roster_return(s->roster);
        engine_worker_drain(s->engine);
        loop_timer_start(s->grace, s->cfg->worker_shutdown_grace_ms);
        loop_timer_every(s->quiet, QUIET_LOOK_MS);
}

static void on_stop(int signo, void *arg)
{
        (void)signo;
        struct supervisor *s = arg;
        if (s->phase == PHASE_RUNNING)
                drain(s);
        else
                hand_back_all(s);
}

static void on_child(int signo, void *arg)
{
        (void)signo;
        struct supervisor *s = arg;
        roster_reap(s->roster);
}

static void on_tick(void *arg)
{
        struct supervisor *s = arg;
        roster_measure(s->roster);
        if (!s->ready && engine_worker_ready(s->engine)) {
                s->ready = true;
                log_info("worker.ready", LI("runners", s->cfg->worker_concurrency),
                         LS("queues", s->cfg->worker_queues));
        }
}

/* ---- faces ---- */

/* Those that serve the same queues of the same installation. Everybody on the host can see a trace of it: no password. */
static struct crowd *join_crowd(const struct config *cfg)
{
        autobuf whose = BUF_INIT(SIZE_MAX);
        config_mask(cfg->database_url, &whose);
        buf_addf(&whose, "\n%s\n%s", cfg->redis_prefix, cfg->worker_queues);
        return crowd_new("/proc/stat", buf_str(&whose));
}

struct supervisor *supervisor_new(struct loop *l, const struct config *cfg)
{
        struct supervisor *s = xcalloc(1, sizeof(*s));
        s->loop = l;
        s->cfg = cfg;
        s->crowd = join_crowd(cfg);
        int64_t waited_ms = crowd_wait(s->crowd, cfg->worker_start_wait_ms);
        if (waited_ms)
                log_info("worker.waited", LI("ms", waited_ms));
        curl_global_init(CURL_GLOBAL_DEFAULT); /* for all runners; it takes a while */
        s->fence = fence_new((unsigned)cfg->worker_concurrency, cfg->worker_lease_ms);
        struct roster_events events = {.on_room = on_room,
                                       .depth = depth,
                                       .together = together,
                                       .on_settle = on_settle,
                                       .on_word = on_word,
                                       .on_gone = look_for_bodies,
                                       .arg = s};
        s->roster = roster_new(l, cfg, s->fence, &events);
        return s;
}

void supervisor_start(struct supervisor *s)
{
        struct engine_worker_events events = {.on_job = on_job,
                                              .on_fence = on_fence,
                                              .on_dead = on_dead,
                                              .on_cancel = on_cancel,
                                              .on_drain = drain,
                                              .arg = s};
        s->tick = loop_timer_new(s->loop, on_tick, s);
        s->grace = loop_timer_new(s->loop, hand_back_all, s);
        s->quiet = loop_timer_new(s->loop, look_for_quiet, s);
        s->listen = loop_timer_new(s->loop, listen_again, s);
        loop_signal(s->loop, SIGCHLD, on_child, s);
        loop_signal(s->loop, SIGTERM, on_stop, s);
        loop_signal(s->loop, SIGINT, on_stop, s);
        s->engine = engine_worker_new(s->loop, s->cfg, s->crowd, &events);
        loop_timer_every(s->tick, TICK_MS);
        roster_reap(s->roster); /* those that died before we listened */
}

bool supervisor_ended_well(const struct supervisor *s)
{
        return s->ended_well;
}

void supervisor_free(struct supervisor *s)
{
        if (!s)
                return;
        engine_worker_free(s->engine); /* answers what is still asked */
        roster_free(s->roster);
        fence_free(s->fence);
        crowd_free(s->crowd);
        loop_timer_free(s->tick);
        loop_timer_free(s->grace);
        loop_timer_free(s->quiet);
        loop_timer_free(s->listen);
        free(s);
}
