/*
 * webhook_batch.h - what webhooks ask of PostgreSQL before their settlement, and what is kept of them
 * behind it: one statement for all that wait together. While two are under way the next ones gather.
 *
 * A body that PostgreSQL cannot hold spoils the statement that it goes with: then each of them goes alone,
 * and only that one is refused.
 */
#ifndef API_WEBHOOK_BATCH_H
#define API_WEBHOOK_BATCH_H

#include "api/app.h"
#include "base/list.h"

struct webhook_row {
        int64_t wave_no;
        int64_t target;
        int32_t attempt;
        const char *project, *state;
        const char *memo, *secret; /* NULL: none */
};

/* One webhook that waits; whoever made it keeps it, and what it points to, until fn was called. */
struct webhook_wait {
        int64_t id;
        int32_t attempt;
        const char *body;
        const char *verdict;  /* webhook_keep */
        const char *progress; /* webhook_keep: to be shown of the attempt, or NULL */
        /*
         * row: webhook_ask only, valid during the call; NULL where there is no such migration. unfit: e is
         * PostgreSQL's refusal of this body.
         */
        void (*fn)(const struct webhook_row *row, const struct err *e, bool unfit, void *arg);
        void *arg;
        struct list link; /* from here on the batch's own */
        size_t place;     /* in its statement; 0: not answered */
        bool alone;
};

struct webhook_batches;
struct webhook_batches *webhook_batches_new(struct loop *l, struct pg_pool *pg);
/* Who waits is given to the pool, whose end will answer. */
void webhook_batches_stop(struct webhook_batches *b);
/* After the pool's end: nobody waits any more. */
void webhook_batches_free(struct webhook_batches *b);

/* What the webhook is held against. */
void webhook_ask(struct webhook_batches *b, struct webhook_wait *w);
/* Durable when fn is called without an error. */
void webhook_keep(struct webhook_batches *b, struct webhook_wait *w);

#endif
