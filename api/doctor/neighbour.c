/* neighbour.c - see the header. */
#include "api/doctor/neighbour.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "model/remote_answer.h"

CLEANUP_DEFINE(arena, struct arena *, arena_free)

struct neighbour {
        struct upstream *upstream;
        char *callback_url;
        struct loop_timer *patience;
        struct list waiting;
        bool asking;
        bool known;
        int64_t known_ms;
        enum neighbour_state state;
        char text[ERR_TEXT_MAX];
};

struct waiting {
        struct list link;
        neighbour_fn fn;
        void *arg;
};

static void tell(struct neighbour *n, enum neighbour_state state, const char *text)
{
        struct list those, *at;
        list_init(&those);
        list_splice(&those, &n->waiting);
        while ((at = list_pop_front(&those))) {
                struct waiting *w = CONTAINER_OF(at, struct waiting, link);
                w->fn(state, text, w->arg);
                free(w);
        }
}

static void on_impatience(void *arg)
{
        tell(arg, NEIGHBOUR_SILENT, "it has not answered within two seconds");
}

static void judge(struct neighbour *n, const struct upstream_reply *r, const struct err *e)
{
        struct arena *a cleanup(arena_cleanup) = arena_new(0);
        struct remote_handshake h = {0};
        struct err bad = ERR_INIT;
        n->state = NEIGHBOUR_AWAY;
        if (e)
                snprintf(n->text, sizeof(n->text), "%s", e->text);
        else if (r->status < 200 || r->status >= 300)
                snprintf(n->text, sizeof(n->text), "it answers %d", r->status);
        else if (remote_handshake_parse(r->body, r->len, a, &h, &bad) < 0)
                snprintf(n->text, sizeof(n->text), "%s", bad.text);
        else {
                n->state = h.ok ? NEIGHBOUR_WELL : NEIGHBOUR_DEAF;
                snprintf(n->text, sizeof(n->text), "%s",
                         h.ok      ? "it answers, and reaches us"
                         : h.error ? h.error
                                   : "it does not say why");
        }
}

static void on_handshake(const struct upstream_reply *r, const struct err *e, void *arg)
{
        struct neighbour *n = arg;
        n->asking = false;
        judge(n, r, e);
        n->known = true;
        n->known_ms = clock_mono_ms();
        loop_timer_stop(n->patience);
        tell(n, n->state, n->text);
}

void neighbour_ask(struct neighbour *n, neighbour_fn fn, void *arg)
{
        if (n->known && clock_mono_ms() - n->known_ms < NEIGHBOUR_FRESH_MS) {
                fn(n->state, n->text, arg);
                return;
        }
        struct waiting *w = xmalloc(sizeof(*w));
        *w = (struct waiting){.fn = fn, .arg = arg};
        if (list_empty(&n->waiting))
                loop_timer_start(n->patience, NEIGHBOUR_WAIT_MS);
        list_push_back(&n->waiting, &w->link);
        if (n->asking)
                return;
        n->asking = true;
        upstream_handshake(n->upstream, n->callback_url, on_handshake, n);
}

void neighbour_judge(struct findings *f, enum neighbour_state state, const char *said,
                     const char *public_url, enum finding bad)
{
        bool answers = state == NEIGHBOUR_WELL || state == NEIGHBOUR_DEAF;
        found(f, answers ? FOUND_OK : bad, "migration_server.reachable",
              "is it running, and is migration_server.url (WAVEFLEET_MIGRATION_SERVER_URL) right? "
              "Only "
              "waves of kind remote need it",
              "%s", answers ? "the migration server answers" : said);
        if (state == NEIGHBOUR_WELL)
                found(f, FOUND_OK, "migration_server.webhooks", "", "it reaches us at %s",
                      public_url);
        if (state == NEIGHBOUR_DEAF)
                found(f, bad, "migration_server.webhooks",
                      "http.public_url (WAVEFLEET_PUBLIC_URL) must be an address that it reaches; "
                      "until "
                      "then results are found by polls",
                      "it cannot reach us at %s: %s", public_url, said);
}

struct neighbour *neighbour_new(struct loop *l, struct upstream *u, char *callback_url)
{
        struct neighbour *n = xcalloc(1, sizeof(*n));
        n->upstream = u;
        n->callback_url = callback_url;
        n->patience = loop_timer_new(l, on_impatience, n);
        list_init(&n->waiting);
        return n;
}

void neighbour_free(struct neighbour *n)
{
        if (!n)
                return;
        tell(n, NEIGHBOUR_SILENT, "this program is stopping");
        loop_timer_free(n->patience);
        free(n->callback_url);
        free(n);
}
