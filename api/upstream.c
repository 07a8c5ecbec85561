/*
 * upstream.c - libcurl's multi interface on the loop. A question is an entry: it waits for its turn,
 * is asked, and stays for a while with its answer. Entries stand in a list by age and are found by
 * the hash of their address.
 *
 * libcurl says which sockets it wants watched and when it wants to be woken; it is never called from
 * inside its own callbacks.
 */
#include "api/upstream.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "model/kind_remote.h"

enum {
        CONNECT_TIMEOUT_MS = 5000,
        CALL_TIMEOUT_MS = 10000, /* people wait for it */
        ENTRIES_MAX = 1000,
        KEPT_BYTES_MAX = 32 << 20,
        URL_MAX = 16 * 1024,
        SWEEP_MS = 1000,
};

enum entry_state { WAITS, CALLS, ANSWERED };

struct waiter {
        struct list link;
        upstream_fn fn;
        void *arg;
};

struct entry {
        struct list link; /* upstream.entries */
        struct upstream *u;
        int64_t hash; /* its place in the map; 0: in none */
        char *url;
        enum entry_state state;
        bool orphan;         /* the upstream is gone; the turn's answer frees it */
        bool asked_for_turn; /* the broker will call back */
        struct list waiters;
        struct loop_timer *turn;
        CURL *easy;
        struct curl_slist *headers;
        struct buf body;
        char trouble[CURL_ERROR_SIZE];
        int status;
        struct err err; /* code ERR_OK: there is an answer */
        int64_t answered_ms;
};

struct upstream {
        struct loop *loop;
        const struct config *cfg;
        struct broker *broker;
        CURLM *multi;
        struct loop_timer *timer; /* libcurl's */
        struct loop_timer *sweep;
        struct loop_timer *soon; /* answers are given in a turn of their own */
        struct map *by_hash;
        struct list entries; /* oldest first */
        size_t count, kept_bytes;
};

/* ---- entries ---- */

static int64_t hash_of(const char *url)
{
        unsigned char h[HASH_BYTES];
        int64_t v;
        hash_sha256(url, strlen(url), h);
        memcpy(&v, h, sizeof(v));
        return v ? v : 1;
}

static void entry_free(struct entry *x)
{
        struct list *l;
        while ((l = list_pop_front(&x->waiters)))
                free(CONTAINER_OF(l, struct waiter, link));
        curl_easy_cleanup(x->easy);
        curl_slist_free_all(x->headers);
        loop_timer_free(x->turn);
        buf_fini(&x->body);
        free(x->url);
        free(x);
}

static void entry_unlink(struct entry *x)
{
        if (x->hash && map_get(x->u->by_hash, x->hash) == x)
                map_remove(x->u->by_hash, x->hash);
        x->hash = 0;
        list_remove(&x->link);
        x->u->count--;
        x->u->kept_bytes -= x->body.len;
}

static struct entry *entry_new(struct upstream *u, const char *url, bool kept)
{
        struct entry *x = xcalloc(1, sizeof(*x));
        x->u = u;
        x->url = xstrdup(url);
        x->body = BUF_INIT(UPSTREAM_ANSWER_MAX);
        list_init(&x->waiters);
        list_push_back(&u->entries, &x->link);
        u->count++;
        if (kept) {
                x->hash = hash_of(url);
                struct entry *other = map_put(u->by_hash, x->hash, x);
                if (other)
                        other->hash = 0;
        }
        return x;
}

static bool is_fresh(const struct entry *x)
{
        return x->state != ANSWERED || clock_mono_ms() - x->answered_ms < UPSTREAM_FRESH_MS;
}

static struct entry *find(struct upstream *u, const char *url)
{
        struct entry *x = map_get(u->by_hash, hash_of(url));
        return x && strcmp(x->url, url) == 0 ? x : NULL;
}

