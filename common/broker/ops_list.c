/*
 * ops_list.c - reading whole lists and sets.
 *
 * A backlog or a queue may be long and changes meanwhile: ids leave at its head, come at its tail. It
 * is read from the tail to the head, a thousand at a time, counted from the tail: what leaves then
 * moves nothing, what comes lets some be read twice, and none is missed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broker/inner.h"
#include "broker/keys.h"

struct reading {
        struct key key;
        int64_t seen; /* entries, from the tail */
        int64_t *ids;
        size_t n, cap;
        /* SCAN: the number in a key, and what type of key; NULL: ZSCAN */
        bool (*parse)(const char *prefix, const char *key, int64_t *id);
        const char *type;
        broker_ids_fn fn;
        void *arg;
};

static struct reading *reading_new(struct key key, broker_ids_fn fn, void *arg)
{
        struct reading *r = xcalloc(1, sizeof(*r));
        r->key = key;
        r->fn = fn;
        r->arg = arg;
        return r;
}

static void reading_end(struct reading *r, const struct err *e)
{
        r->fn(r->ids, e ? 0 : r->n, e, r->arg);
        free(r->ids);
        free(r);
}

static void add_id(struct reading *r, int64_t id)
{
        if (r->n == r->cap) {
                r->cap = r->cap ? 2 * r->cap : PIECE_IDS;
                r->ids = xreallocarray(r->ids, r->cap, sizeof(*r->ids));
        }
        r->ids[r->n++] = id;
}

/* ---- at once ---- */

static void on_whole(struct broker *b, const redisReply *reply, const struct err *e, void *arg)
{
        struct reading *r = arg;
        (void)b;
        if (!e)
                r->n = reply_ids(reply, 0, &r->ids);
        reading_end(r, e);
}

static void read_set(struct broker *b, struct key key, broker_ids_fn fn, void *arg)
{
        struct call *c = call_list(b, "SMEMBERS");
        cmd_key(&c->cmd, key);
        call_send(c, on_whole, reading_new(key, fn, arg));
}

void broker_processing(struct broker *b, int64_t worker, broker_ids_fn fn, void *arg)
{
        struct key key = key_processing(b->prefix, worker);
        struct call *c = call_list(b, "LRANGE");
        cmd_words(&c->cmd, key.s, "0", "-1", NULL);
        call_send(c, on_whole, reading_new(key, fn, arg));
}

void broker_queue_head(struct broker *b, const char *queue, size_t n, broker_ids_fn fn, void *arg)
{
        struct key key = key_queue(b->prefix, queue);
        struct call *c = call_list(b, "LRANGE");
        cmd_words(&c->cmd, key.s, "0", NULL);
        cmd_int(&c->cmd, (int64_t)n - 1);
        call_send(c, on_whole, reading_new(key, fn, arg));
}

void broker_window(struct broker *b, int64_t wave_no, broker_ids_fn fn, void *arg)
{
        read_set(b, key_window(b->prefix, wave_no), fn, arg);
}

void broker_demand(struct broker *b, const char *queue, broker_ids_fn fn, void *arg)
{
        read_set(b, key_demand(b->prefix, queue), fn, arg);
}

/* ---- from the tail ---- */

static void on_list(struct broker *b, const redisReply *reply, const struct err *e, void *arg);

static void read_on(struct broker *b, struct reading *r)
{
        struct call *c = call_list(b, "LRANGE");
        cmd_key(&c->cmd, r->key);
        cmd_int(&c->cmd, -r->seen - PIECE_IDS);
        cmd_int(&c->cmd, -r->seen - 1);
        call_send(c, on_list, r);
}

static void reverse(int64_t *ids, size_t n)
{
        for (size_t i = 0; i < n / 2; i++) {
                int64_t id = ids[i];
                ids[i] = ids[n - 1 - i];
                ids[n - 1 - i] = id;
        }
}

