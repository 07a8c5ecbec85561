/* spool.c - a file without a name. */
#include "api/http/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rand.h"

enum { PIECE_BYTES = 65536 };

struct spool {
        int fd;
        struct hash_stream *hash; /* NULL once it has ended */
        size_t gathered;
        char piece[PIECE_BYTES];
};

/* File systems without O_TMPFILE get a name that is taken away at once. */
static int open_unlinked(const char *dir, struct err *e)
{
        int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
                autofree char *path = xasprintf("%s/wavefleet-body.XXXXXX", dir);
                fd = mkostemp(path, O_CLOEXEC);
                if (fd >= 0)
                        unlink(path);
        }
        if (fd < 0)
                err_errno(e, ERR_UNAVAILABLE, "could not make a file for the body in '%s'", dir);
        return fd;
}

struct spool *spool_new(const char *dir, struct err *e)
{
        int fd = open_unlinked(dir, e);
        if (fd < 0)
                return NULL;
        struct spool *s = mem_try(NULL, sizeof(*s));
        if (!s) {
                close(fd);
                err_set(e, ERR_UNAVAILABLE, "could not hold the body: out of memory");
                return NULL;
        }
        s->fd = fd;
        s->gathered = 0;
        s->hash = hash_stream_new();
        return s;
}

static int write_all(struct spool *s, const char *data, size_t len, struct err *e)
{
        while (len) {
                size_t want = len < PIECE_BYTES ? len : PIECE_BYTES;
                ssize_t n = write(s->fd, data, want);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_errno(e, ERR_UNAVAILABLE, "could not keep the body");
                data += n;
                len -= (size_t)n;
        }
        return 0;
}

int spool_add(struct spool *s, const void *data, size_t len, struct err *e)
{
        hash_stream_add(s->hash, data, len);
        if (s->gathered + len < PIECE_BYTES) {
                memcpy(s->piece + s->gathered, data, len);
                s->gathered += len;
                return 0;
        }
        size_t before = s->gathered;
        s->gathered = 0;
        if (write_all(s, s->piece, before, e) < 0)
                return -1;
        return write_all(s, data, len, e);
}

int spool_end(struct spool *s, unsigned char hash[32], struct err *e)
{
        hash_stream_end(take(s->hash), hash);
        size_t rest = s->gathered;
        s->gathered = 0;
        if (write_all(s, s->piece, rest, e) < 0)
                return -1;
        if (lseek(s->fd, 0, SEEK_SET) < 0)
                return err_errno(e, ERR_INTERNAL, "could not go back in the body's file");
        return 0;
}

int spool_fd(const struct spool *s)
{
        return s->fd;
}

void spool_free(struct spool *s)
{
        if (!s)
                return;
        unsigned char unused[HASH_BYTES];
        if (s->hash)
                hash_stream_end(s->hash, unused);
        close(s->fd);
        free(s);
}
