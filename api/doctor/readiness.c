/*
 * readiness.c - GET /api/waves/:id/readiness: what a wave needs, and whether it is there. PostgreSQL says what is
 * stored and who works; for waves of kind remote the migration server is asked as well.
 */
#include <inttypes.h>
#include <string.h>

#include "api/app.h"
#include "api/costly.h"
#include "api/doctor/facts.h"
#include "api/doctor/findings.h"
#include "api/doctor/neighbour.h"
#include "api/routes.h"
#include "api/wave_acts.h"
#include "base/mem.h"
#include "model/kind.h"

CLEANUP_DEFINE(json, struct json *, json_free)

enum { LACKING_COUNTED = 1000 };

struct readiness {
        struct request *rq;
        struct json *wave; /* what PostgreSQL says of it */
};

/* ---- the wave itself ---- */

static void judge_state(struct findings *f, const struct json *w)
{
        static const char name[] = "wave.state";
        const char *state = fact_text(w, "state");
        if (fact_is(w, "ended"))
                found(f, FOUND_WARN, name,
                      "GET …/report says what became of it; restart-all starts it again",
                      "the wave has ended: it is %s", state);
        else if (strcmp(state, "paused") == 0)
                found(f, FOUND_WARN, name, "mend the cause, then POST …/resume",
                      "the wave is paused%s%s", *fact_text(w, "note") ? ": " : "",
                      fact_text(w, "note"));
        else if (strcmp(state, "stopped") == 0)
                found(f, FOUND_WARN, name, "wait until it has ended", "the wave is being stopped");
        else
                found(f, FOUND_OK, name, "", "the wave is %s, with %" PRId64 " migrations", state,
                      fact_number(w, "total"));
}

static void judge_start(struct findings *f, const struct json *w)
{
        static const char name[] = "wave.start";
        if (fact_is(w, "later"))
                found(f, FOUND_OK, name, "", "it starts by itself at %s", fact_text(w, "start_at"));
        else if (strcmp(fact_text(w, "state"), "ready") == 0 && !fact_is(w, "planned"))
                found(f, FOUND_WARN, name, "POST …/resume, or POST …/restart-all",
                      "nothing starts it: it was reset");
        if (fact_is(w, "canary_pending"))
                found(f, FOUND_OK, "wave.canary", "",
                      "the first %" PRId64 " run alone; the rest follows when they are completed",
                      fact_number(w, "canary"));
}

static void judge_dependencies(struct findings *f, const struct json *w)
{
        static const char name[] = "wave.depends_on";
        for (const struct json *o = json_first(json_get(w, "waits_for")); o; o = json_next(o)) {
                const char *state = fact_text(o, "state");
                bool lost = strcmp(state, "error") == 0 || strcmp(state, "stopped") == 0;
                found(f, lost ? FOUND_FAIL : FOUND_WARN, name,
                      lost ? "restart that wave, or this one is stopped"
                           : "this one starts when that one is completed",
                      "it waits for wave %s (%s), which is %s", fact_text(o, "id"),
                      fact_text(o, "name"), state);
        }
}

static void judge_params(struct findings *f, const struct json *w, struct request *rq)
{
        const struct kind_spec *kind = kind_spec_find(fact_text(w, "kind"));
        struct mistakes *m = request_mistakes(rq);
        struct err e = ERR_INIT;
        if (!kind) {
                found(f, FOUND_FAIL, "kind.params", "submit it with one of those that there are",
                      "there is no kind \"%s\"", fact_text(w, "kind"));
                return;
        }
        kind->check_params(json_get(w, "params"), "#/params", m);
        bool wrong = mistakes_check(m, &e) < 0;
        found(f, wrong ? FOUND_FAIL : FOUND_OK, "kind.params",
              "submit the wave anew with other params",
              wrong ? "%s" : "the params of kind %s are as they should be",
              wrong ? e.text : kind->name);
}

/* ---- who runs it ---- */

static void judge_workers(struct findings *f, const struct json *w)
{
        int64_t workers = fact_number(w, "workers"), runners = fact_number(w, "runners");
        int64_t wanted = fact_number(w, "batch_size") < fact_number(w, "total")
                                 ? fact_number(w, "batch_size")
                                 : fact_number(w, "total");
        bool few = runners < wanted && strcmp(fact_text(w, "kind"), "remote") != 0;
        found(f, runners ? FOUND_OK : FOUND_FAIL, "workers.alive",
              "start wavefleet-worker with this queue (worker.queues)",
              "%" PRId64 " workers serve queue %s, with %" PRId64 " runners", workers,
              fact_text(w, "queue"), runners);
        if (runners)
                found(f, few ? FOUND_WARN : FOUND_OK, "workers.runners",
                      "start more workers, or raise worker.concurrency; or let fewer do",
                      few ? "%" PRId64 " may run at once, and there are runners for %" PRId64
                          : "%" PRId64 " may run at once; there are %" PRId64 " runners",
                      wanted, runners);
}

