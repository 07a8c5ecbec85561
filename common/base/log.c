/*
 * log.c - one JSON object a line, one write(2) a line.
 *
 * Descriptor 2 is shared with other processes, and so are its flags: it is not made non-blocking.
 * Instead a line is only written where poll(2) and, for a pipe, the room left in it say that the
 * write will not wait.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

enum { LINE_MAX_BYTES = 64 * 1024, TAIL_BYTES = 32 };

static const char *const names[] = {
        [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

static struct {
        const char *program;
        enum log_level level;
        int fd;
        uint64_t dropped;
        bool torn; /* the last line lacks its end: the next one begins with a line break */
} state = {.program = "wavefleet", .level = LOG_INFO, .fd = STDERR_FILENO};

void log_init(const char *program, enum log_level level)
{
        state.program = program;
        state.level = level;
}

void log_set_level(enum log_level level)
{
        state.level = level;
}

int log_level_parse(const char *name, enum log_level *out)
{
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (strcmp(name, names[i]) == 0) {
                        *out = (enum log_level)i;
                        return 0;
                }
        }
        return -1;
}

void log_set_fd(int fd)
{
        state.fd = fd;
        state.torn = false;
}

uint64_t log_lines_dropped(void)
{
        return state.dropped;
}

bool log_enabled(enum log_level level)
{
        return level <= state.level;
}

/* ---- the line ---- */

static void put_value(struct json_out *o, const struct log_field *f, size_t cut)
{
        switch (f->type) {
        case LOG_STR:
                if (f->v.s)
                        json_out_strn(o, f->name, f->v.s, strnlen(f->v.s, cut));
                else
                        json_out_null(o, f->name);
                break;
        case LOG_INT:
                json_out_int(o, f->name, f->v.i);
                break;
        case LOG_DOUBLE:
                json_out_double(o, f->name, f->v.d);
                break;
        case LOG_BOOL:
                json_out_bool(o, f->name, f->v.b);
                break;
        }
}

/* Adds the field, a string shortened until it fits. Whether it was added unshortened. */
static bool put_field(struct json_out *o, const struct log_field *f)
{
        size_t before = o->buf->len;
        for (size_t cut = LINE_MAX_BYTES;; cut /= 2) {
                put_value(o, f, cut);
                if (buf_ok(o->buf))
                        return f->type != LOG_STR || !f->v.s || strnlen(f->v.s, cut + 1) <= cut;
                o->buf->failed = false;
                o->buf->len = before;
                o->buf->data[before] = '\0';
                if (f->type != LOG_STR || cut == 0)
                        return false;
        }
}

static void put_head(struct json_out *o, enum log_level level, const char *event)
{
        char at[CLOCK_RFC3339_SIZE];
        clock_rfc3339(clock_wall_ms(), at);
        json_out_object(o, NULL);
        json_out_str(o, "at", at);
        json_out_str(o, "level", names[level]);
        json_out_str(o, "program", state.program);
        json_out_int(o, "pid", getpid());
        json_out_str(o, "event", event);
}

static void format_line(struct buf *line, enum log_level level, const char *event,
                        const struct log_field *fields)
{
        struct json_out o;
        json_out_init(&o, line);
        put_head(&o, level, event);
        bool whole = true;
        for (const struct log_field *f = fields; f && f->name; f++)
                whole &= put_field(&o, f);
        line->max += TAIL_BYTES; /* kept back so that what was cut ends as valid JSON */
        if (!whole)
                json_out_bool(&o, "cut", true);
        json_out_object_end(&o);
        buf_addc(line, '\n');
}

/* ---- writing ---- */

/* Whether a blocking pipe takes so many bytes at once. Up to PIPE_BUF, poll() has said it does. */
static bool pipe_has_room(int fd, size_t len)
{
        int waiting, size = fcntl(fd, F_GETPIPE_SZ);
        if (len <= PIPE_BUF || size < 0 || ioctl(fd, FIONREAD, &waiting) < 0)
                return true;
        return (size_t)size >= (size_t)waiting + len + PIPE_BUF;
}

static ssize_t write_now(int fd, const char *data, size_t len)
{
        struct stat st;
        if (fstat(fd, &st) < 0)
                return -1;
        if (S_ISSOCK(st.st_mode))
                return send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (!S_ISREG(st.st_mode) && (poll(&p, 1, 0) != 1 || p.revents != POLLOUT))
                return -1; /* full, or nobody reads it any more and SIGPIPE would follow */
        if (S_ISFIFO(st.st_mode) && !pipe_has_room(fd, len))
                return -1;
        return write(fd, data, len);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
        int saved = errno;
        autobuf line = BUF_INIT(LINE_MAX_BYTES - TAIL_BYTES);
        if (state.torn)
                buf_addc(&line, '\n');
        format_line(&line, level, event, fields);
        ssize_t n = write_now(state.fd, line.data, line.len);
        if (n != (ssize_t)line.len)
                state.dropped++;
        if (n > 0)
                state.torn = n != (ssize_t)line.len;
        errno = saved;
}
