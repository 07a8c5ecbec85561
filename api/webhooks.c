/*
 * webhooks.c - what the migration server posts when it ends (the protocol's section "Webhook"), and
 * the connection test of its handshake.
 *
 * A webhook is authorized by the token in its address, which names the attempt. The same one can come
 * twice, late, after a poll has settled the migration, or for an attempt that was given up: the fence
 * of the settlement decides, and each that is genuine is kept, with what became of it.
 */
#include <string.h>

#include "api/app.h"
#include "api/migration_ask.h"
#include "api/routes.h"
#include "api/secret_hide.h"
#include "api/settle_now.h"
#include "api/webhook_batch.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "model/webhook_token.h"

_Static_assert(sizeof(((struct app *)0)->webhook_key) == WEBHOOK_KEY_BYTES, "the key's length");

struct hook {
        struct request *rq;
        int64_t id;
        int32_t attempt;
        struct remote_webhook w;
        const char *body; /* as it is kept */
        const char *memo; /* of the row */
        int64_t wave_no;
        struct webhook_wait wait;
};

/* ---- answers ---- */

static void count(const char *result)
{
        metric_add(METRIC_WEBHOOKS, 1, result, NULL);
}

static void refuse(struct hook *h, const struct err *e)
{
        count("refused");
        log_info("webhook.refused", LS("request_id", request_id(h->rq)),
                 LS("peer", request_peer(h->rq)), LI("id", h->id), LI("attempt", h->attempt),
                 LE(e));
        respond_error(h->rq, e);
}

/* Anything but a 2xx, and the caller comes again; it knows 500 for this. */
static void not_stored(struct hook *h, const struct err *e)
{
        struct err shown = *e;
        count("not_stored");
        log_warn("webhook.not_stored", LI("id", h->id), LI("attempt", h->attempt), LE(e));
        err_wrap(&shown, "the webhook could not be stored");
        shown.code = ERR_LOST;
        respond_error(h->rq, &shown);
}

static void accepted(struct hook *h, const char *verdict)
{
        static const struct {
                const char *verdict, *message;
        } messages[] = {
                {"settled", "the migration is settled"},
                {"revived", "the migration is completed, though it had been given up"},
                {"noted", "the progress is noted"},
                {"late", "recorded; it changes nothing any more"},
        };
        const char *message = NULL;
        autobuf data = BUF_INIT(SIZE_MAX);
        struct json_out o;
        for (size_t i = 0; i < COUNT_OF(messages); i++) {
                if (strcmp(messages[i].verdict, verdict) == 0)
                        message = messages[i].message;
        }
        json_out_init(&o, &data);
        json_out_object(&o, NULL);
        json_out_str(&o, "mb_project_uuid", h->w.project);
        json_out_int(&o, "brz_project_id", h->w.brz_project_id);
        json_out_str(&o, "status", remote_state_name(h->w.answer.state));
        json_out_object_end(&o);
        count(verdict);
        log_info("webhook.taken", LI("id", h->id), LI("attempt", h->attempt),
                 LS("status", remote_state_name(h->w.answer.state)), LS("verdict", verdict));
        respond_made(h->rq, 200, &data, -1, message);
}

/* ---- keeping it ---- */

static void on_kept(const struct webhook_row *row, const struct err *e, bool unfit, void *arg)
{
        struct hook *h = arg;
        (void)row;
        (void)unfit;
        FAULT_POINT(webhook_noted);
        if (e)
                not_stored(h, e);
        else
                accepted(h, h->wait.verdict);
}

static void keep(struct hook *h, const char *verdict, const char *progress)
{
        h->wait = (struct webhook_wait){.id = h->id,
                                        .attempt = h->attempt,
                                        .body = h->body,
                                        .verdict = verdict,
                                        .progress = progress,
                                        .fn = on_kept,
                                        .arg = h};
        webhook_keep(request_app(h->rq)->webhooks, &h->wait);
}

