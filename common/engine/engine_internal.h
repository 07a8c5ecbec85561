/*
 * engine_internal.h - what the files of the engine share among themselves.
 */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "engine/engine.h"
#include "engine/exchange.h"

struct engine {
        struct loop *loop;
        const struct config *cfg;
        struct pg_pool *acts; /* acts may take seconds: nothing else waits behind them */
        struct pg *pg;        /* settlements and ends of waves */
        struct broker *broker;
        struct exchange *exchange;
        int shard; /* of wave_progress: negative, random, this process' own for all practical ends */
};

#endif
