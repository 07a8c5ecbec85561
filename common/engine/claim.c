#include "engine/claim.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Columns of claim.sql, in order; of claim_fresh.sql and claim_many.sql the first ones. In that of claim_many, waves have
 * rows of their own, before all others, without an id: STARTED_MS and BODY_US stand there only. */
enum {
        C_ID,
        C_CLAIMED,
        C_WAVE_NO,
        C_PROJECT,
        C_TARGET,
        C_SPENT,
        C_PARAMS,
        C_MEMO,
        C_STARTED_MS,
        C_FIRST_STARTED_MS,
        C_BODY_US,
        C_STATE,
        C_ATTEMPT,
        C_DUE,
        C_DUE_IN_MS,
        C_OPEN,
        C_TWIN,
        C_POLLS,
        C_SHUT,
        C_SPARE,
};
/* Columns of claim_lock.sql and claim_lock_many.sql. */
enum {
        L_WAVE_NO,
        L_WAVE_ID,
        L_NAME,
        L_KIND,
        L_PARAMS,
        L_STATE,
        L_VERSION,
        L_BATCH_SIZE,
        L_PRIORITY,
        L_QUEUE,
        L_MAX_ATTEMPTS,
        L_TIMEOUT_MS,
        L_WORKSPACE_ID,
        L_WORKSPACE_NAME,
        L_MGR_MANUAL,
        L_TRACEPARENT,
        L_ENDED,
        L_STORED,
};
static const struct facts_cols lock_cols = {L_WAVE_NO,    L_VERSION,  L_STATE,
                                            L_BATCH_SIZE, L_PRIORITY, L_QUEUE};

/* How long a migration waits that cannot start while another one runs with its pair. */
enum { TWIN_WAIT_MS = 5000 };

