/* inbox.c - frames out of a blocking stream. */
#include "worker/inbox.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/rand.h"

enum { READ_BYTES = 16 * 1024, READ_MOST_BYTES = 256 * 1024, MAX_BYTES = 2 * MESSAGE_MAX_BYTES };

void inbox_init(struct inbox *in, int fd)
{
        *in = (struct inbox){.fd = fd, .buf = BUF_INIT(MAX_BYTES), .held = BUF_INIT(MAX_BYTES)};
}

void inbox_fini(struct inbox *in)
{
        buf_fini(&in->buf);
        buf_fini(&in->held);
}

/* Bytes that the last message in buf still lacks; 0: it is not known, or nothing is begun. */
static size_t missing(const struct inbox *in)
{
        long size = message_size(buf_str(&in->buf), in->buf.len, NULL);
        return size > 0 && (size_t)size > in->buf.len ? (size_t)size - in->buf.len : 0;
}

long inbox_fill(struct inbox *in, struct err *e)
{
        size_t want = missing(in);
        if (want < READ_BYTES)
                want = READ_BYTES;
        if (want > READ_MOST_BYTES)
                want = READ_MOST_BYTES;
        if (want > in->buf.max - in->buf.len)
                want = in->buf.max - in->buf.len;
        if (want == 0)
                return err_set(e, ERR_MALFORMED, "more came than a runner is ever told");
        char *at = buf_reserve(&in->buf, want);
        if (!at)
                return buf_check(&in->buf, "the message", e);
        ssize_t n;
        do
                n = recv(in->fd, at, want, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == ECONNRESET)
                return 0;
        if (n < 0)
                return err_errno(e, ERR_INTERNAL, "could not read from the pipe");
        in->buf.len += (size_t)n;
        return n;
}

bool inbox_begun(const struct inbox *in)
{
        return in->buf.len > 0;
}

/* Into `held`: by exchange where it is all there is, which it always is when it is large. */
static void hold(struct inbox *in, size_t size)
{
        if (size == in->buf.len) {
                struct buf empty = in->held;
                in->held = in->buf;
                in->buf = empty;
                return;
        }
        buf_add(&in->held, in->buf.data, size);
        if (buf_ok(&in->held))
                buf_consume(&in->buf, size);
}

int inbox_take(struct inbox *in, struct message *out, struct err *e)
{
        long size = message_size(buf_str(&in->buf), in->buf.len, e);
        assert(in->held.len == 0);
        if (size < 0)
                return -1;
        if (size == 0 || (size_t)size > in->buf.len)
                return 0;
        hold(in, (size_t)size);
        if (!buf_ok(&in->held))
                return buf_check(&in->held, "the message", e);
        if (message_decode(in->held.data, in->held.len, MESSAGE_DOWN, out, e) < 0)
                return -1;
        /* What hold() moved forward has left its end behind. */
        if (out->type == MESSAGE_JOB && out->u.job.site_secret && in->buf.len > 0)
                mem_wipe(in->buf.data + in->buf.len, (size_t)size);
        return 1;
}

void inbox_drop(struct inbox *in, bool wipe)
{
        if (wipe)
                mem_wipe(in->held.data, in->held.len);
        buf_reset(&in->held);
}

size_t inbox_held(const struct inbox *in)
{
        return in->held.len;
}

int inbox_find_reply(struct inbox *in, struct message *out, struct err *e)
{
        for (size_t at = 0;;) {
                const char *frame = buf_str(&in->buf) + at;
                size_t left = in->buf.len - at;
                long size = message_size(frame, left, e);
                if (size < 0)
                        return -1;
                if (size == 0 || (size_t)size > left)
                        return 0;
                if (message_decode(frame, (size_t)size, MESSAGE_DOWN, out, e) < 0)
                        return -1;
                if (out->type == MESSAGE_REPLY) {
                        in->reply = at;
                        in->reply_size = (size_t)size;
                        return 1;
                }
                at += (size_t)size;
        }
}

void inbox_drop_reply(struct inbox *in)
{
        char *at = in->buf.data + in->reply;
        size_t behind = in->buf.len - in->reply - in->reply_size;
        assert(in->reply_size > 0);
        memmove(at, at + in->reply_size, behind);
        in->buf.len -= in->reply_size;
        in->reply_size = 0;
        if (in->buf.len == 0)
                buf_reset(&in->buf);
        else
                in->buf.data[in->buf.len] = '\0';
}
