/*
 * websocket.h - a WebSocket (RFC 6455) on a stream, by wslay: the handshake, what the client sends, pings and
 * the good-bye. What is said to the client goes past it, as frames that are ready (events_ring.h).
 *
 * Messages of the client mean nothing here; they are read, and thrown away, up to a limit.
 */
#ifndef API_HTTP_WEBSOCKET_H
#define API_HTTP_WEBSOCKET_H

#include "api/http/request.h"
#include "api/http/stream.h"

struct websocket;

/*
 * Whether the request asks for a WebSocket, and may: a browser says in Origin whose page it is, and only ours
 * may use a cookie that the browser adds by itself.
 */
int websocket_check(struct request *rq, struct err *e);
/* Sec-WebSocket-Accept for a key. */
const char *websocket_accept(const char *key, struct arena *a);

struct websocket *websocket_new(struct connection *c);
void websocket_free(struct websocket *ws); /* NULL is fine */
/* What the client has sent. -1: it said good-bye, which was answered, or what no client may say. */
int websocket_take(struct websocket *ws, const char *data, size_t len);
int websocket_ping(struct websocket *ws);
/* Says good-bye, unless that was said. */
void websocket_close(struct websocket *ws, const char *reason);
int64_t websocket_silent_ms(const struct websocket *ws); /* since the client sent anything */

#endif
