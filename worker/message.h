/*
 * message.h - what a worker and its runners say to one another, down a socket and up a pipe (pipe.h).
 *
 * A frame is an 8-byte head (length of what follows, a mark, the type) and then the fields of the type's
 * struct in the order of its table, numbers as they lie in memory: both ends are the same program, so
 * there is no version. Strings carry their NUL, so that a decoded message points into its frame and is
 * valid as long as that is. Streams, not SOCK_SEQPACKET: a result may be a megabyte, more than the
 * kernel takes in one packet.
 *
 *   down (to the runner)   JOB, REPLY
 *   up                     READY, LOG, PROGRESS, ASK, OUTCOME
 *
 * What comes up is checked in every byte, because a body may have written into its runner's memory:
 * lengths, ranges, UTF-8, no NUL within a text.
 */
#ifndef WORKER_MESSAGE_H
#define WORKER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/job.h"

enum { MESSAGE_HEAD_BYTES = 8, MESSAGE_MAX_BYTES = 4 * 1024 * 1024 }; /* a frame with its head */

enum message_type {
        MESSAGE_READY, /* the runner waits for its first job */
        MESSAGE_JOB,
        MESSAGE_REPLY,
        MESSAGE_LOG,
        MESSAGE_PROGRESS,
        MESSAGE_ASK,
        MESSAGE_OUTCOME,
        MESSAGE_TYPE_COUNT
};
enum message_way { MESSAGE_DOWN, MESSAGE_UP };

struct message_reply {
        bool ok;
        int32_t code;     /* enum err_code, where not ok */
        const char *text; /* the answer, or what went wrong */
};
struct message_text {
        const char *data; /* with a NUL behind it */
        size_t len;
};
struct message_log {
        const char *stream;
        struct message_text line;
};
struct message_progress {
        const char *json;
};
struct message_ask {
        const char *op;
        const char *arg1; /* or NULL */
        const char *arg2; /* or NULL */
};
struct message_outcome {
        struct outcome outcome;
        bool leftovers;        /* processes of the body live on: the group is to be killed */
        int64_t lines_dropped; /* log lines past worker.log_lines_max */
};

struct message {
        enum message_type type;
        union {
                struct job job;
                struct message_reply reply;
                struct message_log log;
                struct message_progress progress;
                struct message_ask ask;
                struct message_outcome outcome;
        } u;
};

/*
 * Appends the frame of a message; `body` is the struct of its type (NULL for READY). -1, and nothing is
 * added, where it is larger than MESSAGE_MAX_BYTES or than the buffer may be, or where there is no
 * memory for it (out->starved).
 */
int message_encode(struct buf *out, enum message_type type, const void *body);
/*
 * Looks at the beginning of a stream: the size of its first frame, head included; 0 while the head is
 * not all there; -1 (ERR_MALFORMED) where it is no head.
 */
long message_size(const char *data, size_t len, struct err *e);
/* One whole frame of the expected way. 0, or -1 (ERR_MALFORMED) with what is wrong. */
int message_decode(const char *frame, size_t len, enum message_way way, struct message *out,
                   struct err *e);
const char *message_name(enum message_type type);

#endif