/* Lets go of answers that nobody waits for: the old ones, and where there are too many, the oldest. */
static void sweep(void *arg)
{
        struct upstream *u = arg;
        LIST_EACH(l, &u->entries)
        {
                struct entry *x = CONTAINER_OF(l, struct entry, link);
                bool crowded = u->count > ENTRIES_MAX || u->kept_bytes > KEPT_BYTES_MAX;
                if (x->state != ANSWERED || !list_empty(&x->waiters))
                        continue;
                if (is_fresh(x) && x->hash && !crowded)
                        continue;
                entry_unlink(x);
                entry_free(x);
        }
        if (list_empty(&u->entries))
                loop_timer_stop(u->sweep);
}

/* ---- answers ---- */

static void tell(struct entry *x)
{
        struct list mine;
        list_init(&mine);
        list_splice(&mine, &x->waiters);
        const struct upstream_reply r = {
                .status = x->status, .body = buf_str(&x->body), .len = x->body.len};
        const struct err e = x->err;
        struct list *l;
        while ((l = list_pop_front(&mine))) {
                struct waiter *w = CONTAINER_OF(l, struct waiter, link);
                w->fn(e.code == ERR_OK ? &r : NULL, e.code == ERR_OK ? NULL : &e, w->arg);
                free(w);
        }
}

/* Whoever is told may ask the next question: entries are added behind, and none is freed here. */
static void deliver(void *arg)
{
        struct upstream *u = arg;
        for (struct list *l = u->entries.next; l != &u->entries; l = l->next) {
                struct entry *x = CONTAINER_OF(l, struct entry, link);
                if (x->state == ANSWERED && !list_empty(&x->waiters))
                        tell(x);
        }
        sweep(u);
}

static void deliver_soon(struct upstream *u)
{
        loop_timer_start(u->soon, 0);
}

static void answered(struct entry *x)
{
        if (x->easy) {
                curl_multi_remove_handle(x->u->multi, x->easy);
                curl_easy_cleanup(take(x->easy));
        }
        x->state = ANSWERED;
        x->answered_ms = clock_mono_ms();
        if (x->err.code == ERR_OK)
                x->u->kept_bytes += x->body.len;
        else
                buf_fini(&x->body);
        deliver_soon(x->u);
}

/* ---- the call ---- */

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
        struct entry *x = arg;
        buf_add(&x->body, data, size * count);
        return buf_ok(&x->body) ? size * count : 0;
}

static void call_ended(struct entry *x, CURLcode code)
{
        long status = 0;
        curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
        x->status = (int)status;
        if (!buf_ok(&x->body))
                err_set(&x->err, ERR_UPSTREAM, "the answer of the migration server is too large");
        else if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
                err_set(&x->err, ERR_CONFIG,
                        "the address of the migration server is not one of http or https");
        else if (code != CURLE_OK)
                err_set(&x->err, ERR_UPSTREAM, "the migration server does not answer: %s",
                        *x->trouble ? x->trouble : curl_easy_strerror(code));
        answered(x);
}

static void check_ended(struct upstream *u)
{
        CURLMsg *m;
        int left;
        while ((m = curl_multi_info_read(u->multi, &left))) {
                char *of = NULL;
                if (m->msg != CURLMSG_DONE)
                        continue;
                CURLcode code = m->data.result;
                curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &of);
                call_ended((struct entry *)(void *)of, code);
        }
}

static void set_options(struct entry *x)
{
        CURL *c = x->easy;
        int64_t whole = x->u->cfg->remote_start_timeout_ms;
        x->headers = curl_slist_append(NULL, "Accept: application/json");
        curl_easy_setopt(c, CURLOPT_URL, x->url);
        curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->headers);
        curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(c, CURLOPT_PROXY, "");
        curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
        curl_easy_setopt(c, CURLOPT_TIMEOUT_MS,
                         (long)(whole < CALL_TIMEOUT_MS ? whole : CALL_TIMEOUT_MS));
        curl_easy_setopt(c, CURLOPT_USERAGENT, "wavefleet/" WAVEFLEET_VERSION);
        curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
        curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->trouble);
        curl_easy_setopt(c, CURLOPT_PRIVATE, x);
}

