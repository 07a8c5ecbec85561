/*
 * pg_tx.c - building transactions: statements and parameters in a few growing arrays.
 *
 * Transactions come and go by the thousand, so their memory is kept in a short list of spare ones;
 * what one large transaction needed is given back (buf_reset). Arrays are written in PostgreSQL's
 * binary format (src/backend/utils/adt/arrayfuncs.c, array_recv): dimensions, flag for nulls, type
 * of the elements, then for each dimension its size and lower bound, then each element with its
 * length before it, all big-endian. It spares quoting here and parsing there.
 */
#include "store/pg_tx.h"

#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <string.h>

#include "base/mem.h"

enum { SPARE_MAX = 64 };
/* Types of elements, src/include/catalog/pg_type.dat. */
enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT4 = 23, OID_TEXT = 25 };

static struct pg_tx *spare[SPARE_MAX];
static size_t spare_count;

struct pg_tx *pg_tx_new(void)
{
        if (spare_count)
                return spare[--spare_count];
        struct pg_tx *tx = xcalloc(1, sizeof(*tx));
        list_init(&tx->link);
        buf_init(&tx->data, PG_TX_BYTES_MAX);
        return tx;
}

void pg_tx_rewind(struct pg_tx *tx)
{
        for (size_t i = 0; i < tx->answered; i++)
                PQclear(tx->results[i]);
        tx->answered = 0;
        tx->result_bytes = 0;
        tx->outcome = PG_DONE;
        free(take(tx->failure));
}

static void destroy(struct pg_tx *tx)
{
        buf_fini(&tx->data);
        free(tx->statements);
        free(tx->params);
        free(tx->results);
        free(tx);
}

void pg_tx_free(struct pg_tx *tx)
{
        if (!tx)
                return;
        pg_tx_rewind(tx);
        if (spare_count == SPARE_MAX) {
                destroy(tx);
                return;
        }
        buf_reset(&tx->data);
        tx->count = 0;
        tx->params_count = 0;
        tx->tries = 0;
        spare[spare_count++] = tx;
}

/* ---- statements ---- */

static void add_statement(struct pg_tx *tx, int id, const char *name, const char *text)
{
        if (tx->count == tx->statements_cap) {
                tx->statements_cap = tx->statements_cap ? tx->statements_cap * 2 : 4;
                tx->statements =
                        xreallocarray(tx->statements, tx->statements_cap, sizeof(*tx->statements));
        }
        tx->statements[tx->count++] = (struct pg_statement){
                .name = name, .text = text, .id = id, .first = tx->params_count};
}

void pg_stmt(struct pg_tx *tx, enum sql_id id)
{
        assert((unsigned)id < SQL_COUNT);
        add_statement(tx, (int)id, sql_texts[id].name, sql_texts[id].text);
}

void pg_stmt_text(struct pg_tx *tx, const char *name, const char *text)
{
        add_statement(tx, -1, name, text);
}

/* ---- parameters ---- */

static struct pg_param *add_param(struct pg_tx *tx, bool binary)
{
        assert(tx->count > 0); /* a statement comes first */
        struct pg_statement *s = &tx->statements[tx->count - 1];
        assert(s->params < PG_ARGS_MAX);
        if (tx->params_count == tx->params_cap) {
                tx->params_cap = tx->params_cap ? tx->params_cap * 2 : 16;
                tx->params = xreallocarray(tx->params, tx->params_cap, sizeof(*tx->params));
        }
        s->params++;
        struct pg_param *p = &tx->params[tx->params_count++];
        *p = (struct pg_param){.at = tx->data.len, .binary = binary};
        return p;
}

/* To be called when the bytes are in; the NUL behind them is not counted. */
static void end_param(struct pg_tx *tx, struct pg_param *p)
{
        p->len = (int)(tx->data.len - p->at);
        buf_addc(&tx->data, '\0');
}

void pg_arg_null(struct pg_tx *tx)
{
        add_param(tx, false)->null = true;
}

void pg_arg_int(struct pg_tx *tx, int64_t v)
{
        struct pg_param *p = add_param(tx, false);
        buf_addi(&tx->data, v);
        end_param(tx, p);
}

void pg_arg_bool(struct pg_tx *tx, bool v)
{
        pg_arg_textn(tx, v ? "t" : "f", 1);
}

void pg_arg_text(struct pg_tx *tx, const char *s)
{
        if (s)
                pg_arg_textn(tx, s, strlen(s));
        else
                pg_arg_null(tx);
}

void pg_arg_textn(struct pg_tx *tx, const char *s, size_t len)
{
        struct pg_param *p = add_param(tx, false);
        const char *nul;
        while (len && (nul = memchr(s, '\0', len))) {
                buf_add(&tx->data, s, (size_t)(nul - s));
                buf_adds(&tx->data, "\xef\xbf\xbd");
                len -= (size_t)(nul + 1 - s);
                s = nul + 1;
        }
        buf_add(&tx->data, s, len);
        end_param(tx, p);
}

