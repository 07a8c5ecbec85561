/*
 * ops_events.c - publishing. What is new waits a moment for the next command, or for more of its kind, and goes
 * ahead of that, as one entry: alone it would cost both sides a turn of their loops.
 *
 * The stream is there only while somebody reads it (tail.c makes it, and it expires): with NOMKSTREAM an entry for
 * nobody costs one look for a key. So there is no need to know here whether anybody listens, and who begins to
 * listen misses nothing from then on.
 */
#include <string.h>

#include "base/metrics.h"
#include "broker/inner.h"
#include "broker/keys.h"

enum { LINGER_MS = 5, NEWS_MAX = 4096 };

static const char something_is_missing[] = "r";

/* An entry that did not arrive for sure. */
static void published(struct broker *b, const redisReply *reply, const struct err *e, void *arg)
{
        (void)reply;
        (void)arg;
        if (e)
                b->unpublished = true;
}

static void add(struct broker *b, const char *entry)
{
        struct call *c = call_plain(b, "XADD");
        metric_add(METRIC_EVENTS_PUBLISHED, 1, NULL);
        cmd_key(&c->cmd, key_events(b->prefix));
        cmd_words(&c->cmd, "NOMKSTREAM", "MAXLEN", "~", NULL);
        cmd_int(&c->cmd, b->events_length);
        cmd_words(&c->cmd, "*", "n", entry, NULL);
        call_send(c, published, NULL);
}

/* False where it cannot be sent: that is made known later. */
static bool can_publish(struct broker *b)
{
        if (!b->events_length)
                return false;
        if (!broker_up(b)) {
                b->unpublished = true;
                return false;
        }
        events_make_up(b);
        return true;
}

void events_say(void *broker)
{
        struct broker *b = broker;
        if (!b->news.len || !broker_up(b))
                return;
        autobuf said = b->news;
        buf_init(&b->news, SIZE_MAX);
        add(b, said.data);
}

void events_lost(struct broker *b)
{
        b->unpublished |= b->news.len > 0 || !buf_ok(&b->news);
        buf_reset(&b->news);
}

void broker_publish(struct broker *b, const char *entry)
{
        if (!can_publish(b))
                return;
        if (b->news.len + strlen(entry) >= NEWS_MAX)
                events_say(b);
        if (b->news.len)
                buf_addc(&b->news, ' ');
        else
                loop_timer_start(b->linger, LINGER_MS);
        buf_adds(&b->news, entry);
        if (!buf_ok(&b->news))
                events_lost(b);
}

void broker_publish_lines(struct broker *b, const char *entry)
{
        if (!can_publish(b))
                return;
        struct call *c = call_script(b, LUA_LINES, 2);
        metric_add(METRIC_EVENTS_PUBLISHED, 1, NULL);
        cmd_key(&c->cmd, key_events(b->prefix));
        cmd_key(&c->cmd, key_events_lines(b->prefix));
        cmd_int(&c->cmd, b->events_length);
        cmd_str(&c->cmd, entry);
        call_send(c, published, NULL);
}

void events_make_up(struct broker *b)
{
        if (!b->unpublished || !broker_up(b))
                return;
        b->unpublished = false;
        add(b, something_is_missing);
}
