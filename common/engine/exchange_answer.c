/* exchange_answer.c - what PostgreSQL says of a batch: outcomes are settled or refused, jobs are handed out, waves are judged. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "engine/claim.h"
#include "engine/exchange_inside.h"
#include "engine/item.h"
#include "engine/judge.h"
#include "engine/publish.h"
#include "engine/settle.h"

/*
 * APART: so many batches go without mixing after PostgreSQL has refused one. CAREFUL: at most so many claims
 * know everything after one has left ids. SHY: at most so many batches go without a promise after one was broken.
 */
enum { FEW_CLAIMS = 16, AGAIN_MS = 500, APART = 50, CAREFUL = 50, SHY = 50 };

size_t batch_settle_at(const struct batch *b)
{
        return b->promise.slots ? batch_claim_at(b) + 1 : 1;
}

size_t batch_claim_begins(const struct batch *b)
{
        if (b->promise.slots)
                return 1;
        return b->has_settle ? 2 + b->more : 0;
}

size_t batch_claim_at(const struct batch *b)
{
        return batch_claim_begins(b) + (b->fresh ? 1 : 2);
}

size_t batch_note_at(const struct batch *b)
{
        if (b->promise.slots)
                return batch_settle_at(b) + 1;
        return b->has_claim ? batch_claim_at(b) + 1 : batch_claim_begins(b);
}

/* The state that each of its items has now; NULL: it was refused. */
static void read_states(struct batch *b, const struct pg_result *r, const char **states)
{
        struct settle_row rows[SETTLE_MAX];
        size_t n = items_rows(&b->items, rows), first = b->nfirst, at = batch_settle_at(b);

        if (!b->completed)
                settle_read(r, at, rows, n, states, &b->after);
        else
                settle_read_completed(r, at, rows, first, states, &b->after);
        if (b->more)
                settle_read_completed(r, at + 1, rows + first, n - first, states + first, &b->after);
}

static void read_settled(struct exchange *x, struct batch *b, const struct pg_result *r)
{
        const char *states[SETTLE_MAX];
        int64_t refused[SETTLE_MAX];
        size_t nrefused = 0;
        struct list *l;

        FAULT_POINT(settle_committed);
        /* What is settled here may have been parked a moment ago, and its worker not have told so yet. */
        b->after.news.shared = x->o.worker == 0;
        read_states(b, r, states);
        for (size_t i = 0; (l = list_pop_front(&b->items)); i++) {
                struct item *it = CONTAINER_OF(l, struct item, link);
                if (!states[i]) {
                        refused[nrefused++] = it->of.id;
                        metric_add(METRIC_SETTLE_REFUSED, 1, NULL);
                        log_info("settle.refused", LI("id", it->of.id),
                                 LI("attempt", it->of.number));
                }
                if (it->fn)
                        it->fn(states[i], states[i], it->arg);
                item_free(it);
        }
        b->nitems = b->nbrief = b->nshort = 0;
        exchange_look(x, refused, nrefused, x->o.worker);
}

static unsigned doubled(unsigned n, unsigned most)
{
        n = n ? n * 2 : 1;
        return n < most ? n : most;
}

/* A fresh claim has left these: claim looks at them at once, and at more each time that this happens. */
static void be_careful(struct exchange *x, const int64_t *left, size_t n)
{
        x->caution = doubled(x->caution, CAREFUL);
        x->careful = x->caution;
        exchange_claim_first(x, left, n);
}

/* A fresh claim has left none. */
static void be_easy(struct exchange *x)
{
        x->caution /= 2;
}

/* Whether a fresh claim would have claimed it as well. below_us: what counted as short; 0: nothing. */
static bool nothing_special(const struct claim_row *row, int64_t below_us)
{
        return row->claimed && !row->job.poll && row->body_us >= 0 && row->body_us < below_us &&
               strcmp(row->job.kind, "remote") != 0;
}

/* Ids without an answer: a fresh claim has left them, and any is no migration's for claim: its delivery is over. */
static void read_unanswered(struct exchange *x, struct batch *b, const struct pg_result *r,
                            size_t claim)
{
        size_t n = claim_lacks(r, claim, b->ids, b->nids);

        if (b->fresh) {
                be_careful(x, b->ids, n);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                struct claim_row row = {.id = b->ids[i],
                                        .delivery = {.id = b->ids[i], .end = END_SETTLED}};
                after_add(&b->after, &row.delivery);
                x->o.on_claim(&row, x->o.arg);
        }
}

