/* channel.c - frames over a socket and a pipe that are never waited for. */
#include "worker/channel.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rand.h"

enum {
        READ_BYTES = 32 * 1024,
        READ_MOST_BYTES = 256 * 1024, /* of one large message */
        OUT_MAX_BYTES = 2 * MESSAGE_MAX_BYTES,
};

struct channel {
        struct pipe_ends pipe;
        struct event *readable, *writable;
        struct channel_events events;
        struct buf in;  /* the beginning of a message */
        struct buf out; /* what the runner has not taken yet */
        size_t wanted;  /* size of the message that `in` begins, where it is known */
        bool secret;    /* `out` holds one */
        bool posted;    /* on_writable comes in this turn of the loop */
        bool ended;
};

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

struct channel *channel_new(struct loop *l, const struct pipe_ends *pipe,
                            const struct channel_events *events)
{
        struct channel *c = xmalloc(sizeof(*c));
        *c = (struct channel){.pipe = *pipe,
                              .events = *events,
                              .in = BUF_INIT(MESSAGE_MAX_BYTES + READ_BYTES),
                              .out = BUF_INIT(OUT_MAX_BYTES)};
        c->readable = event_new(loop_base(l), pipe->up, EV_READ | EV_PERSIST, on_readable, c);
        c->writable = event_new(loop_base(l), pipe->down, EV_WRITE | EV_PERSIST, on_writable, c);
        assert(c->readable && c->writable);
        event_add(c->readable, NULL);
        return c;
}

void channel_free(struct channel *c)
{
        if (!c)
                return;
        event_free(c->readable);
        event_free(c->writable);
        pipe_ends_close(&c->pipe);
        if (c->secret)
                mem_wipe(c->out.data, c->out.len);
        buf_fini(&c->in);
        buf_fini(&c->out);
        free(c);
}

/* ---- reading ---- */

static void end(struct channel *c, const char *wrong)
{
        if (c->ended)
                return;
        c->ended = true;
        event_del(c->readable);
        event_del(c->writable);
        buf_fini(&c->in);
        c->events.on_end(wrong, c->events.arg);
}

/* Hands out the whole messages of data and says how many bytes they were. */
static size_t hand_out(struct channel *c, const char *data, size_t len)
{
        size_t done = 0;
        while (!c->ended) {
                struct err e = ERR_INIT;
                struct message m;
                long size = message_size(data + done, len - done, &e);
                if (size >= 0 && (size == 0 || (size_t)size > len - done)) {
                        c->wanted = (size_t)size;
                        break;
                }
                if (size < 0 || message_decode(data + done, (size_t)size, MESSAGE_UP, &m, &e) < 0) {
                        end(c, e.text);
                        break;
                }
                c->events.on_message(&m, c->events.arg);
                done += (size_t)size;
        }
        return done;
}

static const char no_memory[] = "there is no memory for what it says";

/* Straight into the shared buffer, where no message has begun; only its rest is copied. */
static ssize_t read_fresh(struct channel *c)
{
        static char shared[READ_BYTES];
        ssize_t n = read(c->pipe.up, shared, sizeof(shared));
        if (n <= 0)
                return n;
        size_t done = hand_out(c, shared, (size_t)n);
        if (!c->ended && done < (size_t)n)
                buf_add(&c->in, shared + done, (size_t)n - done);
        if (!buf_ok(&c->in))
                end(c, no_memory);
        return n;
}

static ssize_t read_more(struct channel *c)
{
        size_t want = c->wanted > c->in.len ? c->wanted - c->in.len : READ_BYTES;
        if (want > READ_MOST_BYTES)
                want = READ_MOST_BYTES;
        char *at = buf_reserve(&c->in, want);
        if (!at) { /* a message is never larger than the buffer may be */
                end(c, no_memory);
                return 0;
        }
        ssize_t n = read(c->pipe.up, at, want);
        if (n <= 0)
                return n;
        c->in.len += (size_t)n;
        size_t done = hand_out(c, c->in.data, c->in.len);
        if (c->ended)
                return n;
        if (done == c->in.len)
                buf_fini(&c->in);
        else
                buf_consume(&c->in, done);
        return n;
}

/* Reads once. False when there is nothing more, now or for ever. */
static bool read_once(struct channel *c)
{
        ssize_t n = c->in.len > 0 ? read_more(c) : read_fresh(c);
        if (n > 0)
                return !c->ended;
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
                end(c, NULL);
        return false;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        read_once(arg);
}

void channel_pause(struct channel *c)
{
        event_del(c->readable);
}

void channel_resume(struct channel *c)
{
        if (!c->ended)
                event_add(c->readable, NULL);
}

void channel_drain(struct channel *c)
{
        while (!c->ended && read_once(c))
                ;
        end(c, NULL);
}

/* ---- writing ---- */

/* Bytes that the socket took; -1 when the runner is gone. */
static ssize_t send_some(const struct channel *c, const char *data, size_t len)
{
        ssize_t n = send(c->pipe.down, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

static void forget_out(struct channel *c, size_t len)
{
        if (c->secret)
                mem_wipe(c->out.data, len);
        buf_consume(&c->out, len);
        if (c->out.len > 0)
                return;
        c->secret = false;
        buf_fini(&c->out);
        event_del(c->writable);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        struct channel *c = arg;
        ssize_t n = c->out.len > 0 ? send_some(c, c->out.data, c->out.len) : 0;
        c->posted = false;
        if (n < 0)
                event_del(c->writable); /* the reading end will say so */
        else if (n > 0)
                forget_out(c, (size_t)n);
        if (n >= 0 && c->out.len > 0)
                event_add(c->writable, NULL);
}

/* What it does not take now. */
static int keep(struct channel *c, const char *data, size_t len, struct err *e)
{
        buf_add(&c->out, data, len);
        if (buf_ok(&c->out))
                return 0;
        end(c, "it does not take what it is told");
        return err_set(e, ERR_LOST, "the runner does not listen");
}

static int send_frame(struct channel *c, const struct buf *frame, struct err *e)
{
        ssize_t n = c->out.len > 0 ? 0 : send_some(c, frame->data, frame->len);
        if (n < 0)
                return err_set(e, ERR_LOST, "the runner is gone");
        if ((size_t)n == frame->len)
                return 0;
        if (keep(c, frame->data + n, frame->len - (size_t)n, e) < 0)
                return -1;
        event_add(c->writable, NULL);
        return 0;
}

int channel_post(struct channel *c, const char *frame, size_t len, bool secret, struct err *e)
{
        if (c->ended)
                return err_set(e, ERR_LOST, "the runner is gone");
        c->secret |= secret;
        if (keep(c, frame, len, e) < 0)
                return -1;
        if (!c->posted)
                event_active(c->writable, EV_WRITE, 0);
        c->posted = true;
        return 0;
}

size_t channel_pending(const struct channel *c)
{
        return c->out.len;
}

int channel_send(struct channel *c, enum message_type type, const void *body, struct err *e)
{
        static struct buf frame = {.max = MESSAGE_MAX_BYTES};
        if (c->ended)
                return err_set(e, ERR_LOST, "the runner is gone");
        if (message_encode(&frame, type, body) < 0 && frame.starved)
                return err_set(e, ERR_UNAVAILABLE, "out of memory");
        if (frame.len == 0)
                return err_set(e, ERR_TOO_LARGE, "it is larger than %d bytes with its parameters",
                               MESSAGE_MAX_BYTES);
        int result = send_frame(c, &frame, e);
        buf_reset(&frame);
        return result;
}
