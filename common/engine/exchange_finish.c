/* exchange_finish.c - what follows a commit: Redis is told, and new ids are taken with that; and how many there is room for. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/exchange_inside.h"
#include "engine/judge.h"
#include "engine/look.h"

/*
 * While waves are met of which nothing is known: TRIED: of each so many are lined up side by side; WARY: so many of all of them
 * are in hand at most, since what is not tried goes back. FEW, FIFTHS: see exchange_holds_few. PUT_OFF_MS: so long at most
 * a finish waits.
 */
enum { TRIED = 2 * PACE_KNOWN_AFTER, WARY = 20 * TRIED, FEW = 100, FIFTHS = 2, PUT_OFF_MS = 5 };

/* ---- room ---- */

bool exchange_holds_few(struct exchange *x, size_t ended)
{
        size_t held = ended + x->noutcomes + x->nclaims;
        struct room room;

        if (!x->hungry || !x->brief)
                return false;
        room = x->o.room(x->o.arg);
        held += room.brief;
        return !room.longs && held < FEW && held * 5 < x->window * FIFTHS;
}

/* Ids to take together with a finish: what there would be room for. */
static struct broker_take to_take(struct exchange *x)
{
        struct room room = x->o.room(x->o.arg);
        size_t claiming = exchange_claiming(x);
        size_t want = beyond(room.jobs, claiming), least = beyond(room.idle, claiming);
        size_t most = x->most;

        if (x->untried)
                most = beyond(most < WARY ? most : WARY, claiming);
        if (most < least || x->o.crowding(x->o.arg) == CROWD_UNKNOWN)
                most = least;
        return (struct broker_take){.queues = x->o.queues,
                                    .nq = x->o.nqueues,
                                    .want = want < most ? want : most,
                                    .least = least,
                                    .share = x->untried ? TRIED : 0};
}

size_t exchange_room_to_follow(struct exchange *x)
{
        size_t claiming = exchange_claiming(x);

        return beyond(x->o.room(x->o.arg).jobs, x->hungry ? claiming - x->taking : claiming);
}

/* ---- what follows a commit ---- */

struct finish {
        struct exchange *x;
        unsigned generation;
        size_t taking;
        size_t n;
        int64_t ids[];
};

static void finished(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        struct finish *f = arg;
        struct exchange *x = f->x;

        /* An error was logged where it happened; the lists' own check brings back what was not told. */
        if (f->generation == x->generation) {
                if (f->n)
                        x->o.on_finished(f->ids, f->n, x->o.arg);
                if (f->taking && !e)
                        x->hungry = n < f->taking;
                x->taking -= f->taking; /* not before: a pop need not bring what these bring */
                if (x->o.on_ids)
                        x->o.on_ids(ids, n, x->o.arg);
        }
        free(f);
}

static void finish(struct exchange *x, struct after *a, int64_t list, bool takes)
{
        struct finish *f = xmalloc(sizeof(*f) + a->ndeliveries * sizeof(f->ids[0]));
        struct after_opts o = {
                .pg = x->o.pg, .shard = x->o.shard, .broker = x->o.broker, .worker = list};

        f->x = x;
        f->generation = x->generation;
        f->taking = 0;
        f->n = 0;
        if (list == x->o.worker && x->o.on_finished) {
                for (size_t i = 0; i < a->ndeliveries; i++)
                        f->ids[f->n++] = a->deliveries[i].id;
                if (takes)
                        o.take = to_take(x);
                f->taking = o.take.want;
                x->taking += f->taking;
        }
        after_run(a, &o, finished, f);
}

/* Of a batch of ours: whether what it makes room for is left to others. */
static void maybe_rest(struct exchange *x, const struct after *a)
{
        if (a->nfacts)
                x->window = 0;
        for (size_t i = 0; i < a->nfacts; i++)
                x->window += (size_t)a->facts[i].batch_size;
        if (exchange_holds_few(x, a->ndeliveries))
                rest_begin(x->rest);
        else if (!x->hungry && !x->o.room(x->o.arg).longs)
                rest_stand_back(x->rest, x->brief);
}

