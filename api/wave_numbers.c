/* wave_numbers.c - a wave in numbers: how many of its migrations are in which state, how many ended when. */
#include "api/app.h"
#include "api/costly.h"
#include "api/reply.h"
#include "api/routes.h"
#include "api/wave_acts.h"

enum { MINUTES = 60, MINUTES_MAX = 1440 };

static void counts_read(const struct pg_result *r, const struct err *e, void *arg)
{
        if (wave_found(arg, r, e))
                respond_data(arg, 200, pg_text(r, 0, 0, 0), -1, NULL);
}

void waves_counts(struct request *rq)
{
        if (!wave_named(rq))
                return;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_COUNTS);
        pg_arg_text(tx, request_param(rq, "id"));
        pg_pool_send(request_app(rq)->pg, tx, counts_read, rq);
}

void waves_throughput(struct request *rq)
{
        int64_t minutes;
        struct err e = ERR_INIT;
        const char *id = request_param(rq, "id");
        if (!wave_named(rq))
                return;
        if (request_query_int(rq, "minutes", MINUTES, 1, MINUTES_MAX, &minutes, &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_THROUGHPUT);
        pg_arg_text(tx, id);
        pg_arg_int(tx, minutes);
        const char *key =
                arena_printf(request_arena(rq), "throughput %s %lld", id, (long long)minutes);
        costly_ask(request_app(rq)->costly, key, tx, wave_told, rq);
}