static void on_list(struct broker *b, const redisReply *reply, const struct err *e, void *arg)
{
        struct reading *r = arg;
        if (e) {
                reading_end(r, e);
                return;
        }
        autofree int64_t *ids = NULL;
        for (size_t i = reply_ids(reply, 0, &ids); i > 0; i--)
                add_id(r, ids[i - 1]);
        r->seen += (int64_t)reply->elements;
        if (reply->elements == PIECE_IDS) {
                read_on(b, r);
                return;
        }
        reverse(r->ids, r->n);
        reading_end(r, NULL);
}

void broker_backlog(struct broker *b, int64_t wave_no, broker_ids_fn fn, void *arg)
{
        read_on(b, reading_new(key_backlog(b->prefix, wave_no), fn, arg));
}

void broker_queue(struct broker *b, const char *queue, broker_ids_fn fn, void *arg)
{
        read_on(b, reading_new(key_queue(b->prefix, queue), fn, arg));
}

/* ---- scans ---- */

static void scan_on(struct broker *b, struct reading *r, const char *cursor);

static int by_value(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
        return (x > y) - (x < y);
}

/* A key may be seen twice. */
static void make_unique(struct reading *r)
{
        size_t n = 0;
        if (r->n > 0)
                qsort(r->ids, r->n, sizeof(*r->ids), by_value);
        for (size_t i = 0; i < r->n; i++) {
                if (n == 0 || r->ids[n - 1] != r->ids[i])
                        r->ids[n++] = r->ids[i];
        }
        r->n = n;
}

/* Names of keys, or members of the sorted set and their scores in turn. */
static void add_scanned(struct broker *b, struct reading *r, const redisReply *found)
{
        int64_t id;
        for (size_t i = 0; i < found->elements; i += r->parse ? 1 : 2) {
                const redisReply *at = found->element[i];
                if (at->type != REDIS_REPLY_STRING)
                        continue;
                if (r->parse ? r->parse(b->prefix, at->str, &id) : id_parse(at->str, at->len, &id))
                        add_id(r, id);
        }
}

static void on_scan(struct broker *b, const redisReply *reply, const struct err *e, void *arg)
{
        struct reading *r = arg;
        struct err odd = ERR_INIT;
        if (!e && (reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_STRING ||
                   reply->element[1]->type != REDIS_REPLY_ARRAY)) {
                err_set(&odd, ERR_INTERNAL, "redis answered SCAN with something else");
                e = &odd;
        }
        if (e) {
                reading_end(r, e);
                return;
        }
        add_scanned(b, r, reply->element[1]);
        if (strcmp(reply->element[0]->str, "0") != 0) {
                scan_on(b, r, reply->element[0]->str);
                return;
        }
        if (r->parse)
                make_unique(r);
        reading_end(r, NULL);
}

static void scan_on(struct broker *b, struct reading *r, const char *cursor)
{
        struct call *c = call_list(b, r->parse ? "SCAN" : "ZSCAN");
        if (!r->parse)
                cmd_key(&c->cmd, r->key);
        cmd_words(&c->cmd, cursor, "COUNT", "1000", NULL);
        if (r->parse)
                cmd_words(&c->cmd, "MATCH", r->key.s, "TYPE", r->type, NULL);
        call_send(c, on_scan, r);
}

void broker_delayed(struct broker *b, broker_ids_fn fn, void *arg)
{
        scan_on(b, reading_new(key_delayed(b->prefix), fn, arg), "0");
}

void broker_open_waves(struct broker *b, broker_ids_fn fn, void *arg)
{
        struct reading *r = reading_new(key_wave_pattern(b->prefix), fn, arg);
        r->parse = key_is_wave;
        r->type = "hash";
        scan_on(b, r, "0");
}

void broker_processing_lists(struct broker *b, broker_ids_fn fn, void *arg)
{
        struct reading *r = reading_new(key_processing_pattern(b->prefix), fn, arg);
        r->parse = key_is_processing;
        r->type = "list";
        scan_on(b, r, "0");
}
