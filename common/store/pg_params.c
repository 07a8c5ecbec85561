/* pg_params.c - takes a database URL apart and puts the session's settings in. */
#include "store/pg_params.h"

#include <arpa/inet.h>
#include <assert.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum {
        CONNECT_TIMEOUT_MS = 5000,
        QUERY_TIMEOUT_MS = 30000,
        USER_TIMEOUT_MIN_MS = 30000,
        USER_TIMEOUT_GRACE_MS = 10000,
};

struct pg_params {
        PQconninfoOption *url;
        struct pg_host *hosts;
        size_t count;
        char *options; /* settings of the session: the URL's, then ours, which win */
        char *name;
        char connect_timeout_s[24]; /* as libpq wants it; for who connects without a loop */
        char user_timeout_ms[24];
        int64_t connect_timeout_ms, query_timeout_ms;
};

CLEANUP_DEFINE(pg_params, struct pg_params *, pg_params_free)

static const char *given(const struct pg_params *p, const char *keyword)
{
        for (const PQconninfoOption *o = p->url; o->keyword; o++) {
                if (strcmp(o->keyword, keyword) == 0)
                        return o->val && *o->val ? o->val : NULL;
        }
        return NULL;
}

/* As libpq: the environment counts where the URL says nothing. */
static const char *given_or_env(const struct pg_params *p, const char *keyword, const char *env)
{
        const char *value = given(p, keyword);
        if (!value)
                value = getenv(env);
        return value && *value ? value : NULL;
}

/* ---- hosts ---- */

static size_t count_items(const char *list)
{
        size_t n = 1;
        for (; list && *list; list++)
                n += *list == ',';
        return n;
}

/* The i-th of a comma-separated list; NULL where it is empty. */
static char *item(const char *list, size_t i)
{
        for (; list && i; i--) {
                list = strchr(list, ',');
                if (list)
                        list++;
        }
        size_t len = list ? strcspn(list, ",") : 0;
        return len ? xstrndup(list, len) : NULL;
}

static bool is_port(const char *s)
{
        size_t len = strlen(s);
        return len >= 1 && len <= 5 && strspn(s, "0123456789") == len && strtol(s, NULL, 10) > 0 &&
               strtol(s, NULL, 10) <= 65535;
}

static bool is_address(const char *s)
{
        unsigned char space[sizeof(struct in6_addr)];
        return inet_pton(AF_INET, s, space) == 1 || inet_pton(AF_INET6, s, space) == 1 ||
               (strchr(s, ':') && strchr(s, '%')); /* fe80::1%eth0 */
}

bool pg_host_needs_lookup(const struct pg_host *h)
{
        return h->name && !h->address && *h->name != '/' && *h->name != '@' && !is_address(h->name);
}

/* A password with a bare '@' or '/' ends up in the host or the port: neither is ever quoted. */
static int check_host(const struct pg_host *h, struct err *e)
{
        if (h->name && *h->name != '@' && strchr(h->name, '@'))
                return err_set(
                        e, ERR_CONFIG,
                        "the database URL has '@' in a host name: write %%40 for it in a password");
        if (h->port && !is_port(h->port))
                return err_set(e, ERR_CONFIG,
                               "the database URL has a port that is no number from 1 to 65535");
        return 0;
}

static int read_hosts(struct pg_params *p, struct err *e)
{
        const char *names = given_or_env(p, "host", "PGHOST");
        const char *addresses = given_or_env(p, "hostaddr", "PGHOSTADDR");
        const char *ports = given_or_env(p, "port", "PGPORT");
        size_t n = count_items(addresses ? addresses : names);
        size_t n_ports = count_items(ports);
        if ((names && addresses && count_items(names) != n) || (n_ports > 1 && n_ports != n))
                return err_set(
                        e, ERR_CONFIG,
                        "the database URL does not name as many hosts as addresses or ports");
        p->hosts = xcalloc(n, sizeof(*p->hosts));
        for (p->count = 0; p->count < n;) {
                struct pg_host *h = &p->hosts[p->count];
                h->name = item(names, p->count);
                h->address = item(addresses, p->count);
                h->port = item(ports, n_ports > 1 ? p->count : 0);
                p->count++;
                if (check_host(h, e) < 0)
                        return -1;
        }
        return 0;
}

/* ---- the whole ---- */

static char *session_options(const struct pg_params *p)
{
        const char *theirs = given_or_env(p, "options", "PGOPTIONS");
        return xasprintf("%s%s-c search_path=wavefleet,public -c timezone=UTC -c DateStyle=ISO"
                         " -c client_min_messages=warning"
                         " -c default_transaction_isolation=read\\ committed"
                         " -c statement_timeout=%lld -c lock_timeout=%lld"
                         " -c idle_in_transaction_session_timeout=%lld"
                         " -c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off",
                         theirs ? theirs : "", theirs ? " " : "", (long long)p->query_timeout_ms,
                         (long long)(p->query_timeout_ms + 1) / 2, (long long)p->query_timeout_ms);
}

