/* inbox.c - frames out of a blocking stream. */
#include "worker/inbox.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "base/rand.h"

enum { READ_BYTES = 4000, READ_MOST_BYTES = 256 * 1024 };

void inbox_init(struct inbox *in, int fd)
{
        *in = (struct inbox){.fd = fd, .buf = BUF_INIT(MESSAGE_MAX_BYTES)};
}

void inbox_fini(struct inbox *in)
{
        buf_fini(&in->buf);
}

long inbox_fill(struct inbox *in, struct err *e)
{
        size_t want = in->frame > in->buf.len ? in->frame - in->buf.len : READ_BYTES;
        if (want < READ_BYTES)
                want = READ_BYTES;
        if (want > READ_MOST_BYTES)
                want = READ_MOST_BYTES;
        if (want > in->buf.max - in->buf.len)
                want = in->buf.max - in->buf.len;
        char *at = buf_reserve(&in->buf, want);
        assert(want > 0);
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

int inbox_peek(struct inbox *in, struct message *out, struct err *e)
{
        long size = message_size(buf_str(&in->buf), in->buf.len, e);
        if (size < 0)
                return -1;
        in->frame = (size_t)size;
        if (size == 0 || (size_t)size > in->buf.len)
                return 0;
        return message_decode(in->buf.data, in->frame, MESSAGE_DOWN, out, e) < 0 ? -1 : 1;
}

void inbox_drop(struct inbox *in, bool wipe)
{
        assert(in->frame > 0 && in->frame <= in->buf.len);
        if (wipe)
                mem_wipe(in->buf.data, in->frame);
        if (in->frame == in->buf.len)
                buf_reset(&in->buf);
        else
                buf_consume(&in->buf, in->frame);
        in->frame = 0;
}
