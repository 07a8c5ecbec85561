/* statuses.c - the questions, and who waits for which row of their answers. */
#include "api/statuses.h"

#include <assert.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "store/pg.h"

enum {
        LOOKS_MAX = 2, /* under way: one whose connection hangs does not hold up everybody */
        ASKED_MAX = 64 /* in one of them, so that a turn of the loop stays short */
};

struct statuses {
        struct pg_pool *pool;
        struct list waiting;
        size_t looks;
};

struct asker {
        struct list link;
        char *wave_id;
        status_fn fn;
        void *arg;
        int row;
};

/* A question under way. */
struct look {
        struct statuses *of;
        struct list askers;
};

static void look(struct statuses *s);

/* The row of a wave's id, which is added where it is not there yet. */
static int row_of(const char **ids, int *n, const char *id)
{
        int row = 0;
        while (row < *n && strcmp(ids[row], id) != 0)
                row++;
        if (row == *n)
                ids[(*n)++] = id;
        return row;
}

static void answer(struct asker *a, const struct pg_result *r, const struct err *e)
{
        a->fn(e ? NULL : pg_text(r, 0, a->row, 0), e, a->arg);
        free(a->wave_id);
        free(a);
}

/* The next question is on its way while these are answered. */
static void on_rows(const struct pg_result *r, const struct err *e, void *arg)
{
        struct look *k = arg;
        struct list *at;
        k->of->looks--;
        look(k->of);
        while ((at = list_pop_front(&k->askers)))
                answer(CONTAINER_OF(at, struct asker, link), r, e);
        free(k);
}

static void look(struct statuses *s)
{
        const char *ids[ASKED_MAX];
        int n = 0;
        if (s->looks == LOOKS_MAX || list_empty(&s->waiting))
                return;
        struct look *k = xmalloc(sizeof(*k));
        k->of = s;
        list_init(&k->askers);
        struct list *at;
        for (int asked = 0; asked < ASKED_MAX && (at = list_pop_front(&s->waiting)); asked++) {
                struct asker *a = CONTAINER_OF(at, struct asker, link);
                a->row = row_of(ids, &n, a->wave_id);
                list_push_back(&k->askers, at);
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_STATUS);
        pg_arg_texts(tx, ids, (size_t)n);
        s->looks++;
        pg_pool_send(s->pool, tx, on_rows, k);
}

void statuses_ask(struct statuses *s, const char *wave_id, status_fn fn, void *arg)
{
        struct asker *a = xmalloc(sizeof(*a));
        *a = (struct asker){.wave_id = xstrdup(wave_id), .fn = fn, .arg = arg};
        list_push_back(&s->waiting, &a->link);
        look(s);
}

struct statuses *statuses_new(struct pg_pool *pool)
{
        struct statuses *s = xcalloc(1, sizeof(*s));
        s->pool = pool;
        list_init(&s->waiting);
        return s;
}

void statuses_free(struct statuses *s)
{
        if (!s)
                return;
        assert(s->looks == 0 && list_empty(&s->waiting));
        free(s);
}
