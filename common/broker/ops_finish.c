/* ops_finish.c - the ends of deliveries and of waits: finish, follow and promote, grouped by wave for Lua. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/rand.h"
#include "broker/pieces.h"
#include "broker/waves.h"

enum { WANT_MAX = 500, PROMOTE_LIMIT = 4 };

/* One item of a piece, on its way into the order in which the script wants it. */
struct item {
        size_t wave; /* index among the waves of the call; SIZE_MAX: of none that is known */
        int group;
        size_t place;
        const void *what;
};

static int by_group(const void *a, const void *b)
{
        const struct item *x = a, *y = b;
        if (x->wave != y->wave)
                return x->wave < y->wave ? -1 : 1;
        if (x->group != y->group)
                return x->group - y->group;
        return x->place < y->place ? -1 : 1;
}

static size_t wave_index(struct waves *w, const struct wave_facts *f, size_t nf, int64_t wave_no)
{
        const struct wave_facts *found = waves_find(f, nf, wave_no);
        return found ? waves_add(w, found) : SIZE_MAX;
}

/* ---- finish ---- */

/* The order of lua/finish.lua. What is pending goes through LPUSH: it comes last to first. */
enum { GROUP_SETTLED, GROUP_PENDING, GROUP_RETRYING, GROUP_PARKED, GROUP_RUNNING, GROUPS };
static const int group_of[] = {[END_SETTLED] = GROUP_SETTLED,
                               [END_RUNNING] = GROUP_RUNNING,
                               [END_PARKED] = GROUP_PARKED,
                               [END_RETRYING] = GROUP_RETRYING,
                               [END_PENDING] = GROUP_PENDING};

struct finish {
        struct pieces p;
        int64_t worker;
        struct delivery *d;
        size_t n;
        struct wave_facts *f;
        size_t nf;
        char (*queues)[QUEUE_NAME_MAX + 1];
        size_t nq, want, least, share;
        int64_t *taken;
        size_t ntaken;
        broker_ids_fn fn;
        void *arg;
};

static void finish_wave_args(struct cmd *cmd, const struct item *items, size_t n)
{
        int64_t count[GROUPS] = {0};
        for (size_t i = 0; i < n; i++)
                count[items[i].group]++;
        for (int g = 0; g < GROUPS; g++)
                cmd_int(cmd, count[g]);
        for (size_t i = 0; i < n; i++)
                cmd_int(cmd, ((const struct delivery *)items[i].what)->id);
        for (size_t i = 0; i < n; i++) {
                const struct delivery *d = items[i].what;
                if (items[i].group == GROUP_RETRYING || items[i].group == GROUP_PARKED)
                        cmd_int(cmd, d->due_in_ms > 0 ? d->due_in_ms : 0);
        }
}

static void finish_args(struct cmd *cmd, size_t waves, const struct item *items, size_t n)
{
        size_t i = 0;
        for (size_t w = 0; w < waves; w++) {
                size_t end = i;
                while (end < n && items[end].wave == w)
                        end++;
                finish_wave_args(cmd, items + i, end - i);
                i = end;
        }
        cmd_int(cmd, (int64_t)(n - i));
        for (; i < n; i++)
                cmd_int(cmd, ((const struct delivery *)items[i].what)->id);
}

/* Who wants many, or ends many at once, has brief bodies: a batch of few waves, and of ids that are neighbours, costs
 * PostgreSQL less, and the others' batches are of other waves. */
static size_t share_of(const struct finish *f, size_t ended)
{
        size_t share = f->want > ended ? f->want : ended;

        return f->share && share > f->share ? f->share : share;
}

