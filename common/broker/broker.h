/*
 * broker.h - Redis: connections, and the few things that are done with them.
 *
 * One command connection (pipelined, scripts by EVALSHA with a fall-back to SCRIPT LOAD), one blocking
 * connection for each queue that is consumed, one subscription. Each is judged by its own answers: a
 * command without an answer within the time-out means that its connection is dead; it is closed and
 * opened again with backoff. Names are resolved without blocking the loop.
 *
 * What stands in Redis and the life of an id: README.md in this folder. Redis decides nothing: what is
 * lost here is put back from PostgreSQL by the reconciler. Failures: ERR_UNAVAILABLE (not done: not
 * connected, or Redis takes no writes now), ERR_LOST (may have been done), ERR_INTERNAL (refused: a
 * mistake of ours).
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"

enum { QUEUE_NAME_MAX = 63, PRIORITY_MAX = 9, BROKER_BATCH_MAX = 250 };

struct broker_opts {
        const char *url;    /* redis://[user:password@]host[:port][/db], unix:///path[?db=N] */
        const char *prefix; /* "wavefleet:" */
        int64_t timeout_ms;
        int64_t events_length; /* entries that the stream `events` keeps; 0: nothing is published */
};
struct broker_events {
        void (*on_up)(void *arg);   /* connected, scripts are there, server checked */
        void (*on_down)(void *arg); /* the command connection is gone */
        /* The server is another one than before, or restarted (run_id), or was flushed meanwhile. */
        void (*on_other_server)(void *arg);
        void *arg;
};

/* What a queue may be called: 1 to QUEUE_NAME_MAX lower-case letters, digits, "_" and "-". */
bool queue_name_ok(const char *name);

/* 0, or -1 and ERR_CONFIG with a sentence that quotes no secret. */
int broker_url_check(const char *url, struct err *e);

struct broker;
/* Begins to connect. The URL must have passed broker_url_check(). */
struct broker *broker_new(struct loop *l, const struct broker_opts *opts,
                          const struct broker_events *events);
void broker_free(struct broker *b); /* what is under way gets its error first */
/* In a child after fork(), and after loop_forget(): closes descriptors only. */
void broker_forget(struct broker *b);
bool broker_up(const struct broker *b);
/* Commands go out when the callbacks that are due have returned; those given so far, now. */
void broker_flush(struct broker *b);
#ifdef WAVEFLEET_FAULTS
/* Tests (base/fault.h): what was said on the command connection is sent, whatever happens next. */
void broker_fault_flush(struct broker *b);
#endif
int64_t broker_oldest_ms(const struct broker *b); /* age of the oldest unanswered command; 0: none */

/* Why it is not up, or takes no writes although it is (asked every second), in one sentence that names
 * no address; NULL: all is well. */
const char *broker_trouble(const struct broker *b);

/* What would make Redis forget, or is missing, in one sentence each; NULL-ended. Known after on_up. */
const char *const *broker_complaints(const struct broker *b);

/* How the server is just now, by its own word: for people who want to know. */
struct server_facts; /* broker/server.h; with its faults */
typedef void (*broker_look_fn)(const struct server_facts *server, int64_t wall_ms,
                               const struct err *e, void *arg);
/* Exactly one of `server` (valid during the call) and e is given. wall_ms: its clock. */
void broker_inspect(struct broker *b, broker_look_fn fn, void *arg);

/*
 * Which installations use these keys, ours included, with the one `name` that says so now; "": only looks. Who has said
 * nothing for ten seconds is gone. Two on the same keys drop each other's ids: each finds them in no row of its own.
 */
typedef void (*broker_names_fn)(const char *const *names, size_t n, const struct err *e, void *arg);
void broker_installations(struct broker *b, const char *name, broker_names_fn fn, void *arg);
/* Of these, those that are not ours, as "a, b"; "": none. Cut off where `out` ends. */
enum { BROKER_OTHERS_SIZE = 256 };
void broker_others(const char *const *names, size_t n, const char *ours,
                   char out[BROKER_OTHERS_SIZE]);
/* How that is mended, for people. */
#define BROKER_OTHERS_MEND                                                                         \
        "give each installation a database of Redis (redis.url) or a redis.prefix of its own"

