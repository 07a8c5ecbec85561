/*
 * connection.c: a client that says whatever it likes, in pieces (the first byte chooses how long), to
 * handlers of every kind of body. Whatever it says, what comes back is a row of whole answers, each
 * with the length it announces, and a refusal is a problem document.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/people/auth.h"
#include "api/http/connection.h"
#include "api/http/server.h"
#include "base/rand.h"
#include "tests/fuzz/fuzz.h"

#define TOKEN "token-of-the-fuzz-target"
enum { BODY_MOST = 2000, HEAD_MOST = 2048, TURNS_MOST = 200, ANSWERS_MOST = 1 << 22 };

static void echo(struct request *rq)
{
        size_t len;
        const char *body = request_body(rq, &len);
        const char *name = request_param(rq, "name"), *q = request_query(rq, "q");
        autobuf data = BUF_INIT(SIZE_MAX);
        struct json_out o;
        json_out_init(&o, &data);
        json_out_object(&o, NULL);
        json_out_str(&o, "name", name);
        json_out_str(&o, "q", q);
        json_out_strn(&o, "body", body, len);
        json_out_str(&o, "who", request_principal(rq));
        json_out_object_end(&o);
        if (q)
                respond_header(rq, "X-Query", q);
        respond_data(rq, 200, buf_str(&data), (int64_t)len, q);
}

static void take_json(struct request *rq)
{
        if (request_json(rq))
                echo(rq);
}

static const struct route table[] = {
        {"GET", "/p/:name", ROLE_OPEN, BODY_NONE, echo},
        {"GET", "/v/:name", ROLE_VIEWER, BODY_NONE, echo},
        {"POST", "/json", ROLE_OPEN, BODY_JSON, take_json},
        {"POST", "/wave", ROLE_OPERATOR, BODY_WAVE, echo},
        {"*", "/any*", ROLE_OPEN, BODY_ANY, echo},
        {"*", "/gone*", ROLE_OPEN, BODY_NONE, NULL},
};

static struct loop *loop;
static struct server *server;

static void begin(void)
{
        struct err e = ERR_INIT;
        rand_init();
        fuzz_quiet();
        loop = loop_new();
        struct server_opts opts = {
                .listen = "127.0.0.1:0",
                .auth = auth_new(TOKEN, 60000, NULL),
                .gate = {.routes = table,
                         .routes_count = COUNT_OF(table),
                         .body_max = BODY_MOST,
                         .wave_body_max = BODY_MOST},
                .header_max = HEAD_MOST,
                .header_timeout_ms = 10000,
                .body_timeout_ms = 10000,
                .idle_timeout_ms = 10000,
                .connections_max = 16,
                .connections_per_address_max = 16,
                .spool_dir = "/tmp",
        };
        server = server_new(loop, &opts, &e);
        must(server);
}

/* ---- the client ---- */

static bool drain(int fd, struct buf *out)
{
        char piece[4096];
        for (;;) {
                ssize_t n = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
                if (n <= 0)
                        return n < 0 && errno == EAGAIN;
                buf_add(out, piece, (size_t)n);
        }
}

static void talk(const char *text, size_t len, size_t step, struct buf *out)
{
        int ends[2];
        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        struct connection *c = connection_new(server, ends[0], "127.0.0.1");
        connection_place(c)->refused = true; /* so that it is not counted when it goes */
        connection_start(c);
        bool open = true;
        for (size_t at = 0, n; open && at < len; at += n) {
                n = len - at < step ? len - at : step;
                open = send(ends[1], text + at, n, MSG_NOSIGNAL) == (ssize_t)n;
                loop_turn(loop, 0);
                open &= drain(ends[1], out);
        }
        shutdown(ends[1], SHUT_WR);
        for (int i = 0; i < TURNS_MOST && drain(ends[1], out); i++)
                loop_turn(loop, 0);
        must(!drain(ends[1], out)); /* it has ended, and so has the connection */
        close(ends[1]);
        loop_turn(loop, 0);
}

/* ---- the answers ---- */

static const char *header(const char *head, const char *end, const char *name)
{
        for (const char *at = head; at && at < end; at = strstr(at, "\r\n")) {
                at += at == head ? 0 : 2;
                if (strncasecmp(at, name, strlen(name)) == 0)
                        return at + strlen(name);
        }
        return NULL;
}

static void must_be_problem(const char *body, size_t len, int status)
{
        struct err e = ERR_INIT;
        struct json *v = json_parse(body, len, &e);
        int64_t said = 0;
        must(v && json_str(json_get(v, "code")) && json_str(json_get(v, "error")));
        must(json_int(json_get(v, "status"), &said) == 0 && said == status);
        json_free(v);
}

/* The bytes of one answer; head_only: it may be one to a HEAD. */
static size_t must_be_answer(const char *at, size_t len)
{
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (strncmp(at, go_on, sizeof(go_on) - 1) == 0)
                return sizeof(go_on) - 1;
        must(strncmp(at, "HTTP/1.1 ", 9) == 0);
        int status = (int)strtol(at + 9, NULL, 10);
        const char *end = strstr(at, "\r\n\r\n");
        must(end && status >= 200 && status < 600 && status != 500);
        const char *length = header(at, end, "Content-Length: ");
        must(length && header(at, end, "X-Request-Id: "));
        size_t head = (size_t)(end + 4 - at), body = strtoul(length, NULL, 10);
        if (len - head < body || strncmp(end + 4, "HTTP/1.1 ", 9) == 0)
                return head; /* to a HEAD */
        if (status >= 400)
                must_be_problem(end + 4, body, status);
        else
                json_free(json_parse(end + 4, body, NULL));
        return head + body;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (!server)
                begin();
        struct input in = input_of(data, size);
        size_t step = 1 + input_choice(&in, 200), len;
        autofree char *text = input_rest(&in, &len);
        autobuf answers = BUF_INIT(ANSWERS_MOST);
        talk(text, len, step, &answers);
        for (size_t at = 0; at < answers.len;)
                at += must_be_answer(answers.data + at, answers.len - at);
        must(server_connections(server) == 0);
        return 0;
}