/* What is left goes back and comes again, at some cost: after a claim that left most of it, as of waves of which
 * nothing is known yet, fewer ids are taken, and twice as many after each that left none. */
static void size_up(struct exchange *x, size_t given, size_t claimed)
{
        if (claimed < given / 2)
                x->most = claimed * 2 > FEW_CLAIMS ? claimed * 2 : FEW_CLAIMS;
        else if (claimed == given && x->most < CLAIMS_MAX)
                x->most *= 2;
}

/* What has been claimed, and is about to end: its slots have been given to what was asked for. */
static void see_the_end(struct exchange *x, const struct batch *b, size_t claimed, int64_t wave_no)
{
        struct room room = x->o.room(x->o.arg);

        x->ending = b->asked && claimed == b->nids && room.brief == claimed && !room.longs ? claimed
                                                                                           : 0;
        x->ending_of = wave_no;
}

static void read_claimed(struct exchange *x, struct batch *b, const struct pg_result *r)
{
        size_t lock = batch_claim_begins(b), claim = batch_claim_at(b);
        char shut[QUEUE_NAME_MAX + 1] = "";
        struct claim_cursor c;
        struct claim_row row;
        size_t claimed = 0, usual = 0, unknown = 0;

        if (!b->fresh && !claim_alive(r, lock, claim)) {
                x->o.on_dead(x->o.arg);
                return;
        }
        FAULT_POINT(claim_committed);
        for (claim_first(&c, r, lock, claim); claim_next(&c, &row);) {
                if (c.entered) {
                        after_facts(&b->after, &c.facts);
                        if (c.ended)
                                after_over(&b->after, &c.facts);
                }
                if (row.shut && c.lock_row >= 0 && strcmp(shut, c.facts.queue) != 0)
                        x->o.on_shut(memcpy(shut, c.facts.queue, sizeof(shut)), x->o.arg);
                claimed += row.claimed;
                usual += nothing_special(&row, b->below_us);
                unknown += row.body_us < 0 && (row.claimed || row.delivery.end == END_PENDING);
                if (!row.claimed)
                        after_add(&b->after, &row.delivery);
                else if (!row.job.poll)
                        news_row(&b->after.news, row.job.wave_no, row.id, row.job.attempt,
                                 "running");
                x->o.on_claim(&row, x->o.arg);
        }
        if (claim_answers(r, claim) < b->nids)
                read_unanswered(x, b, r, claim);
        else if (b->fresh)
                be_easy(x);
        else if (usual == b->nids)
                x->careful = 0; /* what the fresh one had left is through */
        if (unknown || claimed == b->nids)
                x->untried = unknown > 0;
        size_up(x, b->nids, claimed);
        see_the_end(x, b, pg_rows(r, lock) == 1 ? claimed : 0, c.wave_no);
        metric_add(METRIC_CLAIMS, (double)claimed, "claimed", NULL);
        if (!b->fresh)
                metric_add(METRIC_CLAIMS, (double)(b->nids - claimed), "refused", NULL);
        FAULT_POINT(claim_handed_out);
}

/*
 * Nothing of it was done, or nobody knows: everything waits for another go, in its old order. What
 * PostgreSQL calls a mistake of ours must not hold up the rest: outcomes then go one by one, and the
 * one that is refused alone goes without its JSON.
 */
static void put_back(struct exchange *x, struct batch *b, const struct err *e)
{
        bool ours = e && !b->promise.slots && e->code != ERR_UNAVAILABLE && e->code != ERR_LOST;
        struct list all;

        if (e)
                LOG_AT(ours ? LOG_ERROR : LOG_WARN, "exchange.failed", LI("outcomes", b->nitems),
                       LI("claims", b->nids), LE(e));
        if (ours)
                x->apart = APART;
        if (ours && b->fresh)
                x->careful = x->caution = CAREFUL;
        LIST_EACH(l, &b->items)
        {
                struct item *it = CONTAINER_OF(l, struct item, link);
                if (!ours || b->nids)
                        continue;
                if (it->alone && !it->bare)
                        item_strip(it, e->text);
                it->alone = true;
        }
        list_init(&all);
        list_splice(&all, &b->items);
        list_splice(&all, &x->outcomes);
        list_splice(&x->outcomes, &all);
        x->noutcomes += b->nitems;
        x->nbrief += b->nbrief;
        x->nshort += b->nshort;
        b->nitems = b->nbrief = b->nshort = 0;
        if (!b->nids)
                return;
        exchange_claim_first(x, b->ids, b->nids);
        x->o.on_unclaimed(x->o.arg);
}

