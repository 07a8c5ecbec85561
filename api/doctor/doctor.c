/*
 * doctor.c - GET /api/doctor: is everything as it should be, and how is what is not to be mended? PostgreSQL, Redis
 * and the migration server are asked at the same time; when all have answered, or given up, it is judged.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/app.h"
#include "api/doctor/facts.h"
#include "api/doctor/findings.h"
#include "api/doctor/local.h"
#include "api/doctor/neighbour.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "broker/server.h"

enum {
        SKEW_MAX_MS = 2000,
        CONNECTIONS_PERCENT = 80,
        MEMORY_PERCENT = 80,
        OLD_TRANSACTION_S = 600,
        TRANSACTIONS_MAX = 1500000000, /* of 2^31, when PostgreSQL takes no more writes */
        POSTGRES_OLDEST = 140000,
};

struct doctor {
        struct request *rq;
        unsigned waiting;
        int64_t begun_ms;
        struct json *postgres; /* NULL: it did not answer, or what cannot be read, and why */
        const char *postgres_trouble;
        int64_t postgres_ms; /* its clock less ours */
        struct server_facts *redis;
        const char *redis_trouble;
        int64_t redis_ms;
        const char *installation; /* ours; NULL: not known */
        const char *others;       /* installations on our keys; NULL: not known */
        enum neighbour_state neighbour;
        const char *neighbour_text;
};

/* ---- PostgreSQL ---- */

static bool is_off(const struct json *facts, const char *name)
{
        return strcmp(fact_text(facts, name), "off") == 0;
}

static void judge_version(struct findings *f, const struct json *p)
{
        bool old = fact_number(p, "version_num") < POSTGRES_OLDEST;
        found(f, old ? FOUND_FAIL : FOUND_OK, "postgres.version", "14 or newer is wanted",
              "PostgreSQL %s", fact_text(p, "version"));
        bool behind = fact_number(p, "schema") < schema_version_wanted();
        found(f, behind ? FOUND_FAIL : FOUND_OK, "postgres.schema",
              "start the newest wavefleet-api once",
              "the schema is of version %" PRId64 ", this program is of version %d",
              fact_number(p, "schema"), schema_version_wanted());
        bool utf8 = strcmp(fact_text(p, "encoding"), "UTF8") == 0;
        found(f, utf8 ? FOUND_OK : FOUND_FAIL, "postgres.encoding",
              "create the database anew with ENCODING 'UTF8'", "the database is in %s",
              fact_text(p, "encoding"));
}

static void judge_durability(struct findings *f, const struct json *p)
{
        static const char name[] = "postgres.durability";
        if (is_off(p, "fsync") || is_off(p, "full_page_writes"))
                found(f, FOUND_FAIL, name, "set both on in postgresql.conf",
                      "fsync is %s, full_page_writes %s: after a crash of its machine the data can "
                      "be "
                      "damaged beyond repair",
                      fact_text(p, "fsync"), fact_text(p, "full_page_writes"));
        else if (is_off(p, "synchronous_commit"))
                found(f, FOUND_WARN, name, "set synchronous_commit on",
                      "synchronous_commit is off: a crash of PostgreSQL forgets what was settled "
                      "in its "
                      "last moments, and bodies run again");
        else
                found(f, FOUND_OK, name, "", "commits are on disk before they are answered");
}

static void judge_connections(struct findings *f, const struct json *p, const struct config *c)
{
        int64_t used = fact_number(p, "connections"), most = fact_number(p, "max_connections");
        bool many = used * 100 > most * CONNECTIONS_PERCENT;
        found(f, many ? FOUND_WARN : FOUND_OK, "postgres.connections",
              "raise max_connections, or lower database.connection_pool_size",
              "%" PRId64 " of %" PRId64
              " connections are taken; the pool of this API has up to %lld",
              used, most, (long long)c->database_pool);
}