struct pg_params *pg_params_new(const struct pg_opts *opts, struct err *e)
{
        struct pg_params *p cleanup(pg_params_cleanup) = xcalloc(1, sizeof(*p));
        char *why = NULL; /* quotes the URL, and so perhaps its password: not told */
        p->url = PQconninfoParse(opts->url, &why);
        PQfreemem(why);
        if (!p->url) {
                err_set(e, ERR_CONFIG,
                        "cannot understand the database URL (postgresql://user:password@host/name; "
                        "special characters of a password as %%XX)");
                return NULL;
        }
        if (read_hosts(p, e) < 0)
                return NULL;
        p->connect_timeout_ms =
                opts->connect_timeout_ms > 0 ? opts->connect_timeout_ms : CONNECT_TIMEOUT_MS;
        p->query_timeout_ms =
                opts->query_timeout_ms > 0 ? opts->query_timeout_ms : QUERY_TIMEOUT_MS;
        /* libpq takes 1 for 2. */
        snprintf(p->connect_timeout_s, sizeof(p->connect_timeout_s), "%lld",
                 (long long)(p->connect_timeout_ms + 999) / 1000);
        /* A backend that works on something long takes no more data meanwhile: that is no failure. */
        int64_t user_timeout_ms = p->query_timeout_ms + USER_TIMEOUT_GRACE_MS;
        snprintf(p->user_timeout_ms, sizeof(p->user_timeout_ms), "%lld",
                 (long long)(user_timeout_ms > USER_TIMEOUT_MIN_MS ? user_timeout_ms
                                                                   : USER_TIMEOUT_MIN_MS));
        p->options = session_options(p);
        p->name = xstrdup(opts->name ? opts->name : "wavefleet");
        return take(p);
}

void pg_params_free(struct pg_params *p)
{
        if (!p)
                return;
        for (size_t i = 0; i < p->count; i++) {
                free(p->hosts[i].name);
                free(p->hosts[i].address);
                free(p->hosts[i].port);
        }
        free(p->hosts);
        free(p->options);
        free(p->name);
        PQconninfoFree(p->url);
        free(p);
}

size_t pg_params_hosts(const struct pg_params *p)
{
        return p->count;
}

const struct pg_host *pg_params_host(const struct pg_params *p, size_t i)
{
        assert(i < p->count);
        return &p->hosts[i];
}

int64_t pg_params_connect_timeout_ms(const struct pg_params *p)
{
        return p->connect_timeout_ms;
}

int64_t pg_params_query_timeout_ms(const struct pg_params *p)
{
        return p->query_timeout_ms;
}

/* ---- for libpq ---- */

struct keyword_list {
        const char **keywords, **values;
        size_t n;
};

static void put(struct keyword_list *l, const char *keyword, const char *value)
{
        assert(l->n < PG_KEYWORDS_MAX - 1);
        l->keywords[l->n] = keyword;
        l->values[l->n] = value;
        l->n++;
}

/* GSSAPI is asked for nothing unless the URL says so: looking for tickets can wait for a network. */
static const struct {
        const char *keyword, *value;
} defaults[] = {
        {"gssencmode", "disable"},
        {"keepalives_idle", "15"},
        {"keepalives_interval", "5"},
        {"keepalives_count", "3"},
};

/* A standby, or a primary that was made read-only, is none that we can work with: the next host, or the
 * same one later. */
static const char sessions[] = "target_session_attrs";

static bool names_a_place(const char *keyword)
{
        return strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 ||
               strcmp(keyword, "port") == 0;
}

void pg_params_fill(const struct pg_params *p, const struct pg_host *h,
                    const char *keywords[PG_KEYWORDS_MAX], const char *values[PG_KEYWORDS_MAX])
{
        struct keyword_list l = {keywords, values, 0};
        /* A later value replaces an earlier one of the same keyword. */
        for (size_t i = 0; i < COUNT_OF(defaults); i++)
                put(&l, defaults[i].keyword, defaults[i].value);
        if (!given_or_env(p, sessions, "PGTARGETSESSIONATTRS"))
                put(&l, sessions, "read-write");
        put(&l, "tcp_user_timeout", p->user_timeout_ms);
        put(&l, "connect_timeout", p->connect_timeout_s);
        for (const PQconninfoOption *o = p->url; o->keyword; o++) {
                if (o->val && *o->val && !(h && names_a_place(o->keyword)))
                        put(&l, o->keyword, o->val);
        }
        put(&l, "fallback_application_name", p->name);
        put(&l, "client_encoding", "UTF8");
        put(&l, "options", p->options);
        if (h && h->name)
                put(&l, "host", h->name);
        if (h && h->address)
                put(&l, "hostaddr", h->address);
        if (h && h->port)
                put(&l, "port", h->port);
        keywords[l.n] = values[l.n] = NULL;
}
