/*
 * setup.c - what is asked of a server before the broker is up: who it is, whether it can be used,
 * whether it holds the data set that we knew, and that it learns our scripts. The data set is known by
 * a guard key with a random value: it is looked at every second, so that a FLUSHALL is noticed without
 * a new connection. The look begins with making the key where there is none, a write that usually
 * changes nothing: so a server that takes no writes is noticed too.
 */
#include "broker/inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "broker/keys.h"

enum { GUARD_EVERY_MS = 1000 };

static void answered(struct broker *b);
static void look_at_guard(struct broker *b);

static void ask(struct broker *b, conn_fn fn, const char *first, const char *second,
                const char *third)
{
        struct cmd cmd;
        cmd_init(&cmd);
        cmd_words(&cmd, first, second, third, NULL);
        b->setup_left++;
        conn_send(b->conn, &cmd, fn, b);
        cmd_fini(&cmd);
}

static void note_problem(struct broker *b, const char *problem)
{
        if (!b->setup_reason[0])
                snprintf(b->setup_reason, sizeof(b->setup_reason), "%s", problem);
}

/* ---- the server ---- */

static void on_info(redisReply *reply, const struct err *e, void *arg)
{
        struct broker *b = arg;
        if (e)
                return;
        if (reply->type == REDIS_REPLY_STRING)
                server_read_info(&b->server, reply->str, reply->len);
        else if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOPERM", 6) != 0)
                note_problem(b, reply->str);
        answered(b);
}

/* May be forbidden: then it is not known. */
static void on_save(redisReply *reply, const struct err *e, void *arg)
{
        struct broker *b = arg;
        if (e)
                return;
        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
                b->server.save_known = true;
                b->server.save = reply->element[1]->len > 0;
        }
        answered(b);
}

static void on_script(redisReply *reply, const struct err *e, void *arg)
{
        struct broker *b = arg;
        if (e)
                return;
        /* Answers come in the order of the questions: the first script without a sum is meant. */
        size_t i = 0;
        while (i < LUA_COUNT - 1 && b->sha[i][0])
                i++;
        if (reply->type == REDIS_REPLY_STRING)
                snprintf(b->sha[i], SHA_SIZE, "%s", reply->str);
        else
                note_problem(b,
                             reply->type == REDIS_REPLY_ERROR ? reply->str : "SCRIPT LOAD failed");
        answered(b);
}

void setup_start(struct broker *b)
{
        b->setup_left = 0;
        b->setup_reason[0] = '\0';
        b->server = (struct server_facts){0};
        b->guard_asked = false;
        memset(b->sha, 0, sizeof(b->sha));
        ask(b, on_info, "INFO", NULL, NULL);
        ask(b, on_save, "CONFIG", "GET", "save");
        for (size_t i = 0; i < LUA_COUNT; i++)
                ask(b, on_script, "SCRIPT", "LOAD", lua_texts[i].text);
}

/* ---- the guard ---- */

static void other_server(struct broker *b, const char *reason)
{
        log_warn("redis.other_server", LS("server", b->url.shown), LS("reason", reason));
        if (b->ev.on_other_server)
                b->ev.on_other_server(b->ev.arg);
}

static void complain(struct broker *b)
{
        server_complain(&b->server);
        for (const char *const *s = b->server.complaints; *s; s++)
                log_warn("redis.forgetful", LS("server", b->url.shown), LS("reason", *s));
}

