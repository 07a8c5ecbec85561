/*
 * waves.h - the part that all scripts have in common that touch waves: their queues, the waves and
 * what is known of them (lua/lib/waves.lua), and the release of queues that a script left early.
 */
#ifndef BROKER_WAVES_H
#define BROKER_WAVES_H

#include "broker/inner.h"

struct waves {
        const char *queue[2 * BROKER_BATCH_MAX];
        size_t queues;
        const struct wave_facts *wave[BROKER_BATCH_MAX];
        size_t queue_of[BROKER_BATCH_MAX]; /* index of its queue */
        size_t waves;
};

/* Each returns its index; what is there already is not added again. */
size_t waves_add_queue(struct waves *w, const char *queue);
size_t waves_add(struct waves *w, const struct wave_facts *f);

/*
 * A call with the common KEYS; the script's own_keys keys are to follow, then waves_args(), then its
 * own arguments.
 */
struct call *waves_call(struct broker *b, enum lua_id script, const struct waves *w,
                        size_t own_keys);
void waves_args(struct call *c, const struct waves *w);

/* The answer of such a script: releases further the queues that it left early. */
void waves_top_up(struct broker *b, const redisReply *reply, char (*queues)[QUEUE_NAME_MAX + 1]);
/* How many elements of the answer were about that. */
size_t waves_skip(const redisReply *reply);

/* The newest facts of this wave among f, or NULL. */
const struct wave_facts *waves_find(const struct wave_facts *f, size_t n, int64_t wave_no);

#endif
