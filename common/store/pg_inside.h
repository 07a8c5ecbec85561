/* pg_inside.h - what the pool knows of its connections beyond pg.h. */
#ifndef STORE_PG_INSIDE_H
#define STORE_PG_INSIDE_H

#include "store/pg.h"
#include "store/pg_libpq.h"

/*
 * What the log says of one connection or of a whole pool: postgres.up with the first that is there,
 * postgres.down with the last that is gone, and again when the reason is another one.
 */
struct pg_voice {
        unsigned up; /* connections that are there */
        bool said_up;
        char said[PG_REASON_MAX]; /* the reason that was logged last */
        const char *trouble;      /* what everybody was refused for last, NULL: nothing … */
        int64_t trouble_ms;       /* … and when */
};

/* As pg_new(), with the voice of its pool, which outlives it. */
struct pg *pg_new_member(struct loop *l, const struct pg_opts *opts, struct pg_voice *voice,
                         void (*on_change)(bool up, void *arg), void *arg);
/* It can be given something at once. */
bool pg_ready(const struct pg *pg);
/* It is being opened, for the first time or again. */
bool pg_dialling(const struct pg *pg);
/* When it last had something to do, on the monotonic clock. */
int64_t pg_used_ms(const struct pg *pg);
/* The oldest unanswered transaction's age; 0: none. */
int64_t pg_oldest_ms(struct pg *pg);

#endif
