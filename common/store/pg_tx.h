/*
 * pg_tx.h - the inside of a transaction and of its results, for the files that send and answer them.
 */
#ifndef STORE_PG_TX_H
#define STORE_PG_TX_H

#include <libpq-fe.h>

#include "base/buf.h"
#include "base/list.h"
#include "store/pg.h"
#include "store/pg_failure.h"

enum { PG_ARGS_MAX = 64, PG_TX_BYTES_MAX = 256 * 1024 * 1024 };

enum pg_outcome {
        PG_DONE,
        PG_FAILED, /* PostgreSQL said so, and rolled it back */
        PG_UNDONE, /* there is no connection; not done, and sure of it */
        PG_LOST,   /* the connection broke before the answer: perhaps done */
};

struct pg_param {
        size_t at; /* offset of its bytes in the transaction's data */
        int len;
        bool null;
        bool binary;
};

struct pg_statement {
        const char *name;
        const char *text;
        int id;       /* enum sql_id; -1: pg_stmt_text() */
        size_t first; /* its parameters */
        size_t params;
        bool once; /* sent as it is, without a name: PostgreSQL prepares nothing */
};

struct pg_tx {
        struct list link;
        struct buf data; /* bytes of all parameters; texts end with a NUL */
        struct pg_statement *statements;
        size_t count, statements_cap;
        struct pg_param *params;
        size_t params_count, params_cap;
        /* while it is under way */
        pg_fn fn;
        void *arg;
        enum pg_outcome outcome;
        struct pg_failure *failure; /* PG_FAILED: why */
        PGresult **results;         /* of the first `answered` statements */
        size_t answered, results_cap;
        size_t result_bytes;
#ifdef WAVEFLEET_FAULTS
        int fault; /* a point to be passed when it is sent, and 1; 0: none */
#endif
        unsigned tries;   /* how often PostgreSQL rolled it back for a conflict */
        int64_t taken_us; /* when it was given to us, monotonic */
        int64_t due_ms;   /* when it is sent again */
        bool parted;      /* its rest is to come */
};

struct pg_result {
        PGresult *const *results;
        size_t count;
};

/* The parameters of a statement, as libpq takes them; they point into the transaction. */
struct pg_args {
        const char *values[PG_ARGS_MAX];
        int lengths[PG_ARGS_MAX];
        int formats[PG_ARGS_MAX];
};
void pg_tx_args(const struct pg_tx *tx, const struct pg_statement *s, struct pg_args *out);
/* Takes the next statement's result. */
void pg_tx_answer(struct pg_tx *tx, PGresult *result);
/* Notes why it failed; only the first word counts. */
void pg_tx_fail(struct pg_tx *tx, const struct pg_failure *f);
/* Forgets what was answered, so that it can be sent again. */
void pg_tx_rewind(struct pg_tx *tx);

#endif
