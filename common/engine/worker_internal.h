/*
 * worker_internal.h - what the files of a worker's half of the engine share.
 */
#ifndef ENGINE_WORKER_INTERNAL_H
#define ENGINE_WORKER_INTERNAL_H

#include "base/map.h"
#include "broker/broker.h"
#include "engine/crowd.h"
#include "engine/exchange.h"
#include "engine/pace.h"
#include "engine/worker.h"
#include "store/pg.h"

enum { QUEUES_MAX = 16 };

/* What this worker has in hand: an id from its pop until Redis was told how its delivery ended. */
enum hand_state {
        HAND_CLAIMING,  /* popped, the claim not answered */
        HAND_RUNNING,   /* a body has it */
        HAND_SETTLING,  /* its outcome waits for PostgreSQL */
        HAND_FINISHING, /* PostgreSQL knows, Redis is being told */
};
struct hand {
        int64_t id;
        int32_t attempt;
        enum hand_state state;
        int64_t wave_no;
        bool poll;
        bool lone;  /* it takes a runner for itself: its wave's bodies are not known to be short */
        bool brief; /* these are known to take microseconds */
        bool again; /* delivered once more meanwhile: claim again after the end */
        uint64_t since; /* the number of the last check before it ran */
};

struct identity {
        char host[256];
        char boot_id[64];
        char pid_ns[64];
        int pid;
        int64_t pid_started;
};

struct engine_worker {
        struct loop *loop;
        const struct config *cfg;
        struct engine_worker_events ev;
        struct pg *pg;   /* claims and settlements */
        struct pg *beat; /* the lease, and nothing that could be waited for */
        struct pg *look; /* what is asked: rows, peers, what is due; the reconciler and its lock */
        struct pg *stream_pg; /* log lines, progress, questions of bodies */
        struct broker *broker;
        struct broker_control *control;
        struct exchange *exchange;

        struct identity me;
        int64_t id; /* workers.worker_id; 0: none yet, or dead */
        int shard;
        bool registering, dead, draining, leaving, left;
        bool told;        /* the live views know that it is here */
        int64_t fence_ms; /* bodies may live until then */

        const char *queues[QUEUES_MAX];
        size_t nqueues;
        char *queue_names;
        struct broker_pop *pops[QUEUES_MAX];

        struct map *hands;       /* id -> struct hand */
        unsigned idle, behind;   /* runners, and places behind their jobs, as told */
        unsigned running;        /* hands that run … */
        unsigned lone, brief;    /* … with these marks */
        int64_t brief_ms;        /* clock_mono_ms() when the last brief one came to run */
        struct loop_timer *want; /* whether more ids are wanted is looked at again */
        struct pace *pace;
        struct crowd *crowd;
        struct loop_timer *spare; /* ids that find no runner soon go back */

        struct map *repairs;    /* wave_no -> a repair of its window under way */
        struct map *strangers;  /* ids in the processing list that were unknown at the last check */
        struct map *stray_rows; /* id -> attempt of rows that were unknown at the last check */
        uint64_t checks;        /* numbers the checks of hands against PostgreSQL */
        bool glancing;          /* one is under way … */
        bool glance_again;      /* … and was asked before something that it must see */
        struct loop_timer *tick;
        struct loop_timer *fence;

        struct settings *settings;
        struct promote *promote;
        struct reap *reap;
        struct stream *stream;
        struct asks *asks;
        struct reconcile *reconcile;
};

/* identity.c: who this process is, for the others on its host. */
void identity_read(struct identity *me);
/* Whether the process with this id that started then is still there. */
bool identity_process_exists(int pid, int64_t started);
/* Whether a process of that boot and namespace can be judged from here. */
bool identity_same_table(const struct identity *me, const char *boot_id, const char *pid_ns);

/* worker.c: says in each session whose it is, so that who reaps this worker can end them. The one that
 * registers knows already: the first renewal must not wait. */
void sessions_name(struct engine_worker *w);

/* hands.c: taking ids up and ending their deliveries. */
void hands_new(struct engine_worker *w);
void hands_free(struct engine_worker *w);
void hands_clear(struct engine_worker *w);
void hands_take(struct engine_worker *w, const int64_t *ids, size_t n);
/* Ids that will not be claimed here: their deliveries end by what the rows are. */
void hands_give_back(struct engine_worker *w, const int64_t *ids, size_t n);
void hands_give_unclaimed(struct engine_worker *w); /* all that waits for its claim */
void hands_want(struct engine_worker *w);           /* tells the pops whether ids are wanted */
void hands_check_list(struct engine_worker *w, bool at_once); /* the processing list against ours */
/* r: worker_rows, asked as check number `check`. */
void hands_check_rows(struct engine_worker *w, const struct pg_result *r, size_t s, uint64_t check);

/* lease.c: registering, renewing, being found dead, leaving. */
void lease_start(struct engine_worker *w);
void lease_tell(struct engine_worker *w); /* the live views, that it is here; once Redis is there */
void lease_hurry(struct engine_worker *w); /* draining and nothing in hand: leave now */
void lease_dead(struct engine_worker *w, const char *how);
void lease_stop(struct engine_worker *w);

/* settings.c: the key of the webhooks' tokens, and what a remote job is dressed with. */
struct settings *settings_new(struct engine_worker *w);
void settings_free(struct settings *s);
void settings_read(struct settings *s); /* once; the key never changes */
bool settings_known(const struct settings *s);
/* Fills webhook_url, site_id and site_secret of a remote job; valid until the next call. */
void settings_dress(struct settings *s, struct job *job, const char *stored);

struct promote *promote_new(struct engine_worker *w);
void promote_free(struct promote *p);
void promote_within(struct promote *p, int64_t ms); /* something comes due then */

struct reap *reap_new(struct engine_worker *w);
void reap_free(struct reap *r);
/* A row of this very process, whose bodies are gone: it need not be watched for a lease. */
void reap_former(struct reap *r, int64_t worker);
bool reap_settled(const struct reap *r); /* every such row is marked */
/* The peers as PostgreSQL showed them just now (worker_peers). */
void reap_look(struct reap *r, const struct pg_result *res, size_t s);

/* repair.c: a claim was refused for a full window. */
void repair_window(struct engine_worker *w, int64_t wave_no);

/* ask.c: what bodies ask. */
struct asks *asks_new(struct engine_worker *w);
void asks_free(struct asks *a); /* after the end of stream_pg, which has answered all */

struct stream *stream_new(struct engine_worker *w);
void stream_free(struct stream *l);
void stream_kick(struct stream *l);
bool stream_quiet(const struct stream *l);
bool stream_written(const struct stream *l, int64_t id); /* all lines of this attempt so far */
/* Calls fn once, when the lines of this attempt are written or were waited for long enough; with false
 * when the stream ends before that. */
void stream_after_lines(struct stream *l, int64_t id, void (*fn)(bool written, void *arg),
                        void *arg);
/* An attempt is over: its count of lines is forgotten. */
void stream_end(struct stream *l, int64_t id);

/* reconcile.c: one worker at a time holds Redis against PostgreSQL and keeps the depths. */
struct reconcile *reconcile_new(struct engine_worker *w);
void reconcile_free(struct reconcile *r);
void reconcile_now(struct reconcile *r);         /* Redis is another one, or was flushed */
void reconcile_forget_lock(struct reconcile *r); /* its connection is gone, and the lock with it */

#endif
