/* call.c - see inner.h: calls, and what their errors mean. */
#include "broker/inner.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "broker/keys.h"
#include "broker/waves.h"

/* Error replies that will pass. A script's error has its code in the middle in Redis 6.2. */
static const struct refusal {
        const char *code, *sentence;
        bool elsewhere; /* another server may be the right one by now: connect again */
} refusals[] = {
        {"LOADING", "redis is still loading its data", false},
        {"READONLY", "redis has become a read-only replica", true},
        {"MASTERDOWN", "redis is a replica that has lost its master", true},
        {"OOM", "redis has reached its maxmemory: give it more memory or free some", false},
        {"MISCONF", "redis takes no writes because it could not write its snapshot to disk", false},
        {"BUSY", "redis is busy with a script that does not end", false},
        {"NOREPLICAS", "redis takes no writes because too few replicas follow it", false},
        {"CLUSTERDOWN", "the redis cluster is down", false},
        {"TRYAGAIN", "the redis cluster is moving these keys", false},
};

static bool has_code(const char *text, const char *code)
{
        size_t len = strlen(code);
        if (strncmp(text, code, len) == 0 && (text[len] == ' ' || text[len] == '\0'))
                return true;
        const char *at = strstr(text, ": -");
        return at && strncmp(at + 3, code, len) == 0 && at[3 + len] == ' ';
}

static const char *name_of(const struct call *c)
{
        return c->script < LUA_COUNT ? lua_texts[c->script].name : "a command";
}

const char *refusal_passes(const char *text, bool *elsewhere)
{
        for (size_t i = 0; i < COUNT_OF(refusals); i++) {
                if (has_code(text, refusals[i].code)) {
                        if (elsewhere)
                                *elsewhere = refusals[i].elsewhere;
                        return refusals[i].sentence;
                }
        }
        return NULL;
}

/* True where the connection should be given up for it. */
static bool read_refusal(const struct call *c, const char *text, struct err *e)
{
        bool elsewhere = false;
        const char *sentence = refusal_passes(text, &elsewhere);
        if (sentence)
                err_set(e, ERR_UNAVAILABLE, "%s", sentence);
        else
                err_set(e, ERR_INTERNAL, "redis refused %s: %s", name_of(c), text);
        return elsewhere;
}

/* ---- putting together ---- */

static struct call *call_new(struct broker *b)
{
        struct call *c = xcalloc(1, sizeof(*c));
        c->b = b;
        c->script = LUA_COUNT;
        list_init(&c->link);
        cmd_init(&c->cmd);
        return c;
}

static void call_free(struct call *c)
{
        cmd_fini(&c->cmd);
        free(c->queues);
        free(c->problem);
        free(c);
}

struct call *call_plain(struct broker *b, const char *name)
{
        struct call *c = call_new(b);
        cmd_str(&c->cmd, name);
        return c;
}

struct call *call_list(struct broker *b, const char *name)
{
        struct call *c = call_plain(b, name);
        c->list = true;
        return c;
}

static bool answers_a_number(enum lua_id script)
{
        return script == LUA_CLOSE || script == LUA_DELAY || script == LUA_DEMAND ||
               script == LUA_DEPTH || script == LUA_LINES || script == LUA_RATE;
}

struct call *call_script(struct broker *b, enum lua_id script, size_t keys)
{
        struct call *c = call_new(b);
        c->script = script;
        c->list = !answers_a_number(script);
        cmd_str(&c->cmd, "EVALSHA");
        cmd_str(&c->cmd, b->sha[script]);
        cmd_int(&c->cmd, (int64_t)keys);
        return c;
}

/* ---- sending ---- */

static void on_reply(redisReply *reply, const struct err *e, void *arg);

static void deliver(struct call *c, const redisReply *reply, const struct err *e)
{
        if (c->fn)
                c->fn(c->b, reply, e, c->arg);
        else if (e)
                LOG_AT(e->code == ERR_INTERNAL ? LOG_ERROR : LOG_DEBUG, "redis.unheard", LE(e));
        call_free(c);
}

