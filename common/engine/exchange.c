/*
 * exchange.c - the batches. One transaction is under way at a time; its statements, in the order in
 * which locks are taken: waves of the outcomes (shared), settle, worker and waves of the claims,
 * pairs, claim. A claim in slots that the same transaction has freed waits for nobody's lock. Where Redis is
 * still asked for what follows, it goes in two parts, the claims last. Right behind it, in a snapshot after the
 * commit: which waves are to be judged; where this was asked a moment ago, and nothing but completed is settled,
 * a moment later for all of them.
 */
#include "engine/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "engine/claim.h"
#include "engine/exchange_inside.h"
#include "engine/follow.h"
#include "engine/item.h"
#include "engine/judge.h"
#include "engine/lasting.h"
#include "engine/pace.h"
#include "engine/publish.h"
#include "engine/rest.h"
#include "engine/settle.h"
#include "engine/unjudged.h"

/*
 * APART: so many batches go without mixing after PostgreSQL has refused one. CAREFUL: at most so many claims
 * know everything after one has left ids. GATHER_MS: outcomes wait so long at most, unless they are GATHERED, for those of brief
 * bodies that are under way.
 */
enum {
        FEW_CLAIMS = 16,
        AGAIN_MS = 500,
        APART = 50,
        CAREFUL = 50,
        GATHER_MS = 2,
        GATHERED = SETTLE_MAX / 2,
};

struct batch {
        struct exchange *x;
        unsigned generation;
        struct list items;
        size_t nitems, nbrief;
        int64_t *ids; /* claims */
        size_t nids;
        bool has_settle, has_claim, failed;
        bool completed; /* all of its outcomes are `completed`, and are settled by settle_completed */
        bool judged_later; /* of outcomes: whether a wave is to be judged is not asked right behind it */
        bool passes; /* its claims may be in slots that its outcomes free: these are told to claim_lock_many */
        bool fresh;         /* the claim is claim_fresh or claim_many, which leave ids for claim */
        bool notes;         /* its last statement is claim_note */
        struct pg_tx *part; /* its transaction, which waits for claims that follow */
        bool done;          /* its transaction was answered */
        bool early; /* the question behind it was answered first: a deadlock had sent it back */
        struct touched touched; /* what its outcomes are of, for that question */
        struct after after;
};

static void again(void *arg)
{
        exchange_kick(arg);
}

static void followers(const int64_t *ids, size_t n, void *arg)
{
        struct exchange *x = arg;

        x->followed = !x->busy;
        if (n)
                x->o.on_ids(ids, n, x->o.arg);
        else
                exchange_kick_soon(x); /* not at once: what ends with this program fails here, too */
}

static void unjudged_known(struct after *a, void *arg);

static struct follow *make_follow(struct exchange *x)
{
        struct follow_opts o = {.loop = x->o.loop,
                                .broker = x->o.broker,
                                .queues = x->o.queues,
                                .nqueues = x->o.nqueues,
                                .on_ids = followers,
                                .on_go = again,
                                .arg = x};
        return follow_new(&o);
}

static struct rest *make_rest(struct exchange *x)
{
        struct rest_opts o = {.loop = x->o.loop,
                              .broker = x->o.broker,
                              .queues = x->o.queues,
                              .nqueues = x->o.nqueues,
                              .on_end = exchange_rested,
                              .arg = x};
        return rest_new(&o);
}

struct exchange *exchange_new(const struct exchange_opts *o)
{
        struct exchange *x = xcalloc(1, sizeof(*x));

        x->o = *o;
        x->follow = o->on_ids ? make_follow(x) : NULL;
        x->rest = o->on_ids ? make_rest(x) : NULL;
        x->lasting = o->on_ids ? lasting_new(o->loop, again, x) : NULL;
        list_init(&x->outcomes);
        x->most = CLAIMS_MAX;
        x->untried = true;
        after_init(&x->put_off);
        x->at_latest = loop_timer_new(o->loop, exchange_finish_put_off, x);
        x->again = loop_timer_new(o->loop, again, x);
        x->soon = loop_timer_new(o->loop, again, x);
        x->unjudged = unjudged_new(o->loop, o->pg, unjudged_known, x);
        return x;
}