/* ---- words ---- */

/* What a transaction saw of a wave. Redis takes it over unless it knows a newer version. */
struct wave_facts {
        int64_t wave_no;
        int32_t version;
        bool paused; /* anything but running */
        int32_t batch_size;
        int32_t priority; /* 0..PRIORITY_MAX, higher goes first */
        char queue[QUEUE_NAME_MAX + 1];
};

/* How a delivery ends: the state of the row as the transaction saw it. */
enum delivery_end {
        END_SETTLED,  /* terminal, or no such row: free the slot */
        END_RUNNING,  /* elsewhere: its slot is its own */
        END_PARKED,   /* keep the slot, poll when due */
        END_RETRYING, /* free the slot, into `delayed` */
        END_PENDING,  /* free the slot, to the head of the backlog */
};
struct delivery {
        int64_t id;
        int64_t wave_no;
        enum delivery_end end;
        int64_t due_in_ms; /* parked, retrying */
};

typedef void (*broker_fn)(const struct err *e, void *arg); /* e NULL: done */
typedef void (*broker_count_fn)(int64_t n, const struct err *e, void *arg);
/* ids are valid during the call only */
typedef void (*broker_ids_fn)(const int64_t *ids, size_t n, const struct err *e, void *arg);

/* ---- operations; each is one script or a few plain commands; bounded pieces by themselves ---- */

/*
 * Opens the wave's hash and appends ids first..last to its backlog (in pieces of a thousand), raises
 * the queue's depth, enlists the wave and releases after the first piece and after the last.
 */
void broker_submit(struct broker *b, const struct wave_facts *f, int64_t first, int64_t last,
                   broker_fn fn, void *arg);
/* The same for ids that are not contiguous (a restart, a rebuilt backlog). `front`: to the head, the
 * first of ids first. n 0: opens the hash, enlists, releases. */
void broker_push(struct broker *b, const struct wave_facts *f, const int64_t *ids, size_t n,
                 bool front, broker_fn fn, void *arg);
/* Takes over the facts (only where the hash is), enlists, releases. Looks closely whether the wave is
 * in turn: cheap enough for the reconciler to ask for every wave with a backlog and room, which is
 * how a wave comes back that has fallen out of its turn list. */
void broker_facts(struct broker *b, const struct wave_facts *f, broker_fn fn, void *arg);
/* Deletes the keys of an ended wave, unless the hash knows a newer version. */
void broker_close_wave(struct broker *b, const struct wave_facts *f, broker_fn fn, void *arg);

/* What is taken: up to `want` ids, of these queues in turn. */
struct broker_take {
        const char *const *queues;
        size_t nq;
        size_t want;
        size_t least; /* beyond so many, an eighth of what is lined up is left to others */
        size_t share; /* ids of a wave that its turn lines up, at most; 0: as many as are wanted, or end */
};
/*
 * Ends deliveries of `worker` (0: nobody's list), takes over the facts of their waves, releases their
 * queues and then moves ids into the worker's processing list (take NULL: none)
 * and hands them to fn: one round trip for a whole batch. Deliveries and facts are copied; facts must
 * name every wave of the deliveries, but for ids that belong to none (wave_no 0). More than
 * BROKER_BATCH_MAX go in several calls, one after the other; the last takes. Without deliveries it
 * only releases and takes. At most BROKER_BATCH_MAX waves are named, and queues taken from.
 */
void broker_finish(struct broker *b, int64_t worker, const struct delivery *d, size_t n,
                   const struct wave_facts *f, size_t nf, const struct broker_take *take,
                   broker_ids_fn fn, void *arg);
/* `freed`: slots were; false: ids are lined up, and come without this. */
typedef void (*broker_follow_fn)(const int64_t *ids, size_t n, bool freed, const struct err *e,
                                 void *arg);
/*
 * The bodies of these deliveries of `worker` have ended, and their outcomes are on the way to PostgreSQL: frees
 * their slots and moves up to `want` ids into the processing list, so that what follows is claimed together with
 * the settlement; finish ends the deliveries afterwards. At most BROKER_BATCH_MAX, and no more than `want`: a slot
 * that another worker used would be claimed too soon, and refused by PostgreSQL. Only id and wave_no are read.
 * may_pass: past what is lined up, where all of that is of the same wave.
 */
