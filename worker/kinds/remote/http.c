/* http.c - libcurl's easy interface, one handle for a runner. */
#include "worker/kinds/remote/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

enum {
        ANSWER_MAX = 8 << 20,
        ERROR_BODY_MAX = 64 << 10,
        CONNECT_TIMEOUT_MS = 10 * 1000,
        RETRY_AFTER_MAX_S = 24 * 3600,
};

struct http {
        CURL *curl;
        char *traceparent; /* the whole header line, or NULL */
};

CLEANUP_DEFINE(slist, struct curl_slist *, curl_slist_free_all)

/* W3C Trace Context: hex digits and dashes. Anything else would be somebody's header injection. */
static bool traceparent_fits(const char *s)
{
        size_t len = s ? strlen(s) : 0;
        return len && len <= 128 && strspn(s, "0123456789abcdefABCDEF-") == len;
}

/* A runner's from one attempt to the next, with the connections that it has kept alive. */
static CURL *spare;

struct http *http_new(const char *traceparent)
{
        struct http *h = xcalloc(1, sizeof(*h));
        h->curl = spare ? take(spare) : curl_easy_init();
        if (traceparent_fits(traceparent))
                h->traceparent = xasprintf("traceparent: %s", traceparent);
        return h;
}

void http_free(struct http *h)
{
        if (!h)
                return;
        if (h->curl && !spare) {
                curl_easy_reset(h->curl);
                spare = take(h->curl);
        }
        curl_easy_cleanup(h->curl);
        free(h->traceparent);
        free(h);
}

/* ---- addresses ---- */

char *http_url_shown(const char *url, struct arena *a)
{
        const char *scheme_end = strstr(url, "://");
        const char *host = scheme_end ? scheme_end + 3 : url;
        size_t authority = strcspn(host, "/?#");
        for (const char *at; (at = memchr(host, '@', authority));) {
                authority -= (size_t)(at + 1 - host);
                host = at + 1;
        }
        size_t len = authority + strcspn(host + authority, "?#");
        int scheme = scheme_end ? (int)(scheme_end + 3 - url) : 0;
        return arena_printf(a, "%.*s%.*s", scheme, url, (int)len, host);
}

void http_escape(struct buf *out, const char *value)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789-._~";
        for (; *value; value++) {
                if (strchr(plain, *value))
                        buf_addc(out, *value);
                else
                        buf_addf(out, "%%%02X", (unsigned)(unsigned char)*value);
        }
}

static bool is_http(const char *url)
{
        return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

/* ---- one call ---- */

struct taking {
        CURL *curl;
        struct buf body;
        bool cut; /* a failure's body was longer than what is read of it */
};

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
        struct taking *t = arg;
        size_t len = size * count;
        long status = 0;
        curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 400 && t->body.len + len > ERROR_BODY_MAX) {
                buf_add(&t->body, data, ERROR_BODY_MAX - t->body.len);
                t->cut = true;
                return 0; /* ends the transfer */
        }
        buf_add(&t->body, data, len);
        return buf_ok(&t->body) ? len : 0;
}

static struct curl_slist *headers_of(const struct http *h, const struct http_request *q)
{
        struct curl_slist *list = curl_slist_append(NULL, "Accept: application/json");
        list = curl_slist_append(list, "Expect:");
        if (h->traceparent)
                list = curl_slist_append(list, h->traceparent);
        if (q->header)
                list = curl_slist_append(list, q->header);
        return list;
}

static void set_options(CURL *c, const struct http_request *q, struct taking *t,
                        struct curl_slist *headers)
{
        int64_t timeout_ms = q->timeout_ms > 0 ? q->timeout_ms : 1;
        curl_easy_reset(c); /* keeps the connections */
        curl_easy_setopt(c, CURLOPT_URL, q->url);
        curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(c, CURLOPT_PROXY, "");
        curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(c, CURLOPT_USERAGENT, "wavefleet/" WAVEFLEET_VERSION);
        curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
        curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
                         (long)(timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS));
        curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
        if (q->form) {
                curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)strlen(q->form));
                curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->form);
        }
        if (q->once) {
                curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
                curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
        }
}

