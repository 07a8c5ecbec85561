/*
 * reply.h - answers that PostgreSQL builds: the last statement of a transaction answers one row, whose
 * first column is the JSON.
 */
#ifndef API_REPLY_H
#define API_REPLY_H

#include "api/page.h"
#include "store/pg.h"

/* The column is `data`. No row: 404. */
void reply_data(struct request *rq, struct pg_tx *tx);
/* Likewise, and a second column is the count. */
void reply_list(struct request *rq, struct pg_tx *tx);
/* Likewise, and a third is the cursor of the next page, or null. */
void reply_page(struct request *rq, struct pg_tx *tx, const struct page *page);
/* The column is the whole answer. */
void reply_whole(struct request *rq, struct pg_tx *tx);

/* 422 about one parameter of the query: "is none of a, b". */
void reply_bad_query(struct request *rq, const char *name, const char *detail);

#endif
