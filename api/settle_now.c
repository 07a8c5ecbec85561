/* settle_now.c - whichever comes first, the answer or the end of patience, is told; once. */
#include "api/settle_now.h"

#include "base/mem.h"

struct waiting {
        struct loop_timer *timer; /* NULL: it has been told */
        engine_settled_fn fn;
        void *arg;
};

static void tell(struct waiting *w, bool settled, const char *state, const struct err *e)
{
        loop_timer_free(take(w->timer));
        w->fn(settled, state, e, w->arg);
}

static void on_settled(bool settled, const char *state, const struct err *e, void *arg)
{
        struct waiting *w = arg;
        if (w->timer)
                tell(w, settled, state, e);
        free(w);
}

static void on_late(void *arg)
{
        struct err e = ERR_INIT;
        err_set(&e, ERR_UNAVAILABLE,
                "PostgreSQL does not answer: the outcome could not be stored yet");
        tell(arg, false, NULL, &e);
}

void settle_now(struct app *app, int64_t id, int32_t attempt, const struct outcome *o,
                engine_settled_fn fn, void *arg)
{
        struct waiting *w = xcalloc(1, sizeof(*w));
        w->fn = fn;
        w->arg = arg;
        w->timer = loop_timer_new(app->loop, on_late, w);
        loop_timer_start(w->timer, SETTLE_NOW_MS);
        engine_settle(app->engine, id, attempt, o, on_settled, w);
}