void broker_follow(struct broker *b, int64_t worker, const struct delivery *d, size_t n,
                   const char *const *queues, size_t nq, size_t want, bool may_pass,
                   broker_follow_fn fn, void *arg);
/* What stands in a worker's processing list. */
void broker_processing(struct broker *b, int64_t worker, broker_ids_fn fn, void *arg);
/* Workers (ids) that have a processing list. SCAN, in pieces. */
void broker_processing_lists(struct broker *b, broker_ids_fn fn, void *arg);

/* Entries of `delayed` that are due now, at most `limit`, and how long until the next one. Nobody else is told
 * of them for a second: so long the caller has to promote them. */
struct due_entry {
        int64_t id;
        int64_t score; /* as it stands there: promotion acts only where it is unchanged */
};
typedef void (*broker_due_fn)(const struct due_entry *v, size_t n, int64_t next_in_ms,
                              const struct err *e, void *arg); /* next_in_ms -1: none */
void broker_due(struct broker *b, size_t limit, broker_due_fn fn, void *arg);
/*
 * Puts each entry where its state says; `end` and due_in_ms as PostgreSQL answered. Of the polls it lets in no
 * more than may ask under the limit of that name (broker_rate; a name that stays), and none where the queue is
 * long; the others are put off.
 */
struct promotion {
        struct due_entry entry;
        struct delivery d; /* retrying with due_in_ms > 0 is scheduled again */
};
void broker_promote(struct broker *b, const struct promotion *v, size_t n,
                    const struct wave_facts *f, size_t nf, const char *limit, int64_t per_s,
                    broker_fn fn, void *arg);

/* Runners alive in the fleet for a queue: `queue:<name>` is kept at twice that, at least 32, for the
 * next five minutes. It releases too, because pops alone do not: call it every few seconds. */
void broker_set_runners(struct broker *b, const char *queue, int64_t runners);
/* Nothing more of this queue is released for the next five minutes, or until its runners are set. */
void broker_hold_queue(struct broker *b, const char *queue);

/* ---- for the reconciler ---- */

struct wave_counts {
        bool open; /* the hash is there */
        int32_t version;
        bool paused;
        int32_t batch_size;
        int64_t backlog, window;
};
typedef void (*broker_counts_fn)(const struct wave_counts *v, size_t n, const struct err *e,
                                 void *arg);
void broker_wave_counts(struct broker *b, const int64_t *wave_nos, size_t n, broker_counts_fn fn,
                        void *arg);
/* Whole, from head to tail; what changes meanwhile may stand there twice, but is never missed. */
void broker_backlog(struct broker *b, int64_t wave_no, broker_ids_fn fn, void *arg);
void broker_window(struct broker *b, int64_t wave_no, broker_ids_fn fn, void *arg);
void broker_queue(struct broker *b, const char *queue, broker_ids_fn fn, void *arg);
/* The n that stand first, or fewer. */
void broker_queue_head(struct broker *b, const char *queue, size_t n, broker_ids_fn fn, void *arg);
void broker_delayed(struct broker *b, broker_ids_fn fn,
                    void *arg); /* ids only; one may come twice */
void broker_demand(struct broker *b, const char *queue, broker_ids_fn fn, void *arg);
/* Adds `add` to the window, removes `drop` from it (and from the queue's demand), with or without the
 * hash; then takes over the facts, enlists and releases. */
void broker_window_set(struct broker *b, const struct wave_facts *f, const int64_t *add,
                       size_t nadd, const int64_t *drop, size_t ndrop, broker_fn fn, void *arg);
/* The same for demand:<queue>, which no wave rebuilds: what runs belongs in it, what is settled,
 * parked or waits for a retry does not. */
void broker_demand_set(struct broker *b, const char *queue, const int64_t *add, size_t nadd,
                       const int64_t *drop, size_t ndrop, broker_fn fn, void *arg);
/* What should be in `delayed` and is not, or stands there for later than that: adds it, brings it forward. */
void broker_delay(struct broker *b, const int64_t *ids, const int64_t *due_in_ms, size_t n,
                  broker_fn fn, void *arg);
