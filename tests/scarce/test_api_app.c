/*
 * The whole API in this process, against a real Redis and PostgreSQL, while memory runs out in the
 * middle of a request: the answer is the right one, whole, or a problem document that says 503, or the
 * connection ends. Nothing is half done, and the next request is answered as if nothing had been.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/app.h"
#include "api/http/server.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "store/pg_sync.h"
#include "tests/harness/harness.h"
#include "tests/scarce/scarce.h"

#define TOKEN "token-of-the-test"
enum { PROJECTS = 150, TEXT_MOST = 1 << 22, ANSWER_MS = 20000, LONG = 6000 };

static struct loop *loop;
static struct config cfg;
static struct app app;
static struct pg_sync *db;

/* ---- the database, asked directly ---- */

static void first_number(const struct pg_result *r, const struct err *e, void *arg)
{
        ck_assert_msg(!e, "%s", e ? e->text : "");
        *(int64_t *)arg = pg_rows(r, 0) ? pg_int(r, 0, 0, 0) : -1;
}

static int64_t number(const char *name, const char *sql)
{
        int64_t n = 0;
        struct err e = ERR_INIT;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, name, sql);
        ck_assert_msg(pg_sync_run(db, tx, first_number, &n, &e) == 0, "%s: %s", sql, e.text);
        return n;
}

static int64_t count_waves(void)
{
        return number("waves", "SELECT count(*) FROM wavefleet.waves");
}

/* Waves that are not as one of these requests makes them. */
static int64_t count_broken(void)
{
        return number("broken", "SELECT count(*) FROM wavefleet.waves w WHERE total <> (SELECT "
                                "count(*) FROM wavefleet.migrations m WHERE m.wave_no = w.wave_no)"
                                " OR length(params->'result'->>'text') <> 6000");
}

/* ---- a client that turns the loop while it waits ---- */

struct heard {
        int status; /* 0: none came whole */
        struct buf text;
        const char *body;
};

static bool whole(struct heard *a)
{
        const char *text = buf_str(&a->text), *end = strstr(text, "\r\n\r\n");
        const char *length = end ? strstr(text, "Content-Length: ") : NULL;
        if (!length || length > end)
                return false;
        size_t body = strtoul(length + strlen("Content-Length: "), NULL, 10);
        if (a->text.len < (size_t)(end + 4 - text) + body)
                return false;
        a->status = (int)strtol(text + strlen("HTTP/1.1 "), NULL, 10);
        a->body = end + 4;
        return true;
}

static void ask(const struct buf *request, struct heard *a)
{
        struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        sa.sin_port =
                htons((uint16_t)strtoul(strrchr(server_address(app.server), ':') + 1, NULL, 10));
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
        *a = (struct heard){.text = BUF_INIT(TEXT_MOST)};
        int64_t end_ms = clock_mono_ms() + ANSWER_MS;
        for (size_t sent = 0;;) {
                char piece[2048]; /* small: what the test itself holds must not fail */
                if (sent < request->len) {
                        ssize_t n = send(fd, request->data + sent, request->len - sent,
                                         MSG_DONTWAIT | MSG_NOSIGNAL);
                        sent += n > 0 ? (size_t)n : 0;
                }
                ssize_t n = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
                if (n > 0) {
                        char *grown = xrealloc(a->text.data, a->text.len + (size_t)n + 1);
                        memcpy(grown + a->text.len, piece, (size_t)n);
                        grown[a->text.len += (size_t)n] = '\0';
                        a->text.data = grown;
                }
                if (n == 0 || (n < 0 && errno != EAGAIN) || (n > 0 && whole(a)))
                        break;
                ck_assert_msg(clock_mono_ms() < end_ms, "no answer: %s", buf_str(&a->text));
                if (n < 0)
                        loop_turn(loop, 1);
        }
        close(fd);
        loop_turn(loop, 0);
}

/* ---- one kind of request ---- */

struct trial {
        struct buf request;
        int status;       /* when all is well */
        bool submits;     /* a wave, with 201 */
        size_t body_size; /* of the good answer; 0: not known, or not always the same */
        unsigned cut;     /* runs whose connection ended without a whole answer */
};

static bool try_once(bool well, void *arg)
{
        struct trial *t = arg;
        struct heard a;
        int64_t before = t->submits ? count_waves() : 0;
        ask(&t->request, &a);
        ck_assert_msg(a.status == t->status || (!well && (a.status == 503 || a.status == 0)),
                      "%d: %s", a.status, buf_str(&a.text));
        if (a.status == 503)
                ck_assert_msg(a.body && strstr(a.body, "\"unavailable\"") &&
                                      strstr(a.body, "memory"),
                              "%s", a.body);
        if (a.status == t->status && t->body_size && a.body)
                ck_assert_uint_eq(strlen(a.body), t->body_size);
        if (t->submits) {
                ck_assert_int_eq(count_broken(), 0);
                /* what was answered with 201 is there; what was not may be, as after a lost answer */
                ck_assert_int_ge(count_waves() - before, a.status == 201);
        }
        if (well && a.body && t->body_size == 0 && !t->submits)
                t->body_size = strlen(a.body);
        t->cut += a.status == 0;
        bool refused = a.status != t->status;
        buf_fini(&a.text);
        return refused;
}

