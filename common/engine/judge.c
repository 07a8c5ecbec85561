/* judge.c - the question, the three statements, and what their answers mean. */
#include "engine/judge.h"

#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

enum { LOCK, RESOLVE, JUDGE };
enum { RESOLVED_AT_ONCE = 20000 };

struct pg_tx *judge_question(const int64_t *ids, size_t nids, const int64_t *waves, size_t nwaves)
{
        struct pg_tx *tx = pg_tx_new();

        pg_stmt(tx, SQL_WAVES_TO_JUDGE);
        pg_arg_int8s(tx, ids, nids);
        pg_arg_int8s(tx, waves, nwaves);
        return tx;
}

struct pg_tx *judge_question_of(const struct after *a)
{
        autofree int64_t *ids = xreallocarray(NULL, a->ndeliveries, sizeof(*ids));

        for (size_t i = 0; i < a->ndeliveries; i++)
                ids[i] = a->deliveries[i].id;
        return judge_question(ids, a->ndeliveries, NULL, 0);
}

void judge_question_read(const struct pg_result *r, const struct err *e, struct after *a)
{
        if (e)
                log_warn("wave.judging_unknown", LE(e));
        for (int i = 0; r && i < pg_rows(r, 0); i++)
                after_to_judge(a, pg_int(r, 0, i, 0));
}

struct pg_tx *judge_tx(const int64_t *waves, size_t n, int shard)
{
        struct pg_tx *tx = pg_tx_new();

        pg_stmt(tx, SQL_WAVE_LOCK);
        pg_arg_int8s(tx, waves, n);
        pg_stmt(tx, SQL_WAVE_RESOLVE);
        pg_arg_int8s(tx, waves, n);
        pg_arg_int(tx, shard);
        pg_arg_int(tx, RESOLVED_AT_ONCE);
        pg_stmt(tx, SQL_WAVE_JUDGE);
        pg_arg_int8s(tx, waves, n);
        PG_FAULT_SENT(tx, judge_sent);
        return tx;
}

/* Columns of wave_judge. */
enum { J_WAVE_ID = 1, J_STATE, J_COMPLETED = 7, J_FAILED, J_CANCELLED, J_WHAT, J_WHY, J_GATE };
static const struct facts_cols judge_cols = {0, 3, 2, 4, 5, 6};

static void ended(const struct pg_result *r, int row, const struct wave_facts *f, struct after *a)
{
        after_over(a, f);
        metric_add(METRIC_WAVES_ENDED, 1, pg_text(r, JUDGE, row, J_STATE), NULL);
        log_info("wave.ended", LS("wave", pg_text(r, JUDGE, row, J_WAVE_ID)),
                 LS("state", pg_text(r, JUDGE, row, J_STATE)),
                 LI("completed", pg_int(r, JUDGE, row, J_COMPLETED)),
                 LI("failed", pg_int(r, JUDGE, row, J_FAILED)),
                 LI("cancelled", pg_int(r, JUDGE, row, J_CANCELLED)));
}

static void read_verdict(const struct pg_result *r, int row, struct after *a)
{
        const char *what = pg_text(r, JUDGE, row, J_WHAT);
        const char *wave = pg_text(r, JUDGE, row, J_WAVE_ID);
        struct wave_facts f;

        facts_read(r, JUDGE, row, &judge_cols, &f);
        after_facts(a, &f);
        news_wave(&a->news, f.wave_no);
        if (!strcmp(what, "ended")) {
                ended(r, row, &f, a);
        } else if (!strcmp(what, "opened")) {
                after_opened(a, f.wave_no, pg_int(r, JUDGE, row, J_GATE) - 1);
                log_info("wave.canary_completed", LS("wave", wave));
        } else {
                log_warn("wave.paused", LS("wave", wave), LS("why", pg_text(r, JUDGE, row, J_WHY)));
        }
}

/* Columns of wave_resolve: id, wave_no, version, state, batch_size, priority, queue, goes. */
enum { R_GOES = 7 };
static const struct facts_cols resolve_cols = {1, 2, 3, 4, 5, 6};

void judge_read(const struct pg_result *r, struct after *a)
{
        bool few = pg_rows(r, RESOLVE) <= NEWS_NAMED_MAX;
        int64_t told = 0;

        for (int i = 0; i < pg_rows(r, RESOLVE); i++) {
                struct wave_facts f;
                int64_t id = pg_int(r, RESOLVE, i, 0);
                facts_read(r, RESOLVE, i, &resolve_cols, &f);
                after_facts(a, &f);
                if (pg_bool(r, RESOLVE, i, R_GOES))
                        after_unblocked(a, id, f.wave_no);
                if (few)
                        news_row_unknown(&a->news, f.wave_no, id);
                else if (f.wave_no != told)
                        news_wave_rows(&a->news, f.wave_no);
                told = f.wave_no;
        }
        for (int i = 0; i < pg_rows(r, JUDGE); i++)
                read_verdict(r, i, a);
}
