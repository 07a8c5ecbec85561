/*
 * events_ring.h - the messages that readers may still have to get, in order: each is put into words once,
 * whoever gets it. Bounded in bytes; the oldest goes first.
 *
 * A token says how far a reader is: the entry of the stream in Redis, and which part of it. Messages of one
 * process and of another that come from the same part have the same token, so a reader goes on at the other.
 * A message that comes from no entry (how far a wave is) has the token of the one before.
 */
#ifndef API_EVENTS_EVENTS_RING_H
#define API_EVENTS_EVENTS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct token {
        int64_t ms, seq, part;
};
enum { TOKEN_TEXT_SIZE = 64, TOKEN_ALL_PARTS = 999999 };

int token_compare(const struct token *a, const struct token *b);
void token_print(const struct token *t, char out[TOKEN_TEXT_SIZE]);
/* false: it is none. */
bool token_parse(const char *text, struct token *out);

enum event_kind {
        EVENT_WAVE,
        EVENT_MIGRATIONS,
        EVENT_WORKER,
        EVENT_QUEUE,
        EVENT_LOG,
        EVENT_RESET,
        EVENT_KINDS
};
const char *event_name(enum event_kind kind);

/* "id: …\nevent: …\ndata: …\n\n" as it goes out, and the same as a WebSocket's frame, made when it is wanted. */
struct message {
        struct token token;
        enum event_kind kind;
        int64_t wave_no;   /* 0: concerns everybody */
        int64_t migration; /* EVENT_LOG */
        size_t len, data_at, data_len;
        char *frame; /* NULL: nobody has wanted it */
        size_t frame_len;
        char text[];
};

struct ring {
        struct message **at; /* message n stands at n modulo cap */
        size_t cap;
        uint64_t first, next; /* numbers of messages; next: of the one to come */
        size_t bytes, max;
        struct token since; /* what came after it is here, all of it */
        struct token head;  /* how far it is */
};

void ring_init(struct ring *r, size_t max_bytes);
void ring_fini(struct ring *r);
/* Everything goes: messages that come are not what follows. */
void ring_restart(struct ring *r, const struct token *at);
/* `of` is what it tells of, but for data, which is JSON. Moves the head to its token. */
void ring_add(struct ring *r, const struct message *of, const char *data, size_t len);
struct message *ring_get(const struct ring *r, uint64_t number); /* first to next - 1 */
/* The first message after the token; false: something after it may be missing. */
bool ring_after(const struct ring *r, const struct token *t, uint64_t *number);
/* NULL: there is no memory for it now. */
const char *message_frame(struct ring *r, struct message *m, size_t *len);

/* One text frame, unmasked (RFC 6455, 5.2), appended to out: {"id":…,"event":…,"data":…}. */
struct buf;
void frame_print(struct buf *out, const struct token *t, const char *event, const char *data,
                 size_t len);
/* The same as a server-sent event. */
void event_print(struct buf *out, const struct token *t, const char *event, const char *data,
                 size_t len);

#endif