static void begin(struct trial *t, const char *line, int status)
{
        *t = (struct trial){.request = BUF_INIT(TEXT_MOST), .status = status};
        buf_addf(&t->request,
                 "%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " TOKEN
                 "\r\nContent-Type: application/json\r\n",
                 line);
}

static void add_body(struct trial *t, const struct buf *body)
{
        buf_addf(&t->request, "Content-Length: %zu\r\n\r\n", body->len);
        buf_add(&t->request, body->data, body->len);
}

static void run(struct trial *t, bool same, unsigned least)
{
        if (same)
                try_once(true, t); /* how long a good answer is */
        scarce(try_once, t, least);
        printf("  %u of them without a whole answer\n", t->cut);
        buf_fini(&t->request);
}

static void add_long(struct buf *out, char c)
{
        for (int i = 0; i < LONG; i++)
                buf_addc(out, c);
}

/* ---- the requests ---- */

static void wave_body(struct buf *body)
{
        buf_adds(body,
                 "{\"name\":\"w\",\"kind\":\"noop\",\"queue\":\"none\",\"params\":{\"result\":"
                 "{\"text\":\"");
        add_long(body, 't');
        buf_adds(body, "\"}},\"project_uuids\":[\"p\"");
        for (int i = 1; i < PROJECTS; i++)
                buf_addf(body, ",\"project-%d-with-a-name-that-is-rather-long\"", i);
        buf_adds(body, "]}");
}

START_TEST(a_wave_is_submitted)
{
        struct trial t;
        autobuf body = BUF_INIT(TEXT_MOST);
        begin(&t, "POST /api/waves", 201);
        t.submits = true;
        wave_body(&body);
        add_body(&t, &body);
        run(&t, false, 10);
}
END_TEST

START_TEST(a_wave_is_submitted_in_chunks)
{
        struct trial t;
        autobuf body = BUF_INIT(TEXT_MOST);
        begin(&t, "POST /api/waves", 201);
        wave_body(&body);
        buf_adds(&t.request, "Idempotency-Key: ");
        for (int i = 0; i < 200; i++)
                buf_addc(&t.request, 'k');
        buf_adds(&t.request, "\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (size_t at = 0, n; at < body.len; at += n) {
                n = body.len - at < 3000 ? body.len - at : 3000;
                buf_addf(&t.request, "%zx\r\n", n);
                buf_add(&t.request, body.data + at, n);
                buf_adds(&t.request, "\r\n");
        }
        buf_adds(&t.request, "0\r\n\r\n");
        /* With one Idempotency-Key it is one wave, however often it had to be asked for. */
        int64_t before = count_waves();
        run(&t, false, 5);
        ck_assert_int_eq(count_waves() - before, 1);
        ck_assert_int_eq(count_broken(), 0);
}
END_TEST

/* The newest wave's id, in a static buffer. */
static void newest(const struct pg_result *r, const struct err *e, void *arg)
{
        ck_assert(!e && pg_rows(r, 0) == 1);
        snprintf(arg, 64, "%s", pg_text(r, 0, 0, 0));
}

static const char *a_wave(void)
{
        static char id[64];
        struct err e = ERR_INIT;
        autobuf body = BUF_INIT(TEXT_MOST);
        struct trial t;
        begin(&t, "POST /api/waves", 201);
        t.submits = true;
        wave_body(&body);
        add_body(&t, &body);
        ck_assert(!try_once(true, &t));
        buf_fini(&t.request);
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, "newest",
                     "SELECT wave_id FROM wavefleet.waves ORDER BY wave_no DESC LIMIT 1");
        ck_assert_int_eq(pg_sync_run(db, tx, newest, id, &e), 0);
        return id;
}

START_TEST(a_wave_is_shown)
{
        struct trial t;
        autofree char *line = xasprintf("GET /api/waves/%s", a_wave());
        begin(&t, line, 200);
        buf_adds(&t.request, "\r\n");
        run(&t, true, 3);
        autofree char *page = xasprintf("GET /api/waves/%s/migrations?limit=100", a_wave());
        begin(&t, page, 200);
        buf_adds(&t.request, "\r\n");
        run(&t, true, 3);
}
END_TEST

START_TEST(many_are_restarted)
{
        struct trial t;
        autobuf body = BUF_INIT(TEXT_MOST);
        autofree char *line = xasprintf("POST /api/waves/%s/restart-all", a_wave());
        begin(&t, line, 200);
        buf_adds(&body, "{\"mb_uuids\":[\"p\"");
        for (int i = 1; i < PROJECTS * 6; i++)
                buf_addf(&body, ",\"project-%d-with-a-name-that-is-rather-long\"", i);
        buf_adds(&body, "]}");
        add_body(&t, &body);
        run(&t, true, 10);
}
END_TEST

