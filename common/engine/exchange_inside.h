/*
 * exchange_inside.h - what the parts of the exchange share. exchange.c: what is sent; exchange_answer.c: what PostgreSQL says;
 * exchange_finish.c: what follows a commit.
 */
#ifndef ENGINE_EXCHANGE_INSIDE_H
#define ENGINE_EXCHANGE_INSIDE_H

#include "base/list.h"
#include "engine/exchange.h"
#include "engine/follow.h"
#include "engine/lasting.h"
#include "engine/rest.h"
#include "engine/unjudged.h"

/* See "promises" in exchange.c. */
struct promise {
        int64_t wave_no;
        size_t slots;     /* 0: none */
        int64_t since_ms; /* when its claims were sent, or what had been sent before them was over */
        bool broken;      /* they are undone */
};
struct batch {
        struct exchange *x;
        unsigned generation;
        struct list items;
        size_t nitems, nbrief, nshort;
        size_t nfirst; /* so many of its items are settled first; where there are more, by a second statement */
        bool more;    /* which there is */
        int64_t *ids; /* claims */
        size_t nids;
        bool has_settle, has_claim, failed;
        bool completed; /* all of its outcomes are `completed`, and are settled by settle_completed */
        bool judged_later; /* of outcomes: whether a wave is to be judged is not asked right behind it */
        bool passes; /* its claims may be in slots that its outcomes free: these are told to claim_lock_many */
        bool fresh;       /* the claim is claim_fresh or claim_many, which leave ids for claim */
        int64_t below_us; /* a mean below that is short for this claim; fresh: 0 */
        bool notes;       /* its last statement is claim_note */
        bool asked;       /* what follows what it claims has been asked for */
        struct promise promise;
        struct pg_tx *part; /* its transaction, which waits for claims that follow, or for outcomes */
        bool done;          /* its transaction was answered */
        bool early; /* the question behind it was answered first: a deadlock had sent it back */
        struct touched touched; /* what its outcomes are of, for that question */
        struct after after;
};

struct exchange {
        struct exchange_opts o;
        unsigned generation; /* answers to an older identity are dropped */
        struct list outcomes;
        size_t noutcomes, nbrief;
        size_t nshort; /* of bodies that are known to be short, for which nobody waits */
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
        struct batch *next; /* sent behind it: a promise of the slots that it claims; NULL: none */
        bool watched;       /* others can be let go by what the last batch has settled */
        bool whole;         /* the next batch goes in one piece */
        size_t ending;     /* brief bodies that run, all of one wave; what follows was asked for: */
        int64_t ending_of; /* that wave */
        unsigned shy;      /* batches to go without a promise after one was broken */
        unsigned shyness;  /* how many these were the last time */
        unsigned apart;    /* batches to go in which claims and outcomes are not mixed */
        unsigned careful;  /* claims to go that are made by the statement that knows everything */
        unsigned caution;  /* how many these were the last time */
        struct unjudged *unjudged;
        struct lasting *lasting; /* NULL for the API */
        int64_t gathers_ms;      /* since when outcomes are held; 0: they are not */
        struct after
                put_off; /* what a finish is to tell when PostgreSQL is at work again; no deliveries: nothing */
        struct loop_timer *at_latest; /* exchange_finish_put_off */
        struct loop_timer *again;
        struct loop_timer *soon;
};

/* Where its statements stand in the answer. */
size_t batch_settle_at(const struct batch *b);
size_t batch_claim_begins(const struct batch *b);
size_t batch_claim_at(const struct batch *b);
size_t batch_note_at(const struct batch *b);

/* Before all others. */
void exchange_claim_first(struct exchange *x, const int64_t *ids, size_t n);
/* The answer to a batch, behind which the question comes which of its waves are to be judged; */
void exchange_answered(const struct pg_result *r, const struct err *e, void *batch);
/* or to one behind which nothing was asked: without outcomes no wave is to be judged, or it is asked later. */
void exchange_answered_alone(const struct pg_result *r, const struct err *e, void *batch);
void exchange_ask_to_judge(struct batch *b);
/* What bodies were to make room for is undone, and goes with another batch, behind their outcomes. b may be NULL. */
void exchange_break_promise(struct batch *b);
void exchange_unjudged_known(struct after *a, void *x);

/* What is left of this room. */
static inline size_t beyond(size_t room, size_t taken)
{
        return room > taken ? room - taken : 0;
}
/*
 * Whether this worker, of whose bodies so many have just ended, holds few of windows that let out fewer than there is
 * room for, less than two fifths and less than a hundred: then others hold the most of them, and are faster without it. Of two
 * that share one, one does so sooner or later.
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
