/*
 * events_inside.h - what the files of the live events share.
 */
#ifndef API_EVENTS_EVENTS_INSIDE_H
#define API_EVENTS_EVENTS_INSIDE_H

#include "api/app.h"
#include "api/events/events.h"
#include "api/events/events_ring.h"
#include "api/people/standing.h"
#include "api/http/stream.h"
#include "base/list.h"
#include "base/map.h"
#include "model/news.h"
#include "model/wave_id.h"

struct websocket;

/* What is known of a wave that was named in an entry, or that a reader asked for. */
struct wave {
        struct list dirty; /* events.dirty: how far it is must be read */
        int64_t no;
        char id[WAVE_ID_SIZE];
        int64_t due_ms;     /* dirty: when */
        int64_t read_ms;    /* when it was asked for last */
        int64_t touched_ms; /* of the newest entry that named it, by Redis' clock */
        size_t readers;     /* that want only this one, let in or not yet */
};

struct reader {
        struct list link; /* events.joining, then events.readers */
        struct events *ev;
        struct request *rq;   /* until it is let in */
        struct connection *c; /* from then on */
        struct websocket *ws; /* NULL: server-sent events */
        struct standing standing;
        struct wave *wave; /* NULL: all */
        bool wave_lines;   /* wants the log lines of that wave … */
        int64_t migration; /* … or of this migration; 0: none */
        bool has_token;
        struct token token; /* where it was */
        bool over_ws;
        bool waits_for_lines; /* those who write them do not know of it yet */
        bool attached;        /* counted in ev->nreaders, and listed there */
        int64_t asked_ms;
        uint64_t next; /* the message to look at next */
        bool stalled;  /* it has not taken all it was given since it had everything */
        int64_t stalled_ms, said_ms, checked_ms;
};

/* An entry of the stream, or the word that everything up to now was told. */
struct entry {
        struct list link;
        struct event_id id;
        bool live, gap;
        int64_t come_us;
        size_t len;
        char text[];
};

/* What acts have changed lately, and when: of this age, and of the one before. */
enum { DOUBT_AGES = 2 };
struct doubt {
        struct map *rows[DOUBT_AGES], *waves[DOUBT_AGES];
        int64_t aged_ms;
};

struct events {
        struct app *app;
        struct ring ring;

        /* events_feed.c */
        struct broker_tail *tail;
        bool live;        /* the ring follows the stream */
        int64_t down_ms;  /* since when it does not; 0: it does, or nobody wants it */
        bool lines_known; /* who writes log lines knows that they are wanted */
        struct list entries;
        size_t nentries;
        struct list chunk; /* entries about which PostgreSQL is asked, or which are told next */
        size_t nchunk;
        bool asking;
        struct doubt doubt;
        struct loop_timer *feed;
        int64_t idle_ms; /* since when there is nobody; 0: there is */

        /* events_waves.c */
        struct map *waves; /* by number */
        struct list dirty;
        bool reading;
        struct loop_timer *read;

        /* events_pump.c */
        struct list readers, joining;
        size_t nreaders, njoining;
        size_t nall;       /* that want all waves */
        struct map *logs;  /* migration -> how many want its lines */
        size_t nlogs;      /* readers that want lines at all */
        struct list *at;   /* the reader whose turn is next, in a round that is under way */
        bool round, again; /* one is; more has come meanwhile */
        int64_t round_ms;  /* when the last one began */
        size_t over_ws;    /* readers by WebSocket */
        struct loop_timer *pump, *tick;
        bool ticking;
};

/* ---- events.c ---- */

/* The end of a reader that was let in, or of one that was not. */
void reader_free(struct reader *r);
/* Answers with a problem instead. */
void reader_refuse(struct reader *r, const struct err *e);
/* The answer begins: it listens from now on. */
void reader_let_in(struct reader *r);

/* ---- events_feed.c ---- */

void feed_init(struct events *ev);
void feed_fini(struct events *ev);
void feed_start(struct events *ev); /* fine when it runs */
void feed_stop(struct events *ev);
/* Somebody wants log lines: readers that wait for it are told by pump_join(). */
void feed_want_lines(struct events *ev);
void feed_want_no_lines(struct events *ev);

/* ---- events_doubt.c ---- */

void doubt_init(struct doubt *d);
void doubt_fini(struct doubt *d);
/*
 * Whether PostgreSQL is to be asked what the row is now: the item does not say it, or came shortly after one that does not,
 * which is noted here. To be called with each item, in the order of the stream.
 */
bool doubtful(struct doubt *d, const struct news_item *it);

/* ---- events_tell.c ---- */

/* What is asked of PostgreSQL for a chunk: statements of one transaction. */
enum { ASK_IDS, ASK_ROWS, ASK_LINES };
/* Puts an entry into the ring; r answers what was asked, NULL: nothing was. */
void tell_entry(struct events *ev, const struct entry *of, const struct pg_result *r);
/* Everybody is to read again; what follows comes after `at`. */
void tell_reset(struct events *ev, const struct token *at, const char *reason);

/* ---- events_waves.c ---- */

void waves_init(struct events *ev);
void waves_fini(struct events *ev);
struct wave *wave_known(struct events *ev, int64_t no); /* NULL: not yet */
struct wave *wave_learn(struct events *ev, int64_t no, const char *id);
/* It changed, by an entry of that time: how far it is will be told if anybody wants to know. */
void wave_touch(struct events *ev, struct wave *w, int64_t ms);
/* Waves that the reader wants and that changed since shortly before that time are told again. */
void waves_retell(struct events *ev, const struct reader *r, int64_t since_ms);
/* Waves that nobody wants are forgotten where there are very many. */
void waves_prune(struct events *ev);

/* ---- events_pump.c ---- */

void pump_init(struct events *ev);
void pump_fini(struct events *ev);
void pump_start(struct events *ev); /* looks after readers, and those who wait, from now on */
/* Something was added to the ring. */
void pump_kick(struct events *ev);
/* Those who waited for the feed are let in. */
void pump_join(struct events *ev);
void pump_attach(struct reader *r); /* it listens from now on */
void pump_detach(struct reader *r);
void pump_one(struct reader *r);
/* Ends it: the reason is for the metric and the log, and for who reads a WebSocket's good-bye. */
void pump_drop(struct reader *r, const char *reason);

#endif
