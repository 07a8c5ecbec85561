/* client.c - see client.h. libcurl: the easy interface for calls, one of the multi interface for streams. */
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
        CONNECT_MS = 10 * 1000,
        RETRY_MIN_MS = 500,
        RETRY_MAX_MS = 30 * 1000,
        URL_MAX = 1 << 20,
};

struct client {
        CURL *curl;
        char *shown, *token, *session, *ca_file; /* shown: the address */
        bool tls, loopback, quiet;
        int64_t timeout_ms;
};

CLEANUP_DEFINE(slist, struct curl_slist *, curl_slist_free_all)
CLEANUP_DEFINE(curl_text, char *, curl_free)
CLEANUP_DEFINE(address, CURLU *, curl_url_cleanup)

/* ---- the address ---- */

static bool is_loopback(const char *host)
{
        return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
               strcmp(host, "[::1]") == 0;
}

static int read_address(struct client *cl, const char *url, struct err *e)
{
        CURLU *u cleanup(address_cleanup) = curl_url();
        char *scheme cleanup(curl_text_cleanup) = NULL;
        char *host cleanup(curl_text_cleanup) = NULL;
        char *shown cleanup(curl_text_cleanup) = NULL;
        if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
            curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
            curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
            (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
                return err_set(e, ERR_CONFIG, "\"%s\" is no address such as http://127.0.0.1:8088",
                               url);
        curl_url_set(u, CURLUPART_USER, NULL, 0);
        curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
        curl_url_set(u, CURLUPART_QUERY, NULL, 0);
        curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
        if (curl_url_get(u, CURLUPART_URL, &shown, 0) != CURLUE_OK)
                return err_set(e, ERR_CONFIG, "the address cannot be used");
        cl->shown = xstrdup(shown);
        for (size_t len = strlen(cl->shown); len && cl->shown[len - 1] == '/';)
                cl->shown[--len] = '\0';
        cl->tls = strcmp(scheme, "https") == 0;
        cl->loopback = is_loopback(host);
        return 0;
}

static char *copy(const char *s)
{
        return s && *s ? xstrdup(s) : NULL;
}

int client_new(const struct client_config *config, struct client **out, struct err *e)
{
        struct client *cl = xcalloc(1, sizeof(*cl));
        if (read_address(cl, config->url, e) < 0) {
                client_free(cl);
                return -1;
        }
        cl->token = copy(config->token);
        cl->session = copy(config->session);
        cl->ca_file = copy(config->ca_file);
        cl->timeout_ms = config->timeout_ms;
        cl->quiet = config->quiet;
        cl->curl = curl_easy_init();
        *out = cl;
        return 0;
}

void client_free(struct client *cl)
{
        if (!cl)
                return;
        curl_easy_cleanup(cl->curl);
        free(cl->shown);
        free(cl->token);
        free(cl->session);
        free(cl->ca_file);
        free(cl);
}

const char *client_url(const struct client *cl)
{
        return cl->shown;
}

const char *client_session(const struct client *cl)
{
        return cl->session;
}

bool client_has_token(const struct client *cl)
{
        return cl->token;
}

bool client_is_open(const struct client *cl)
{
        return !cl->tls && !cl->loopback;
}

bool client_is_tls(const struct client *cl)
{
        return cl->tls;
}

void url_escape(struct buf *out, const char *text)
{
        for (; *text; text++) {
                unsigned char c = (unsigned char)*text;
                bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                             (c >= 'a' && c <= 'z') || strchr("-._~", c);
                if (plain)
                        buf_addc(out, *text);
                else
                        buf_addf(out, "%%%02X", c);
        }
}

void url_query(struct buf *path, const char *name, const char *value)
{
        if (!value)
                return;
        buf_addf(path, "%c%s=", strchr(buf_str(path), '?') ? '&' : '?', name);
        url_escape(path, value);
}

/* ---- headers ---- */

static void add_header(struct curl_slist **list, const char *name, const char *value)
{
        autofree char *line = NULL;
        if (!value)
                return;
        line = xasprintf("%s: %s", name, value);
        *list = curl_slist_append(*list, line);
}

static void add_credentials(const struct client *cl, struct curl_slist **list)
{
        if (cl->token) {
                autofree char *value = xasprintf("Bearer %s", cl->token);
                add_header(list, "Authorization", value);
        } else {
                add_header(list, "X-Dashboard-Session", cl->session);
        }
}

/* What calls and streams have in common. */
static void prepare(const struct client *cl, CURL *curl, const char *path)
{
        autobuf url = BUF_INIT(URL_MAX);
        buf_adds(&url, cl->shown);
        buf_adds(&url, path);
        curl_easy_setopt(curl, CURLOPT_URL, buf_str(&url));
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "wavefleet/" WAVEFLEET_VERSION);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
        if (cl->loopback)
                curl_easy_setopt(curl, CURLOPT_PROXY, "");
        if (cl->ca_file)
                curl_easy_setopt(curl, CURLOPT_CAINFO, cl->ca_file);
}