static void note(struct hook *h, const char *verdict)
{
        keep(h, verdict, NULL);
}

static void note_progress(struct hook *h)
{
        keep(h, "noted", remote_progress_json(&h->w.answer.progress, request_arena(h->rq)));
}

/* ---- its attempt was given up ---- */

static void on_revived(const char *data, int64_t touched, const struct err *e, void *arg)
{
        struct hook *h = arg;
        (void)data;
        FAULT_POINT(webhook_revived);
        if (e)
                not_stored(h, e);
        else
                accepted(h, touched ? "revived" : "late");
}

/* The note's verdict and the act are one transaction: both or none. */
static void revive(struct hook *h)
{
        struct app *app = request_app(h->rq);
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_LOCK);
        pg_arg_int8s(tx, &h->wave_no, 1);
        pg_stmt(tx, SQL_WEBHOOK_NOTE_LATE);
        pg_arg_int(tx, h->id);
        pg_arg_int(tx, h->attempt);
        pg_arg_text(tx, h->body);
        pg_stmt(tx, SQL_WEBHOOK_REVIVE);
        pg_arg_int(tx, h->id);
        pg_arg_int(tx, engine_shard(app->engine));
        pg_arg_int(tx, h->attempt);
        pg_arg_text(tx, h->body);
        engine_act(app->engine, tx, on_revived, h);
}

static void too_late(struct hook *h)
{
        if (h->w.answer.state == REMOTE_COMPLETED)
                revive(h);
        else
                note(h, "late");
}

/* ---- settling ---- */

static void on_settled(bool settled, const char *state, const struct err *e, void *arg)
{
        struct hook *h = arg;
        (void)state;
        FAULT_POINT(webhook_settled);
        if (e)
                not_stored(h, e);
        else if (settled)
                note(h, "settled");
        else
                too_late(h);
}

static void settle(struct hook *h)
{
        struct outcome o;
        migration_outcome(request_arena(h->rq), &h->w.answer, h->memo, &o);
        FAULT_POINT(webhook_read);
        settle_now(request_app(h->rq), h->id, h->attempt, &o, on_settled, h);
}

static void act(struct hook *h, const char *state, int32_t attempt)
{
        bool current = attempt == h->attempt;
        if (h->w.answer.state == REMOTE_PENDING || h->w.answer.state == REMOTE_RUNNING)
                note_progress(h);
        else if (current && (strcmp(state, "running") == 0 || strcmp(state, "parked") == 0))
                settle(h);
        else if (current && strcmp(state, "failed") == 0)
                too_late(h);
        else
                note(h, "late");
}

/* ---- reading it ---- */

/* The body without our secret, should it be in there, is what is kept. */
static int read_again(struct hook *h, const char *secret, struct err *e)
{
        struct arena *a = request_arena(h->rq);
        size_t len = strlen(h->body);
        const char *clean =
                secret_hide(a, h->body, &len, secret, request_app(h->rq)->config->secret_key);
        if (clean == h->body)
                return 0;
        h->body = clean;
        return remote_webhook_parse(clean, len, a, &h->w, e);
}

static void on_row(const struct webhook_row *row, const struct err *e, bool unfit, void *arg)
{
        struct hook *h = arg;
        struct arena *a = request_arena(h->rq);
        struct err bad = ERR_INIT;
        if (unfit) {
                err_set(&bad, ERR_BAD_REQUEST, "the body holds a value that cannot be stored");
                refuse(h, &bad);
        } else if (e) {
                not_stored(h, e);
        } else if (!row) {
                err_set(&bad, ERR_NOT_FOUND,
                        "the migration of this webhook does not exist any more");
                refuse(h, &bad);
        } else if (strcmp(row->project, h->w.project) != 0 || row->target != h->w.brz_project_id) {
                err_set(&bad, ERR_BAD_REQUEST,
                        "mb_project_uuid and brz_project_id are not those of "
                        "the migration that this webhook is for");
                refuse(h, &bad);
        } else if (read_again(h, row->secret, &bad) < 0) {
                refuse(h, &bad);
        } else {
                h->memo = row->memo ? arena_strdup(a, row->memo) : NULL;
                h->wave_no = row->wave_no;
                act(h, row->state, row->attempt);
        }
}