static void judge_upkeep(struct findings *f, const struct json *p)
{
        const struct json *dead = json_first(json_get(p, "dead_rows"));
        if (is_off(p, "autovacuum") || is_off(p, "track_counts"))
                found(f, FOUND_FAIL, "postgres.vacuum", "set autovacuum and track_counts on",
                      "autovacuum is %s, track_counts %s: tables grow without end, and all becomes "
                      "slow",
                      fact_text(p, "autovacuum"), fact_text(p, "track_counts"));
        else if (dead)
                found(f, FOUND_WARN, "postgres.vacuum",
                      "end transactions that stay open, then VACUUM it; let autovacuum come more "
                      "often",
                      "%s holds %" PRId64 " dead rows beside %" PRId64 " that live",
                      fact_text(dead, "table"), fact_number(dead, "dead"),
                      fact_number(dead, "live"));
        else
                found(f, FOUND_OK, "postgres.vacuum", "", "dead rows are removed");
        int64_t oldest_s = fact_number(p, "oldest_transaction_s");
        bool old = oldest_s > OLD_TRANSACTION_S;
        found(f, old ? FOUND_WARN : FOUND_OK, "postgres.transactions",
              "find it in pg_stat_activity (xact_start) and end it; set "
              "idle_in_transaction_session_timeout",
              old ? "a transaction has been open for %" PRId64
                    " s: until it ends, no dead row is removed"
                  : "the oldest transaction of others began %" PRId64 " s ago",
              oldest_s);
        int64_t age = fact_number(p, "transactions_used");
        found(f, age > TRANSACTIONS_MAX ? FOUND_FAIL : FOUND_OK, "postgres.wraparound",
              "VACUUM FREEZE the database now",
              "%" PRId64 " transactions since its rows were frozen, of 2,147,483,647", age);
}

static void judge_clock(struct findings *f, const char *name, const char *who, int64_t skew_ms)
{
        bool skewed = skew_ms > SKEW_MAX_MS || skew_ms < -SKEW_MAX_MS;
        found(f, skewed ? FOUND_WARN : FOUND_OK, name,
              "let all machines keep the time (chrony, systemd-timesyncd): planned starts, "
              "deadlines and "
              "all times that are shown depend on it",
              "the clock of %s is %" PRId64 " ms %s ours", who, skew_ms < 0 ? -skew_ms : skew_ms,
              skew_ms < 0 ? "behind" : "before");
}

/* ---- workers ---- */

/* "a, b, c" */
static void join(const struct json *names, char *out, size_t size)
{
        size_t len = 0;
        *out = '\0';
        for (const struct json *n = json_first(names); n && len < size; n = json_next(n))
                len += (size_t)snprintf(out + len, size - len, "%s%s", len ? ", " : "",
                                        json_str(n) ? json_str(n) : "");
}

static void judge_workers(struct findings *f, const struct json *p)
{
        int64_t alive = fact_number(p, "workers"), silent = fact_number(p, "silent"),
                lost = fact_number(p, "lost_lately");
        bool wanted = fact_number(p, "open_waves") > 0;
        found(f,
              alive    ? FOUND_OK
              : wanted ? FOUND_FAIL
                       : FOUND_WARN,
              "workers.alive", "start wavefleet-worker",
              "%" PRId64 " workers are alive, with %" PRId64 " runners; %" PRId64 " of them drain",
              alive, fact_number(p, "runners"), fact_number(p, "draining"));
        if (silent)
                found(f, FOUND_WARN, "workers.heartbeat",
                      "look after them, or start another worker: it notices within a lease that "
                      "they "
                      "are dead, and takes up what they had",
                      "%" PRId64 " of them have no session at PostgreSQL: they are cut off or dead",
                      silent);
        else
                found(f, FOUND_OK, "workers.heartbeat", "",
                      "all of them are in touch with PostgreSQL");
        found(f, lost ? FOUND_WARN : FOUND_OK, "workers.lost",
              "look into their logs: killed for want of memory, cut off, or out of time?",
              "%" PRId64 " workers were lost within the last hour", lost);
}

static void judge_fleet(struct findings *f, const struct json *p)
{
        char names[512];
        join(json_get(p, "versions"), names, sizeof(names));
        bool others = *names && strcmp(names, WAVEFLEET_VERSION) != 0;
        if (*names)
                found(f, others ? FOUND_WARN : FOUND_OK, "workers.versions",
                      "drain those of other releases once the new ones run; releases next to each "
                      "other get along",
                      "workers are of %s; this API is of " WAVEFLEET_VERSION, names);
        int64_t leases = fact_number(p, "other_lease");
        found(f, leases ? FOUND_FAIL : FOUND_OK, "workers.lease",
              "give the whole fleet the same worker.lease_ms",
              leases ? "%" PRId64 " workers have another worker.lease_ms than this API"
                     : "%" PRId64 " workers have another lease",
              leases);
        join(json_get(p, "unserved"), names, sizeof(names));
        found(f, *names ? FOUND_FAIL : FOUND_OK, "queues.served",
              "start workers with these queues (worker.queues), or change the waves",
              *names ? "waves wait in queues that nobody serves: %s"
                     : "every queue with waves is served%s",
              names);
        join(json_get(p, "paused"), names, sizeof(names));
        found(f, *names ? FOUND_WARN : FOUND_OK, "queues.paused", "resume them when that is over",
              *names ? "waves wait in queues that are paused: %s"
                     : "no queue with waves is paused%s",
              names);
}

