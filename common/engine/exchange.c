/*
 * exchange.c - the batches. One transaction is under way at a time; its statements, in the order in
 * which locks are taken: waves of the outcomes (shared), settle, worker and waves of the claims,
 * pairs, claim. A claim in slots that the same transaction has freed waits for nobody's lock. Where Redis is
 * still asked for what follows, it goes in two parts, the claims last, and before them what was said meanwhile; where
 * bodies run whose slots are promised, the claims first. Right behind it, in a snapshot after the
 * commit: which waves are to be judged; where this was asked a moment ago, and nothing but completed is settled,
 * a moment later for all of them.
 */
#include "engine/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/list.h"
#include "base/mem.h"
#include "engine/claim.h"
#include "engine/exchange_inside.h"
#include "engine/follow.h"
#include "engine/item.h"
#include "engine/lasting.h"
#include "engine/pace.h"
#include "engine/rest.h"
#include "engine/settle.h"
#include "engine/unjudged.h"

/*
 * GATHER_MS: outcomes wait so long at most, unless they are GATHERED, for those of brief bodies that are under way.
 * PATIENT_MS: the same for short bodies, but no longer than what still stands behind the jobs of runners lasts.
 * PROMISE_MS: so long at most bodies run whose slots are promised.
 */
enum { GATHER_MS = 2, GATHERED = SETTLE_MAX / 2, PATIENT_MS = 10, PROMISE_MS = 10 };

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

static enum crowding crowding(void *arg)
{
        const struct exchange *x = arg;

        return x->o.crowding(x->o.arg);
}

static struct rest *make_rest(struct exchange *x)
{
        struct rest_opts o = {.loop = x->o.loop,
                              .broker = x->o.broker,
                              .queues = x->o.queues,
                              .nqueues = x->o.nqueues,
                              .crowding = crowding,
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
        x->unjudged = unjudged_new(o->loop, o->pg, exchange_unjudged_known, x);
        return x;
}

static void forget_all(struct exchange *x)
{
        struct list *l;

        while ((l = list_pop_front(&x->outcomes)))
                item_free(CONTAINER_OF(l, struct item, link));
        x->noutcomes = x->nbrief = x->nshort = 0;
        after_fini(&x->put_off);
        x->whole = false;
        x->ending = 0;
        x->shy = x->shyness = 0;
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
        exchange_break_promise(x->next);
        if (x->busy && x->busy->promise.slots)
                exchange_break_promise(x->busy);
        else if (x->busy && x->busy->part) /* the fence judges it */
                pg_send_rest(x->o.pg, take(x->busy->part));
        x->busy = x->next = NULL;
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
        size_t sent = (x->busy ? x->busy->nids : 0) + (x->next ? x->next->nids : 0);

        return x->nclaims + x->taking + follow_taking(x->follow) + sent;
}

void exchange_stand_back(struct exchange *x, bool brief)
{
        rest_stand_back(x->rest, brief);
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

void exchange_claim_first(struct exchange *x, const int64_t *ids, size_t n)
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
        x->nshort += item_is_short(it);
        if (of->brief && x->ending) { /* what follows was asked for when it began */
                x->ending--;
                return 0;
        }
        /* What parks keeps its slot, what is handed back goes to the head of the backlog. */
        if ((of->lone || (of->brief && x->hungry)) &&
            (o->kind == OUTCOME_COMPLETED || o->kind == OUTCOME_FAILED))
                follow_add(x->follow, of->id, of->wave_no, of->brief);
        return 0;
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
                b->nshort += item_is_short(it);
                x->nshort -= item_is_short(it);
                if (it->alone)
                        break;
        }
        b->has_settle = b->nitems > 0;
        if (b->has_settle)
                x->brief = b->nbrief == b->nitems;
}

/* Returns whether all are `completed`. */
static bool add_outcomes(struct pg_tx *tx, struct list *items, const struct settle_by *by)
{
        struct settle_row rows[SETTLE_MAX];

        items_sort(items);
        return settle_add(tx, rows, items_rows(items, rows), by);
}

