/*
 * A WebSocket: the first lines are headers of the handshake, the rest is what the client sends, in two pieces.
 * A handshake that is taken has a key and a version, and comes from our own page where it says from which; what
 * is said to the client is whole frames that a server may send, and nothing after a good-bye.
 */
#include "api/http/parse.h"
#include "api/http/websocket.h"
#include "base/rand.h"
#include "tests/fuzz/fuzz.h"

enum { HEAD_MOST = 8192 };

static struct buf said = {.max = 1 << 22};

int __wrap_stream_say(struct connection *c, const void *data, size_t len);
int __wrap_stream_say(struct connection *c, const void *data, size_t len)
{
        (void)c;
        buf_add(&said, data, len);
        return said.len < 1 << 16 ? 0 : -1;
}

/* Pongs, then one good-bye at most. */
static void judge_said(void)
{
        size_t at = 0;
        bool closed = false;
        while (said.len - at >= 2) {
                unsigned first = (unsigned char)said.data[at],
                         len = (unsigned char)said.data[at + 1];
                must((first == 0x8a || first == 0x88 || first == 0x89) && len <= 125);
                must(!closed);
                closed = first == 0x88;
                if (said.len - at < 2 + (size_t)len)
                        return;
                at += 2 + (size_t)len;
        }
}

static void handshake(const char *headers)
{
        autobuf head = BUF_INIT(HEAD_MOST);
        struct err e = ERR_INIT;
        size_t used;
        buf_addf(&head, "GET /api/ws HTTP/1.1\r\nHost: here:1\r\n%s\r\n\r\n", headers);
        struct request *rq = request_new();
        parse_begin(rq);
        if (buf_ok(&head) &&
            parse_head(rq, head.data, head.len, HEAD_MOST, &used, &e) == PARSE_DONE &&
            parse_finish(rq, &e) == 0 && websocket_check(rq, &e) == 0) {
                const char *key = request_header(rq, "Sec-WebSocket-Key");
                const char *origin = request_header(rq, "Origin");
                must(strlen(key) == 24 && strlen(websocket_accept(key, request_arena(rq))) == 28);
                must(strcmp(request_header(rq, "Sec-WebSocket-Version"), "13") == 0);
                must(!origin || request_header(rq, "Sec-Fetch-Site") ||
                     strcasestr(origin, "here:1"));
        }
        request_free(rq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = input_of(data, size);
        autofree char *one = input_line(&in, NULL), *two = input_line(&in, NULL),
                      *three = input_line(&in, NULL);
        autobuf headers = BUF_INIT(HEAD_MOST);
        size_t len;
        autofree char *frames = input_rest(&in, &len);
        buf_addf(&headers, "%s\r\n%s\r\n%s\r\nUpgrade: websocket\r\nConnection: Upgrade", one, two,
                 three);
        if (buf_ok(&headers))
                handshake(headers.data);
        buf_reset(&said);
        struct websocket *ws = websocket_new(NULL);
        if (websocket_take(ws, frames, len / 2) == 0 &&
            websocket_take(ws, frames + len / 2, len - len / 2) == 0)
                websocket_ping(ws);
        websocket_close(ws, "over");
        websocket_free(ws);
        judge_said();
        return 0;
}
