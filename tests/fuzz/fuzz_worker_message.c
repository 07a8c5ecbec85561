/*
 * message_decode, in both directions; the channel and the inbox around it. A message that was decoded is
 * encoded to the very bytes it came in, and a stream says the same in whatever pieces it comes.
 *
 * The first byte chooses what follows: a body, for which a head is made (its type is the choice), or a
 * stream as it is.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "worker/channel.h"
#include "worker/inbox.h"
#include "worker/message.h"

enum { STREAM_MAX = 1 << 16 };

static const void *body_of(const struct message *m)
{
        return &m->u;
}

/* What way a frame is meant to go does not matter for it to come back as it was. */
static bool decode(const char *frame, size_t len, enum message_way way)
{
        struct message m, untouched;
        struct err e = ERR_INIT;
        memset(&m, 0x5A, sizeof(m));
        untouched = m;
        if (message_decode(frame, len, way, &m, &e) < 0) {
                must_explain(&e);
                must(e.code == ERR_MALFORMED);
                must(same_bytes(&m, &untouched, sizeof(m)));
                return false;
        }
        must(message_name(m.type));
        autobuf again = BUF_INIT(MESSAGE_MAX_BYTES);
        must(message_encode(&again, m.type, body_of(&m)) == 0);
        must(again.len == len && memcmp(again.data, frame, len) == 0);
        return true;
}

static void decode_one(const char *frame, size_t len)
{
        struct err e = ERR_INIT;
        long size = message_size(frame, len, &e);
        must(size <= MESSAGE_MAX_BYTES);
        if (size < 0)
                must_explain(&e);
        bool down = decode(frame, len, MESSAGE_DOWN), up = decode(frame, len, MESSAGE_UP);
        must(!down || !up);
}

/* ---- streams ---- */

struct heard {
        struct buf said; /* the frames, once more */
        int ended;
        char wrong[ERR_TEXT_MAX];
};

static void on_message(const struct message *m, void *arg)
{
        struct heard *h = arg;
        must(h->ended == 0);
        must(message_encode(&h->said, m->type, body_of(m)) == 0);
}

static void on_end(const char *wrong, void *arg)
{
        struct heard *h = arg;
        h->ended++;
        snprintf(h->wrong, sizeof(h->wrong), "%s", wrong ? wrong : "");
}

static void hear(struct loop *l, const char *stream, size_t len, size_t step, struct heard *h)
{
        int ends[2];
        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        *h = (struct heard){.said = BUF_INIT(MESSAGE_MAX_BYTES)};
        struct channel_events events = {.on_message = on_message, .on_end = on_end, .arg = h};
        struct channel *c = channel_new(l, &(struct pipe_ends){ends[0], dup(ends[0])}, &events);
        for (size_t at = 0, n; at < len; at += n) {
                n = len - at < step ? len - at : step;
                if (send(ends[1], stream + at, n, MSG_NOSIGNAL) != (ssize_t)n)
                        break;
                loop_turn(l, 0);
        }
        close(ends[1]);
        channel_drain(c);
        must(h->ended == 1);
        channel_free(c);
}

/* The runner's end: the same stream, until something is wrong with it. */
static void read_inbox(const char *stream, size_t len)
{
        int ends[2];
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        must(send(ends[1], stream, len, MSG_NOSIGNAL) == (ssize_t)len);
        close(ends[1]);
        struct inbox in;
        struct message m;
        struct err e = ERR_INIT;
        inbox_init(&in, ends[0]);
        for (size_t turn = len;; turn++) {
                bool reply = turn % 3 == 0;
                int rc = reply ? inbox_find_reply(&in, &m, &e) : inbox_take(&in, &m, &e);
                if (rc > 0 && reply)
                        inbox_drop_reply(&in);
                else if (rc > 0)
                        inbox_drop(&in, turn % 2);
                else if (rc < 0 || (!reply && inbox_fill(&in, &e) <= 0))
                        break;
        }
        inbox_fini(&in);
        close(ends[0]);
}

static void stream(const char *text, size_t len, size_t step)
{
        static struct loop *l;
        if (!l)
                l = loop_new();
        struct heard whole, pieces;
        hear(l, text, len, STREAM_MAX, &whole);
        hear(l, text, len, step, &pieces);
        must(whole.said.len == pieces.said.len && strcmp(whole.wrong, pieces.wrong) == 0);
        must(!whole.said.len || memcmp(whole.said.data, pieces.said.data, whole.said.len) == 0);
        must(whole.said.len <= len);
        must(!whole.said.len || memcmp(whole.said.data, text, whole.said.len) == 0);
        buf_fini(&whole.said);
        buf_fini(&pieces.said);
        read_inbox(text, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = input_of(data, size > STREAM_MAX ? STREAM_MAX : size);
        fuzz_quiet();
        unsigned choice = input_choice(&in, 2 * MESSAGE_TYPE_COUNT);
        size_t len;
        autofree char *rest = input_rest(&in, &len);
        if (choice >= MESSAGE_TYPE_COUNT) {
                stream(rest, len, choice);
                return 0;
        }
        /* a head with the right length, by way of a message that has no fields */
        autobuf frame = BUF_INIT(MESSAGE_MAX_BYTES);
        must(message_encode(&frame, MESSAGE_READY, NULL) == 0);
        buf_add(&frame, rest, len);
        uint32_t n = (uint32_t)len;
        memcpy(frame.data, &n, sizeof(n));
        frame.data[6] = (char)choice;
        autofree char *exact = xmalloc(frame.len);
        memcpy(exact, frame.data, frame.len);
        decode_one(exact, frame.len);
        return 0;
}