static int by_id(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

/* ---- the statements ---- */

/* The ids as ranges of neighbours, ascending. Returns how many these are. */
static size_t ranges(const int64_t *ids, size_t n, int64_t *first, int64_t *last)
{
        size_t count = 0;

        memcpy(first, ids, n * sizeof(*ids));
        qsort(first, n, sizeof(*first), by_id);
        for (size_t i = 0; i < n; i++) {
                if (count && first[i] == last[count - 1] + 1) {
                        last[count - 1]++;
                } else if (!count || first[i] != last[count - 1]) {
                        first[count] = last[count] = first[i];
                        count++;
                }
        }
        return count;
}

static void add_who(struct pg_tx *tx, const struct claim_by *by)
{
        pg_arg_int(tx, by->worker);
        pg_arg_int(tx, by->shard);
        pg_arg_texts(tx, by->queues, by->nqueues);
        pg_arg_int8s(tx, by->known->shorts, by->known->nshorts);
}

static void add_known(struct pg_tx *tx, const struct pace_known *known)
{
        pg_arg_int8s(tx, known->longs, known->nlongs);
        pg_arg_int(tx, known->below_us);
        pg_arg_int(tx, PACE_KNOWN_AFTER);
}

static void add_ranges(struct pg_tx *tx, enum sql_id id, const int64_t *first, const int64_t *last,
                       size_t n)
{
        pg_stmt(tx, id);
        pg_arg_int8s(tx, first, n);
        pg_arg_int8s(tx, last, n);
}

static void add_ids(struct pg_tx *tx, enum sql_id id, const int64_t *ids, size_t n)
{
        pg_stmt(tx, id);
        pg_arg_int8s(tx, ids, n);
}

void claim_add(struct pg_tx *tx, const int64_t *ids, size_t n, const struct claim_by *by)
{
        int64_t first[CLAIMS_MAX], last[CLAIMS_MAX];
        bool many = n >= CLAIMS_MANY;
        size_t nranges = many ? ranges(ids, n, first, last) : 0;

        if (many)
                add_ranges(tx, SQL_CLAIM_LOCK_MANY, first, last, nranges);
        else
                add_ids(tx, SQL_CLAIM_LOCK, ids, n);
        pg_arg_int(tx, by->worker);
        if (!by->fresh)
                add_ids(tx, SQL_PAIR_LOCKS, ids, n); /* what is fresh has no pair */
        if (by->fresh && many) {
                add_ranges(tx, SQL_CLAIM_MANY, first, last, nranges);
                add_who(tx, by);
                pg_arg_bool(tx, n <= by->lone);
        } else {
                add_ids(tx, by->fresh ? SQL_CLAIM_FRESH : SQL_CLAIM, ids, n);
                add_who(tx, by);
                pg_arg_int(tx, (int64_t)by->lone);
                if (!by->fresh)
                        pg_arg_bool(tx, many);
        }
        add_known(tx, by->known);
        if (!by->fresh)
                pg_arg_int(tx, by->known->tries);
}

bool claim_can_join(const struct pg *pg, size_t n)
{
        bool many = n >= CLAIMS_MANY;

        return pg_knows(pg, many ? SQL_CLAIM_LOCK_MANY : SQL_CLAIM_LOCK) &&
               pg_knows(pg, many ? SQL_CLAIM_MANY : SQL_CLAIM_FRESH);
}

/* ---- the answer ---- */

bool claim_alive(const struct pg_result *r, size_t lock, size_t claim)
{
        return pg_rows(r, lock) > 0 || pg_rows(r, claim) == 0;
}

/* How many rows are of waves. */
static int wave_rows(const struct pg_result *r, size_t claim)
{
        int n = 0;

        while (n < pg_rows(r, claim) && pg_is_null(r, claim, n, C_ID))
                n++;
        return n;
}

size_t claim_answers(const struct pg_result *r, size_t claim)
{
        return (size_t)(pg_rows(r, claim) - wave_rows(r, claim));
}

size_t claim_lacks(const struct pg_result *r, size_t claim, int64_t *ids, size_t n)
{
        size_t rows = claim_answers(r, claim), left = 0;
        int from = pg_rows(r, claim) - (int)rows;
        autofree int64_t *known = xreallocarray(NULL, rows + 1, sizeof(*known));

        for (size_t i = 0; i < rows; i++)
                known[i] = pg_int(r, claim, from + (int)i, C_ID);
        qsort(known, rows, sizeof(*known), by_id);
        for (size_t i = 0; i < n; i++)
                if (!bsearch(&ids[i], known, rows, sizeof(*known), by_id))
                        ids[left++] = ids[i];
        return left;
}

/* The first of the rows that are of this wave, or -1. */
static int row_of(const struct pg_result *r, size_t s, int rows, int col, int64_t wave_no)
{
        for (int i = 0; i < rows; i++)
                if (pg_int(r, s, i, col) == wave_no)
                        return i;
        return -1;
}

static void read_delivery(const struct pg_result *r, size_t s, int row, struct claim_row *out)
{
        struct delivery *d = &out->delivery;

        d->end = end_of_state(pg_text(r, s, row, C_STATE));
        d->due_in_ms = pg_int(r, s, row, C_DUE_IN_MS);
        if (d->end == END_RETRYING && pg_bool(r, s, row, C_DUE))
                d->end = END_PENDING;
        if (out->twin) {
                d->end = END_RETRYING;
                d->due_in_ms = TWIN_WAIT_MS;
        }
        out->full =
                d->end == END_PENDING && pg_bool(r, s, row, C_OPEN) && !pg_bool(r, s, row, C_SPARE);
        out->shut = d->end == END_PENDING && pg_bool(r, s, row, C_SHUT);
}

/* The row in which what is the same for the whole wave stands. */
static int shared_row(const struct claim_cursor *c, int row)
{
        return c->wave_row < 0 ? row : c->wave_row;
}

/* poll: a parked one, whose attempt goes on. */
static void read_job(const struct claim_cursor *c, int row, bool poll, struct claim_row *out)
{
        const struct pg_result *r = c->r;
        size_t s = c->claim, lock = c->lock;
        int l = c->lock_row;
        struct job *j = &out->job;

        j->id = out->id;
        j->wave_no = c->wave_no;
        j->poll = poll;
        j->attempt = (int32_t)pg_int(r, s, row, poll ? C_ATTEMPT : C_CLAIMED);
        j->spent = (int32_t)pg_int(r, s, row, C_SPENT);
        j->polls = poll ? (int32_t)pg_int(r, s, row, C_POLLS) : 0;
        j->started_ms = pg_int(r, s, shared_row(c, row), C_STARTED_MS);
        j->first_started_ms = pg_is_null(r, s, row, C_FIRST_STARTED_MS)
                                      ? j->started_ms
                                      : pg_int(r, s, row, C_FIRST_STARTED_MS);
        j->brz_project_id = pg_int(r, s, row, C_TARGET);
        j->project = pg_text(r, s, row, C_PROJECT);
        j->project_params = pg_text(r, s, row, C_PARAMS);
        j->memo = pg_text(r, s, row, C_MEMO);
        j->wave_id = pg_text(r, lock, l, L_WAVE_ID);
        j->wave_name = pg_text(r, lock, l, L_NAME);
        j->kind = pg_text(r, lock, l, L_KIND);
        j->params = pg_text(r, lock, l, L_PARAMS);
        j->max_attempts = (int32_t)pg_int(r, lock, l, L_MAX_ATTEMPTS);
        j->timeout_ms = pg_int(r, lock, l, L_TIMEOUT_MS);
        j->workspace_id = pg_text(r, lock, l, L_WORKSPACE_ID);
        j->workspace_name = pg_text(r, lock, l, L_WORKSPACE_NAME);
        j->traceparent = pg_text(r, lock, l, L_TRACEPARENT);
        out->stored = pg_text(r, lock, l, L_STORED);
        if (pg_bool(r, lock, l, L_MGR_MANUAL))
                j->options = "{\"mgr_manual\":1}";
}

void claim_first(struct claim_cursor *c, const struct pg_result *r, size_t lock, size_t claim)
{
        int waves = wave_rows(r, claim);

        *c = (struct claim_cursor){.r = r,
                                   .lock = lock,
                                   .claim = claim,
                                   .waves = waves,
                                   .row = waves,
                                   .wave_no = -1,
                                   .lock_row = -1,
                                   .wave_row = -1};
}

static void enter(struct claim_cursor *c, int64_t wave_no)
{
        c->entered = wave_no != c->wave_no;
        if (!c->entered)
                return;
        c->wave_no = wave_no;
        c->wave_row = row_of(c->r, c->claim, c->waves, C_WAVE_NO, wave_no);
        c->lock_row = row_of(c->r, c->lock, pg_rows(c->r, c->lock), L_WAVE_NO, wave_no);
        c->entered = c->lock_row >= 0;
        c->ended = c->entered && pg_bool(c->r, c->lock, c->lock_row, L_ENDED);
        if (c->entered)
                facts_read(c->r, c->lock, c->lock_row, &lock_cols, &c->facts);
}

bool claim_next(struct claim_cursor *c, struct claim_row *out)
{
        const struct pg_result *r = c->r;
        size_t claim = c->claim;
        bool poll = false;
        int row = c->row, shared;

        if (row >= pg_rows(r, claim))
                return false;
        c->row++;
        enter(c, pg_int(r, claim, row, C_WAVE_NO));
        shared = shared_row(c, row);
        memset(out, 0, sizeof(*out));
        out->id = pg_int(r, claim, row, C_ID);
        out->delivery.id = out->id;
        out->delivery.wave_no = c->wave_no;
        out->claimed = !pg_is_null(r, claim, row, C_CLAIMED);
        out->body_us =
                pg_is_null(r, claim, shared, C_BODY_US) ? -1 : pg_int(r, claim, shared, C_BODY_US);
        if (!out->claimed) {
                const char *state = pg_text(r, claim, row, C_STATE);
                out->twin = pg_bool(r, claim, row, C_TWIN);
                poll = state && !strcmp(state, "parked") && pg_bool(r, claim, row, C_DUE);
                out->claimed = poll;
        }
        if (c->lock_row < 0)
                out->claimed = false;
        if (out->claimed)
                read_job(c, row, poll, out);
        else
                read_delivery(r, claim, row, out);
        return true;
}