static void add_settle(struct exchange *x, struct batch *b, struct pg_tx *tx)
{
        struct settle_by by = {.cfg = x->o.cfg,
                               .worker = x->o.worker,
                               .shard = x->o.shard,
                               .claims = b->passes,
                               .promised = b->promise.slots};

        LIST_EACH(l, &b->items)
        {
                const struct item *it = CONTAINER_OF(l, struct item, link);
                if (it->of.wave_no)
                        touched_wave(&b->touched, it->of.wave_no);
                else
                        touched_id(&b->touched, it->of.id);
                by.careful |= it->alone;
        }
        if (!b->promise.slots) { /* which has locked its wave */
                pg_stmt(tx, SQL_SETTLE_LOCK);
                touched_args(tx, &b->touched);
        }
        b->completed = add_outcomes(tx, &b->items, &by);
        b->nfirst = b->nitems;
        b->judged_later = b->completed && unjudged_can_wait(x->unjudged, &b->touched);
        PG_FAULT_SENT(tx, settle_sent);
}

/* A fresh claim leaves what is of waves of which nothing is known, but for what idle runners are there for. */
static bool goes_fresh(const struct exchange *x, size_t n)
{
        return !x->careful && (!x->untried || n <= x->o.room(x->o.arg).lone);
}

static void add_claim(struct exchange *x, struct batch *b, struct pg_tx *tx)
{
        struct pace_known known;

        b->fresh = goes_fresh(x, b->nids);
        if (x->careful)
                x->careful--;
        if (b->fresh && b->nids >= CLAIMS_MANY)
                lasting_claims(x->lasting);
        x->o.paces(&known, x->o.arg);
        b->below_us = b->fresh ? 0 : known.below_us;
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

static size_t claims_to_send(const struct exchange *x)
{
        size_t n = x->nclaims < CLAIMS_MAX ? x->nclaims : CLAIMS_MAX, room;

        if (!n)
                return 0;
        room = beyond(x->o.room(x->o.arg).jobs, x->busy ? x->busy->nids : 0);
        return n < room ? n : room;
}

static struct batch *empty_batch(struct exchange *x)
{
        struct batch *b = xcalloc(1, sizeof(*b));

        b->x = x;
        b->generation = x->generation;
        list_init(&b->items);
        return b;
}

static struct batch *new_batch(struct exchange *x)
{
        struct batch *b = empty_batch(x);

        take_outcomes(x, b);
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

        *(x->busy ? &x->next : &x->busy) = b;
        x->followed = false;
        how(x->o.pg, tx, alone ? exchange_answered_alone : exchange_answered, b);
        if (!alone)
                exchange_ask_to_judge(b);
}

static void send_batch(struct exchange *x)
{
        struct batch *b = new_batch(x);
        struct pg_tx *tx = pg_tx_new();
        size_t n = !x->apart || !b->has_settle ? claims_to_send(x) : 0;

        x->whole = false;
        b->passes = b->has_settle && n >= CLAIMS_MANY && goes_fresh(x, n);
        if (x->apart)
                x->apart--;
        if (b->has_settle)
                add_settle(x, b, tx);
        add_claims(x, b, tx, n);
        add_note(x, b, tx);
        send(x, b, pg_send, tx);
}

/* ---- in two parts ---- */

/* Whether all outcomes are `completed`, of bodies of these waves. */
static bool all_completed(const struct exchange *x, const int64_t *waves, size_t nwaves)
{
        LIST_EACH(l, &x->outcomes)
        {
                const struct item *it = CONTAINER_OF(l, struct item, link);
                size_t i = 0;
                while (i < nwaves && waves[i] != it->of.wave_no)
                        i++;
                if (i == nwaves || it->of.poll || it->alone || it->o.kind != OUTCOME_COMPLETED)
                        return false;
        }
        return true;
}

/* What bodies said is settled while Redis is asked for what follows them, whose claims go in the same transaction. */
static void send_part(struct exchange *x)
{
        struct batch *b;

        if (x->whole || x->apart || x->careful || !x->noutcomes || x->noutcomes > SETTLE_MAX)
                return;
        b = new_batch(x);
        b->part = pg_tx_new();
        b->passes = true;
        add_settle(x, b, b->part);
        send(x, b, pg_send_part, b->part);
        FAULT_POINT(settle_begun);
}

/*
 * What was said since then, of waves that the first part has locked. Bodies that began together end together, and would
 * otherwise wait for a transaction more. Their rows are locked after others with higher ids: whoever else locks some of
 * both holds their wave's lock, or this worker's.
 */
static void settle_more(struct exchange *x, struct batch *b, struct pg_tx *tx)
{
        struct settle_by by = {.cfg = x->o.cfg, .worker = x->o.worker, .shard = x->o.shard};
        struct list first;

        if (!x->noutcomes || !b->completed || b->nitems + x->noutcomes > SETTLE_MAX ||
            !all_completed(x, b->touched.waves, b->touched.nwaves) ||
            !pg_knows(x->o.pg, SQL_SETTLE_COMPLETED))
                return;
        list_init(&first);
        list_splice(&first, &b->items);
        take_outcomes(x, b);
        add_outcomes(tx, &b->items, &by);
        list_splice(&first, &b->items);
        list_splice(&b->items, &first);
        b->more = true;
        PG_FAULT_SENT(tx, settle_more_sent);
}

/*
 * Promises. Where a window holds back brief bodies of a wave, what follows them is claimed while they run: one
 * transaction claims in their slots, and settles them at its end. Nobody sees the one without the other, so no more
 * run than the window lets in; and PostgreSQL is at work while runners are. Redis is asked for what follows even
 * earlier, while they are claimed themselves. Where they end otherwise, or not within PROMISE_MS, the claims are
 * undone, and go with the next batch, behind its outcomes. Rows of claims are locked before those of outcomes then, whose
 * ids are lower: nobody else locks some of both but with their wave's lock, or this worker's, and the claim holds these.
 */

/* What follows the bodies that are being claimed. Redis is told of others before: what it takes with that is there, too. */
static void ask_in_advance(struct exchange *x, struct batch *b)
{
        exchange_finish_put_off(x);
        if (!x->hungry || !x->brief || !b->completed || b->touched.nwaves != 1 || b->touched.nids ||
            !b->fresh || b->nids < CLAIMS_MANY || x->nclaims >= b->nids ||
            follow_pending(x->follow) || follow_waits(x->follow) || rest_on(x->rest) ||
            exchange_holds_few(x, b->nids))
                return;
        if (x->shy) {
                x->shy--;
                return;
        }
        for (size_t i = 0; i < b->nids; i++)
                follow_add(x->follow, b->ids[i], b->touched.waves[0], true);
        b->asked = follow_pending(x->follow);
        if (b->asked)
                follow_ask(x->follow, x->o.worker, b->nids - x->nclaims);
}

static bool can_claim_first(struct exchange *x)
{
        size_t n;

        if (x->whole || x->apart || x->careful || follow_waits(x->follow))
                return false;
        n = claims_to_send(x);
        return n >= CLAIMS_MANY && goes_fresh(x, n) && claim_can_join(x->o.pg, n) &&
               pg_knows(x->o.pg, SQL_SETTLE_COMPLETED);
}

static bool can_promise(struct exchange *x)
{
        return x->ending && can_claim_first(x);
}

/* So many slots are about to be free. */
static void send_promise(struct exchange *x, int64_t wave_no, size_t ends)
{
        struct batch *b = empty_batch(x);
        size_t n = claims_to_send(x);

        x->gathers_ms = 0;
        b->promise = (struct promise){
                .wave_no = wave_no, .slots = ends < n ? ends : n, .since_ms = clock_mono_ms()};
        b->part = pg_tx_new();
        pg_stmt(b->part, SQL_SLOTS_PROMISE);
        pg_arg_int(b->part, b->promise.wave_no);
        pg_arg_int(b->part, (int64_t)b->promise.slots);
        add_claims(x, b, b->part, n);
        send(x, b, pg_send_part, b->part);
        FAULT_POINT(slots_promised);
}

/*
 * What follows those that are being claimed is promised already: PostgreSQL goes on with it right behind their commit, while
 * they are handed out and run. Where not all of them are claimed it is undone. Where other questions wait it comes
 * after their answers, so that whoever else waits for the wave or the worker gets them now and then.
 */
static bool can_promise_ahead(struct exchange *x)
{
        const struct batch *b = x->busy;

        return b && !b->part && !b->done && !x->next && b->asked && !x->watched && !x->noutcomes &&
               pg_in_flight(x->o.pg) == 1 && can_claim_first(x);
}

static void send_ahead(struct exchange *x)
{
        send_promise(x, x->busy->touched.waves[0], x->busy->nids);
        FAULT_POINT(slots_promised_ahead);
}

/* Whether all outcomes are of bodies whose slots are promised, and as many as were. */
static bool keeps(const struct exchange *x, const struct promise *p)
{
        return x->noutcomes >= p->slots && x->noutcomes <= SETTLE_MAX &&
               all_completed(x, &p->wave_no, 1);
}

/* What follows is there, or is waited for no longer. What cannot be added goes with the next one, in one piece. */
static void send_rest(struct exchange *x)
{
        struct batch *b = x->busy;
        struct pg_tx *tx = take(b->part);
        size_t n = claims_to_send(x);

        settle_more(x, b, tx);
        if (goes_fresh(x, n) && claim_can_join(x->o.pg, n))
                add_claims(x, b, tx, n);
        else
                x->whole = n > 0;
        if (lasting_can_join(x->o.pg))
                add_note(x, b, tx);
        else
                x->whole |= lasting_due(x->lasting);
        pg_send_rest(x->o.pg, tx);
        ask_in_advance(x, b);
}

void exchange_break_promise(struct batch *b)
{
        if (!b || !b->part) /* it is over, and its answer is due */
                return;
        b->promise.broken = true;
        pg_send_undo(b->x->o.pg, take(b->part));
        FAULT_POINT(promise_broken);
}

/* Brief bodies run in slots that are promised already: when all have ended, they are settled and the transaction goes;
 * where they do not, it is undone. */
static void end_promise(struct exchange *x)
{
        struct batch *b = x->busy;
        int64_t left = b->promise.since_ms + PROMISE_MS - clock_mono_ms();
        struct pg_tx *tx;

        if (x->ending && left > 0) {
                loop_timer_start(x->soon, left);
                return;
        }
        if (!keeps(x, &b->promise)) {
                exchange_break_promise(b);
                return;
        }
        tx = take(b->part);
        take_outcomes(x, b);
        add_settle(x, b, tx);
        if (lasting_can_join(x->o.pg))
                add_note(x, b, tx);
        pg_send_rest(x->o.pg, tx);
        if (!b->judged_later)
                exchange_ask_to_judge(b);
        ask_in_advance(x, b);
}

/*
 * How long what is to be said may wait for more of its kind. Brief bodies that run are over in a moment; and where no window
 * holds anything back, nobody needs what is claimed or freed before the runners have done what they have: so half of that
 * is over when it goes, and the other half is for the transaction.
 */
static int64_t patience_ms(const struct exchange *x, const struct room *room)
{
        int64_t enough_ms = room->lasts_us / 1000;
        bool claims = x->hungry && x->nclaims && !x->noutcomes;

        if ((x->nbrief || claims) && room->brief)
                return GATHER_MS;
        if (x->hungry || x->nshort < x->noutcomes || follow_pending(x->follow))
                return 0;
        return enough_ms < PATIENT_MS ? enough_ms : PATIENT_MS;
}

/* What short bodies say goes together, and with it what was claimed meanwhile: each transaction costs as much as
 * dozens of them. */
static bool gathers(struct exchange *x)
{
        int64_t now = clock_mono_ms();

        if (!x->gathers_ms)
                x->gathers_ms = now;
        if (x->o.room && (x->noutcomes || x->nclaims) && !x->followed && x->noutcomes < GATHERED) {
                struct room room = x->o.room(x->o.arg);
                int64_t left_ms = x->gathers_ms + patience_ms(x, &room) - now;
                if (left_ms > 0) {
                        loop_timer_start(x->soon, room.brief ? 1 : left_ms);
                        return true;
                }
        }
        x->gathers_ms = 0;
        return false;
}

void exchange_kick(struct exchange *x)
{
        x->kicks = false;
        if (!pg_up(x->o.pg) || (!x->busy && !can_promise(x) && gathers(x)))
                return;
        if (follow_pending(x->follow) && !(x->busy && x->nbrief)) /* for all that gather at once */
                follow_ask(x->follow, x->o.worker,
                           rest_on(x->rest) || exchange_holds_few(x, 0)
                                   ? 0
                                   : exchange_room_to_follow(x));
        if (x->busy && x->busy->promise.slots && x->busy->part) {
                end_promise(x);
        } else if (follow_waits(x->follow) && !x->busy) {
                send_part(x);
        } else if (x->busy && x->busy->part && !follow_waits(x->follow)) {
                send_rest(x);
        } else if (can_promise_ahead(x)) {
                send_ahead(x);
        } else if (!x->busy && can_promise(x)) {
                send_promise(x, x->ending_of, x->ending + x->noutcomes);
        } else if (!x->busy &&
                   (claims_to_send(x) || !list_empty(&x->outcomes) || lasting_due(x->lasting))) {
                send_batch(x);
        }
        if (x->busy && !(x->busy->promise.slots && x->busy->part))
                exchange_finish_put_off(x);
}

void exchange_kick_soon(struct exchange *x)
{
        if (x->kicks || (x->busy && !x->busy->part && !follow_pending(x->follow)))
                return;
        x->kicks = true;
        loop_timer_start(x->soon, 0);
}
