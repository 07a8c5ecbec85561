#include "engine/look.h"

#include "engine/after.h"

/* Columns of look: id, wave_no, state, attempt, worker_id, due_in_ms, version, wave_state, batch_size,
 * priority, queue, ended. */
static const struct facts_cols cols = {1, 6, 7, 8, 9, 10};

bool look_read(const struct pg_result *r, int row, struct delivery *d, struct wave_facts *facts,
               bool *over)
{
        *d = (struct delivery){.id = pg_int(r, 0, row, 0),
                               .wave_no = pg_int(r, 0, row, 1),
                               .end = end_of_state(pg_text(r, 0, row, 2)),
                               .due_in_ms = pg_int(r, 0, row, 5)};
        *over = pg_bool(r, 0, row, 11);
        if (pg_is_null(r, 0, row, 1))
                return false;
        facts_read(r, 0, row, &cols, facts);
        return true;
}