static void judge_postgres(struct findings *f, const struct doctor *d, const struct config *c)
{
        static const char name[] = "postgres.reachable";
        const struct json *p = d->postgres;
        if (!p) {
                found(f, FOUND_FAIL, name,
                      "is it running, and is database.url (WAVEFLEET_DATABASE_URL) right?", "%s",
                      d->postgres_trouble);
                return;
        }
        found(f, FOUND_OK, name, "", "it answers");
        judge_version(f, p);
        judge_durability(f, p);
        judge_connections(f, p, c);
        judge_upkeep(f, p);
        judge_clock(f, "clock.postgres", "PostgreSQL", d->postgres_ms);
        judge_workers(f, p);
        judge_fleet(f, p);
        if (fact_is(p, "sealed") && !*c->secret_key)
                found(f, FOUND_FAIL, "config.sealed",
                      "give this API and the workers the key that they were sealed with "
                      "(WAVEFLEET_SECRET_KEY)",
                      "there are sealed secrets, and no key to open them");
}

/* ---- Redis ---- */

static void judge_memory(struct findings *f, const struct server_facts *r)
{
        int64_t most = r->most_bytes ? r->most_bytes : r->machine_bytes;
        bool full = most && r->used_bytes > most / 100 * MEMORY_PERCENT;
        found(f, full ? FOUND_WARN : FOUND_OK, "redis.memory",
              "raise maxmemory, or give its machine more: an id takes about ten bytes, so "
              "something else "
              "may be in it",
              "%" PRId64 " MiB of %" PRId64 " MiB are taken%s", r->used_bytes >> 20, most >> 20,
              r->most_bytes ? "" : " (of its machine: maxmemory is not set)");
        if (r->clients_most)
                found(f,
                      r->clients * 100 > r->clients_most * CONNECTIONS_PERCENT ? FOUND_WARN
                                                                               : FOUND_OK,
                      "redis.connections", "raise maxclients",
                      "%" PRId64 " of %" PRId64 " connections are taken", r->clients,
                      r->clients_most);
}

/* Of each kind of fault one finding, well or not. */
static void judge_faults(struct findings *f, const struct server_facts *r)
{
        static const char *const kinds[][2] = {{"eviction", "nothing is evicted"},
                                               {"persistence", "what it holds is on disk"}};
        if (!r->known)
                found(f, FOUND_WARN, "redis.rights", r->faults[0].mend, "%s", r->faults[0].what);
        for (size_t k = 0; r->known && k < COUNT_OF(kinds); k++) {
                char name[32];
                const struct server_fault *bad = NULL;
                for (size_t i = 0; i < r->faults_count; i++) {
                        if (strcmp(r->faults[i].about, kinds[k][0]) == 0)
                                bad = &r->faults[i];
                }
                snprintf(name, sizeof(name), "redis.%s", kinds[k][0]);
                found(f, bad ? FOUND_WARN : FOUND_OK, name, bad ? bad->mend : "", "%s",
                      bad ? bad->what : kinds[k][1]);
        }
}

static void judge_installations(struct findings *f, const struct doctor *d)
{
        const char *others = d->others;
        if (!others)
                return;
        found(f, *others ? FOUND_FAIL : FOUND_OK, "redis.installations", BROKER_OTHERS_MEND,
              *others ? "keys with the prefix %s are used by another one: %s; each takes ids of "
                        "the other, and drops them"
                      : "no other installation uses keys with the prefix %s%s",
              request_app(d->rq)->config->redis_prefix, others);
}

static void judge_redis(struct findings *f, const struct doctor *d)
{
        static const char name[] = "redis.reachable";
        const struct server_facts *r = d->redis;
        const char *trouble = broker_trouble(request_app(d->rq)->broker);
        if (!r) {
                found(f, FOUND_FAIL, name,
                      "is it running, and is redis.url (WAVEFLEET_REDIS_URL) right?", "%s",
                      d->redis_trouble);
                return;
        }
        found(f, trouble ? FOUND_FAIL : FOUND_OK, name, "see its log", "%s",
              trouble ? trouble : "it answers, and takes writes");
        if (r->known)
                found(f, FOUND_OK, "redis.version", "", "Redis %s", r->version);
        judge_faults(f, r);
        if (r->snapshot_failed || r->log_failed)
                found(f, FOUND_FAIL, "redis.disk", "look at its disk and its log",
                      "it could not write its %s the last time",
                      r->log_failed ? "append-only file" : "snapshot");
        if (r->known)
                judge_memory(f, r);
        judge_installations(f, d);
        judge_clock(f, "clock.redis", "Redis", d->redis_ms);
}

