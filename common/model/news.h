/*
 * news.h - what one commit changed, as one line of text: an entry of the stream `events` in Redis. It names
 * what changed and little else: whoever wants to know more asks PostgreSQL, which decides.
 *
 *     entry  = item *(" " item)
 *     item   = "m" wave ":" row *("," row)      these migrations
 *            / "w" wave                         the wave itself: its state, its settings
 *            / "a" wave                         more migrations of the wave than are named: read it again
 *            / "l" low "-" high ":" id *("," id)  log lines of these migrations, ids of lines low to high
 *            / "k" worker letter                a worker Joined, Left, is Dead, is dRaining: j l d r
 *            / "q" queue ("+" / "-")            a queue goes on, is paused
 *            / "r"                              something may be missing here: read everything again
 *     row    = id ["." attempt letter]          letter: the state (news.c); without: ask what it is now
 *
 * Numbers are decimal and positive; ids of one commit stand as they come.
 */
#ifndef MODEL_NEWS_H
#define MODEL_NEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/state.h"

/* ---- putting together ---- */

struct news {
        struct buf text;
        int64_t wave; /* of the item to which a row can be added; 0: none */
        /* All rows are named as unknown: somebody else may tell of them at this moment, too, and be told on later. */
        bool shared;
};

/* All zeroes are an empty one. */
void news_fini(struct news *n);
/* Gone as soon as it is published: ready for the next commit. `shared` stays. */
void news_reset(struct news *n);
/* Nothing has been added. */
bool news_empty(const struct news *n);
/* The entry; "r" where it became too large for one. */
const char *news_text(const struct news *n);

/* state: as PostgreSQL writes it. */
void news_row(struct news *n, int64_t wave_no, int64_t id, int32_t attempt, const char *state);
/*
 * A row of which the caller does not know what it is now. Each is asked for by whoever tells it on: where a commit
 * changed more than NEWS_NAMED_MAX of a wave, news_wave_rows() says so instead.
 */
enum { NEWS_NAMED_MAX = 500 };
void news_row_unknown(struct news *n, int64_t wave_no, int64_t id);
void news_wave(struct news *n, int64_t wave_no);
void news_wave_rows(struct news *n, int64_t wave_no); /* "a" */
void news_lines(struct news *n, int64_t low, int64_t high, const int64_t *migrations, size_t count);
enum news_worker { NEWS_JOINED, NEWS_LEFT, NEWS_DEAD, NEWS_DRAINING };
void news_worker(struct news *n, int64_t worker, enum news_worker what);
void news_queue(struct news *n, const char *queue, bool paused);
void news_reread(struct news *n); /* "r" */

/* ---- taking apart ---- */

enum news_kind {
        NEWS_ROW,
        NEWS_WAVE,
        NEWS_WAVE_ROWS,
        NEWS_LINES,
        NEWS_WORKER,
        NEWS_QUEUE,
        NEWS_REREAD
};
/* One row, or one item where it has none; of log lines, one migration. */
struct news_item {
        enum news_kind kind;
        int64_t wave_no; /* ROW, WAVE, WAVE_ROWS */
        int64_t id;      /* ROW, LINES: migration; WORKER: worker */
        bool known;      /* ROW: attempt and state are given */
        int32_t attempt;
        enum migration_state state;
        int64_t low, high;       /* LINES */
        enum news_worker worker; /* WORKER */
        const char *queue;       /* QUEUE; not terminated */
        size_t queue_len;
        bool paused;
};
struct news_reader {
        const char *at, *end;
        struct news_item item; /* what the rows to come have in common */
        bool inside;           /* an item whose rows are being read */
};
void news_open(struct news_reader *r, const char *text, size_t len);
/* 1: *out is the next; 0: the end; -1: this is no entry, or none of this release. */
int news_next(struct news_reader *r, struct news_item *out);

const char *news_worker_name(enum news_worker what); /* "joined" … */

#endif
