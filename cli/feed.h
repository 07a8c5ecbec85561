/*
 * feed.h - what happens, as it happens: by the API's events where it offers them, else by looking every
 * three seconds.
 *
 * Events can be lost (the API says so with "reset", and a connection can break), so whoever uses this reads
 * the state itself whenever feed_turn() says so: at the start, after each new connection, when the API
 * wants it, and from time to time.
 */
#ifndef CLI_FEED_H
#define CLI_FEED_H

#include "base/json.h"
#include "cli/cli.h"

struct feed;
/* data: of the event, an object. */
typedef void (*feed_fn)(const char *name, const struct json *data, void *arg);

/* path: "/api/events?wave=…"; it is copied. */
struct feed *feed_open(struct cli *c, const char *path, feed_fn fn, void *arg);
void feed_close(struct feed *f);
/* Waits at most wait_ms. True: read again what there is. */
bool feed_turn(struct feed *f, int64_t wait_ms);

/* From now on SIGINT and SIGTERM do not end the program, but make this true. */
void feed_catch_signals(void);
bool feed_interrupted(void);

#endif
