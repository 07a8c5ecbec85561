/* workers.c - workers: who they are and what they do. */
#include "api/app.h"
#include "api/reply.h"
#include "api/routes.h"

void workers_list(struct request *rq)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_FLEET_WORKERS);
        reply_list(rq, tx);
}
