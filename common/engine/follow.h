/*
 * follow.h - what follows bodies that have ended: while their outcomes are on the way to PostgreSQL, Redis is
 * asked for what comes next in their slots, so that settlement and next claim are one transaction. One question
 * is under way at a time, and is waited for a moment only. Where ids are lined up these come anyway, and together: then
 * it rests for a while.
 *
 * What follows brief bodies may be asked for before they have begun: its claim then waits for their outcomes.
 *
 * A slot that is freed before its settlement is one that Redis has lost too early: PostgreSQL guards the window,
 * and the settlement's own finish frees what is still there. So nothing depends on an answer.
 */
#ifndef ENGINE_FOLLOW_H
#define ENGINE_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "broker/broker.h"

struct follow;
struct follow_opts {
        struct loop *loop;
        struct broker *broker;
        const char *const *queues;
        size_t nqueues;
        void (*on_ids)(const int64_t *ids, size_t n, void *arg); /* what was taken; n may be 0 */
        void (*on_go)(void *arg);                                /* it is waited for no longer */
        void *arg;
};
/* NULL, which the API has, is a follow that never has anything to ask: fine for all but follow_add and follow_ask. */
struct follow *follow_new(const struct follow_opts *o);
void follow_free(struct follow *f); /* after the broker, whose callbacks come back to it */
/* A new identity: what was added or asked is forgotten. */
void follow_renew(struct follow *f);
/* This body has ended, or is about to. Only so many are remembered; of the others the slots are freed by their finish. brief: one of
 * many that take microseconds; their slots may pass from hand to hand, where all are of one wave: else they are not
 * asked for. */
void follow_add(struct follow *f, int64_t id, int64_t wave_no, bool brief);
/* Whether there is something to ask, and nothing under way. */
bool follow_pending(const struct follow *f);
/* Asks what is pending, where any ids are wanted; else it is forgotten. */
void follow_ask(struct follow *f, int64_t worker, size_t want);
bool follow_waits(const struct follow *f);
size_t follow_taking(const struct follow *f); /* ids asked for */

#endif
