/*
 * channel.h - the supervisor's end of a runner's pipe: never blocks, and holds little.
 *
 * What comes is read into one buffer that all channels share and decoded there; only the beginning of
 * a message whose rest has not come is kept, at most MESSAGE_MAX_BYTES. At most 32 KiB are taken per
 * turn of the loop, so that a runner that talks without end leaves room for the others; one that is not
 * listened to (channel_pause) waits in its write. What the runner does not take at once is kept too:
 * one job or answers to its questions.
 */
#ifndef WORKER_CHANNEL_H
#define WORKER_CHANNEL_H

#include <stdbool.h>

#include "base/loop.h"
#include "worker/message.h"
#include "worker/pipe.h"

struct channel;
struct channel_events {
        /* Valid during the call. The channel may not be freed in it. */
        void (*on_message)(const struct message *m, void *arg);
        /*
         * Nothing comes any more: NULL for the end of the stream, else what is wrong with it (rubbish,
         * or a runner that asks and never reads the answers).
         */
        void (*on_end)(const char *wrong, void *arg);
        void *arg;
};

/* Takes the descriptors, of which `up` does not block. */
struct channel *channel_new(struct loop *l, const struct pipe_ends *pipe,
                            const struct channel_events *events);
void channel_free(struct channel *c); /* NULL is fine */
/*
 * Sends now. 0; -1 where the message is larger than MESSAGE_MAX_BYTES, ERR_TOO_LARGE, or the runner is
 * gone, ERR_LOST.
 */
int channel_send(struct channel *c, enum message_type type, const void *body, struct err *e);
/*
 * Adds a frame to what is sent in this turn of the loop, all of it at once. 0, or -1: ERR_LOST. secret: no
 * copy stays behind.
 */
int channel_post(struct channel *c, const char *frame, size_t len, bool secret, struct err *e);
/* Bytes that the runner has not taken yet. */
size_t channel_pending(const struct channel *c);
/* Stops reading, until channel_resume(). */
void channel_pause(struct channel *c);
void channel_resume(struct channel *c);
/* Hands out all that is still there of a dead runner's words, on_end included. */
void channel_drain(struct channel *c);

#endif
