/*
 * Every call of the API: "METHOD /path?query" in the first line, then the body. Handlers run with the
 * real table of routes, but what is behind them does not: PostgreSQL and Redis are away, and what the
 * migration server says is the body once more.
 *
 * Each call is answered once, with JSON (or text), never with 500; and every text that would go to
 * PostgreSQL is one that it takes.
 */
#include <endian.h>

#include "api/app.h"
#include "api/costly.h"
#include "api/http/gate.h"
#include "api/people/hashing.h"
#include "api/migration_find.h"
#include "api/doctor/neighbour.h"
#include "api/http/parse.h"
#include "api/statuses.h"
#include "api/submit_line.h"
#include "api/upstream.h"
#include "api/webhook_batch.h"
#include "base/rand.h"
#include "broker/server.h"
#include "store/pg_tx.h"
#include "tests/fuzz/fuzz.h"

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define SESSION "ws_0123456789012345678901234567890123456789012"
enum { HEAD_MOST = 16384, BODY_MOST = 1 << 20, OID_TEXT = 25 };

static struct config cfg;
static struct app app;
static int answers;
static const char *said; /* by the migration server */
static size_t said_len;

/* ---- what PostgreSQL would be told ---- */

static uint32_t word(const char *at)
{
        uint32_t v;
        memcpy(&v, at, sizeof(v));
        return be32toh(v);
}

/* An array as the wire has it: dimensions, nulls, type, and for each dimension its size and beginning. */
static void must_be_texts(const char *at, size_t len)
{
        if (len < 20 || word(at) != 1 || word(at + 8) != OID_TEXT)
                return;
        uint32_t n = word(at + 12);
        for (at += 20; n > 0; n--) {
                uint32_t size = word(at);
                at += 4;
                if (size == UINT32_MAX)
                        continue;
                must(utf8_valid(at, size) && !memchr(at, '\0', size));
                at += size;
        }
}

static void must_be_taken(struct pg_tx *tx)
{
        must(buf_ok(&tx->data) && tx->count > 0);
        for (size_t i = 0; i < tx->count; i++) {
                struct pg_args a;
                pg_tx_args(tx, &tx->statements[i], &a);
                for (size_t k = 0; k < tx->statements[i].params; k++) {
                        size_t len = (size_t)a.lengths[k];
                        if (!a.values[k])
                                continue;
                        if (a.formats[k])
                                must_be_texts(a.values[k], len);
                        else
                                must(utf8_valid(a.values[k], len) &&
                                     !memchr(a.values[k], '\0', len));
                }
        }
        pg_tx_free(tx);
}

/* ---- in place of the originals (--wrap) ---- */

static struct err away(void)
{
        struct err e = ERR_INIT;
        err_set(&e, ERR_UNAVAILABLE, "it is away");
        return e;
}

void __wrap_pg_pool_send(struct pg_pool *p, struct pg_tx *tx, pg_fn fn, void *arg);
void __wrap_pg_pool_send(struct pg_pool *p, struct pg_tx *tx, pg_fn fn, void *arg)
{
        struct err e = away();
        (void)p;
        must_be_taken(tx);
        fn(NULL, &e, arg);
}

void __wrap_engine_act(struct engine *en, struct pg_tx *tx, engine_act_fn fn, void *arg);
void __wrap_engine_act(struct engine *en, struct pg_tx *tx, engine_act_fn fn, void *arg)
{
        struct err e = away();
        (void)en;
        must_be_taken(tx);
        fn(NULL, 0, &e, arg);
}

void __wrap_engine_act_many(struct engine *en, struct pg_tx *tx, engine_act_fn fn, void *arg);
void __wrap_engine_act_many(struct engine *en, struct pg_tx *tx, engine_act_fn fn, void *arg)
{
        __wrap_engine_act(en, tx, fn, arg);
}

int __wrap_engine_shard(const struct engine *e);
int __wrap_engine_shard(const struct engine *e)
{
        (void)e;
        return 3;
}

bool __wrap_pg_pool_up(const struct pg_pool *p);
bool __wrap_pg_pool_up(const struct pg_pool *p)
{
        (void)p;
        return true;
}

bool __wrap_broker_up(const struct broker *b);
bool __wrap_broker_up(const struct broker *b)
{
        (void)b;
        return true;
}

const char *__wrap_broker_trouble(const struct broker *b);
const char *__wrap_broker_trouble(const struct broker *b)
{
        (void)b;
        return NULL;
}

/* What Redis says of itself is the body once more. */
void __wrap_broker_inspect(struct broker *b, broker_look_fn fn, void *arg);
void __wrap_broker_inspect(struct broker *b, broker_look_fn fn, void *arg)
{
        struct server_facts server = {0};
        (void)b;
        server_read_info(&server, said, said_len);
        server_complain(&server);
        fn(&server, 1700000000000, NULL, arg);
}

const char *__wrap_health_problem(const struct app *a);
const char *__wrap_health_problem(const struct app *a)
{
        (void)a;
        return NULL;
}

void __wrap_migration_find(struct request *rq, migration_fn fn);
void __wrap_migration_find(struct request *rq, migration_fn fn)
{
        static const struct migration_facts f = {.id = 5,
                                                 .wave_no = 2,
                                                 .wave_id = "1700000000_123456789012",
                                                 .kind = "remote",
                                                 .state = "parked",
                                                 .attempt = 1,
                                                 .project = "project",
                                                 .target = 7,
                                                 .started_ms = 1700000000000};
        fn(rq, &f);
}