void pg_arg_bytes(struct pg_tx *tx, const void *data, size_t len)
{
        struct pg_param *p = add_param(tx, true);
        buf_add(&tx->data, data, len);
        end_param(tx, p);
}

void pg_arg_starved(struct pg_tx *tx)
{
        tx->data.failed = tx->data.starved = true;
}

/* ---- arrays ---- */

static char *put32(char *at, uint32_t v)
{
        v = htobe32(v);
        memcpy(at, &v, sizeof(v));
        return at + sizeof(v);
}

static char *put64(char *at, uint64_t v)
{
        v = htobe64(v);
        memcpy(at, &v, sizeof(v));
        return at + sizeof(v);
}

enum { EMPTY_HEAD_BYTES = 12, HEAD_BYTES = 20 };

static size_t head_bytes(size_t n)
{
        return n ? HEAD_BYTES : EMPTY_HEAD_BYTES;
}

/* An empty array has no dimensions. */
static char *put_head(char *at, size_t n, bool nulls, uint32_t element_oid)
{
        assert(n <= INT_MAX);
        at = put32(at, n ? 1 : 0);
        at = put32(at, nulls ? 1 : 0);
        at = put32(at, element_oid);
        if (n) {
                at = put32(at, (uint32_t)n);
                at = put32(at, 1); /* lower bound */
        }
        return at;
}

/* Begins an array parameter with room for all its bytes; NULL: too large. */
static char *begin_array(struct pg_tx *tx, size_t n, size_t element_bytes, bool nulls, uint32_t oid,
                         struct pg_param **p)
{
        *p = add_param(tx, true);
        size_t size = head_bytes(n);
        if (__builtin_mul_overflow(n, element_bytes, &element_bytes) ||
            __builtin_add_overflow(size, element_bytes, &size))
                size = SIZE_MAX - 1;
        char *at = buf_reserve(&tx->data, size);
        if (!at)
                return NULL;
        tx->data.len += size;
        return put_head(at, n, nulls, oid);
}

void pg_arg_int8s(struct pg_tx *tx, const int64_t *v, size_t n)
{
        struct pg_param *p;
        char *at = begin_array(tx, n, 12, false, OID_INT8, &p);
        for (size_t i = 0; at && i < n; i++)
                at = put64(put32(at, 8), (uint64_t)v[i]);
        end_param(tx, p);
}

void pg_arg_int4s(struct pg_tx *tx, const int32_t *v, size_t n)
{
        struct pg_param *p;
        char *at = begin_array(tx, n, 8, false, OID_INT4, &p);
        for (size_t i = 0; at && i < n; i++)
                at = put32(put32(at, 4), (uint32_t)v[i]);
        end_param(tx, p);
}

void pg_arg_bools(struct pg_tx *tx, const bool *v, size_t n)
{
        struct pg_param *p;
        char *at = begin_array(tx, n, 5, false, OID_BOOL, &p);
        for (size_t i = 0; at && i < n; i++) {
                at = put32(at, 1);
                *at++ = (char)v[i];
        }
        end_param(tx, p);
}

void pg_arg_texts(struct pg_tx *tx, const char *const *v, size_t n)
{
        bool nulls = false;
        for (size_t i = 0; i < n && !nulls; i++)
                nulls = !v[i];
        struct pg_param *p;
        if (!begin_array(tx, n, 0, nulls, OID_TEXT, &p))
                return;
        for (size_t i = 0; i < n; i++) {
                size_t len = v[i] ? strlen(v[i]) : 0;
                char *at = buf_reserve(&tx->data, 4 + len);
                if (!at)
                        return;
                at = put32(at, v[i] ? (uint32_t)len : UINT32_MAX);
                if (len)
                        memcpy(at, v[i], len);
                tx->data.len += 4 + len;
        }
        end_param(tx, p);
}

/* ---- sizes, and what libpq takes ---- */

size_t pg_tx_bytes(const struct pg_tx *tx)
{
        return tx->data.len;
}

size_t pg_tx_statements(const struct pg_tx *tx)
{
        return tx->count;
}

void pg_tx_args(const struct pg_tx *tx, const struct pg_statement *s, struct pg_args *out)
{
        for (size_t i = 0; i < s->params; i++) {
                const struct pg_param *p = &tx->params[s->first + i];
                out->values[i] = p->null ? NULL : tx->data.data + p->at;
                out->lengths[i] = p->len;
                out->formats[i] = p->binary;
        }
}

void pg_tx_answer(struct pg_tx *tx, PGresult *result)
{
        if (tx->answered == tx->results_cap) {
                tx->results_cap = tx->results_cap ? tx->results_cap * 2 : 4;
                tx->results = xreallocarray(tx->results, tx->results_cap, sizeof(PGresult *));
        }
        tx->results[tx->answered++] = result;
        tx->result_bytes += PQresultMemorySize(result);
}

void pg_tx_fail(struct pg_tx *tx, const struct pg_failure *f)
{
        tx->outcome = PG_FAILED;
        if (tx->failure)
                return;
        tx->failure = xmalloc(sizeof(*f));
        *tx->failure = *f;
}
