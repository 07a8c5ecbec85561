/* check.c - a look at PostgreSQL, at Redis and at the folder for large bodies. */
#include "api/doctor/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/app.h"
#include "api/doctor/local.h"
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

static void put_line(struct findings *f, enum finding how, const char *name, const char *detail,
                     const char *mend)
{
        (void)f;
        (void)name;
        say("Here", "%s%s", how == FOUND_OK ? "ok; " : "", detail);
        if (*mend)
                say("", "%s", mend);
}

/* What is not well without stopping anybody is told, and no reason to say that it is wrong. */
static bool check_local(const struct config *config)
{
        struct findings f = {.put = put_line};
        autofree char *here = xasprintf("http://%s", config->listen);
        local_look(&f, config, *config->public_url ? config->public_url : here);
        return !f.failed;
}

int check_command(const struct config *config)
{
        say("Config", "ok%s%s", config->file ? "; read from " : "",
            config->file ? config->file : "");
        bool postgres = check_postgres(config);
        bool redis = check_redis(config);
        bool local = check_local(config);
        return postgres && redis && local ? 0 : 1;
}