static void judge_queue(struct findings *f, const struct json *w)
{
        bool paused = fact_is(w, "paused");
        found(f, paused ? FOUND_FAIL : FOUND_OK, "queue.paused", "POST /api/queues/NAME/resume",
              paused ? "queue %s is paused, by %s" : "queue %s is not paused%s",
              fact_text(w, "queue"), fact_text(w, "paused_by"));
}

static void judge_redis(struct findings *f, const struct app *app)
{
        const char *trouble = broker_trouble(app->broker);
        found(f, trouble ? FOUND_FAIL : FOUND_OK, "redis", "GET /api/doctor says more", "%s",
              trouble ? trouble : "Redis is there, and takes writes");
}

/* ---- kind command ---- */

static void judge_command(struct findings *f, const struct json *w)
{
        const char *program = json_str(json_first(json_get(json_get(w, "params"), "argv")));
        found(f, FOUND_OK, "command.allow", "",
              "command.allow of every worker must name %s: it stands in their configuration, which "
              "cannot be "
              "seen from here",
              program ? program : "the program");
}

/* ---- kind remote ---- */

static void judge_secret(struct findings *f, const struct json *w, const struct config *c)
{
        int64_t lacking = fact_number(w, "lacking");
        found(f, lacking ? FOUND_FAIL : FOUND_OK, "remote.source",
              "store them for all waves (POST /api/settings), or give them with the restart",
              lacking ? "%s%" PRId64
                        " projects have no mb_site_id or no mb_secret, nor have the wave and the "
                        "settings"
                      : "%severy project has its mb_site_id and its mb_secret (%" PRId64
                        " lack them)",
              lacking == LACKING_COUNTED ? "at least " : "", lacking);
        if (fact_is(w, "sealed") && !*c->secret_key)
                found(f, FOUND_FAIL, "remote.secret_key",
                      "give the API and the workers the key (WAVEFLEET_SECRET_KEY)",
                      "the secret is sealed, and there is no key to open it");
}

static void judge_target(struct findings *f, const struct json *w, const struct config *c)
{
        if (*c->brizy_token)
                found(f, FOUND_OK, "remote.brizy", "",
                      "workspace and projects are found or created at %s", c->brizy_url);
        else if (fact_number(w, "workspace_id"))
                found(f, FOUND_OK, "remote.brizy", "",
                      "no Brizy token is configured: the wave brings workspace %" PRId64
                      " and its targets",
                      fact_number(w, "workspace_id"));
        else
                found(f, FOUND_FAIL, "remote.brizy",
                      "set brizy.token (WAVEFLEET_BRIZY_TOKEN), for the workers too, or submit the "
                      "wave with "
                      "workspace_id and brz_project_id",
                      "no Brizy token is configured, and the wave has no workspace");
}

/* ---- all of it ---- */

/* said NULL: the migration server was not asked. */
static void judge(struct readiness *r, enum neighbour_state state, const char *said)
{
        const struct app *app = request_app(r->rq);
        struct json *w cleanup(json_cleanup) = take(r->wave);
        struct findings f;
        autobuf data = BUF_INIT(SIZE_MAX);
        findings_begin(&f, &data);
        judge_state(&f, w);
        judge_start(&f, w);
        judge_dependencies(&f, w);
        judge_params(&f, w, r->rq);
        judge_queue(&f, w);
        judge_workers(&f, w);
        judge_redis(&f, app);
        if (strcmp(fact_text(w, "kind"), "command") == 0)
                judge_command(&f, w);
        if (said) {
                judge_secret(&f, w, app->config);
                judge_target(&f, w, app->config);
                neighbour_judge(&f, state, said, app->public_url,
                                state == NEIGHBOUR_AWAY ? FOUND_FAIL : FOUND_WARN);
        }
        findings_end(&f);
        respond_made(r->rq, 200, &data, -1, NULL);
}

static void on_neighbour(enum neighbour_state state, const char *said, void *arg)
{
        judge(arg, state, said);
}

static void on_facts(const char *json, const struct err *e, void *arg)
{
        struct readiness *r = arg;
        struct err bad = ERR_INIT;
        if (e) {
                respond_error(r->rq, e);
                return;
        }
        if (!json) {
                wave_missing(r->rq);
                return;
        }
        r->wave = json_parse(json, strlen(json), &bad);
        if (!r->wave)
                respond_errorf(r->rq, bad.code == ERR_UNAVAILABLE ? bad.code : ERR_INTERNAL,
                               "cannot read what the wave needs: %s", bad.text);
        else if (strcmp(fact_text(r->wave, "kind"), "remote") == 0)
                neighbour_ask(request_app(r->rq)->neighbour, on_neighbour, r);
        else
                judge(r, NEIGHBOUR_SILENT, NULL);
}

void waves_readiness(struct request *rq)
{
        const char *id = request_param(rq, "id");
        if (!wave_named(rq))
                return;
        struct readiness *r = ARENA_NEW(request_arena(rq), struct readiness);
        r->rq = rq;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_WAVE_READINESS);
        pg_arg_text(tx, id);
        costly_ask(request_app(rq)->costly, arena_printf(request_arena(rq), "readiness %s", id), tx,
                   on_facts, r);
}
