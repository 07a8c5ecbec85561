/*
 * doctor.c - what is wrong and how to mend it: what can be seen from here (is the API there, can the way be
 * listened to, versions, clocks, credentials), and then what the API finds on its side.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/api.h"
#include "cli/checks.h"

enum { CLOCK_WARN_MS = 2000, CLOCK_FAIL_MS = 5 * 60 * 1000 };

struct exam {
        struct cli *c;
        struct buf text;
        struct json_out out;
        size_t failed;
};

CLEANUP_DEFINE(json, struct json *, json_free)

static void note(struct exam *x, const char *name, const char *status, const char *detail,
                 const char *mend)
{
        x->failed += strcmp(status, "fail") == 0;
        json_out_object(&x->out, NULL);
        json_out_str(&x->out, "name", name);
        json_out_str(&x->out, "status", status);
        json_out_str(&x->out, "detail", detail);
        json_out_str(&x->out, "mend", mend);
        json_out_object_end(&x->out);
}

/* ---- from here ---- */

static void check_way(struct exam *x)
{
        const struct client *cl = x->c->client;
        if (client_is_tls(cl))
                note(x, "client.tls", "ok", "the certificate fits and is trusted", NULL);
        else if (client_is_open(cl))
                note(x, "client.tls", "warn",
                     "plain HTTP to another machine: whoever is on the way reads the credentials",
                     "put a reverse proxy with TLS before wavefleet-api, and use its https "
                     "address");
        else
                note(x, "client.tls", "ok", "plain HTTP, which stays on this machine", NULL);
}

static void check_version(struct exam *x, const struct json *health)
{
        const char *theirs = json_str_at(health, "data.version");
        autofree char *detail = NULL;
        if (strcmp(theirs, WAVEFLEET_VERSION) == 0) {
                note(x, "client.version", "ok", "both are " WAVEFLEET_VERSION, NULL);
                return;
        }
        detail = xasprintf("this is %s, the API is %s", WAVEFLEET_VERSION,
                           *theirs ? theirs : "of another version");
        note(x, "client.version", "warn", detail, "use the same version on both sides");
}

/* The header Date has whole seconds, and is as old as the way back is long. */
static void check_clock(struct exam *x, const struct reply *r)
{
        if (!r->date_ms)
                return;
        long long ahead = r->date_ms + 500 - (r->begun_ms + r->took_ms / 2);
        long long far = ahead < 0 ? -ahead : ahead;
        autofree char *detail = xasprintf("the API's clock is %.1f s %s this one",
                                          (double)far / 1000, ahead < 0 ? "behind" : "ahead of");
        if (far <= CLOCK_WARN_MS)
                note(x, "client.clock", "ok", "the clocks here and there agree", NULL);
        else
                note(x, "client.clock", far <= CLOCK_FAIL_MS ? "warn" : "fail", detail,
                     "let both machines keep their time by NTP (chrony, systemd-timesyncd)");
}

static void check_session(struct exam *x)
{
        autoanswer a = {0};
        struct err e = ERR_INIT;
        struct call q = {.path = "/api/auth/check", .once = true};
        if (client_has_token(x->c->client) || api_call(x->c, &q, &a, &e) < 0)
                return;
        const struct json *user = json_get(a.data, "user");
        if (!json_bool(json_get(a.data, "authenticated")))
                return;
        autofree char *detail = xasprintf("logged in as %s (%s)", json_str_at(user, "username"),
                                          json_str_at(json_first(json_get(user, "roles")), "name"));
        note(x, "client.session", "ok", detail, NULL);
}

