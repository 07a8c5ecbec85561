/*
 * inbox.h - the reading end of a blocking pipe of messages, in a runner: jobs, of which several may have
 * come at once, and between them the answers to what the body of the first has asked.
 */
#ifndef WORKER_INBOX_H
#define WORKER_INBOX_H

#include "worker/message.h"

struct inbox {
        int fd;
        struct buf buf;    /* what came, from the next message on */
        struct buf held;   /* the message that was taken */
        size_t reply;      /* where the answer that was found stands in buf … */
        size_t reply_size; /* … and its size */
};

void inbox_init(struct inbox *in, int fd);
void inbox_fini(struct inbox *in);
/* Reads once, blocking. Bytes read; 0: the other side is gone; -1: what came is no message. */
long inbox_fill(struct inbox *in, struct err *e);
/* Whether the beginning of a message is here. */
bool inbox_begun(const struct inbox *in);
/* Takes the first message out; it is valid until inbox_drop(). 1; 0: not all there; -1: rubbish. */
int inbox_take(struct inbox *in, struct message *out, struct err *e);
/* Forgets it; wipe: overwrites it first. Memory for large ones is given back. */
void inbox_drop(struct inbox *in, bool wipe);
size_t inbox_held(const struct inbox *in); /* the size of what was taken */
/* Finds the first answer, which jobs may stand before; valid until inbox_drop_reply(). As inbox_take(). */
int inbox_find_reply(struct inbox *in, struct message *out, struct err *e);
void inbox_drop_reply(struct inbox *in);

#endif