static struct call *make_finish(struct pieces *p, size_t i)
{
        struct finish *f = CONTAINER_OF(p, struct finish, p);
        bool last = i == p->count - 1;
        size_t from = i * BROKER_BATCH_MAX, sources = last ? f->nq : 0;
        size_t n = f->n - from < BROKER_BATCH_MAX ? f->n - from : BROKER_BATCH_MAX;
        struct item items[BROKER_BATCH_MAX];
        struct waves w = {0};
        if (i > 0)
                FAULT_POINT(finish_piece);
        for (size_t q = 0; q < sources; q++)
                waves_add_queue(&w, f->queues[(q + p->b->turn) % sources]);
        sources = w.queues; /* without repetitions */
        for (size_t j = 0; j < n; j++) {
                const struct delivery *d = &f->d[from + j];
                items[j] = (struct item){.wave = wave_index(&w, f->f, f->nf, d->wave_no),
                                         .group = group_of[d->end],
                                         .place = d->end == END_PENDING ? n - j : j,
                                         .what = d};
        }
        for (size_t j = 0; last && j < f->nf && w.waves < BROKER_BATCH_MAX; j++)
                wave_index(&w, f->f, f->nf, f->f[j].wave_no);
        // cppcheck-suppress uninitvar ; the first n are set, n at most BROKER_BATCH_MAX
        qsort(items, n, sizeof(items[0]), by_group);
        struct call *c = waves_call(p->b, LUA_FINISH, &w, f->worker ? 2 : 1);
        cmd_key(&c->cmd, key_delayed(p->b->prefix));
        if (f->worker)
                cmd_key(&c->cmd, key_processing(p->b->prefix, f->worker));
        waves_args(c, &w);
        cmd_int(&c->cmd, last ? (int64_t)f->want : 0);
        cmd_int(&c->cmd, (int64_t)f->least);
        cmd_int(&c->cmd, (int64_t)sources);
        p->b->share = share_of(f, n);
        cmd_int(&c->cmd, (int64_t)p->b->share);
        finish_args(&c->cmd, w.waves, items, n);
        if (last)
                p->b->turn++;
        return c;
}

static void take_finish(struct pieces *p, size_t i, const redisReply *reply)
{
        struct finish *f = CONTAINER_OF(p, struct finish, p);
        if (i == p->count - 1)
                f->ntaken = reply_ids(reply, waves_skip(reply), &f->taken);
}

static void end_finish(struct pieces *p, const struct err *e)
{
        struct finish *f = CONTAINER_OF(p, struct finish, p);
        if (f->fn)
                f->fn(f->taken, f->ntaken, e, f->arg);
        free(f->d);
        free(f->f);
        free(f->queues);
        free(f->taken);
        free(f);
}

static void *copy(const void *from, size_t n, size_t size)
{
        void *to = xcalloc(n + 1, size);
        if (n > 0)
                memcpy(to, from, n * size);
        return to;
}

void broker_finish(struct broker *b, int64_t worker, const struct delivery *d, size_t n,
                   const struct wave_facts *f, size_t nf, const struct broker_take *take,
                   broker_ids_fn fn, void *arg)
{
        static const struct broker_take nothing;
        /* One after the other: a worker that could not end its deliveries takes no new ones. */
        static const struct pieces_kind kind = {
                .make = make_finish, .answer = take_finish, .end = end_finish, .limit = 1};
        struct finish *s = xcalloc(1, sizeof(*s));
        s->worker = worker;
        s->d = copy(d, n, sizeof(*d));
        s->n = n;
        s->f = copy(f, nf, sizeof(*f));
        s->nf = nf;
        if (!take)
                take = &nothing;
        s->nq = take->nq < BROKER_BATCH_MAX ? take->nq : BROKER_BATCH_MAX;
        s->queues = xcalloc(s->nq + 1, sizeof(*s->queues));
        for (size_t i = 0; i < s->nq; i++)
                snprintf(s->queues[i], sizeof(*s->queues), "%s", take->queues[i]);
        s->want = take->want < WANT_MAX ? take->want : WANT_MAX;
        s->least = take->least < s->want ? take->least : s->want;
        s->share = take->share;
        s->fn = fn;
        s->arg = arg;
        pieces_run(&s->p, b, &kind, n > 0 ? pieces_of(n, BROKER_BATCH_MAX) : 1);
}

/* ---- follow ---- */

struct follow {
        broker_follow_fn fn;
        void *arg;
};

static void on_follow(struct broker *b, const redisReply *reply, const struct err *e, void *arg)
{
        struct follow *f = arg;
        int64_t *ids = NULL;
        size_t at = reply ? waves_skip(reply) : 0;
        bool freed = reply && at < reply->elements && reply_int(reply->element[at], 0) != 0;
        size_t n = reply ? reply_ids(reply, at + 1, &ids) : 0;
        (void)b;
        f->fn(ids, n, freed, e, f->arg);
        free(ids);
        free(f);
}

/* Wave by wave. */
static void follow_args(struct cmd *cmd, const struct delivery *d, size_t n)
{
        struct item items[BROKER_BATCH_MAX];
        int64_t waves = 0;
        for (size_t i = 0; i < n; i++)
                items[i] = (struct item){.wave = (size_t)d[i].wave_no, .place = i, .what = &d[i]};
        // cppcheck-suppress uninitvar ; the first n are set, n at most BROKER_BATCH_MAX
        qsort(items, n, sizeof(items[0]), by_group);
        for (size_t i = 0; i < n; i++)
                waves += i == 0 || items[i].wave != items[i - 1].wave;
        cmd_int(cmd, waves);
        for (size_t i = 0, end; i < n; i = end) {
                for (end = i; end < n && items[end].wave == items[i].wave;)
                        end++;
                cmd_int(cmd, (int64_t)items[i].wave);
                cmd_int(cmd, (int64_t)(end - i));
                for (size_t j = i; j < end; j++)
                        cmd_int(cmd, ((const struct delivery *)items[j].what)->id);
        }
}