/* ---- one try ---- */

static bool harmless(const struct call *q)
{
        return q->key || !q->method || strcmp(q->method, "GET") == 0;
}

struct
try {
        struct reply *r;
        char why[CURL_ERROR_SIZE];
};

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
        struct try *t = arg;
        buf_add(&t->r->body, data, size * n);
        return buf_ok(&t->r->body) ? size * n : 0;
}

/* The value of header `name` in a line of headers, or NULL; *len its length. */
static const char *header_value(const char *line, size_t size, const char *name, size_t *len)
{
        size_t n = strlen(name);
        if (size <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
                return NULL;
        for (line += n + 1, size -= n + 1; size && *line == ' '; line++)
                size--;
        while (size && (line[size - 1] == '\r' || line[size - 1] == '\n'))
                size--;
        *len = size;
        return line;
}

static size_t take_header(char *line, size_t size, size_t n, void *arg)
{
        struct reply *r = ((struct try *)arg)->r;
        size_t len;
        const char *value = header_value(line, n, "X-Request-Id", &len);
        if (value)
                snprintf(r->request_id, sizeof(r->request_id), "%.*s", (int)len, value);
        value = header_value(line, n, "Date", &len);
        if (value) {
                autofree char *date = xstrndup(value, len);
                time_t t = curl_getdate(date, NULL);
                r->date_ms = t > 0 ? (int64_t)t * 1000 : 0;
        }
        return size * n;
}

static int ask_whether_to_go_on(void *arg, curl_off_t down, curl_off_t got, curl_off_t up,
                                curl_off_t sent)
{
        const struct call *q = arg;
        (void)down;
        (void)got;
        (void)up;
        (void)sent;
        return q->give_up();
}

static void set_method(CURL *curl, const struct call *q)
{
        const char *method = q->method ? q->method : "GET";
        if (!q->body) {
                curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
                return;
        }
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->len);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static CURLcode try_once(struct client *cl, const struct call *q, int64_t left_ms, struct try *t)
{
        struct curl_slist *headers cleanup(slist_cleanup) = NULL;
        CURL *curl = cl->curl;
        long status = 0;
        curl_easy_reset(curl);
        prepare(cl, curl, q->path);
        add_credentials(cl, &headers);
        add_header(&headers, "Accept", q->accept ? q->accept : "application/json");
        add_header(&headers, "Content-Type", q->body ? "application/json" : NULL);
        add_header(&headers, "Idempotency-Key", q->key);
        /* libcurl would wait a second for a "100 Continue" that not every proxy sends. */
        headers = curl_slist_append(headers, "Expect:");
        set_method(curl, q);
        /* libcurl sends a request again by itself where a kept connection dies under it. */
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, harmless(q) ? 0L : 1L);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->why);
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, q->give_up ? 0L : 1L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask_whether_to_go_on);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, q);
        buf_reset(&t->r->body);
        t->r->begun_ms = clock_wall_ms();
        CURLcode rc = curl_easy_perform(curl);
        t->r->took_ms = clock_wall_ms() - t->r->begun_ms;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        t->r->status = (int)status;
        return rc;
}

/* ---- what to do with its outcome ---- */

static bool nobody_there(CURLcode rc)
{
        return rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST ||
               rc == CURLE_COULDNT_RESOLVE_PROXY;
}

static bool broke_off(CURLcode rc)
{
        return rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR || rc == CURLE_GOT_NOTHING ||
               rc == CURLE_PARTIAL_FILE || rc == CURLE_HTTP2_STREAM;
}

static int explain(const struct client *cl, const struct call *q, CURLcode rc, const struct try *t,
                   struct err *e)
{
        static const char unknown[] = ", and it is not known whether it was done";
        const char *why = *t->why ? t->why : curl_easy_strerror(rc);
        if (nobody_there(rc))
                return err_set(e, ERR_UNAVAILABLE, "could not reach %s: %s", cl->shown, why);
        if (rc == CURLE_OPERATION_TIMEDOUT)
                return err_set(e, ERR_TIMEOUT, "%s did not answer in time%s: %s", cl->shown,
                               harmless(q) ? "" : unknown, why);
        if (rc == CURLE_WRITE_ERROR)
                return err_set(e, ERR_UPSTREAM, "the answer of %s is larger than it can be",
                               cl->shown);
        if (broke_off(rc))
                return err_set(e, ERR_LOST,
                               "the connection to %s broke before the answer came%s: %s", cl->shown,
                               harmless(q) ? "" : unknown, why);
        return err_set(e, ERR_UPSTREAM, "could not talk to %s: %s", cl->shown, why);
}

