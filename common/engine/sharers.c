/* sharers.c - see sharers.h. */
#include "engine/sharers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* After PostgreSQL has not told our name. */
enum { ASK_AGAIN_MS = 60000 };

struct sharers {
        struct engine_worker *w;
        bool busy, closing;
        char *name; /* ours; NULL: not known yet */
        int64_t not_before_ms;
        char told[BROKER_OTHERS_SIZE]; /* the others, as the log says */
};

struct sharers *sharers_new(struct engine_worker *w)
{
        struct sharers *s = xcalloc(1, sizeof(*s));

        s->w = w;
        return s;
}

void sharers_free(struct sharers *s)
{
        if (!s)
                return;
        s->closing = true;
        if (s->busy)
                return;
        free(s->name);
        free(s);
}

void sharers_forget_name(struct sharers *s)
{
        free(s->name);
        s->name = NULL;
        s->not_before_ms = 0;
}

/* The last answer that is owed frees it. */
static bool closing(struct sharers *s)
{
        bool was = s->closing;

        s->busy = false;
        if (was)
                sharers_free(s);
        return was;
}

static void tell(struct sharers *s, const char *others)
{
        if (strcmp(others, s->told) == 0)
                return;
        snprintf(s->told, sizeof(s->told), "%s", others);
        if (*others)
                log_warn("redis.shared", LS("with", others), LS("prefix", s->w->cfg->redis_prefix),
                         LS("mend", BROKER_OTHERS_MEND));
        else
                log_info("redis.alone", LS("prefix", s->w->cfg->redis_prefix));
}

static void seen(const char *const *names, size_t n, const struct err *e, void *arg)
{
        struct sharers *s = arg;
        char others[BROKER_OTHERS_SIZE];

        if (closing(s) || e || !s->name)
                return;
        broker_others(names, n, s->name, others);
        tell(s, others);
}

static void named(const struct pg_result *r, const struct err *e, void *arg)
{
        struct sharers *s = arg;

        if (closing(s))
                return;
        if (e)
                s->not_before_ms = clock_mono_ms() + ASK_AGAIN_MS;
        else if (!s->name)
                s->name = xstrdup(pg_text(r, 0, 0, 0));
}

void sharers_look(struct sharers *s)
{
        struct pg_tx *tx;

        if (s->busy || clock_mono_ms() < s->not_before_ms)
                return;
        s->busy = true;
        if (s->name) {
                broker_installations(s->w->broker, s->name, seen, s);
                return;
        }
        tx = pg_tx_new();
        pg_stmt(tx, SQL_INSTALLATION);
        pg_send(s->w->look, tx, named, s);
}
