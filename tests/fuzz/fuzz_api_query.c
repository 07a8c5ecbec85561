/*
 * route.c, gate.c, request.c: a path (first line) with its query (second) against the real table of
 * routes. What is decoded is UTF-8, and decodes to the same when it is encoded again.
 */
#include "api/http/gate.h"
#include "tests/fuzz/fuzz.h"

static const char *encode(struct arena *a, const char *s)
{
        autobuf out = BUF_INIT(SIZE_MAX);
        for (; *s; s++)
                buf_addf(&out, "%%%02X", (unsigned)(unsigned char)*s);
        return arena_strdup(a, buf_str(&out));
}

static void must_decode_again(struct arena *a, const char *decoded, bool plus)
{
        must(utf8_valid(decoded, strlen(decoded)));
        const char *encoded = encode(a, decoded);
        const char *again = request_decode(a, encoded, strlen(encoded), plus);
        must(again && strcmp(again, decoded) == 0);
}

static void ask_query(struct request *rq)
{
        static const char *const names[] = {"limit", "after", "status", "text", ""};
        struct err e = ERR_INIT;
        for (size_t i = 0; i < COUNT_OF(names); i++) {
                int64_t v = -7;
                int rc = request_query_int(rq, names[i], 20, 1, 1000, &v, &e);
                if (rc < 0)
                        must(v == -7 && request_mistakes(rq)->total > 0);
                else
                        must(v >= 1 && v <= 1000);
        }
        for (size_t i = 0; i < rq->query_count; i++) {
                must_decode_again(rq->arena, rq->query[i].name, true);
                must_decode_again(rq->arena, rq->query[i].value, true);
                must(request_query(rq, rq->query[i].name));
        }
}

static void ask(const char *method, const char *path, const char *query)
{
        struct request *rq = request_new();
        struct err e = ERR_INIT;
        struct gate g = {.routes = routes, .routes_count = routes_count};
        rq->method = method;
        rq->path = path;
        rq->query_text = query;
        if (gate_route(rq, &g, &e) < 0) {
                must_explain(&e);
                int status = err_http_status(e.code);
                must(status == 400 || status == 404 || status == 405);
                must(status != 405 || rq->match.allow[0]);
        } else {
                for (size_t i = 0; i < rq->match.params; i++) {
                        must(rq->params[i]);
                        must_decode_again(rq->arena, rq->params[i], false);
                }
                ask_query(rq);
        }
        request_free(rq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const methods[] = {"GET", "POST", "PATCH", "DELETE", "HEAD", "PUT"};
        struct input in = input_of(data, size);
        fuzz_quiet();
        const char *method = methods[input_choice(&in, COUNT_OF(methods))];
        autofree char *path = input_line(&in, NULL), *query = input_line(&in, NULL);
        ask(method, path, query);
        return 0;
}
