/*
 * lines.c, and body.c's cleaning: a program's output as log lines. In whatever pieces it comes, the same
 * lines go up; each is UTF-8 within its limit.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "worker/kinds/body.h"
#include "worker/kinds/command/lines.h"

enum { LINE_MOST = 64, QUOTE_MOST = 40, INPUT_MOST = 8192 };

struct told {
        struct buf lines; /* the frames of the log lines */
        char *result, quote[4 * QUOTE_MOST];
};

/* The frames that a body has written, whatever they were. */
static void read_up(int fd, struct told *t)
{
        char piece[4096];
        for (ssize_t n; (n = recv(fd, piece, sizeof(piece), MSG_DONTWAIT)) > 0;)
                buf_add(&t->lines, piece, (size_t)n);
}

static void must_be_lines(const struct buf *frames)
{
        struct err e = ERR_INIT;
        for (size_t at = 0; at < frames->len;) {
                struct message m;
                long size = message_size(frames->data + at, frames->len - at, &e);
                must(size > 0 && at + (size_t)size <= frames->len);
                must(message_decode(frames->data + at, (size_t)size, MESSAGE_UP, &m, &e) == 0);
                must(m.type == MESSAGE_LOG && m.u.log.line.len <= LINE_MOST);
                at += (size_t)size;
        }
}

static void feed(const char *text, size_t len, size_t step, struct told *t)
{
        static struct config cfg;
        if (!cfg.listen) {
                config_defaults(&cfg);
                cfg.worker_log_line_bytes = LINE_MOST;
        }
        int ends[2];
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        struct body b;
        struct job job = {.id = 1, .attempt = 1};
        struct lines l;
        body_init(&b, &(struct pipe_ends){ends[0], ends[0]}, &cfg);
        body_begin(&b, &job);
        lines_init(&l, &b, "out");
        *t = (struct told){.lines = BUF_INIT(1 << 24)};
        for (size_t at = 0, n; at < len; at += n) {
                n = len - at < step ? len - at : step;
                autofree char *piece = xmalloc(n); /* of its own size */
                memcpy(piece, text + at, n);
                body_cork(&b); /* so that the socket holds all of it */
                lines_feed(&l, piece, n);
                body_uncork(&b);
                read_up(ends[1], t);
        }
        lines_end(&l);
        read_up(ends[1], t);
        t->result = lines_result(&l) ? xstrdup(lines_result(&l)) : NULL;
        autobuf quote = BUF_INIT(sizeof(t->quote) - 1);
        lines_quote_last(&l, QUOTE_MOST, &quote);
        must(buf_ok(&quote) && utf8_valid(buf_str(&quote), quote.len));
        snprintf(t->quote, sizeof(t->quote), "%s", buf_str(&quote));
        lines_fini(&l);
        body_fini(&b);
        close(ends[0]);
        close(ends[1]);
}

static void told_fini(struct told *t)
{
        buf_fini(&t->lines);
        free(t->result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = input_of(data, size < INPUT_MOST ? size : INPUT_MOST);
        fuzz_quiet();
        size_t step = 1 + input_choice(&in, 128), len;
        autofree char *text = input_rest(&in, &len);
        struct told whole, pieces;
        feed(text, len, len ? len : 1, &whole);
        feed(text, len, step, &pieces);
        must_be_lines(&whole.lines);
        must(whole.lines.len == pieces.lines.len);
        must(!whole.lines.len || memcmp(whole.lines.data, pieces.lines.data, whole.lines.len) == 0);
        must(!whole.result == !pieces.result);
        must(!whole.result || strcmp(whole.result, pieces.result) == 0);
        must(strcmp(whole.quote, pieces.quote) == 0);
        told_fini(&whole);
        told_fini(&pieces);
        return 0;
}
