/* inbox.h - the reading end of a blocking pipe of messages, in a runner. */
#ifndef WORKER_INBOX_H
#define WORKER_INBOX_H

#include "worker/message.h"

struct inbox {
        int fd;
        struct buf buf;
        size_t frame; /* size of the frame at the beginning of buf; 0: not all of it is there */
};

void inbox_init(struct inbox *in, int fd);
void inbox_fini(struct inbox *in);
/* Reads once, blocking. Bytes read; 0: the other side is gone; -1: what came is no message. */
long inbox_fill(struct inbox *in, struct err *e);
/* The message at the beginning, which is valid until inbox_drop(). 1; 0: not all there; -1: rubbish. */
int inbox_peek(struct inbox *in, struct message *out, struct err *e);
/* Removes that message; wipe: overwrites it first. Memory for large ones is given back. */
void inbox_drop(struct inbox *in, bool wipe);

#endif