static void forget_all(struct exchange *x)
{
        struct list *l;

        while ((l = list_pop_front(&x->outcomes)))
                item_free(CONTAINER_OF(l, struct item, link));
        x->noutcomes = x->nbrief = 0;
        after_fini(&x->put_off);
        x->whole = false;
        x->nclaims = 0;
        x->taking = 0;
        x->hungry = x->followed = x->brief = false;
        x->window = 0;
        x->most = CLAIMS_MAX;
}

void exchange_free(struct exchange *x)
{
        if (!x)
                return;
        forget_all(x);
        loop_timer_free(x->again);
        loop_timer_free(x->soon);
        loop_timer_free(x->at_latest);
        unjudged_free(x->unjudged);
        follow_free(x->follow);
        rest_free(x->rest);
        lasting_free(x->lasting);
        free(x->claims);
        free(x);
}

void exchange_renew(struct exchange *x, int64_t worker, int shard)
{
        forget_all(x);
        x->generation++;
        if (x->busy && x->busy->part) /* the fence judges it */
                pg_send_rest(x->o.pg, take(x->busy->part));
        x->busy = NULL;
        follow_renew(x->follow);
        rest_renew(x->rest);
        lasting_renew(x->lasting);
        x->o.worker = worker;
        x->o.shard = shard;
}

size_t exchange_waiting(const struct exchange *x)
{
        return x->noutcomes + (x->busy ? x->busy->nitems : 0) + unjudged_count(x->unjudged);
}

bool exchange_finishes_soon(const struct exchange *x)
{
        return x->nbrief || x->put_off.ndeliveries || (x->busy && x->busy->nbrief);
}

size_t exchange_claiming(const struct exchange *x)
{
        return x->nclaims + x->taking + follow_taking(x->follow) + (x->busy ? x->busy->nids : 0);
}

bool exchange_rests(const struct exchange *x)
{
        return rest_on(x->rest);
}

static void room_for_claims(struct exchange *x, size_t n)
{
        while (x->claims_cap < x->nclaims + n) {
                x->claims_cap = x->claims_cap ? x->claims_cap * 2 : 32;
                x->claims = xreallocarray(x->claims, x->claims_cap, sizeof(*x->claims));
        }
}

void exchange_claim(struct exchange *x, int64_t id)
{
        room_for_claims(x, 1);
        x->claims[x->nclaims++] = id;
}

/* Before all others. */
static void put_first(struct exchange *x, const int64_t *ids, size_t n)
{
        room_for_claims(x, n);
        memmove(x->claims + n, x->claims, x->nclaims * sizeof(*ids));
        memcpy(x->claims, ids, n * sizeof(*ids));
        x->nclaims += n;
}

size_t exchange_unclaim(struct exchange *x, int64_t *out, size_t max)
{
        size_t n = x->nclaims < max ? x->nclaims : max;

        if (!n)
                return 0;
        memcpy(out, x->claims, n * sizeof(*out));
        memmove(x->claims, x->claims + n, (x->nclaims - n) * sizeof(*out));
        x->nclaims -= n;
        return n;
}

int exchange_settle(struct exchange *x, const struct attempt *of, const struct outcome *o,
                    exchange_fn fn, void *arg, struct err *e)
{
        struct item *it = item_new(of, o, fn, arg, e);

        if (!it)
                return -1;
        list_push_back(&x->outcomes, &it->link);
        x->noutcomes++;
        x->nbrief += of->brief;
        /* What parks keeps its slot, what is handed back goes to the head of the backlog. */
        if ((of->lone || (of->brief && x->hungry)) &&
            (o->kind == OUTCOME_COMPLETED || o->kind == OUTCOME_FAILED))
                follow_add(x->follow, of->id, of->wave_no, of->brief);
        return 0;
}

/* ---- answers of a batch ---- */

enum { SETTLE_AT = 1 };