static void call(struct entry *x)
{
        x->state = CALLS;
        x->easy = curl_easy_init();
        if (!x->easy) {
                err_set(&x->err, ERR_UNAVAILABLE, "could not prepare a request: out of memory");
                answered(x);
                return;
        }
        set_options(x);
        curl_multi_add_handle(x->u->multi, x->easy);
}

static void on_turn(void *arg)
{
        call(arg);
}

/* The limit's answer, in broker_rate's words. */
static void turn_known(int64_t n, const struct err *e, void *arg)
{
        struct entry *x = arg;
        x->asked_for_turn = false;
        if (x->orphan) {
                entry_free(x);
                return;
        }
        if (e) {
                x->err = *e;
                err_wrap(&x->err, "could not take a turn at the migration server");
                x->err.code = ERR_UNAVAILABLE;
                answered(x);
        } else if (n < 0) {
                err_set(&x->err, ERR_RATE,
                        "as many calls to the migration server as it takes are "
                        "under way already");
                x->err.retry_after_ms = (uint32_t)(-n < 60000 ? -n : 60000);
                answered(x);
        } else if (n == 0) {
                call(x);
        } else {
                x->turn = loop_timer_new(x->u->loop, on_turn, x);
                loop_timer_start(x->turn, n);
        }
}

static void ask(struct upstream *u, const char *url, bool kept, bool limited, upstream_fn fn,
                void *arg)
{
        struct entry *x = kept ? find(u, url) : NULL;
        bool known = x && is_fresh(x);
        if (!known)
                x = entry_new(u, url, kept);
        struct waiter *w = xcalloc(1, sizeof(*w));
        w->fn = fn;
        w->arg = arg;
        list_push_back(&x->waiters, &w->link);
        loop_timer_every(u->sweep, SWEEP_MS);
        if (known && x->state == ANSWERED) {
                deliver_soon(u);
        } else if (known) {
                return;
        } else if (u->count > ENTRIES_MAX) {
                err_set(&x->err, ERR_RATE, "too many questions to the migration server at once");
                answered(x);
        } else if (limited) {
                x->asked_for_turn = true;
                broker_rate(u->broker, REMOTE_LIMIT, u->cfg->remote_rate_per_s, UPSTREAM_TURN_MS,
                            turn_known, x);
        } else {
                call(x);
        }
}

/* ---- addresses ---- */

static void begin_url(struct buf *url, const struct upstream *u, const char *path)
{
        const char *base = u->cfg->migration_server_url;
        size_t len = strlen(base);
        while (len && base[len - 1] == '/')
                len--;
        buf_add(url, base, len);
        buf_adds(url, path);
}

static void add_param(struct buf *url, char before, const char *name, const char *value)
{
        char *escaped = curl_easy_escape(NULL, value, 0);
        buf_addf(url, "%c%s=%s", before, name, escaped ? escaped : "");
        curl_free(escaped);
}

static void status_url(struct buf *url, const struct upstream *u, const char *project,
                       int64_t target)
{
        begin_url(url, u, "/migration-status");
        add_param(url, '?', "mb_project_uuid", project);
        buf_addf(url, "&brz_project_id=%lld", (long long)target);
}

void upstream_status(struct upstream *u, const char *project, int64_t brz_project_id,
                     upstream_fn fn, void *arg)
{
        autobuf url = BUF_INIT(URL_MAX);
        status_url(&url, u, project, brz_project_id);
        ask(u, buf_str(&url), true, true, fn, arg);
}

void upstream_log(struct upstream *u, int64_t brz_project_id, upstream_fn fn, void *arg)
{
        autobuf url = BUF_INIT(URL_MAX);
        begin_url(&url, u, "/migration_log");
        buf_addf(&url, "?brz_project_id=%lld", (long long)brz_project_id);
        ask(u, buf_str(&url), true, true, fn, arg);
}

