/*
 * rest.h - where bodies take microseconds, a transaction costs as much as dozens of them: who holds few of a narrow
 * window leaves it to the workers that hold many. It takes nothing with its finish, pops nothing, and looks at
 * what is lined up, at once and then fifty times a second: the rest ends when that is many, when nobody has taken of it
 * between two looks, or when there is nothing. One of too many workers for the processors of its host (crowd.h) stands
 * back in the same way: as long as it is that, or does not know yet, and others take what is lined up, however much.
 *
 * Nothing is decided by it but who takes an id, and how soon: by the second look where nobody else does.
 */
#ifndef ENGINE_REST_H
#define ENGINE_REST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "broker/broker.h"
#include "engine/crowd.h"

/* So many together are worth a transaction. */
enum { REST_MANY = 64 };

struct rest;
struct rest_opts {
        struct loop *loop;
        struct broker *broker;
        const char *const *queues;
        size_t nqueues;
        enum crowding (*crowding)(void *arg); /* crowd_now */
        void (*on_end)(void *arg);            /* ids are wanted again */
        void *arg;
};
struct rest *rest_new(const struct rest_opts *o);
void rest_free(struct rest *r); /* NULL is fine; after the broker, whose callbacks come back to it */
void rest_renew(struct rest *r); /* a new identity does not rest; nor does NULL, which the API has */
/* Begins, where it has not begun. Not for a second after one in which nobody took anything. */
void rest_begin(struct rest *r);
/* Where the host is crowded, and bodies are brief, or where nobody knows; until it is not. */
void rest_stand_back(struct rest *r, bool brief);
bool rest_on(const struct rest *r);

#endif
