/* check.c - a look at PostgreSQL, at Redis and at the folder for large bodies. */
#include "api/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/app.h"
#include "base/clock.h"
#include "base/mem.h"
#include "broker/url.h"
#include "store/pg_sync.h"

enum { PG_VERSION_MIN = 140000, TURN_MS = 50 };

CLEANUP_DEFINE(pg_sync, struct pg_sync *, pg_sync_close)

__attribute__((format(printf, 2, 3))) static void say(const char *what, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        printf("%-10s ", what);
        vprintf(fmt, ap);
        putchar('\n');
        va_end(ap);
}

static bool check_postgres(const struct config *config)
{
        static const char what[] = "PostgreSQL";
        struct err e = ERR_INIT;
        struct pg_opts opts = app_pg_opts(config);
        struct pg_sync *c cleanup(pg_sync_cleanup) = pg_sync_open(&opts, &e);
        if (!c) {
                say(what, "%s", e.text);
                say("", "Is it running, and is database.url (WAVEFLEET_DATABASE_URL) right?");
                return false;
        }
        int version = pg_sync_server_version(c), schema;
        if (version < PG_VERSION_MIN) {
                say(what, "version %d is too old: 14 or newer is wanted", version / 10000);
                return false;
        }
        if (schema_version(c, &schema, &e) < 0) {
                say(what, "%s", e.text);
                return false;
        }
        int wanted = schema_version_wanted();
        if (schema < wanted)
                say(what, "ok; schema version %d of %d: the rest is applied at the next start",
                    schema, wanted);
        else
                say(what, "ok; schema version %d", schema);
        return true;
}

static int count_complaints(const char *what, const char *const *complaints)
{
        int n = 0;
        for (; complaints && complaints[n]; n++)
                say(what, "%s", complaints[n]);
        return n;
}

/* A broker for as long as it takes; what keeps it from connecting stands in the log. */
static bool check_redis(const struct config *config)
{
        static const char what[] = "Redis";
        struct err e = ERR_INIT;
        struct redis_url url;
        if (redis_url_parse(config->redis_url, &url, &e) < 0) {
                say(what, "%s", e.text);
                return false;
        }
        struct loop *l = loop_new();
        struct broker *b = broker_new(l,
                                      &(struct broker_opts){.url = config->redis_url,
                                                            .prefix = config->redis_prefix,
                                                            .timeout_ms = config->redis_timeout_ms},
                                      NULL);
        int64_t deadline = clock_mono_ms() + config->redis_timeout_ms;
        while (!broker_up(b) && clock_mono_ms() < deadline)
                loop_turn(l, TURN_MS);
        bool well = broker_up(b);
        if (!well) {
                say(what, "no answer from %s within %lld ms", url.shown,
                    (long long)config->redis_timeout_ms);
                say("", "Is it running, and is redis.url (WAVEFLEET_REDIS_URL) right?");
        } else if (count_complaints(what, broker_complaints(b)) > 0) {
                well = false;
        } else {
                say(what, "ok");
        }
        broker_free(b);
        loop_free(l);
        redis_url_fini(&url);
        return well;
}

static bool check_spool(const struct config *config)
{
        static const char what[] = "Bodies";
        struct err e = ERR_INIT;
        struct spool *s = spool_new(config->http_spool, &e);
        if (!s) {
                say(what, "%s", e.text);
                say("", "http.spool_dir must be a folder that this user may write to.");
                return false;
        }
        spool_free(s);
        say(what, "ok; large ones wait in %s", config->http_spool);
        return true;
}

static void check_tokens(const struct config *config)
{
        if (*config->api_token)
                say("Tokens", "the bootstrap token is set");
        else
                say("Tokens", "there is no bootstrap token (WAVEFLEET_API_TOKEN): make one with "
                              "'wavefleet-api token create'");
        if (!*config->secret_key)
                say("Secrets", "auth.secret_key is not set: no secret can be stored");
}

int check_command(const struct config *config)
{
        say("Config", "ok%s%s", config->file ? "; read from " : "",
            config->file ? config->file : "");
        bool postgres = check_postgres(config);
        bool redis = check_redis(config);
        bool spool = check_spool(config);
        check_tokens(config);
        return postgres && redis && spool ? 0 : 1;
}