/* libcurl's own error buffer could quote what must not be shown; these texts cannot. */
static int fail(CURL *c, CURLcode code, const struct http_request *q, struct arena *a, struct err *e)
{
        long sent = 0, os = 0;
        curl_easy_getinfo(c, CURLINFO_REQUEST_SIZE, &sent);
        curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &os);
        const char *shown = http_url_shown(q->url, a);
        if (sent > 0)
                return err_set(e, ERR_LOST, "no whole answer from %s: %s", shown,
                               curl_easy_strerror(code));
        if (code == CURLE_COULDNT_CONNECT && os)
                return err_set(e, ERR_UNAVAILABLE, "could not connect to %s: %s", shown,
                               strerror((int)os));
        return err_set(e, ERR_UNAVAILABLE, "could not reach %s: %s", shown,
                       curl_easy_strerror(code));
}

static const char *header_value(CURL *c, const char *name)
{
        struct curl_header *found;
        return curl_easy_header(c, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value
                                                                                   : NULL;
}

static int64_t header_date_ms(CURL *c, const char *name)
{
        const char *value = header_value(c, name);
        time_t t = value ? curl_getdate(value, NULL) : -1;
        return t > 0 ? (int64_t)t * 1000 : 0;
}

/* RFC 9110 §10.2.3: seconds, or a date; a date is held against the clock of who sent it. */
static int64_t retry_after_ms(CURL *c, int64_t server_now_ms)
{
        const char *value = header_value(c, "Retry-After");
        if (!value)
                return 0;
        int64_t s = 0;
        size_t digits = strspn(value, "0123456789");
        if (digits && !value[digits]) {
                for (size_t i = 0; i < digits && s < RETRY_AFTER_MAX_S; i++)
                        s = s * 10 + (value[i] - '0');
        } else {
                int64_t at = header_date_ms(c, "Retry-After");
                int64_t now = server_now_ms ? server_now_ms : clock_wall_ms();
                s = at > now ? (at - now + 999) / 1000 : 0;
        }
        return (s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) * 1000;
}

static bool on_a_kept_connection(CURL *c)
{
        long opened = 1;
        curl_easy_getinfo(c, CURLINFO_NUM_CONNECTS, &opened);
        return opened == 0;
}

/* What an earlier answer left on a connection says nothing about this one: asked again on a new one. */
static CURLcode perform(CURL *c, const struct http_request *q, struct taking *t)
{
        CURLcode code = curl_easy_perform(c);
        if (code == CURLE_OK || code == CURLE_OPERATION_TIMEDOUT || q->once || t->cut ||
            !buf_ok(&t->body) || !on_a_kept_connection(c))
                return code;
        buf_reset(&t->body);
        curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
        return curl_easy_perform(c);
}

int http_call(struct http *h, const struct http_request *q, struct arena *a,
              struct http_answer *out, struct err *e)
{
        if (!is_http(q->url))
                return err_set(e, ERR_CONFIG, "the address %s is not one of http or https",
                               http_url_shown(q->url, a));
        if (!h->curl)
                return err_set(e, ERR_UNAVAILABLE, "could not prepare a request: out of memory");
        CURL *c = h->curl;
        struct taking t = {.curl = c, .body = BUF_INIT(ANSWER_MAX)};
        cleanup(slist_cleanup) struct curl_slist *headers = headers_of(h, q);
        set_options(c, q, &t, headers);
        CURLcode code = perform(c, q, &t);
        autobuf body = t.body; /* owns it from here on */
        if (code != CURLE_OK && !t.cut && buf_ok(&body))
                return fail(c, code, q, a, e);
        if (!buf_ok(&body))
                return err_set(e, ERR_UPSTREAM, "the answer of %s is larger than %d bytes",
                               http_url_shown(q->url, a), ANSWER_MAX);

        long status = 0;
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        int64_t date_ms = header_date_ms(c, "Date");
        char *copy = arena_try(a, body.len + 1);
        if (!copy)
                return err_set(e, ERR_UPSTREAM, "the answer of %s is too large for the attempt",
                               http_url_shown(q->url, a));
        memcpy(copy, buf_str(&body), body.len + 1);
        *out = (struct http_answer){
                .status = (int)status,
                .body = copy,
                .len = body.len,
                .date_ms = date_ms,
                .retry_after_ms = retry_after_ms(c, date_ms),
        };
        return 0;
}