/* The server and its data set are known. */
static void come_up(struct broker *b, const char *guard)
{
        const char *other = NULL;
        if (b->seen && strcmp(b->run_id, b->server.run_id) != 0)
                other = "it was restarted or is another one";
        else if (b->seen && strcmp(b->guard, guard) != 0)
                other = "it was flushed or holds other data";
        if (!b->seen || other)
                complain(b);
        else
                server_complain(&b->server);
        b->seen = true;
        snprintf(b->run_id, sizeof(b->run_id), "%s", b->server.run_id);
        snprintf(b->guard, sizeof(b->guard), "%s", guard);
        b->up = true;
        loop_timer_every(b->guard_timer, GUARD_EVERY_MS);
        log_info("redis.up", LS("connection", "commands"), LS("server", b->url.shown),
                 LS("version", b->server.version), LS("run_id", b->run_id));
        pops_hurry(b);
        controls_hurry(b);
        tails_hurry(b);
        broker_enter(b);
        if (b->ev.on_up)
                b->ev.on_up(b->ev.arg);
        if (other && !b->doomed)
                other_server(b, other);
        broker_leave(b);
}

static void guard_found(struct broker *b, const char *guard)
{
        b->guard_asked = false;
        if (!b->up) {
                come_up(b, guard);
        } else if (strcmp(b->guard, guard) != 0) {
                snprintf(b->guard, sizeof(b->guard), "%s", guard);
                other_server(b, "it was flushed or holds other data");
        }
}

/* An error before we are up is a reason not to be; later the next look will tell. */
static void guard_failed(struct broker *b, const redisReply *reply)
{
        b->guard_asked = false;
        if (!b->up)
                conn_close(b->conn, reply->type == REDIS_REPLY_ERROR ? reply->str
                                    : reply->type == REDIS_REPLY_NIL ? b->trouble
                                                                     : "the guard key is no text");
}

/* Says once that it takes no writes, once that it does again. */
static void note_trouble(struct broker *b, const char *trouble)
{
        if (strcmp(b->trouble, trouble) == 0)
                return;
        snprintf(b->trouble, sizeof(b->trouble), "%s", trouble);
        if (*trouble)
                log_warn("redis.trouble", LS("server", b->url.shown), LS("reason", trouble));
        else
                log_info("redis.well", LS("server", b->url.shown));
}

static void on_guard_made(redisReply *reply, const struct err *e, void *arg)
{
        struct broker *b = arg;
        bool elsewhere = false;
        if (e)
                return;
        if (reply->type != REDIS_REPLY_ERROR) {
                note_trouble(b, "");
                return;
        }
        const char *sentence = refusal_passes(reply->str, &elsewhere);
        note_trouble(b, sentence ? sentence : reply->str);
        if (elsewhere)
                call_look_elsewhere(b);
}

/* Another process may be faster: what counts is what stands there afterwards. */
static void make_guard(struct broker *b)
{
        char value[UUID_SIZE];
        struct cmd cmd;
        rand_uuid(value);
        cmd_init(&cmd);
        cmd_words(&cmd, "SET", key_guard(b->prefix).s, value, "NX", NULL);
        conn_send(b->conn, &cmd, on_guard_made, b);
        cmd_fini(&cmd);
}

static void on_guard(redisReply *reply, const struct err *e, void *arg)
{
        struct broker *b = arg;
        if (e)
                return;
        if (reply->type == REDIS_REPLY_STRING)
                guard_found(b, reply->str);
        else
                guard_failed(b, reply);
}

static void look_at_guard(struct broker *b)
{
        struct cmd cmd;
        make_guard(b);
        cmd_init(&cmd);
        cmd_words(&cmd, "GET", key_guard(b->prefix).s, NULL);
        conn_send(b->conn, &cmd, on_guard, b);
        cmd_fini(&cmd);
}

void setup_guard(void *broker)
{
        struct broker *b = broker;
        if (!broker_up(b) || b->guard_asked)
                return;
        b->guard_asked = true;
        look_at_guard(b);
        events_make_up(b);
}

/* One answer fewer is owed; the last of them decides. */
static void answered(struct broker *b)
{
        if (--b->setup_left > 0)
                return;
        const char *problem = server_problem(&b->server);
        if (problem)
                note_problem(b, problem);
        if (b->setup_reason[0])
                conn_close(b->conn, b->setup_reason);
        else
                look_at_guard(b);
}
