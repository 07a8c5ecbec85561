/* credential.c - headers into a credential, and the two proofs that a cookie needs beside it. */
#include "api/people/credential.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/app.h"
#include "base/rand.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789_-";

/* ---- tokens, session ids, CSRF tokens ---- */

static bool looks_like(const char *prefix, const char *text, size_t len)
{
        if (len != SECRET_SIZE - 1 || strncmp(text, prefix, 3) != 0)
                return false;
        for (size_t i = 0; i < len; i++) {
                if (!text[i] || !strchr(letters, text[i]))
                        return false;
        }
        return true;
}

bool looks_like_token(const char *text, size_t len)
{
        return looks_like("wf_", text, len);
}

bool looks_like_session(const char *text, size_t len)
{
        return looks_like("ws_", text, len);
}

static void make(const char *prefix, char out[SECRET_SIZE], unsigned char hash[HASH_BYTES])
{
        char random[SECRET_BYTES * 4 / 3 + 2];
        rand_token(random, SECRET_BYTES);
        snprintf(out, SECRET_SIZE, "%s%s", prefix, random);
        hash_sha256(out, strlen(out), hash);
        mem_wipe(random, sizeof(random));
}

void token_make(char token[SECRET_SIZE], unsigned char hash[HASH_BYTES])
{
        make("wf_", token, hash);
}

void session_make(char id[SECRET_SIZE], unsigned char hash[HASH_BYTES])
{
        make("ws_", id, hash);
}

/* The key: the last 32 characters of the id, 192 random bits. The hash that is kept of it would do less. */
void csrf_make(const char *id, char out[CSRF_SIZE])
{
        static const char what[] = "csrf";
        unsigned char key[HASH_BYTES], mac[HASH_BYTES];
        memcpy(key, id + SECRET_SIZE - 1 - HASH_BYTES, HASH_BYTES);
        hash_hmac(key, what, sizeof(what) - 1, mac);
        hash_hex(mac, sizeof(mac), out);
        mem_wipe(key, sizeof(key));
}

/* ---- headers ---- */

/* The credentials behind "Bearer", or NULL. */
static const char *bearer(const char *authorization)
{
        if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
                return NULL;
        const char *token = authorization + 7;
        token += strspn(token, " ");
        return *token ? token : NULL;
}

/* RFC 6265, 4.2.1: name=value, separated by semicolons and a space; the value may stand in quotes. */
const char *cookie_value(const char *cookie, const char *name, size_t *len)
{
        size_t name_len = strlen(name);
        while (*cookie) {
                cookie += strspn(cookie, " \t;");
                size_t pair = strcspn(cookie, ";");
                if (pair > name_len && strncmp(cookie, name, name_len) == 0 &&
                    cookie[name_len] == '=') {
                        const char *value = cookie + name_len + 1;
                        size_t n = pair - name_len - 1;
                        while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
                                n--;
                        bool quoted = n >= 2 && value[0] == '"' && value[n - 1] == '"';
                        *len = quoted ? n - 2 : n;
                        return quoted ? value + 1 : value;
                }
                cookie += pair;
        }
        return NULL;
}

static struct credential made(enum proof proof, const char *text, size_t len)
{
        return (struct credential){.proof = proof, .text = text, .len = len};
}

void credential_find(const char *authorization, const char *session, const char *cookie,
                     struct credential *out)
{
        const char *token = bearer(authorization);
        size_t len = 0;
        const char *value = cookie ? cookie_value(cookie, SESSION_COOKIE, &len) : NULL;
        if (token)
                *out = made(PROOF_TOKEN, token, strlen(token));
        else if (session && *session)
                *out = made(PROOF_SESSION, session, strlen(session));
        else if (value && len)
                *out = made(PROOF_COOKIE, value, len);
        else
                *out = made(PROOF_NONE, NULL, 0);
}

/* ---- forged requests ---- */

/* What stands between "://" and the path. */
static const char *authority(const char *url, size_t *len)
{
        const char *begin = strstr(url, "://");
        begin = begin ? begin + 3 : url;
        *len = strcspn(begin, "/?#");
        return begin;
}

static bool same_authority(const char *a, const char *b)
{
        size_t la, lb;
        a = authority(a, &la);
        b = authority(b, &lb);
        return la > 0 && la == lb && strncasecmp(a, b, la) == 0;
}

bool request_is_ours(const struct request *rq)
{
        const char *site = request_header(rq, "Sec-Fetch-Site");
        const char *origin = request_header(rq, "Origin"), *host = request_header(rq, "Host");
        const struct app *app = request_app(rq);
        if (site) /* same-site is another port or a name beside ours: not we */
                return strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
        if (!origin)
                return true;
        if (!strstr(origin, "://")) /* "null": a sandbox */
                return false;
        return (host && same_authority(origin, host)) ||
               (app && same_authority(origin, app->config->public_url));
}

static bool has_csrf_token(const struct request *rq, const struct credential *c)
{
        char wanted[CSRF_SIZE];
        const char *said = request_header(rq, "X-CSRF-Token");
        if (!said || strlen(said) != CSRF_SIZE - 1 || !looks_like_session(c->text, c->len))
                return false;
        csrf_make(c->text, wanted);
        return hash_equal(wanted, said, CSRF_SIZE - 1);
}

int credential_check_site(const struct request *rq, struct err *e)
{
        if (request_is_ours(rq))
                return 0;
        return err_set(e, ERR_FORGERY,
                       "refused: by what the browser says, another site has caused this");
}

int credential_check_forgery(const struct request *rq, const struct credential *c, struct err *e)
{
        const char *method = request_method(rq);
        bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
        if (c->proof != PROOF_COOKIE || (reads && !request_header(rq, "Upgrade")))
                return 0;
        if (credential_check_site(rq, e) < 0)
                return -1;
        if (reads || has_csrf_token(rq, c))
                return 0;
        return err_set(
                e, ERR_FORGERY,
                "the session's cookie alone does not authorize this: send the session's CSRF "
                "token in X-CSRF-Token, or its id in X-Dashboard-Session");
}