/* ---- all of it ---- */

static void judge(struct doctor *d)
{
        const struct app *app = request_app(d->rq);
        struct findings f;
        autobuf data = BUF_INIT(SIZE_MAX);
        bool remote_is_wanted = fact_number(d->postgres, "open_remote") > 0;
        findings_begin(&f, &data);
        local_look(&f, app->config, app->public_url);
        judge_postgres(&f, d, app->config);
        judge_redis(&f, d);
        neighbour_judge(&f, d->neighbour, d->neighbour_text, app->public_url,
                        remote_is_wanted ? FOUND_FAIL : FOUND_WARN);
        findings_end(&f);
        json_free(d->postgres);
        respond_made(d->rq, 200, &data, -1, NULL);
}

static void arrived(struct doctor *d)
{
        if (--d->waiting == 0)
                judge(d);
}

/* Its clock was read somewhere between the question and the answer. */
static int64_t skew(const struct doctor *d, int64_t theirs_ms)
{
        int64_t now_ms = clock_wall_ms();
        if (theirs_ms >= d->begun_ms && theirs_ms <= now_ms)
                return 0;
        return theirs_ms < d->begun_ms ? theirs_ms - d->begun_ms : theirs_ms - now_ms;
}

static void on_postgres(const struct pg_result *r, const struct err *e, void *arg)
{
        struct doctor *d = arg;
        struct err bad = ERR_INIT;
        if (!e) {
                d->postgres = json_parse(pg_text(r, 0, 0, 0), pg_length(r, 0, 0, 0), &bad);
                d->postgres_ms = skew(d, pg_int(r, 0, 0, 1));
        }
        if (!d->postgres)
                d->postgres_trouble = arena_strdup(request_arena(d->rq), (e ? e : &bad)->text);
        arrived(d);
}

static void on_redis(const struct server_facts *server, int64_t wall_ms, const struct err *e,
                     void *arg)
{
        struct doctor *d = arg;
        struct arena *a = request_arena(d->rq);
        if (e) {
                d->redis_trouble = arena_strdup(a, e->text);
        } else {
                d->redis = ARENA_NEW(a, struct server_facts);
                *d->redis = *server;
                d->redis_ms = skew(d, wall_ms);
        }
        arrived(d);
}

static void on_installations(const char *const *names, size_t n, const struct err *e, void *arg)
{
        struct doctor *d = arg;
        char others[BROKER_OTHERS_SIZE];
        if (!e) {
                broker_others(names, n, d->installation, others);
                d->others = arena_strdup(request_arena(d->rq), others);
        }
        arrived(d);
}

/* Whether others use our keys can be asked when our own name is known. */
static void on_name(const struct pg_result *r, const struct err *e, void *arg)
{
        struct doctor *d = arg;
        if (e) {
                arrived(d);
                return;
        }
        d->installation = arena_strdup(request_arena(d->rq), pg_text(r, 0, 0, 0));
        broker_installations(request_app(d->rq)->broker, "", on_installations, d);
}

static void on_neighbour(enum neighbour_state state, const char *said, void *arg)
{
        struct doctor *d = arg;
        d->neighbour = state;
        d->neighbour_text = arena_strdup(request_arena(d->rq), said);
        arrived(d);
}

void doctor_show(struct request *rq)
{
        struct app *app = request_app(rq);
        struct doctor *d = ARENA_NEW(request_arena(rq), struct doctor);
        *d = (struct doctor){.rq = rq, .waiting = 4, .begun_ms = clock_wall_ms()};
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_DOCTOR);
        pg_arg_int(tx, app->config->worker_lease_ms);
        pg_pool_send(app->pg, tx, on_postgres, d);
        tx = pg_tx_new();
        pg_stmt(tx, SQL_INSTALLATION);
        pg_pool_send(app->pg, tx, on_name, d);
        broker_inspect(app->broker, on_redis, d);
        neighbour_ask(app->neighbour, on_neighbour, d);
}