void broker_follow(struct broker *b, int64_t worker, const struct delivery *d, size_t n,
                   const char *const *queues, size_t nq, size_t want, bool may_pass,
                   broker_follow_fn fn, void *arg)
{
        struct waves w = {0};
        struct follow *f = xmalloc(sizeof(*f));
        *f = (struct follow){fn, arg};
        for (size_t q = 0; q < nq && q < BROKER_BATCH_MAX; q++)
                waves_add_queue(&w, queues[q]);
        struct call *c = waves_call(b, LUA_FOLLOW, &w, 1);
        cmd_key(&c->cmd, key_processing(b->prefix, worker));
        waves_args(c, &w);
        cmd_int(&c->cmd, (int64_t)(want < WANT_MAX ? want : WANT_MAX));
        cmd_int(&c->cmd, may_pass);
        follow_args(&c->cmd, d, n < BROKER_BATCH_MAX ? n : BROKER_BATCH_MAX);
        call_send(c, on_follow, f);
}

/* ---- promote ---- */

struct promote {
        struct pieces p;
        struct promotion *v;
        size_t n;
        struct wave_facts *f;
        size_t nf;
        const char *limit;
        int64_t per_s;
        struct done done;
};

static struct call *make_promote(struct pieces *p, size_t i)
{
        struct promote *s = CONTAINER_OF(p, struct promote, p);
        size_t from = i * BROKER_BATCH_MAX;
        size_t n = s->n - from < BROKER_BATCH_MAX ? s->n - from : BROKER_BATCH_MAX;
        struct item items[BROKER_BATCH_MAX];
        struct waves w = {0};
        for (size_t j = 0; j < n; j++) {
                const struct promotion *v = &s->v[from + j];
                items[j] = (struct item){
                        .wave = wave_index(&w, s->f, s->nf, v->d.wave_no), .place = j, .what = v};
        }
        // cppcheck-suppress uninitvar ; the first n are set, n at most BROKER_BATCH_MAX
        qsort(items, n, sizeof(items[0]), by_group);
        struct call *c = waves_call(p->b, LUA_PROMOTE, &w, 3);
        cmd_key(&c->cmd, key_delayed(p->b->prefix));
        cmd_key(&c->cmd, key_rate(p->b->prefix, s->limit));
        cmd_key(&c->cmd, key_polls(p->b->prefix, s->limit));
        waves_args(c, &w);
        cmd_int(&c->cmd, s->per_s > 0 ? s->per_s : 1);
        cmd_int(&c->cmd, rand_below(INT32_MAX));
        for (size_t group = 0, at = 0; group <= w.waves; group++) {
                size_t end = at;
                while (end < n && (items[end].wave == group || group == w.waves))
                        end++;
                cmd_int(&c->cmd, (int64_t)(end - at));
                for (; at < end; at++) {
                        const struct promotion *v = items[at].what;
                        cmd_int(&c->cmd, v->entry.id);
                        cmd_int(&c->cmd, v->entry.score);
                        cmd_int(&c->cmd, (int64_t)v->d.end);
                        cmd_int(&c->cmd, v->d.due_in_ms > 0 ? v->d.due_in_ms : 0);
                }
        }
        return c;
}

static void end_promote(struct pieces *p, const struct err *e)
{
        struct promote *s = CONTAINER_OF(p, struct promote, p);
        struct done done = s->done;
        free(s->v);
        free(s->f);
        free(s);
        if (done.fn)
                done.fn(e, done.arg);
}

void broker_promote(struct broker *b, const struct promotion *v, size_t n,
                    const struct wave_facts *f, size_t nf, const char *limit, int64_t per_s,
                    broker_fn fn, void *arg)
{
        static const struct pieces_kind kind = {
                .make = make_promote, .end = end_promote, .limit = PROMOTE_LIMIT};
        struct promote *s = xcalloc(1, sizeof(*s));
        s->v = copy(v, n, sizeof(*v));
        s->n = n;
        s->f = copy(f, nf, sizeof(*f));
        s->nf = nf;
        s->limit = limit;
        s->per_s = per_s;
        s->done = (struct done){fn, arg};
        pieces_run(&s->p, b, &kind, n > 0 ? pieces_of(n, BROKER_BATCH_MAX) : 1);
}
