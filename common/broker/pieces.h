/*
 * pieces.h - an operation that goes to Redis in pieces: so many under way at once, no more after the
 * first that fails, one end for the whole.
 */
#ifndef BROKER_PIECES_H
#define BROKER_PIECES_H

#include "broker/inner.h"

struct pieces;
struct pieces_kind {
        /* Puts piece `i` together. */
        struct call *(*make)(struct pieces *p, size_t i);
        /* Takes its answer; NULL: nothing to keep. Answers may come out of order. */
        void (*answer)(struct pieces *p, size_t i, const redisReply *reply);
        /* The end, exactly once; frees what contains p. */
        void (*end)(struct pieces *p, const struct err *e);
        size_t limit; /* under way at once */
};

struct pieces {
        struct broker *b;
        const struct pieces_kind *kind;
        size_t count, next, under_way;
        struct err *problem;
};

/* Starts; count is at least 1. The end is never called from within. */
void pieces_run(struct pieces *p, struct broker *b, const struct pieces_kind *kind, size_t count);

static inline size_t pieces_of(size_t n, size_t size)
{
        return (n + size - 1) / size;
}

#endif
