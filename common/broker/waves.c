/* waves.c - see waves.h. */
#include "broker/waves.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "broker/keys.h"

size_t waves_add_queue(struct waves *w, const char *queue)
{
        for (size_t i = 0; i < w->queues; i++) {
                if (strcmp(w->queue[i], queue) == 0)
                        return i;
        }
        assert(w->queues < COUNT_OF(w->queue));
        w->queue[w->queues] = queue;
        return w->queues++;
}

size_t waves_add(struct waves *w, const struct wave_facts *f)
{
        for (size_t i = 0; i < w->waves; i++) {
                if (w->wave[i]->wave_no == f->wave_no)
                        return i;
        }
        assert(w->waves < COUNT_OF(w->wave));
        w->wave[w->waves] = f;
        w->queue_of[w->waves] = waves_add_queue(w, f->queue);
        return w->waves++;
}

struct call *waves_call(struct broker *b, enum lua_id script, const struct waves *w, size_t own_keys)
{
        struct call *c = call_script(b, script, 4 * w->queues + 3 * w->waves + own_keys);
        c->queues = xcalloc(w->queues + 1, sizeof(*c->queues));
        for (size_t i = 0; i < w->queues; i++) {
                snprintf(c->queues[i], sizeof(*c->queues), "%s", w->queue[i]);
                cmd_key(&c->cmd, key_queue(b->prefix, w->queue[i]));
                cmd_key(&c->cmd, key_demand(b->prefix, w->queue[i]));
                cmd_key(&c->cmd, key_turn(b->prefix, w->queue[i]));
                cmd_key(&c->cmd, key_target(b->prefix, w->queue[i]));
        }
        for (size_t i = 0; i < w->waves; i++) {
                cmd_key(&c->cmd, key_wave(b->prefix, w->wave[i]->wave_no));
                cmd_key(&c->cmd, key_backlog(b->prefix, w->wave[i]->wave_no));
                cmd_key(&c->cmd, key_window(b->prefix, w->wave[i]->wave_no));
        }
        return c;
}

void waves_args(struct call *c, const struct waves *w)
{
        struct cmd *cmd = &c->cmd;
        cmd_str(cmd, c->b->prefix);
        cmd_int(cmd, (int64_t)w->queues);
        cmd_int(cmd, (int64_t)w->waves);
        for (size_t i = 0; i < w->queues; i++)
                cmd_str(cmd, w->queue[i]);
        for (size_t i = 0; i < w->waves; i++) {
                const struct wave_facts *f = w->wave[i];
                assert(f->priority >= 0 && f->priority <= PRIORITY_MAX);
                cmd_int(cmd, f->wave_no);
                cmd_int(cmd, f->version);
                cmd_int(cmd, f->paused);
                cmd_int(cmd, f->batch_size);
                cmd_int(cmd, f->priority);
                cmd_int(cmd, (int64_t)w->queue_of[i] + 1);
        }
}

size_t waves_skip(const redisReply *reply)
{
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0)
                return 0;
        int64_t early = reply_int(reply->element[0], 0);
        return early >= 0 && (size_t)early < reply->elements ? (size_t)early + 1 : reply->elements;
}

const struct wave_facts *waves_find(const struct wave_facts *f, size_t n, int64_t wave_no)
{
        const struct wave_facts *found = NULL;
        for (size_t i = 0; i < n; i++) {
                if (f[i].wave_no == wave_no && (!found || f[i].version > found->version))
                        found = &f[i];
        }
        return found;
}

/* ---- releasing further ---- */

struct topping {
        struct list link;
        char queue[QUEUE_NAME_MAX + 1];
};

static void top_up(struct broker *b, struct topping *t);

static void on_topped_up(struct broker *b, const redisReply *reply, const struct err *e, void *arg)
{
        struct topping *t = arg;
        if (reply && waves_skip(reply) > 1 && broker_up(b)) {
                top_up(b, t);
                return;
        }
        list_remove(&t->link);
        free(t);
}

static void top_up(struct broker *b, struct topping *t)
{
        struct waves w = {0};
        waves_add_queue(&w, t->queue);
        struct call *c = waves_call(b, LUA_RELEASE, &w, 0);
        waves_args(c, &w);
        cmd_int(&c->cmd, (int64_t)b->share);
        free(take(c->queues)); /* on_topped_up() sees to it */
        call_send(c, on_topped_up, t);
}

static void begin_top_up(struct broker *b, const char *queue)
{
        LIST_EACH(at, &b->toppings)
        {
                if (strcmp(CONTAINER_OF(at, struct topping, link)->queue, queue) == 0)
                        return;
        }
        struct topping *t = xcalloc(1, sizeof(*t));
        snprintf(t->queue, sizeof(t->queue), "%s", queue);
        list_push_back(&b->toppings, &t->link);
        FAULT_POINT(release_left_early);
        top_up(b, t);
}

void waves_top_up(struct broker *b, const redisReply *reply, char (*queues)[QUEUE_NAME_MAX + 1])
{
        size_t n = waves_skip(reply);
        for (size_t i = 1; i < n; i++) {
                int64_t index = reply_int(reply->element[i], 0);
                for (int64_t q = 0; q < index; q++) {
                        if (!queues[q][0]) /* past the last: not an answer of ours */
                                return;
                }
                if (index > 0)
                        begin_top_up(b, queues[index - 1]);
        }
}
