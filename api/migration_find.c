/* migration_find.c - one question to PostgreSQL. */
#include "api/migration_find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/app.h"

struct search {
        struct request *rq;
        migration_fn fn;
};

/* 0: no number of that form. */
static int64_t number(const char *s)
{
        char *end;
        errno = 0;
        if (*s < '1' || *s > '9')
                return 0;
        long long v = strtoll(s, &end, 10);
        return *end || errno ? 0 : v;
}

static void not_found(struct request *rq)
{
        respond_errorf(rq, ERR_NOT_FOUND, "there is no migration \"%s\"", request_param(rq, "id"));
}

static const char *copy(struct arena *a, const char *s)
{
        return s ? arena_strdup(a, s) : NULL;
}

enum { ID, WAVE_NO, WAVE_ID, KIND, STATE, ATTEMPT, PROJECT, TARGET, MEMO, STARTED_MS, SECRET };

static void on_found(const struct pg_result *r, const struct err *e, void *arg)
{
        const struct search *s = arg;
        struct arena *a = request_arena(s->rq);
        if (e) {
                respond_error(s->rq, e);
                return;
        }
        if (pg_rows(r, 0) == 0) {
                not_found(s->rq);
                return;
        }
        struct migration_facts *f = ARENA_NEW(a, struct migration_facts);
        *f = (struct migration_facts){
                .id = pg_int(r, 0, 0, ID),
                .wave_no = pg_int(r, 0, 0, WAVE_NO),
                .wave_id = copy(a, pg_text(r, 0, 0, WAVE_ID)),
                .kind = copy(a, pg_text(r, 0, 0, KIND)),
                .state = copy(a, pg_text(r, 0, 0, STATE)),
                .attempt = (int32_t)pg_int(r, 0, 0, ATTEMPT),
                .project = copy(a, pg_text(r, 0, 0, PROJECT)),
                .target = pg_int(r, 0, 0, TARGET),
                .memo = copy(a, pg_text(r, 0, 0, MEMO)),
                .started_ms = pg_int(r, 0, 0, STARTED_MS),
                .secret = copy(a, pg_text(r, 0, 0, SECRET)),
        };
        s->fn(s->rq, f);
}

void migration_find(struct request *rq, migration_fn fn)
{
        const char *text = request_param(rq, "id");
        int64_t id = *text == 'm' ? number(text + 1) : 0;
        int64_t target = id ? 0 : number(text);
        if (!id && !target) {
                not_found(rq);
                return;
        }
        struct search *s = ARENA_NEW(request_arena(rq), struct search);
        *s = (struct search){rq, fn};
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_MIGRATION_FIND);
        pg_arg_int(tx, id);
        pg_arg_int(tx, target);
        pg_pool_send(request_app(rq)->pg, tx, on_found, s);
}

bool migration_is_remote(const struct migration_facts *f)
{
        return strcmp(f->kind, "remote") == 0 && f->target;
}