static void say(upstream_fn fn, void *arg)
{
        struct upstream_reply r = {.status = 200, .body = said, .len = said_len};
        fn(&r, NULL, arg);
}

void __wrap_upstream_status(struct upstream *u, const char *project, int64_t brz_project_id,
                            upstream_fn fn, void *arg);
void __wrap_upstream_status(struct upstream *u, const char *project, int64_t brz_project_id,
                            upstream_fn fn, void *arg)
{
        (void)u;
        (void)project;
        (void)brz_project_id;
        say(fn, arg);
}

void __wrap_upstream_log(struct upstream *u, int64_t brz_project_id, upstream_fn fn, void *arg);
void __wrap_upstream_log(struct upstream *u, int64_t brz_project_id, upstream_fn fn, void *arg)
{
        (void)u;
        (void)brz_project_id;
        say(fn, arg);
}

void __wrap_upstream_health(struct upstream *u, upstream_fn fn, void *arg);
void __wrap_upstream_health(struct upstream *u, upstream_fn fn, void *arg)
{
        (void)u;
        say(fn, arg);
}

void __wrap_upstream_handshake(struct upstream *u, const char *url, upstream_fn fn, void *arg);
void __wrap_upstream_handshake(struct upstream *u, const char *url, upstream_fn fn, void *arg)
{
        (void)u;
        (void)url;
        say(fn, arg);
}

bool __wrap_upstream_forget(struct upstream *u, const char *project, int64_t brz_project_id);
bool __wrap_upstream_forget(struct upstream *u, const char *project, int64_t brz_project_id)
{
        (void)u;
        (void)project;
        (void)brz_project_id;
        return true;
}

/* ---- a call ---- */

static void take_answer(struct request *rq, const struct answer *a)
{
        (void)rq;
        answers++;
        must(a->status >= 200 && a->status < 600 && a->status != 500);
        autobuf body = BUF_INIT(SIZE_MAX);
        for (int i = 1; i < a->count; i++)
                buf_add(&body, a->parts[i].iov_base, a->parts[i].iov_len);
        if (a->count > 1 && body.data[0] == '{') {
                struct err e = ERR_INIT;
                struct json *v = json_parse(body.data, body.len, &e);
                must(v || strstr(e.text, "u0000")); /* JSON, though we take none of it */
                must(a->status < 400 || json_str(json_get(v, "code")));
                json_free(v);
        }
}

/* These look into connections that are not there. */
static bool is_left_out(const struct route *r)
{
        return strstr(r->path, "health") || strstr(r->path, "readyz") ||
               strstr(r->path, "metrics") || strstr(r->path, "/api/events") ||
               strstr(r->path, "/api/ws");
}

static void call(struct request *rq, const char *body, size_t len)
{
        struct gate g = {.routes = routes,
                         .routes_count = routes_count,
                         .body_max = BODY_MOST,
                         .wave_body_max = BODY_MOST};
        struct err e = ERR_INIT;
        if (parse_finish(rq, &e) < 0 || gate_route(rq, &g, &e) < 0 || gate_body(rq, &g, &e) < 0 ||
            is_left_out(rq->match.route))
                return;
        if (rq->has_body && request_body_add(rq, body, len, &e) < 0)
                return;
        rq->role = ROLE_ADMIN;
        rq->principal = "fuzz";
        rq->credential = (struct credential){PROOF_SESSION, SESSION, sizeof(SESSION) - 1};
        answers = 0;
        rq->match.route->handler(rq);
        webhook_batches_stop(app.webhooks); /* what else the next turn of the loop would send */
        must(answers == 1);
}

static void begin(void)
{
        rand_init();
        fuzz_quiet();
        config_defaults(&cfg);
        free(cfg.secret_key);
        cfg.secret_key = xstrdup(KEY);
        app = (struct app){
                .config = &cfg, .webhook_key_known = true, .public_url = xstrdup("http://x")};
        app.statuses = statuses_new(NULL);
        app.costly = costly_new(NULL);
        app.submit_line = submit_line_new(NULL);
        app.loop = loop_new();
        app.webhooks = webhook_batches_new(app.loop, NULL);
        app.hashing = hashing_new(app.loop);
        app.neighbour = neighbour_new(app.loop, NULL, xstrdup("http://x/"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (!app.config)
                begin();
        struct input in = input_of(data, size);
        autofree char *line = input_line(&in, NULL);
        autofree char *body = input_rest(&in, &said_len);
        said = body;
        autobuf head = BUF_INIT(HEAD_MOST);
        buf_addf(&head, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", line, said_len);
        struct request *rq = request_new();
        struct err e = ERR_INIT;
        size_t used;
        rq->app = &app;
        rq->deliver = take_answer;
        snprintf(rq->id, sizeof(rq->id), "fuzz");
        parse_begin(rq);
        if (buf_ok(&head) && parse_head(rq, head.data, head.len, HEAD_MOST, &used, &e) == PARSE_DONE)
                call(rq, body, said_len);
        request_free(rq);
        return 0;
}
