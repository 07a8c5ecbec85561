/* feed.c - see feed.h. */
#include "cli/feed.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/sse.h"

enum {
        POLL_MS = 3000,         /* where there are no events */
        CHECK_MS = 30 * 1000,   /* where there are: none is missed for longer */
        SILENCE_MS = 45 * 1000, /* three heartbeats: the connection is dead */
        AGAIN_MS = 1000,
        REFUSED_AGAIN_MS = 15 * 1000, /* after a 503 */
};

struct feed {
        struct client *client;
        char *path;
        feed_fn fn;
        void *arg;
        struct stream *stream; /* NULL: none now */
        struct sse sse;
        bool never;      /* the API has no events */
        bool live;       /* the stream is open */
        bool read_again; /* say so with the next turn */
        int64_t connect_at_ms, read_at_ms;
};

CLEANUP_DEFINE(json, struct json *, json_free)

/* ---- signals ---- */

static volatile sig_atomic_t interrupted;

static void on_signal(int signo)
{
        (void)signo;
        interrupted = 1;
}

void feed_catch_signals(void)
{
        struct sigaction sa = {.sa_handler = on_signal};
        sigemptyset(&sa.sa_mask);
        sigaction(SIGINT, &sa, NULL);
        sigaction(SIGTERM, &sa, NULL);
}

bool feed_interrupted(void)
{
        return interrupted;
}

/* ---- events ---- */

static void on_event(const char *name, const char *data, size_t len, void *arg)
{
        struct feed *f = arg;
        struct json *v cleanup(json_cleanup) = json_parse(data, len, NULL);
        if (strcmp(name, "reset") == 0 || !v || json_type_of(v) != JSON_OBJECT)
                f->read_again = true;
        else
                f->fn(name, v, f->arg);
}

static void on_data(const char *data, size_t len, void *arg)
{
        struct feed *f = arg;
        sse_feed(&f->sse, data, len);
}

struct feed *feed_open(struct cli *c, const char *path, feed_fn fn, void *arg)
{
        struct feed *f = xcalloc(1, sizeof(*f));
        *f = (struct feed){.client = c->client,
                           .path = xstrdup(path),
                           .fn = fn,
                           .arg = arg,
                           .read_again = true,
                           .connect_at_ms = clock_mono_ms()};
        sse_init(&f->sse, on_event, f);
        return f;
}

void feed_close(struct feed *f)
{
        if (!f)
                return;
        stream_close(f->stream);
        sse_fini(&f->sse);
        free(f->path);
        free(f);
}

/* ---- the connection ---- */

static void connect_now(struct feed *f)
{
        sse_reset(&f->sse);
        f->stream = stream_open(f->client, f->path, sse_last_id(&f->sse), on_data, f);
}

static void disconnect(struct feed *f, int64_t again_ms)
{
        int64_t now = clock_mono_ms();
        stream_close(take(f->stream));
        f->live = false;
        f->connect_at_ms = now + again_ms;
        if (f->read_at_ms > now + POLL_MS) /* nothing says any more what is new */
                f->read_at_ms = now + POLL_MS;
}

/* What the stream has come to: nothing yet, open, or over. */
static void look_at_stream(struct feed *f)
{
        int status = stream_status(f->stream);
        bool over = stream_ended(f->stream) || stream_quiet_ms(f->stream) > SILENCE_MS;
        if (status == 200 && !f->live) {
                f->live = true;
                f->read_again = true; /* what happened before it was open */
        }
        if (status == 404 || status == 405 || status == 501)
                f->never = true;
        if (over || (status && status != 200))
                disconnect(f, status && status != 200 ? REFUSED_AGAIN_MS : AGAIN_MS);
}

bool feed_turn(struct feed *f, int64_t wait_ms)
{
        int64_t now = clock_mono_ms();
        if (f->read_again)
                wait_ms = 0;
        if (!f->stream && !f->never && now >= f->connect_at_ms)
                connect_now(f);
        if (f->stream) {
                stream_turn(f->stream, wait_ms);
                look_at_stream(f);
        } else {
                clock_sleep_ms(wait_ms);
        }
        now = clock_mono_ms();
        if (!f->read_again && now < f->read_at_ms)
                return false;
        f->read_again = false;
        f->read_at_ms = now + (f->live ? CHECK_MS : POLL_MS);
        return true;
}
