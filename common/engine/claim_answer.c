#include "engine/claim_answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Columns of claim.sql and claim_fresh.sql, in order. */
enum {
        C_ID,
        C_CLAIMED,
        C_WAVE_NO,
        C_STATE,
        C_ATTEMPT,
        C_DUE,
        C_DUE_IN_MS,
        C_OPEN,
        C_TWIN,
        C_PROJECT,
        C_TARGET,
        C_SPENT,
        C_PARAMS,
        C_MEMO,
        C_POLLS,
        C_STARTED_MS,
        C_FIRST_STARTED_MS,
        C_SHUT,
        C_SPARE,
        C_BODY_US,
};
/* Columns of claim_lock.sql. */
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
        L_WIDE,
};
static const struct facts_cols lock_cols = {L_WAVE_NO,    L_VERSION,  L_STATE,
                                            L_BATCH_SIZE, L_PRIORITY, L_QUEUE};

/* How long a migration waits that cannot start while another one runs with its pair. */
enum { TWIN_WAIT_MS = 5000 };

bool claim_answer_alive(const struct pg_result *r, size_t lock, size_t claim)
{
        return pg_rows(r, lock) > 0 || pg_rows(r, claim) == 0;
}

bool claim_answer_wide(const struct pg_result *r, size_t lock)
{
        for (int i = 0; i < pg_rows(r, lock); i++)
                if (pg_bool(r, lock, i, L_WIDE))
                        return true;
        return false;
}

static int by_id(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

size_t claim_answer_lacks(const struct pg_result *r, size_t claim, int64_t *ids, size_t n)
{
        size_t rows = (size_t)pg_rows(r, claim), left = 0;
        autofree int64_t *known = xreallocarray(NULL, rows + 1, sizeof(*known));

        for (size_t i = 0; i < rows; i++)
                known[i] = pg_int(r, claim, (int)i, C_ID);
        qsort(known, rows, sizeof(*known), by_id);
        for (size_t i = 0; i < n; i++)
                if (!bsearch(&ids[i], known, rows, sizeof(*known), by_id))
                        ids[left++] = ids[i];
        return left;
}

static int lock_row(const struct pg_result *r, size_t lock, int64_t wave_no)
{
        for (int i = 0; i < pg_rows(r, lock); i++)
                if (pg_int(r, lock, i, L_WAVE_NO) == wave_no)
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

static void read_job(const struct pg_result *r, size_t lock, int l, size_t s, int row,
                     struct claim_row *out)
{
        struct job *j = &out->job;

        j->id = out->id;
        j->wave_no = pg_int(r, s, row, C_WAVE_NO);
        j->poll = pg_is_null(r, s, row, C_CLAIMED);
        j->attempt = (int32_t)pg_int(r, s, row, j->poll ? C_ATTEMPT : C_CLAIMED);
        j->spent = (int32_t)pg_int(r, s, row, C_SPENT);
        j->polls = (int32_t)pg_int(r, s, row, C_POLLS);
        j->started_ms = pg_int(r, s, row, C_STARTED_MS);
        j->first_started_ms = pg_int(r, s, row, C_FIRST_STARTED_MS);
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

bool claim_answer_row(const struct pg_result *r, size_t lock, size_t claim, int row,
                      struct claim_row *out, struct wave_facts *facts, bool *ended)
{
        int64_t wave_no = pg_int(r, claim, row, C_WAVE_NO);
        const char *state = pg_text(r, claim, row, C_STATE);
        int l = lock_row(r, lock, wave_no);

        memset(out, 0, sizeof(*out));
        out->id = pg_int(r, claim, row, C_ID);
        out->delivery.id = out->id;
        out->delivery.wave_no = wave_no;
        out->twin = pg_bool(r, claim, row, C_TWIN);
        out->claimed = !pg_is_null(r, claim, row, C_CLAIMED) ||
                       (state && !strcmp(state, "parked") && pg_bool(r, claim, row, C_DUE));
        out->body_us = pg_is_null(r, claim, row, C_BODY_US) ? -1 : pg_int(r, claim, row, C_BODY_US);
        *ended = l >= 0 && pg_bool(r, lock, l, L_ENDED);
        if (l < 0) {
                out->claimed = false;
                read_delivery(r, claim, row, out);
                return false;
        }
        if (out->claimed)
                read_job(r, lock, l, claim, row, out);
        else
                read_delivery(r, claim, row, out);
        facts_read(r, lock, l, &lock_cols, facts);
        return true;
}