/* No promise for a while after one was broken, each time for longer. */
static void learn(struct exchange *x, bool kept)
{
        if (kept) {
                x->shyness /= 2;
                return;
        }
        x->shyness = doubled(x->shyness, SHY);
        x->shy = x->shyness;
}

static bool batch_stale(const struct batch *b)
{
        return b->generation != b->x->generation;
}

void exchange_answered(const struct pg_result *r, const struct err *e, void *arg)
{
        struct batch *b = arg;

        b->part = NULL; /* broken off, where it is one still */
        b->done = true;
        if (!batch_stale(b)) {
                bool undone = e || b->promise.broken;
                if (b->promise.slots)
                        learn(b->x, !undone);
                if (undone) {
                        b->failed = e != NULL;
                        put_back(b->x, b, e);
                } else if (b->has_settle) {
                        read_settled(b->x, b, r);
                }
                if (!undone && b->has_claim && !batch_stale(b))
                        read_claimed(b->x, b, r);
                if (b->notes && !batch_stale(b))
                        lasting_read(b->x->lasting, undone ? NULL : r, batch_note_at(b));
                publish(b->x->o.broker, &b->after.news);
        }
        if (b->early)
                exchange_ask_to_judge(b);
}

static void batch_free(struct batch *b)
{
        struct list *l;

        while ((l = list_pop_front(&b->items)))
                item_free(CONTAINER_OF(l, struct item, link));
        after_fini(&b->after);
        free(b->ids);
        free(b);
}

static void run_judged(struct exchange *x, struct after *a, int64_t list)
{
        if (a->nto_judge)
                FAULT_POINT(settle_to_judge_known);
        exchange_run_after(x, a, list);
}

void exchange_unjudged_known(struct after *a, void *arg)
{
        run_judged(arg, a, 0);
}

/* This one is over. What was sent behind it runs its time from now on; or it is what has failed itself. */
static void begin_next(struct exchange *x, const struct batch *b)
{
        if (b == x->busy) {
                x->busy = x->next;
                if (b->failed)
                        exchange_break_promise(x->busy);
                else if (x->busy)
                        x->busy->promise.since_ms = clock_mono_ms();
        }
        x->next = NULL;
}

/* Comes right behind exchange_answered: the waves to be judged. Before it, the answer says nothing. */
static void batch_to_judge(const struct pg_result *r, const struct err *e, void *arg)
{
        struct batch *b = arg;
        struct exchange *x = b->x;

        if (!b->done) {
                b->early = true;
                return;
        }
        if (batch_stale(b)) {
                batch_free(b);
                return;
        }
        begin_next(x, b);
        judge_question_read(r, b->failed ? NULL : e, &b->after);
        if (b->after.ndeliveries || b->after.nto_judge)
                run_judged(x, &b->after, x->o.worker);
        if (b->failed)
                loop_timer_start(x->again, AGAIN_MS);
        else
                exchange_kick(x);
        batch_free(b);
}

void exchange_ask_to_judge(struct batch *b)
{
        unjudged_ask(b->x->unjudged, &b->touched, batch_to_judge, b);
}

static bool is_watched(const struct batch *b, const struct pg_result *r)
{
        size_t at = batch_settle_at(b);

        return settle_is_watched(r, at) || (b->more && settle_is_watched(r, at + 1));
}

void exchange_answered_alone(const struct pg_result *r, const struct err *e, void *arg)
{
        struct batch *b = arg;

        exchange_answered(r, e, arg);
        if (b->has_settle && !b->judged_later) /* it was asked, once its outcomes had come */
                return;
        if (b->judged_later && !b->failed && !batch_stale(b)) {
                b->x->watched = is_watched(b, r);
                /* before a slot of it is given to another */
                if (b->x->watched) {
                        exchange_break_promise(b->x->next);
                        exchange_ask_to_judge(b);
                        return;
                }
                unjudged_add(b->x->unjudged, &b->touched);
        }
        batch_to_judge(NULL, NULL, arg);
}