/*
 * How long to wait before the call is made again; -1: not at all. `again`: it was repeated already, so
 * that a refused connection may be the same server that starts anew.
 */
static int64_t next_wait(const struct client *cl, const struct call *q, CURLcode rc, bool again,
                         const struct reply *r)
{
        curl_off_t said = 0;
        bool later = r->status == 503 || r->status == 429 || (r->status == 409 && q->key);
        if (q->once)
                return -1;
        if (rc != CURLE_OK)
                return harmless(q) && (broke_off(rc) || (again && nobody_there(rc))) ? RETRY_MIN_MS
                                                                                     : -1;
        if (!later)
                return -1;
        curl_easy_getinfo(cl->curl, CURLINFO_RETRY_AFTER, &said);
        if (said == 0 && r->status == 409) /* a conflict that does not pass */
                return -1;
        int64_t wait = said * 1000;
        if (wait < RETRY_MIN_MS)
                wait = RETRY_MIN_MS;
        return wait > RETRY_MAX_MS ? RETRY_MAX_MS : wait;
}

static void say_again(const struct client *cl, CURLcode rc, const struct reply *r, int64_t wait)
{
        if (cl->quiet)
                return;
        if (rc != CURLE_OK)
                fprintf(stderr, "wavefleet: the connection broke; trying again\n");
        else
                fprintf(stderr, "wavefleet: the API answers %d; trying again in %.0f s\n",
                        r->status, (double)wait / 1000);
}

int client_call(struct client *cl, const struct call *q, struct reply *r, struct err *e)
{
        int64_t end = clock_mono_ms() + cl->timeout_ms;
        struct try t = {.r = r};
        *r = (struct reply){.body = BUF_INIT(REPLY_MAX)};
        for (bool again = false;; again = true) {
                int64_t left = end - clock_mono_ms();
                CURLcode rc = try_once(cl, q, left > 1 ? left : 1, &t);
                int64_t wait = next_wait(cl, q, rc, again, r);
                bool in_time = clock_mono_ms() + wait < end;
                if (wait >= 0 && in_time) {
                        say_again(cl, rc, r, wait);
                        clock_sleep_ms(wait);
                        continue;
                }
                return rc == CURLE_OK ? 0 : explain(cl, q, rc, &t, e);
        }
}

void reply_fini(struct reply *r)
{
        buf_fini(&r->body);
}

/* ---- streams ---- */

struct stream {
        CURLM *multi;
        CURL *curl;
        struct curl_slist *headers;
        stream_fn fn;
        void *arg;
        int64_t heard_ms;
        int status;
        bool ended;
};

static size_t take_events(char *data, size_t size, size_t n, void *arg)
{
        struct stream *s = arg;
        s->heard_ms = clock_mono_ms();
        if (stream_status(s) == 200)
                s->fn(data, size * n, s->arg);
        return size * n;
}

struct stream *stream_open(struct client *cl, const char *path, const char *last_id, stream_fn fn,
                           void *arg)
{
        struct stream *s = xcalloc(1, sizeof(*s));
        *s = (struct stream){.multi = curl_multi_init(),
                             .curl = curl_easy_init(),
                             .fn = fn,
                             .arg = arg,
                             .heard_ms = clock_mono_ms()};
        prepare(cl, s->curl, path);
        add_credentials(cl, &s->headers);
        add_header(&s->headers, "Accept", "text/event-stream");
        add_header(&s->headers, "Last-Event-ID", last_id);
        curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, s->headers);
        curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, take_events);
        curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
        curl_multi_add_handle(s->multi, s->curl);
        return s;
}

void stream_close(struct stream *s)
{
        if (!s)
                return;
        curl_multi_remove_handle(s->multi, s->curl);
        curl_easy_cleanup(s->curl);
        curl_multi_cleanup(s->multi);
        curl_slist_free_all(s->headers);
        free(s);
}

void stream_turn(struct stream *s, int64_t wait_ms)
{
        int running = 0;
        curl_multi_poll(s->multi, NULL, 0, (int)wait_ms, NULL);
        curl_multi_perform(s->multi, &running);
        s->ended = running == 0;
}

int stream_status(const struct stream *s)
{
        long status = 0;
        curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
        return (int)status;
}

bool stream_ended(const struct stream *s)
{
        return s->ended;
}

int64_t stream_quiet_ms(const struct stream *s)
{
        return clock_mono_ms() - s->heard_ms;
}