void exchange_finish_put_off(void *arg)
{
        struct exchange *x = arg;
        struct after a = x->put_off;

        if (!a.ndeliveries)
                return;
        after_init(&x->put_off);
        finish(x, &a, x->o.worker, !rest_on(x->rest));
}

/* Brief bodies that have just been handed out end sooner where Redis leaves them the processors. Nobody waits for it: where
 * windows are narrow a finish brings little, and what follows is asked for by itself. */
static bool can_be_put_off(struct exchange *x, const struct after *a)
{
        return a->ndeliveries && x->hungry && x->brief && !a->nto_judge &&
               x->o.room(x->o.arg).brief;
}

static void put_off(struct exchange *x, struct after *a)
{
        exchange_finish_put_off(x);
        x->put_off = *a;
        after_init(a);
        loop_timer_start(x->at_latest, PUT_OFF_MS);
}

void exchange_run_after(struct exchange *x, struct after *a, int64_t list)
{
        bool ours = x->rest && list == x->o.worker;

        if (ours)
                maybe_rest(x, a);
        if (ours && can_be_put_off(x, a))
                put_off(x, a);
        else
                finish(x, a, list, !rest_on(x->rest));
}

void exchange_rested(void *arg)
{
        struct exchange *x = arg;
        struct after nothing;

        after_init(&nothing);
        finish(x, &nothing, x->o.worker, true);
}

struct asking {
        struct exchange *x;
        struct after a;
        int64_t list;
};

static void to_judge_known(const struct pg_result *r, const struct err *e, void *arg)
{
        struct asking *en = arg;

        judge_question_read(r, e, &en->a);
        FAULT_POINT(reap_to_judge_known);
        exchange_run_after(en->x, &en->a, en->list);
        free(en);
}

void exchange_after(struct exchange *x, struct after *a, int64_t list, bool settled)
{
        struct asking *en;

        if (!settled || !a->ndeliveries) {
                exchange_run_after(x, a, list);
                return;
        }
        en = xmalloc(sizeof(*en));
        *en = (struct asking){.x = x, .a = *a, .list = list};
        after_init(a);
        pg_send(x->o.pg, judge_question_of(&en->a), to_judge_known, en);
}

/* ---- looking ---- */

struct look {
        struct exchange *x;
        unsigned generation;
        int64_t list;
        size_t n;
        int64_t ids[];
};

/* Nobody can say what they are: they stay in the list, whose check takes them up again. */
static void look_failed(struct look *k, const struct err *e)
{
        struct exchange *x = k->x;

        log_warn("look.failed", LI("ids", k->n), LE(e));
        if (k->list != x->o.worker || k->generation != x->generation || !x->o.on_finished)
                return;
        x->o.on_finished(k->ids, k->n, x->o.arg);
}

static void looked(const struct pg_result *r, const struct err *e, void *arg)
{
        struct look *k = arg;
        struct after a;

        after_init(&a);
        if (e)
                look_failed(k, e);
        for (int i = 0; r && i < pg_rows(r, 0); i++) {
                struct delivery d;
                struct wave_facts f;
                bool over, facts = look_read(r, i, &d, &f, &over);
                after_add(&a, &d);
                if (!facts)
                        continue;
                /* What made it so may have been told to nobody. */
                news_row_unknown(&a.news, d.wave_no, d.id);
                after_facts(&a, &f);
                if (over)
                        after_over(&a, &f);
        }
        FAULT_POINT(look_answered);
        if (a.ndeliveries &&
            (!k->list || k->generation == k->x->generation || k->list != k->x->o.worker))
                exchange_run_after(k->x, &a, k->list);
        after_fini(&a);
        free(k);
}

void exchange_look(struct exchange *x, const int64_t *ids, size_t n, int64_t list)
{
        struct look *k;
        struct pg_tx *tx;

        if (!n)
                return;
        k = xmalloc(sizeof(*k) + n * sizeof(k->ids[0]));
        *k = (struct look){.x = x, .generation = x->generation, .list = list, .n = n};
        memcpy(k->ids, ids, n * sizeof(*ids));
        tx = pg_tx_new();
        pg_stmt(tx, SQL_LOOK);
        pg_arg_int8s(tx, ids, n);
        pg_send(x->o.pg, tx, looked, k);
}
