/* idempotency.c - see idempotency.h. Old keys go with the workers' upkeep. */
#include "api/idempotency.h"

#include <string.h>

#include "api/app.h"
#include "base/mem.h"

enum { KEY_MAX = 255, AGAIN_MS = 1000 };

/* A structured-field string (RFC 8941, 3.3.3) or the bare characters of one. */
static int key_text(const char *header, const char **text, size_t *len, struct err *e)
{
        size_t n = strlen(header);
        if (n >= 2 && header[0] == '"' && header[n - 1] == '"') {
                header++;
                n -= 2;
        }
        bool good = n > 0 && n <= KEY_MAX;
        for (size_t i = 0; good && i < n; i++)
                good = header[i] > ' ' && header[i] < 0x7F && header[i] != '"';
        if (!good)
                return err_set(
                        e, ERR_BAD_REQUEST,
                        "the Idempotency-Key must be 1 to %d visible ASCII characters, quoted "
                        "or bare",
                        KEY_MAX);
        *text = header;
        *len = n;
        return 0;
}

int idempotency_read(struct request *rq, struct idempotency *out, struct err *e)
{
        const char *header = request_header(rq, "Idempotency-Key"), *key = NULL;
        size_t len = 0;
        *out = (struct idempotency){0};
        if (!header)
                return 0;
        if (key_text(header, &key, &len, e) < 0)
                return -1;
        autobuf scope = BUF_INIT(SIZE_MAX);
        buf_addf(&scope, "%s\n%s %s\n", request_principal(rq), request_method(rq), request_path(rq));
        buf_add(&scope, key, len);
        if (buf_check(&scope, "the Idempotency-Key", e) < 0)
                return -1;
        out->given = true;
        hash_sha256(scope.data, scope.len, out->key);
        memcpy(out->body, request_body_hash(rq), HASH_BYTES);
        return 0;
}

/* ---- an earlier answer ---- */

struct finding {
        struct request *rq;
        bool under_way;
        void (*go)(void *arg);
        void *arg;
};

static void not_answered(const struct finding *f)
{
        struct err e = ERR_INIT;
        if (!f->under_way) {
                f->go(f->arg);
                return;
        }
        err_set(&e, ERR_IN_PROGRESS,
                "the first request with this Idempotency-Key is still under way");
        e.retry_after_ms = AGAIN_MS;
        respond_header(f->rq, "Retry-After", "1");
        respond_error(f->rq, &e);
}

static void found(const struct pg_result *r, const struct err *e, void *arg)
{
        const struct finding *f = arg;
        if (e) {
                respond_error(f->rq, e);
        } else if (pg_rows(r, 0) == 0) {
                not_answered(f);
        } else if (!pg_bool(r, 0, 0, 2)) {
                respond_errorf(f->rq, ERR_KEY_REUSED,
                               "this Idempotency-Key came with another body before: use a new one");
        } else {
                respond_header(f->rq, "Idempotency-Replayed", "true");
                respond_data(f->rq, (int)pg_int(r, 0, 0, 0), pg_text(r, 0, 0, 1), -1, NULL);
        }
}

void idempotency_find(struct request *rq, const struct idempotency *k, bool under_way,
                      void (*go)(void *arg), void *arg)
{
        struct finding *f = ARENA_NEW(request_arena(rq), struct finding);
        *f = (struct finding){rq, under_way, go, arg};
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_IDEMPOTENCY_FIND);
        pg_arg_bytes(tx, k->key, HASH_BYTES);
        pg_arg_bytes(tx, k->body, HASH_BYTES);
        pg_pool_send(request_app(rq)->pg, tx, found, f);
}

/* ---- keeping one ---- */

size_t idempotency_statements(const struct idempotency *k)
{
        return k->given ? 2 : 0;
}

void idempotency_add(struct pg_tx *tx, const struct idempotency *k, int status, const char *data)
{
        int64_t lock;
        if (!k->given)
                return;
        memcpy(&lock, k->key, sizeof(lock));
        pg_stmt(tx, SQL_IDEMPOTENCY_LOCK);
        pg_arg_int(tx, lock);
        pg_stmt(tx, SQL_IDEMPOTENCY_KEEP);
        pg_arg_bytes(tx, k->key, HASH_BYTES);
        pg_arg_bytes(tx, k->body, HASH_BYTES);
        pg_arg_int(tx, status);
        pg_arg_text(tx, data);
}
