/*
 * idempotency.h - Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): the first answer to a
 * request is kept in PostgreSQL in the transaction that did what was asked, for 24 hours, and given
 * again to the same request by the same principal.
 *
 *     idempotency_read()     the header
 *     idempotency_find()     has it been answered?
 *     idempotency_add()      at the head of the transaction; ERR_CONFLICT from it means that somebody
 *                            was faster: idempotency_find() again, with `under_way`
 */
#ifndef API_IDEMPOTENCY_H
#define API_IDEMPOTENCY_H

#include "api/http/request.h"
#include "base/rand.h"
#include "store/pg.h"

struct idempotency {
        bool given;
        unsigned char key[HASH_BYTES];  /* of principal, call and key */
        unsigned char body[HASH_BYTES]; /* of the body */
};

/* Quoted or bare; absent is fine. -1: ERR_BAD_REQUEST. */
int idempotency_read(struct request *rq, struct idempotency *out, struct err *e);
/*
 * An earlier answer is given again, with another body it is ERR_KEY_REUSED; otherwise go(arg). With
 * `under_way`, where no answer is there yet, ERR_IN_PROGRESS. `k` must live until go.
 */
void idempotency_find(struct request *rq, const struct idempotency *k, bool under_way,
                      void (*go)(void *arg), void *arg);
/* Two statements; `data` is what respond_data() gets. Nothing where no key was given. */
void idempotency_add(struct pg_tx *tx, const struct idempotency *k, int status, const char *data);
/* How many statements that is. */
size_t idempotency_statements(const struct idempotency *k);

#endif
