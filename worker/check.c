/* check.c - PostgreSQL, Redis and the programs of command.allow, looked at once. */
#include "worker/check.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "store/schema.h"

enum { PG_OLDEST = 140000, REDIS_WAIT_MS = 5000, REDIS_LOOK_MS = 50 };

__attribute__((format(printf, 3, 4))) static int say(FILE *out, bool well, const char *fmt, ...)
{
        va_list ap;
        fputs(well ? "ok     " : "WRONG  ", out);
        va_start(ap, fmt);
        vfprintf(out, fmt, ap);
        va_end(ap);
        fputc('\n', out);
        return well ? 0 : 1;
}

static int check_schema(struct pg_sync *c, FILE *out)
{
        struct err e = ERR_INIT;
        int version, wanted = schema_version_wanted();
        if (schema_version(c, &version, &e) < 0)
                return say(out, false, "schema: %s", e.text);
        if (version < wanted)
                return say(out, false,
                           "schema: version %d is there, %d is needed: start wavefleet-api, which "
                           "applies it",
                           version, wanted);
        return say(out, true, "schema: version %d", version);
}

static int check_postgres(const struct config *cfg, FILE *out)
{
        struct pg_opts opts = {.url = cfg->database_url,
                               .name = "wavefleet-worker",
                               .connect_timeout_ms = cfg->database_connect_timeout_ms,
                               .query_timeout_ms = cfg->database_query_timeout_ms};
        struct err e = ERR_INIT;
        struct pg_sync *c = pg_sync_open(&opts, &e);
        if (!c)
                return say(out, false, "PostgreSQL: %s (database.url, WAVEFLEET_DATABASE_URL)",
                           e.text);
        int version = pg_sync_server_version(c);
        int wrong = say(out, version >= PG_OLDEST, "PostgreSQL: version %d.%d%s", version / 10000,
                        version % 10000, version >= PG_OLDEST ? "" : ", at least 14 is needed");
        wrong += check_schema(c, out);
        pg_sync_close(c);
        return wrong;
}

static int check_redis(const struct config *cfg, FILE *out)
{
        struct loop *l = loop_new();
        struct broker_opts opts = {.url = cfg->redis_url,
                                   .prefix = cfg->redis_prefix,
                                   .timeout_ms = cfg->redis_timeout_ms};
        struct broker_events events = {0};
        struct broker *b = broker_new(l, &opts, &events);
        int64_t end = clock_mono_ms() + REDIS_WAIT_MS;
        while (!broker_up(b) && clock_mono_ms() < end)
                loop_turn(l, REDIS_LOOK_MS);
        int wrong = 0;
        if (!broker_up(b)) {
                wrong = say(out, false,
                            "Redis: no answer within %d s (redis.url, "
                            "WAVEFLEET_REDIS_URL)",
                            REDIS_WAIT_MS / 1000);
        } else {
                const char *const *complaint = broker_complaints(b);
                for (; complaint && *complaint; complaint++)
                        wrong += say(out, false, "Redis: %s", *complaint);
                if (wrong == 0)
                        say(out, true, "Redis: answers");
        }
        broker_free(b);
        loop_free(l);
        return wrong;
}

static int check_programs(const struct config *cfg, FILE *out)
{
        autofree char *list = xstrdup(cfg->command_allow);
        int wrong = 0;
        char *rest = list, *path;
        while ((path = strsep(&rest, ","))) {
                path += strspn(path, " ");
                if (!*path)
                        continue;
                bool there = path[0] == '/' && access(path, X_OK) == 0;
                wrong += say(out, there, "command.allow: %s%s", path,
                             there ? "" : " is not the absolute path of a program that can be run");
        }
        return wrong;
}

int check_all(const struct config *cfg, FILE *out)
{
        return check_postgres(cfg, out) + check_redis(cfg, out) + check_programs(cfg, out);
}