/* Waves (numbers) that have a hash. SCAN, in pieces. */
void broker_open_waves(struct broker *b, broker_ids_fn fn, void *arg);
/* depth:<queue> = lined up + the backlogs of these waves + due entries given by the caller. */
void broker_set_depth(struct broker *b, const char *queue, const int64_t *wave_nos, size_t n,
                      int64_t due, broker_count_fn fn, void *arg);

/* ---- reading for people ---- */

struct queue_facts {
        int64_t ready, demand, depth;
};
typedef void (*broker_queue_fn)(const struct queue_facts *v, size_t n, const struct err *e,
                                void *arg);
void broker_queues(struct broker *b, const char *const *queues, size_t n, broker_queue_fn fn,
                   void *arg);

/* ---- consuming ---- */

/*
 * A blocking pop (BLMOVE queue -> processing:<worker>) on a connection of its own, used only while it
 * is wanted. on_id gets each id. Unwanting while a pop waits does not abort it: an id that still
 * arrives is given to on_id too, whose owner hands it back.
 */
struct broker_pop;
struct broker_pop *broker_pop_new(struct broker *b, const char *queue, int64_t worker,
                                  void (*on_id)(int64_t id, void *arg), void *arg);
void broker_pop_want(struct broker_pop *p, bool wanted);
bool broker_pop_ready(const struct broker_pop *p); /* its own connection answers */
void broker_pop_free(struct broker_pop *p);

/* ---- events ---- */

/*
 * News for the stream `events` (model/news.h): it goes ahead of the next command, with what else there is, or
 * after a few milliseconds. Nobody waits for it, and where nobody listens there is
 * no stream and nothing is kept. What could not be published, or may not have been, is made known by an
 * entry that says so, as soon as one can be.
 */
void broker_publish(struct broker *b, const char *entry);
/* The same where somebody asks for log lines (broker_tail_lines). */
void broker_publish_lines(struct broker *b, const char *entry);

/* The id of an entry: Redis' clock in ms, and a number. They grow as long as the stream is the same one. */
struct event_id {
        int64_t ms, seq;
};
struct broker_tail_events {
        void (*on_entry)(struct event_id id, const char *text, size_t len, void *arg);
        /*
         * What was told is all there was up to now, and from here on every entry will be. `gap`: entries
         * may be missing before it, and all that come are later ones.
         */
        void (*on_live)(struct event_id at, bool gap, void *arg);
        void (*on_down)(const char *reason, void *arg); /* it comes back by itself, to on_live */
        void *arg;
};
/*
 * Reads the stream on a connection of its own and keeps it there: it is made where it is not, and goes
 * `keep_ms` after the last tail has gone. Begins with the newest `history` entries.
 */
struct broker_tail;
struct broker_tail *broker_tail_new(struct broker *b, int64_t history, int64_t keep_ms,
                                    const struct broker_tail_events *events);
void broker_tail_free(struct broker_tail *t); /* not from within its callbacks */
/* The server has other data than before: whatever it says, entries are missing. */
void broker_tail_restart(struct broker_tail *t);
/* No more for now: what the caller holds already is enough. */
void broker_tail_pause(struct broker_tail *t, bool paused);
/* Somebody wants log lines: fn is called when whoever writes them knows. false: nobody any more. */
void broker_tail_lines(struct broker_tail *t, bool wanted, broker_fn fn, void *arg);

/* ---- control channels and the fleet's rate limits ---- */

/* Listens on control:<worker>; reconnects and resubscribes by itself; heartbeat by its own message. */
struct broker_control;
struct broker_control *broker_control_new(struct broker *b, int64_t worker,
                                          void (*on_message)(const char *text, void *arg),
                                          void *arg);
void broker_control_free(struct broker_control *c);
void broker_control_send(struct broker *b, int64_t worker, const char *text);

/*
 * Asks for one call under a limit of rate_per_s shared by the fleet (generic cell rate algorithm, in
 * Redis' time). fn gets 0: go now; n > 0: wait n ms, the place is reserved; -n: not reserved, the
 * next free place is n ms away and further than max_wait_ms.
 */
void broker_rate(struct broker *b, const char *name, int64_t rate_per_s, int64_t max_wait_ms,
                 broker_count_fn fn, void *arg);

#endif