/* The outcomes of a batch, in its order. */
static size_t rows_of(const struct batch *b, struct settle_row *rows)
{
        size_t n = 0;

        LIST_EACH(l, &b->items)
        {
                const struct item *it = CONTAINER_OF(l, struct item, link);
                rows[n++] = (struct settle_row){it->of.id, it->of.number, it->of.poll, &it->o};
        }
        return n;
}

static void read_settled(struct exchange *x, struct batch *b, const struct pg_result *r)
{
        struct settle_row rows[SETTLE_MAX];
        const char *states[SETTLE_MAX];
        int64_t refused[SETTLE_MAX];
        size_t n = rows_of(b, rows), nrefused = 0;
        struct list *l;

        FAULT_POINT(settle_committed);
        if (b->completed)
                settle_read_completed(r, SETTLE_AT, rows, n, states, &b->after);
        else
                settle_read(r, SETTLE_AT, rows, n, states, &b->after);
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
        b->nitems = b->nbrief = 0;
        exchange_look(x, refused, nrefused, x->o.worker);
}

/* A fresh claim has left these: claim looks at them at once, and at more each time that this happens. */
static void be_careful(struct exchange *x, const int64_t *left, size_t n)
{
        x->caution = x->caution ? x->caution * 2 : 1;
        if (x->caution > CAREFUL)
                x->caution = CAREFUL;
        x->careful = x->caution;
        put_first(x, left, n);
}

