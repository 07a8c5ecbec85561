/* websocket.c - see websocket.h. */
#include "api/http/websocket.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wslay/wslay.h>

#include "api/people/credential.h"
#include "base/clock.h"
#include "base/mem.h"

enum { MESSAGE_MAX = 4096, KEY_CHARS = 24, SHA1_BYTES = 20, ACCEPT_SIZE = 32 };

struct websocket {
        wslay_event_context_ptr ctx;
        struct connection *c;
        const char *at; /* what is being taken */
        size_t left;
        bool broken;
        int64_t heard_ms;
};

/* ---- the handshake (RFC 6455, 4.2) ---- */

/* Whether the list, separated by commas, has this token. */
static bool has_token(const char *list, const char *token)
{
        size_t len = strlen(token);
        while (list && *list) {
                list += strspn(list, ", \t");
                size_t n = strcspn(list, ", \t");
                if (n == len && strncasecmp(list, token, len) == 0)
                        return true;
                list += n;
        }
        return false;
}

static bool is_key(const char *key)
{
        static const char letters[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        return key && strlen(key) == KEY_CHARS && strspn(key, letters) == KEY_CHARS - 2 &&
               strcmp(key + KEY_CHARS - 2, "==") == 0;
}

int websocket_check(struct request *rq, struct err *e)
{
        const char *version = request_header(rq, "Sec-WebSocket-Version");
        if (!has_token(request_header(rq, "Upgrade"), "websocket") ||
            !has_token(request_header(rq, "Connection"), "upgrade") ||
            !is_key(request_header(rq, "Sec-WebSocket-Key")))
                return err_set(e, ERR_BAD_REQUEST,
                               "only a WebSocket is offered here: ask for an upgrade");
        if (!version || strcmp(version, "13") != 0) {
                respond_header(rq, "Sec-WebSocket-Version", "13");
                return err_set(e, ERR_BAD_REQUEST,
                               "only version 13 of the WebSocket protocol is spoken here");
        }
        if (!request_is_ours(rq))
                return err_set(e, ERR_FORBIDDEN, "a page of another site may not listen here");
        return 0;
}

const char *websocket_accept(const char *key, struct arena *a)
{
        static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        unsigned char sum[EVP_MAX_MD_SIZE];
        char text[KEY_CHARS + sizeof(guid)];
        unsigned char *out = arena_alloc(a, ACCEPT_SIZE);
        int len = snprintf(text, sizeof(text), "%.*s%s", KEY_CHARS, key, guid);
        if (!EVP_Digest(text, (size_t)len, sum, NULL, EVP_sha1(), NULL))
                abort(); /* it takes no memory but its own */
        EVP_EncodeBlock(out, sum, SHA1_BYTES);
        return (const char *)out;
}

/* ---- wslay's ways in and out ---- */

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *out, size_t len, int flags, void *arg)
{
        struct websocket *ws = arg;
        (void)flags;
        if (ws->left == 0) {
                wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
                return -1;
        }
        size_t n = len < ws->left ? len : ws->left;
        memcpy(out, ws->at, n);
        ws->at += n;
        ws->left -= n;
        return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags,
                       void *arg)
{
        struct websocket *ws = arg;
        (void)flags;
        if (stream_say(ws->c, data, len) < 0) {
                ws->broken = true;
                wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
                return -1;
        }
        return (ssize_t)len;
}

struct websocket *websocket_new(struct connection *c)
{
        static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
                                                               .send_callback = on_send};
        struct websocket *ws = xcalloc(1, sizeof(*ws));
        ws->c = c;
        ws->heard_ms = clock_mono_ms();
        if (wslay_event_context_server_init(&ws->ctx, &callbacks, ws) != 0)
                abort(); /* out of memory */
        wslay_event_config_set_max_recv_msg_length(ws->ctx, MESSAGE_MAX);
        return ws;
}

void websocket_free(struct websocket *ws)
{
        if (!ws)
                return;
        wslay_event_context_free(ws->ctx);
        free(ws);
}

static int send_queued(struct websocket *ws)
{
        return wslay_event_send(ws->ctx) < 0 || ws->broken ? -1 : 0;
}

int websocket_take(struct websocket *ws, const char *data, size_t len)
{
        ws->at = data;
        ws->left = len;
        ws->heard_ms = clock_mono_ms();
        while (ws->left && wslay_event_get_read_enabled(ws->ctx))
                if (wslay_event_recv(ws->ctx) < 0)
                        break;
        if (send_queued(ws) < 0)
                return -1;
        return wslay_event_get_close_received(ws->ctx) || !wslay_event_get_read_enabled(ws->ctx)
                       ? -1
                       : 0;
}

int websocket_ping(struct websocket *ws)
{
        const struct wslay_event_msg ping = {.opcode = WSLAY_PING};
        return wslay_event_queue_msg(ws->ctx, &ping) == 0 ? send_queued(ws) : -1;
}

void websocket_close(struct websocket *ws, const char *reason)
{
        if (wslay_event_get_close_sent(ws->ctx))
                return;
        wslay_event_queue_close(ws->ctx, WSLAY_CODE_GOING_AWAY, (const uint8_t *)reason,
                                strlen(reason));
        send_queued(ws);
}

int64_t websocket_silent_ms(const struct websocket *ws)
{
        return clock_mono_ms() - ws->heard_ms;
}
