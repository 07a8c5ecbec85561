/*
 * neighbour.h - is the migration server there, and does it reach us? One handshake for all who ask within a few
 * seconds; nobody waits longer than two for it.
 */
#ifndef API_DOCTOR_NEIGHBOUR_H
#define API_DOCTOR_NEIGHBOUR_H

#include "api/doctor/findings.h"
#include "api/upstream.h"

enum { NEIGHBOUR_FRESH_MS = 5000, NEIGHBOUR_WAIT_MS = 2000 };

enum neighbour_state {
        NEIGHBOUR_WELL,   /* it answers, and its call to us arrived */
        NEIGHBOUR_DEAF,   /* it answers, but cannot reach us */
        NEIGHBOUR_AWAY,   /* it does not answer as it should */
        NEIGHBOUR_SILENT, /* it has not answered yet */
};

struct neighbour;
/* callback_url: ours, that it calls. Both are kept by reference. */
struct neighbour *neighbour_new(struct loop *l, struct upstream *u, char *callback_url);
/* After the upstream, which has answered everybody. callback_url is freed too. NULL is fine. */
void neighbour_free(struct neighbour *n);

/* text: what it or the way to it says. May be called from inside. */
typedef void (*neighbour_fn)(enum neighbour_state state, const char *text, void *arg);
void neighbour_ask(struct neighbour *n, neighbour_fn fn, void *arg);
/* What was answered, as findings; `bad` is what it is if it is not well. public_url: ours. */
void neighbour_judge(struct findings *f, enum neighbour_state state, const char *said,
                     const char *public_url, enum finding bad);

#endif
