/* local.c - see the header. */
#include "api/doctor/local.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "api/http/spool.h"
#include "base/mem.h"

enum { ROOM_MIN_MIB = 512, OTHER_DESCRIPTORS = 256 };

static bool is_local(const char *url)
{
        static const char *const names[] = {"://127.", "://localhost", "://[::1]"};
        for (size_t i = 0; i < COUNT_OF(names); i++) {
                if (strstr(url, names[i]))
                        return true;
        }
        return false;
}

static bool is_any(const char *url)
{
        return strstr(url, "://0.0.0.0") || strstr(url, "://[::]");
}

static void look_at_public_url(struct findings *f, const struct config *c, const char *url)
{
        static const char name[] = "config.public_url",
                          mend[] = "set http.public_url (WAVEFLEET_PUBLIC_URL) to an address of "
                                   "this API that the migration "
                                   "server reaches";
        if (is_any(url))
                found(f, FOUND_WARN, name, mend,
                      "webhooks are sent to %s, which stands for any address", url);
        else if (is_local(url) && !is_local(c->migration_server_url))
                found(f, FOUND_WARN, name, mend,
                      "webhooks are sent to %s, where only programs of this machine get to, and "
                      "the "
                      "migration server is another one",
                      url);
        else
                found(f, FOUND_OK, name, "", "webhooks are sent to %s", url);
}

static void look_at_secrets(struct findings *f, const struct config *c)
{
        found(f, *c->secret_key ? FOUND_OK : FOUND_WARN, "config.secret_key",
              "set auth.secret_key (WAVEFLEET_SECRET_KEY), for the workers too: 64 hex digits, as "
              "'openssl rand -hex 32' makes them",
              *c->secret_key ? "secrets can be sealed"
                             : "auth.secret_key is not set: no secret can be stored");
        if (!*c->api_token)
                found(f, FOUND_OK, "config.tokens", "",
                      "there is no bootstrap token (WAVEFLEET_API_TOKEN): 'wavefleet-api token "
                      "create' makes tokens");
        else
                found(f, FOUND_OK, "config.tokens", "", "the bootstrap token is set");
}

static void look_at_lease(struct findings *f, const struct config *c)
{
        bool odd = c->worker_lease_ms < 2 * c->database_connect_timeout_ms;
        found(f, odd ? FOUND_WARN : FOUND_OK, "config.lease",
              "raise worker.lease_ms above your longest failover, or lower "
              "database.connect_timeout_ms",
              odd ? "worker.lease_ms is %lld: less than two attempts to connect to PostgreSQL, so "
                    "a "
                    "short outage ends bodies"
                  : "worker.lease_ms is %lld",
              (long long)c->worker_lease_ms);
}

static void look_at_room(struct findings *f, const char *folder)
{
        static const char name[] = "disk.bodies";
        struct statvfs v;
        if (statvfs(folder, &v) < 0) {
                found(f, FOUND_WARN, name, "look at http.spool_dir",
                      "cannot see how much room %s has: %s", folder, strerror(errno));
                return;
        }
        unsigned long long mib = (unsigned long long)v.f_bavail * v.f_frsize >> 20;
        found(f, mib < ROOM_MIN_MIB ? FOUND_WARN : FOUND_OK, name,
              "make room there, or let http.spool_dir name another folder",
              "large bodies wait in %s, which has room for %llu MiB", folder, mib);
}

static void look_at_spool(struct findings *f, const struct config *c)
{
        struct err e = ERR_INIT;
        struct spool *s = spool_new(c->http_spool, &e);
        if (!s)
                found(f, FOUND_FAIL, "disk.bodies",
                      "http.spool_dir must be a folder that this user may write to", "%s", e.text);
        else
                look_at_room(f, c->http_spool);
        spool_free(s);
}

static void look_at_descriptors(struct findings *f, const struct config *c)
{
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        bool few = limit.rlim_max < (rlim_t)c->http_connections + OTHER_DESCRIPTORS;
        found(f, few ? FOUND_WARN : FOUND_OK, "process.descriptors",
              "raise the limit of open files (LimitNOFILE= of the unit), or lower "
              "http.connections_max",
              "%lld connections are allowed, and %llu open files", (long long)c->http_connections,
              (unsigned long long)limit.rlim_max);
}

void local_look(struct findings *f, const struct config *config, const char *public_url)
{
        look_at_public_url(f, config, public_url);
        look_at_secrets(f, config);
        look_at_lease(f, config);
        look_at_spool(f, config);
        look_at_descriptors(f, config);
}