static void defer(struct call *c)
{
        struct broker *b = c->b;
        const char *reason = b->conn ? conn_reason(b->conn) : "it is closed for good";
        c->problem = xmalloc(sizeof(*c->problem));
        *c->problem = ERR_INIT;
        if (!buf_ok(&c->cmd.body)) {
                buf_check(&c->cmd.body, "a command for redis", c->problem);
                if (!c->cmd.body.starved)
                        c->problem->code = ERR_INTERNAL; /* the mistake is ours */
        } else if (*reason)
                err_set(c->problem, ERR_UNAVAILABLE, "not connected to redis at %s: %s",
                        b->url.shown, reason);
        else
                err_set(c->problem, ERR_UNAVAILABLE, "not yet connected to redis at %s",
                        b->url.shown);
        metric_add(METRIC_REDIS_COMMANDS, 1, "unsent", NULL);
        list_push_back(&b->deferred, &c->link);
        if (b->defer_timer)
                loop_timer_start(b->defer_timer, 0);
}

void call_send(struct call *c, reply_fn fn, void *arg)
{
        events_say(c->b);
        c->fn = fn;
        c->arg = arg;
        if (broker_up(c->b) && buf_ok(&c->cmd.body))
                conn_send(c->b->conn, &c->cmd, on_reply, c);
        else
                defer(c);
}

void call_look_elsewhere(struct broker *b)
{
        b->elsewhere = true;
        loop_timer_start(b->defer_timer, 0);
}

void call_run_deferred(void *broker)
{
        struct broker *b = broker;
        unsigned n = 0;
        broker_enter(b);
        if (b->elsewhere && broker_up(b))
                conn_close(b->conn, "it is no master any more");
        b->elsewhere = false;
        LIST_EACH(at, &b->deferred)
        n++;
        for (; n > 0; n--) {
                struct list *at = list_pop_front(&b->deferred);
                if (!at)
                        break;
                struct call *c = CONTAINER_OF(at, struct call, link);
                deliver(c, NULL, c->problem);
        }
        if (!list_empty(&b->deferred))
                loop_timer_start(b->defer_timer, 0);
        broker_leave(b);
}

void call_fail_deferred(struct broker *b)
{
        struct list *at;
        while ((at = list_pop_front(&b->deferred))) {
                struct call *c = CONTAINER_OF(at, struct call, link);
                deliver(c, NULL, c->problem);
        }
}

/* ---- answers ---- */

static void on_loaded(redisReply *reply, const struct err *e, void *arg)
{
        (void)arg;
        if (reply && reply->type == REDIS_REPLY_ERROR)
                log_error("redis.script", LS("reason", reply->str));
}

/* The server has forgotten its scripts (SCRIPT FLUSH): loads this one and asks again. */
static bool load_again(struct call *c, const redisReply *reply)
{
        if (c->script == LUA_COUNT || c->loaded || !broker_up(c->b) ||
            strncmp(reply->str, "NOSCRIPT", 8) != 0)
                return false;
        struct cmd load;
        cmd_init(&load);
        cmd_words(&load, "SCRIPT", "LOAD", lua_texts[c->script].text, NULL);
        conn_send(c->b->conn, &load, on_loaded, NULL);
        cmd_fini(&load);
        c->loaded = true;
        conn_send(c->b->conn, &c->cmd, on_reply, c);
        return true;
}

static void on_reply(redisReply *reply, const struct err *e, void *arg)
{
        struct call *c = arg;
        struct broker *b = c->b;
        struct err refused = ERR_INIT;
        bool elsewhere = false;
        if (e) {
                metric_add(METRIC_REDIS_COMMANDS, 1, "lost", NULL);
        } else if (reply->type == REDIS_REPLY_ERROR) {
                if (load_again(c, reply))
                        return;
                metric_add(METRIC_REDIS_COMMANDS, 1, "refused", NULL);
                elsewhere = read_refusal(c, reply->str, &refused);
                e = &refused;
                reply = NULL;
        } else if (c->list && reply->type != REDIS_REPLY_ARRAY) {
                metric_add(METRIC_REDIS_COMMANDS, 1, "refused", NULL);
                err_set(&refused, ERR_INTERNAL, "redis answered %s with something else than a list",
                        name_of(c));
                e = &refused;
                reply = NULL;
        } else {
                metric_add(METRIC_REDIS_COMMANDS, 1, "ok", NULL);
                if (c->queues)
                        waves_top_up(b, reply, c->queues);
        }
        if (elsewhere)
                call_look_elsewhere(b);
        deliver(c, reply, e);
}