static void take_in(struct hook *h)
{
        struct request *rq = h->rq;
        struct err e = ERR_INIT;
        size_t len;
        const char *text = request_body(rq, &len);
        if (webhook_token_verify(request_app(rq)->webhook_key, request_query(rq, "token"), &h->id,
                                 &h->attempt) < 0) {
                err_set(&e, ERR_UNAUTHORIZED, "the token of this webhook is missing or not genuine");
                refuse(h, &e);
                return;
        }
        if (remote_webhook_parse(text, len, request_arena(rq), &h->w, &e) < 0) {
                refuse(h, &e);
                return;
        }
        h->body = h->w.answer.body;
        h->wait = (struct webhook_wait){
                .id = h->id, .attempt = h->attempt, .body = h->body, .fn = on_row, .arg = h};
        webhook_ask(request_app(rq)->webhooks, &h->wait);
}

/* ---- the key ---- */

static void on_key(const struct pg_result *r, const struct err *e, void *arg)
{
        struct hook *h = arg;
        struct app *app = request_app(h->rq);
        if (e) {
                not_stored(h, e);
                return;
        }
        if (pg_rows(r, 0) != 1 ||
            hash_unhex(pg_text(r, 0, 0, 1), app->webhook_key, sizeof(app->webhook_key)) < 0) {
                respond_errorf(h->rq, ERR_INTERNAL, "settings.webhook_key is not 64 hex digits");
                return;
        }
        app->webhook_key_known = true;
        take_in(h);
}

void webhook_result(struct request *rq)
{
        static const char *const keys[] = {"webhook_key"};
        struct app *app = request_app(rq);
        struct hook *h = ARENA_NEW(request_arena(rq), struct hook);
        h->rq = rq;
        if (app->webhook_key_known) {
                take_in(h);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_SETTINGS_GET);
        pg_arg_texts(tx, keys, COUNT_OF(keys));
        pg_pool_send(app->pg, tx, on_key, h);
}

/* ---- the connection test ---- */

static void begin_test_answer(struct json_out *o, struct buf *text)
{
        char now[CLOCK_RFC3339_SIZE];
        clock_rfc3339(clock_wall_ms(), now);
        json_out_init(o, text);
        json_out_object(o, NULL);
        json_out_bool(o, "success", true);
        json_out_str(o, "service", "migration-dashboard");
        json_out_str(o, "message", "the dashboard can be reached");
        json_out_str(o, "timestamp", now);
}

void webhook_test(struct request *rq)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        struct json_out o;
        begin_test_answer(&o, &text);
        json_out_object_end(&o);
        respond_json(rq, 200, buf_str(&text), text.len);
}

void webhook_test_post(struct request *rq)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        struct json_out o;
        size_t len;
        const char *body = request_body(rq, &len);
        struct err e = ERR_INIT;
        struct json *payload = json_parse(body, len, &e);
        if (e.code == ERR_UNAVAILABLE) {
                respond_error(rq, &e);
                return;
        }
        begin_test_answer(&o, &text);
        json_out_str(&o, "dashboard", request_app(rq)->public_url);
        json_out_str(&o, "received_from", request_peer(rq));
        if (payload)
                json_out_value(&o, "your_payload", payload);
        else
                json_out_strn(&o, "your_payload", body, len);
        json_out_object_end(&o);
        json_free(payload);
        if (buf_ok(&text))
                respond_json(rq, 200, buf_str(&text), text.len);
        else
                respond_starved(rq);
}