static void check_credentials(struct exam *x)
{
        autoanswer a = {0};
        struct err e = ERR_INIT;
        struct call q = {.path = "/api/waves?limit=1", .once = true};
        const struct client *cl = x->c->client;
        const char *what = client_has_token(cl) ? "the token"
                           : client_session(cl) ? "the session of the login"
                                                : NULL;
        if (api_call(x->c, &q, &a, &e) == 0) {
                autofree char *detail = what ? xasprintf("%s is accepted", what)
                                             : xstrdup("none are wanted for reading");
                note(x, "client.credentials", "ok", detail, NULL);
                check_session(x);
                return;
        }
        autofree char *detail = what ? xasprintf("%s: %s", what, e.text) : xstrdup(e.text);
        note(x, "client.credentials", "fail", detail,
             "log in with wavefleet login, or give a token by --token-file or WAVEFLEET_API_TOKEN");
}

/* False: there is nobody to be asked anything else. */
static bool check_reach(struct exam *x)
{
        struct cli *c = x->c;
        struct reply r;
        struct err e = ERR_INIT;
        struct json *health cleanup(json_cleanup) = NULL;
        if (client_call(c->client, &(struct call){.path = "/api/health", .once = true}, &r, &e) <
            0) {
                note(x, "client.reach", "fail", e.text,
                     "is wavefleet-api running, and is this its address (--url, WAVEFLEET_URL)?");
                reply_fini(&r);
                return false;
        }
        health = json_parse(buf_str(&r.body), r.body.len, NULL);
        autofree char *detail =
                xasprintf("%s answers in %lld ms", client_url(c->client), (long long)r.took_ms);
        if (!health)
                note(x, "client.reach", "fail", "what answers there is not wavefleet's API",
                     "is this its address (--url, WAVEFLEET_URL)?");
        else if (r.status != 200)
                note(x, "client.reach", "fail", json_str_at(health, "error"),
                     "the checks below, or the API's log, say more");
        else
                note(x, "client.reach", "ok", detail, NULL);
        check_way(x);
        if (health && r.status == 200)
                check_version(x, health);
        check_clock(x, &r);
        reply_fini(&r);
        return health;
}

/* ---- from there ---- */

static void ask_api(struct exam *x)
{
        autoanswer a = {0};
        struct err e = ERR_INIT;
        struct call q = {.path = "/api/doctor", .once = true};
        if (api_call(x->c, &q, &a, &e) == 0) {
                for (const struct json *i = json_first(json_get(a.data, "checks")); i;
                     i = json_next(i)) {
                        x->failed += strcmp(json_str_at(i, "status"), "fail") == 0;
                        json_out_value(&x->out, NULL, i);
                }
        } else if (e.code == ERR_NOT_FOUND || e.code == ERR_NOT_OFFERED) {
                note(x, "api.doctor", "warn", "this API cannot examine itself",
                     "run a wavefleet-api of the same version as this program");
        } else if (e.code == ERR_FORBIDDEN || e.code == ERR_UNAUTHORIZED) {
                note(x, "api.doctor", "warn", e.text, "ask with the credentials of an operator");
        } else {
                note(x, "api.doctor", "fail", e.text, NULL);
        }
}

static void examine(struct exam *x)
{
        json_out_init(&x->out, &x->text);
        json_out_object(&x->out, NULL);
        json_out_array(&x->out, "checks");
        if (check_reach(x)) {
                check_credentials(x);
                ask_api(x);
        }
        json_out_array_end(&x->out);
        json_out_bool(&x->out, "ok", x->failed == 0);
        json_out_object_end(&x->out);
        /* What the API refused is in the list, and no problem of this command. */
        buf_reset(&x->c->problem);
}

int doctor(struct cli *c, struct err *e)
{
        struct exam x = {.c = c, .text = BUF_INIT(REPLY_MAX)};
        struct json *data cleanup(json_cleanup) = NULL;
        int rc = -1;
        examine(&x);
        if (buf_check(&x.text, "the checks", e) == 0 &&
            (data = json_parse(buf_str(&x.text), x.text.len, e)))
                rc = checks_show(c, data, buf_str(&x.text), x.text.len, e);
        buf_fini(&x.text);
        return rc;
}