/* A fresh claim of so many has left none. */
static void be_easy(struct exchange *x, size_t n)
{
        x->caution /= 2;
        if (n >= CLAIMS_MANY)
                x->untried = false;
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

/* Where the statements of its claim begin, and where the claim itself is. */
static size_t claim_begins(const struct batch *b)
{
        return b->has_settle ? 2 : 0;
}

static size_t claim_at(const struct batch *b)
{
        return claim_begins(b) + (b->fresh ? 1 : 2);
}

static void read_claimed(struct exchange *x, struct batch *b, const struct pg_result *r)
{
        size_t lock = claim_begins(b), claim = claim_at(b);
        char shut[QUEUE_NAME_MAX + 1] = "";
        struct claim_cursor c;
        struct claim_row row;
        size_t claimed = 0;

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
                x->untried |= !row.claimed && row.delivery.end == END_PENDING && row.body_us < 0;
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
                be_easy(x, b->nids);
        size_up(x, b->nids, claimed);
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
        bool ours = e->code != ERR_UNAVAILABLE && e->code != ERR_LOST;
        struct list all;

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
        b->nitems = b->nbrief = 0;
        for (size_t i = 0; i < b->nids; i++)
                exchange_claim(x, b->ids[i]);
}

static bool batch_stale(const struct batch *b)
{
        return b->generation != b->x->generation;
}

static void ask_to_judge(struct batch *b);

static void batch_done(const struct pg_result *r, const struct err *e, void *arg)
{
        struct batch *b = arg;

        b->part = NULL; /* broken off, where it is one still */
        b->done = true;
        if (!batch_stale(b)) {
                if (e) {
                        b->failed = true;
                        put_back(b->x, b, e);
                } else if (b->has_settle) {
                        read_settled(b->x, b, r);
                }
                if (!e && b->has_claim && !batch_stale(b))
                        read_claimed(b->x, b, r);
                if (b->notes && !batch_stale(b))
                        lasting_read(b->x->lasting, e ? NULL : r,
                                     b->has_claim ? claim_at(b) + 1 : claim_begins(b));
                publish(b->x->o.broker, &b->after.news);
        }
        if (b->early)
                ask_to_judge(b);
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

static void unjudged_known(struct after *a, void *arg)
{
        run_judged(arg, a, 0);
}

/* Comes right behind batch_done: the waves to be judged. Before it, the answer says nothing. */
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
        x->busy = NULL;
        judge_question_read(r, b->failed ? NULL : e, &b->after);
        if (b->after.ndeliveries || b->after.nto_judge)
                run_judged(x, &b->after, x->o.worker);
        if (b->failed)
                loop_timer_start(x->again, AGAIN_MS);
        else
                exchange_kick(x);
        batch_free(b);
}

static void ask_to_judge(struct batch *b)
{
        unjudged_ask(b->x->unjudged, &b->touched, batch_to_judge, b);
}

/* ---- sending ---- */

static void take_outcomes(struct exchange *x, struct batch *b)
{
        while (b->nitems < SETTLE_MAX && !list_empty(&x->outcomes)) {
                struct item *it = CONTAINER_OF(x->outcomes.next, struct item, link);
                if (it->alone && b->nitems)
                        break;
                list_remove(&it->link);
                list_push_back(&b->items, &it->link);
                b->nitems++;
                x->noutcomes--;
                b->nbrief += it->of.brief;
                x->nbrief -= it->of.brief;
                if (it->alone)
                        break;
        }
}

static void add_settle(struct exchange *x, struct batch *b, struct pg_tx *tx)
{
        struct settle_row rows[SETTLE_MAX];
        struct settle_by by = {
                .cfg = x->o.cfg, .worker = x->o.worker, .shard = x->o.shard, .claims = b->passes};
        size_t n;

        items_sort(&b->items);
        n = rows_of(b, rows);
        LIST_EACH(l, &b->items)
        {
                const struct item *it = CONTAINER_OF(l, struct item, link);
                if (it->of.wave_no)
                        touched_wave(&b->touched, it->of.wave_no);
                else
                        touched_id(&b->touched, it->of.id);
                by.careful |= it->alone;
        }
        pg_stmt(tx, SQL_SETTLE_LOCK);
        touched_args(tx, &b->touched);
        b->completed = settle_add(tx, rows, n, &by);
        b->judged_later = b->completed && unjudged_can_wait(x->unjudged, &b->touched);
        PG_FAULT_SENT(tx, settle_sent);
}

static void add_claim(struct exchange *x, struct batch *b, struct pg_tx *tx)
{
        struct pace_known known;

        b->fresh = !x->careful;
        if (x->careful)
                x->careful--;
        if (b->fresh && b->nids >= CLAIMS_MANY)
                lasting_claims(x->lasting);
        x->o.paces(&known, x->o.arg);
        claim_add(tx, b->ids, b->nids,
                  &(struct claim_by){.worker = x->o.worker,
                                     .shard = x->o.shard,
                                     .queues = x->o.queues,
                                     .nqueues = x->o.nqueues,
                                     .known = &known,
                                     .lone = x->o.room(x->o.arg).lone,
                                     .fresh = b->fresh});
        PG_FAULT_SENT(tx, claim_sent);
}

/* Nothing was asked behind it: without outcomes no wave is to be judged, or it is asked later. */
static void alone_done(const struct pg_result *r, const struct err *e, void *arg)
{
        struct batch *b = arg;

        batch_done(r, e, arg);
        if (b->judged_later && !b->failed && !batch_stale(b)) {
                if (settle_is_watched(r, SETTLE_AT)) { /* before a slot of it is given to another */
                        ask_to_judge(b);
                        return;
                }
                unjudged_add(b->x->unjudged, &b->touched);
        }
        batch_to_judge(NULL, NULL, arg);
}

static size_t claims_to_send(const struct exchange *x)
{
        size_t n = x->nclaims < CLAIMS_MAX ? x->nclaims : CLAIMS_MAX, room;

        if (!n)
                return 0;
        room = x->o.room(x->o.arg).jobs;
        return n < room ? n : room;
}

static struct batch *new_batch(struct exchange *x)
{
        struct batch *b = xcalloc(1, sizeof(*b));

        b->x = x;
        b->generation = x->generation;
        list_init(&b->items);
        take_outcomes(x, b);
        b->has_settle = b->nitems > 0;
        if (b->has_settle)
                x->brief = b->nbrief == b->nitems;
        return b;
}

static void add_claims(struct exchange *x, struct batch *b, struct pg_tx *tx, size_t n)
{
        b->nids = n;
        b->has_claim = n > 0;
        if (!n)
                return;
        b->ids = xcalloc(n, sizeof(*b->ids));
        exchange_unclaim(x, b->ids, n);
        add_claim(x, b, tx);
}

static void add_note(struct exchange *x, struct batch *b, struct pg_tx *tx)
{
        b->notes = lasting_due(x->lasting);
        if (b->notes)
                lasting_add(x->lasting, tx, x->o.worker);
}

static void send(struct exchange *x, struct batch *b,
                 void (*how)(struct pg *pg, struct pg_tx *tx, pg_fn fn, void *arg),
                 struct pg_tx *tx)
{
        bool alone = !b->has_settle || b->judged_later;

        x->busy = b;
        x->followed = false;
        how(x->o.pg, tx, alone ? alone_done : batch_done, b);
        if (!alone)
                ask_to_judge(b);
}

static void send_batch(struct exchange *x)
{
        struct batch *b = new_batch(x);
        struct pg_tx *tx = pg_tx_new();
        size_t n = !x->apart || !b->has_settle ? claims_to_send(x) : 0;

        x->whole = false;
        b->passes = b->has_settle && n >= CLAIMS_MANY && !x->careful;
        if (x->apart)
                x->apart--;
        if (b->has_settle)
                add_settle(x, b, tx);
        add_claims(x, b, tx, n);
        add_note(x, b, tx);
        send(x, b, pg_send, tx);
}

/* ---- in two parts ---- */

/* What brief bodies said is settled while Redis is asked for what follows them, whose claims go in the same transaction. */
static void send_part(struct exchange *x)
{
        struct batch *b;

        if (x->whole || x->apart || x->careful || !x->nbrief || x->nbrief < x->noutcomes ||
            x->noutcomes > SETTLE_MAX)
                return;
        b = new_batch(x);
        b->part = pg_tx_new();
        b->passes = true;
        add_settle(x, b, b->part);
        send(x, b, pg_send_part, b->part);
        FAULT_POINT(settle_begun);
}

/* What follows is there, or is waited for no longer. What cannot be added goes with the next one, in one piece. */
static void send_rest(struct exchange *x)
{
        struct batch *b = x->busy;
        struct pg_tx *tx = take(b->part);
        size_t n = claims_to_send(x);

        if (!x->careful && claim_can_join(x->o.pg, n))
                add_claims(x, b, tx, n);
        else
                x->whole = n > 0;
        if (lasting_can_join(x->o.pg))
                add_note(x, b, tx);
        else
                x->whole |= lasting_due(x->lasting);
        pg_send_rest(x->o.pg, tx);
}

/* What brief bodies say goes together, and with it what was claimed meanwhile: each transaction costs as much as
 * dozens of them. */
static bool gathers(struct exchange *x)
{
        int64_t now = clock_mono_ms();
        bool claims = x->hungry && x->nclaims && !x->noutcomes;

        if (!x->gathers_ms)
                x->gathers_ms = now;
        if ((x->nbrief || claims) && !x->followed && x->noutcomes < GATHERED &&
            now - x->gathers_ms < GATHER_MS && x->o.room && x->o.room(x->o.arg).brief) {
                loop_timer_start(x->soon, 1);
                return true;
        }
        x->gathers_ms = 0;
        return false;
}

void exchange_kick(struct exchange *x)
{
        x->kicks = false;
        if (!pg_up(x->o.pg) || (!x->busy && gathers(x)))
                return;
        if (follow_pending(x->follow) && !(x->busy && x->nbrief)) /* for all that gather at once */
                follow_ask(x->follow, x->o.worker,
                           rest_on(x->rest) || exchange_holds_few(x, 0)
                                   ? 0
                                   : exchange_room_to_follow(x));
        if (follow_waits(x->follow) && !x->busy)
                send_part(x);
        else if (x->busy && x->busy->part && !follow_waits(x->follow))
                send_rest(x);
        else if (!x->busy &&
                 (claims_to_send(x) || !list_empty(&x->outcomes) || lasting_due(x->lasting)))
                send_batch(x);
        if (x->busy)
                exchange_finish_put_off(x);
}

void exchange_kick_soon(struct exchange *x)
{
        if (x->kicks || (x->busy && !x->busy->part && !follow_pending(x->follow)))
                return;
        x->kicks = true;
        loop_timer_start(x->soon, 0);
}