void upstream_health(struct upstream *u, upstream_fn fn, void *arg)
{
        autobuf url = BUF_INIT(URL_MAX);
        begin_url(&url, u, "/health");
        ask(u, buf_str(&url), true, false, fn, arg);
}

void upstream_handshake(struct upstream *u, const char *callback_url, upstream_fn fn, void *arg)
{
        autobuf url = BUF_INIT(URL_MAX);
        begin_url(&url, u, "/dashboard-handshake");
        add_param(&url, '?', "dashboard_callback_url", callback_url);
        ask(u, buf_str(&url), false, false, fn, arg);
}

bool upstream_forget(struct upstream *u, const char *project, int64_t brz_project_id)
{
        autobuf url = BUF_INIT(URL_MAX);
        status_url(&url, u, project, brz_project_id);
        struct entry *x = find(u, buf_str(&url));
        if (!x || x->state != ANSWERED || !is_fresh(x))
                return false;
        map_remove(u->by_hash, x->hash);
        x->hash = 0;
        return true;
}

/* ---- libcurl on the loop ---- */

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
        struct upstream *u = arg;
        int running;
        int action =
                (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
        curl_multi_socket_action(u->multi, fd, action, &running);
        check_ended(u);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
        struct upstream *u = arg;
        struct event *ev = of_socket;
        (void)easy;
        if (ev)
                event_free(ev);
        if (what == CURL_POLL_REMOVE)
                return 0;
        int events = EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
                     (what & CURL_POLL_OUT ? EV_WRITE : 0);
        ev = event_new(loop_base(u->loop), fd, (short)events, on_socket, u);
        event_add(ev, NULL);
        curl_multi_assign(u->multi, fd, ev);
        return 0;
}

static void on_timeout(void *arg)
{
        struct upstream *u = arg;
        int running;
        curl_multi_socket_action(u->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        check_ended(u);
}

static int set_timer(CURLM *multi, long after_ms, void *arg)
{
        struct upstream *u = arg;
        (void)multi;
        if (after_ms < 0)
                loop_timer_stop(u->timer);
        else
                loop_timer_start(u->timer, after_ms);
        return 0;
}

/* ---- life ---- */

struct upstream *upstream_new(struct loop *l, const struct config *cfg, struct broker *broker)
{
        struct upstream *u = xcalloc(1, sizeof(*u));
        curl_global_init(CURL_GLOBAL_DEFAULT);
        u->loop = l;
        u->cfg = cfg;
        u->broker = broker;
        u->by_hash = map_new();
        list_init(&u->entries);
        u->timer = loop_timer_new(l, on_timeout, u);
        u->sweep = loop_timer_new(l, sweep, u);
        u->soon = loop_timer_new(l, deliver, u);
        u->multi = curl_multi_init();
        curl_multi_setopt(u->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
        curl_multi_setopt(u->multi, CURLMOPT_SOCKETDATA, u);
        curl_multi_setopt(u->multi, CURLMOPT_TIMERFUNCTION, set_timer);
        curl_multi_setopt(u->multi, CURLMOPT_TIMERDATA, u);
        return u;
}

void upstream_free(struct upstream *u)
{
        struct list *l;
        if (!u)
                return;
        while ((l = u->entries.next) != &u->entries) {
                struct entry *x = CONTAINER_OF(l, struct entry, link);
                if (x->state != ANSWERED) {
                        err_set(&x->err, ERR_UNAVAILABLE, "the program ends");
                        answered(x);
                }
                tell(x);
                entry_unlink(x);
                x->orphan = x->asked_for_turn;
                loop_timer_free(take(x->turn));
                if (!x->orphan)
                        entry_free(x);
        }
        curl_multi_cleanup(u->multi);
        loop_timer_free(u->timer);
        loop_timer_free(u->sweep);
        loop_timer_free(u->soon);
        map_free(u->by_hash);
        free(u);
}