START_TEST(dead_letters_are_named)
{
        struct trial t;
        autobuf body = BUF_INIT(TEXT_MOST);
        begin(&t, "POST /api/dead/restart", 200);
        buf_adds(&body, "{\"dry_run\":true,\"ids\":[1");
        for (int i = 0; i < 900; i++)
                buf_addf(&body, ",\"m%d\"", i + 1000000);
        buf_adds(&body, "]}");
        add_body(&t, &body);
        run(&t, true, 10);
}
END_TEST

START_TEST(what_comes_with_long_headers_and_queries)
{
        struct trial t;
        begin(&t, "GET /api/waves?limit=1", 200);
        for (int i = 0; i < 2; i++) {
                buf_adds(&t.request, "X-Long: ");
                add_long(&t.request, 'h');
                buf_adds(&t.request, "\r\n");
        }
        buf_adds(&t.request, "\r\n");
        run(&t, true, 2);

        autobuf line = BUF_INIT(TEXT_MOST);
        buf_adds(&line, "GET /api/dead?text=");
        add_long(&line, 'q');
        begin(&t, buf_str(&line), 200);
        buf_adds(&t.request, "\r\n");
        run(&t, true, 3);
}
END_TEST

START_TEST(mistakes_are_told)
{
        struct trial t;
        autobuf body = BUF_INIT(TEXT_MOST);
        begin(&t, "POST /api/waves", 400);
        buf_adds(&body, "{\"name\":\"w\",\"project_uuids\":[\"p\"]");
        for (int i = 0; i < 60; i++)
                buf_addf(&body, ",\"an-unknown-field-with-a-name-that-is-rather-long-%d\":[%d]", i,
                         i);
        buf_adds(&body, ",\"");
        add_long(&body, '/');
        buf_adds(&body, "\":1,\"batch_size\":\"x\"}");
        add_body(&t, &body);
        run(&t, false, 10);
}
END_TEST

START_TEST(what_was_sent_is_shown)
{
        struct trial t;
        autobuf body = BUF_INIT(TEXT_MOST);
        begin(&t, "POST /api/webhooks/test-connection", 200);
        buf_adds(&body, "{\"payload\":\"");
        add_long(&body, 'x');
        buf_adds(&body, "\",\"more\":[\"");
        add_long(&body, 'y');
        buf_adds(&body, "\"]}");
        add_body(&t, &body);
        run(&t, false, 5);
}
END_TEST

/* ---- the world ---- */

static void configure(const struct harness_stack *s)
{
        config_defaults(&cfg);
        free(cfg.database_url);
        free(cfg.redis_url);
        free(cfg.listen);
        free(cfg.api_token);
        cfg.database_url = xstrdup(s->database_url);
        cfg.redis_url = xstrdup(s->redis_url);
        cfg.listen = xstrdup("127.0.0.1:0");
        cfg.api_token = xstrdup(TOKEN);
}

static void setup(void)
{
        const struct harness_stack *s = harness_stack_up();
        struct pg_opts o = {.url = s->database_url,
                            .name = "test",
                            .connect_timeout_ms = 5000,
                            .query_timeout_ms = 20000};
        struct err e = ERR_INIT;
        rand_init();
        log_init("test", LOG_ERROR);
        configure(s);
        loop = loop_new();
        ck_assert_msg(app_start(&app, &cfg, loop, &e) == 0, "%s", e.text);
        int64_t end_ms = clock_mono_ms() + ANSWER_MS;
        while (!app.schema_ready || !broker_up(app.broker) || !pg_pool_up(app.pg)) {
                loop_turn(loop, 5);
                ck_assert_int_lt(clock_mono_ms(), end_ms);
        }
        db = pg_sync_open(&o, &e);
        ck_assert_msg(db, "%s", e.text);
}

static void teardown(void)
{
        pg_sync_close(db);
        app_free(&app);
        loop_free(loop);
        config_fini(&cfg);
}

int main(void)
{
        harness_stack_up();
        Suite *s = suite_create("scarce api");
        TCase *t = tcase_create("requests");
        tcase_set_timeout(t, 280);
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, a_wave_is_submitted);
        tcase_add_test(t, a_wave_is_submitted_in_chunks);
        tcase_add_test(t, a_wave_is_shown);
        tcase_add_test(t, many_are_restarted);
        tcase_add_test(t, dead_letters_are_named);
        tcase_add_test(t, what_comes_with_long_headers_and_queries);
        tcase_add_test(t, mistakes_are_told);
        tcase_add_test(t, what_was_sent_is_shown);
        suite_add_tcase(s, t);
        return scarce_main(s);
}
