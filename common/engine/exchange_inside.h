/*
 * exchange_inside.h - what the two halves of the exchange share: its batches, and what follows their commits.
 */
#ifndef ENGINE_EXCHANGE_INSIDE_H
#define ENGINE_EXCHANGE_INSIDE_H

#include "base/list.h"
#include "engine/exchange.h"
#include "engine/follow.h"
#include "engine/lasting.h"
#include "engine/rest.h"
#include "engine/unjudged.h"

struct batch;

struct exchange {
        struct exchange_opts o;
        unsigned generation; /* answers to an older identity are dropped */
        struct list outcomes;
        size_t noutcomes, nbrief;
        int64_t *claims;
        size_t nclaims, claims_cap;
        size_t taking;         /* ids asked for with a finish that is under way */
        struct follow *follow; /* NULL for the API */
        size_t most;           /* ids to take with a finish, beyond what idle runners need */
        bool hungry;           /* the last finish brought fewer ids than there was room for */
        bool untried;          /* waves may be met of whose bodies nobody knows anything yet */
        bool brief;            /* the last outcomes that were sent are all of brief bodies */
        size_t window;         /* how many may run of all waves that the last batch was of */
        struct rest *rest;     /* NULL for the API */
        bool kicks;            /* exchange_kick is due when the loop turns */
        bool followed;         /* what follows the outcomes is there: they wait for nothing */
        struct batch *busy;
        bool whole;       /* the next batch goes in one piece */
        unsigned apart;   /* batches to go in which claims and outcomes are not mixed */
        unsigned careful; /* claims to go that are made by the statement that knows everything */
        unsigned caution; /* how many these were the last time */
        struct unjudged *unjudged;
        struct lasting *lasting; /* NULL for the API */
        int64_t gathers_ms;      /* since when outcomes are held; 0: they are not */
        struct after
                put_off; /* what a finish is to tell when PostgreSQL is at work again; no deliveries: nothing */
        struct loop_timer *at_latest; /* exchange_finish_put_off */
        struct loop_timer *again;
        struct loop_timer *soon;
};

/*
 * Whether this worker, of whose bodies so many have just ended, holds few of windows that let out fewer than there is
 * room for: then others hold the most of them. Two that share one rarely fall to a sixth of it.
 */
bool exchange_holds_few(struct exchange *x, size_t ended);
/*
 * For how many ids that follow what has ended. A finish that is under way asks for all there is room for, but brings
 * little where little is let out.
 */
size_t exchange_room_to_follow(struct exchange *x);
/* What follows a commit; takes over a's content. list: as of exchange_look. */
void exchange_run_after(struct exchange *x, struct after *a, int64_t list);
/* Redis is told now what was kept from it for a moment, if there is anything. */
void exchange_finish_put_off(void *x);
/* Nobody else takes what is lined up any more: a finish of nothing takes it. */
void exchange_rested(void *x);

#endif
