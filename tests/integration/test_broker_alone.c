/*
 * test_broker_alone.c - what a few jobs cost alone: their end by the short ways of finish comes to what the long way comes
 * to, and news go along with other commands.
 */
#include "broker_rig.h"

/* ---- the short way ---- */

static const char everything[] =
        "local out, keys = {}, redis.call('KEYS', '*') "
        "table.sort(keys) "
        "for _, key in ipairs(keys) do "
        "  local kind, v = redis.call('TYPE', key).ok, {} "
        "  if kind == 'list' then v = redis.call('LRANGE', key, 0, -1) "
        "  elseif kind == 'set' then v = redis.call('SMEMBERS', key) table.sort(v) "
        "  elseif kind == 'hash' then "
        "    for _, f in ipairs({ 'version', 'paused', 'batch_size', 'queue', 'priority', 'turn' "
        "}) do "
        "      v[#v + 1] = f .. '=' .. tostring(redis.call('HGET', key, f)) end "
        "  elseif kind == 'zset' then v = redis.call('ZRANGE', key, 0, -1) "
        "  else v = { redis.call('GET', key) } end "
        "  out[#out + 1] = key .. ' ' .. table.concat(v, ',') "
        "end "
        "return table.concat(out, '; ')";
static const char clean[] = "for _, key in ipairs(redis.call('KEYS', '*')) do "
                            "  if not key:find('guard') then redis.call('DEL', key) end "
                            "end";

struct scene {
        const char *name;
        int32_t window, now; /* batch_size when they were taken, and when they end */
        int64_t ids;
        size_t taken, ended, want, least;
        const char *before; /* a command between */
        int32_t version, priority;
        bool paused, is_short;
};

/* So many ids, of which so many are taken and so many of these end, and what is wanted then. */
#define SCENE(name_, way, window_, ids_, taken_, ended_, want_, ...)                               \
        {                                                                                          \
                .name = name_, .is_short = way, .window = window_, .ids = ids_, .taken = taken_,   \
                .ended = ended_, .want = want_, .least = __VA_ARGS__                               \
        }
enum { LONG, SHORT };
static const struct scene scenes[] = {
        SCENE("one of one", SHORT, 1, 9, 1, 1, 1, 1),
        SCENE("one of three", SHORT, 3, 9, 3, 1, 10, 10),
        SCENE("three of three", SHORT, 3, 9, 3, 3, 3, 3),
        SCENE("sixteen", SHORT, 16, 99, 16, 16, 16, 16),
        SCENE("seventeen", LONG, 17, 99, 17, 17, 17, 17),
        SCENE("the last", SHORT, 1, 1, 1, 1, 1, 1),
        SCENE("fewer than there is room for", SHORT, 4, 5, 4, 3, 9, 9),
        SCENE("a high priority", SHORT, 2, 9, 2, 1, 5, 5, .priority = 7),
        SCENE("a larger window than runners", LONG, 20, 99, 20, 2, 1, 1),
        SCENE("fewer runners than slots", LONG, 2, 9, 2, 2, 1, 1),
        SCENE("wants more", SHORT, 2, 9, 2, 2, 9, 2),
        SCENE("paused", LONG, 1, 9, 1, 1, 1, 1, .version = 2, .paused = true),
        SCENE("a newer version", LONG, 2, 9, 2, 1, 9, 9, .version = 2),
        SCENE("a larger window", LONG, 2, 9, 2, 1, 9, 9, .now = 3, .version = 2),
        SCENE("an older version", LONG, 2, 9, 2, 1, 9, 9, .now = 3, .version = -1),
        SCENE("something is lined up", LONG, 1, 9, 1, 1, 1, 1,
              .before = "RPUSH wavefleet:queue:q 77"),
        SCENE("another wave waits", LONG, 1, 9, 1, 1, 1, 1, .before = "RPUSH wavefleet:turn:q 5"),
        SCENE("another of high priority waits", LONG, 1, 9, 1, 1, 1, 1,
              .before = "RPUSH wavefleet:turn:q:9 5"),
        SCENE("a queue that is held", LONG, 1, 9, 1, 1, 1, 1, .before = "SET wavefleet:target:q 0"),
        SCENE("a short queue", SHORT, 1, 9, 1, 1, 1, 1, .before = "SET wavefleet:target:q 1"),
        SCENE("not in the window", SHORT, 2, 9, 2, 1, 9, 9,
              .before = "SREM wavefleet:wave:1:window 1"),
        SCENE("a full window", SHORT, 2, 9, 2, 1, 9, 9, .before = "SADD wavefleet:wave:1:window 55"),
        SCENE("listed twice", SHORT, 1, 9, 1, 1, 1, 1, .before = "RPUSH wavefleet:processing:7 1"),
        SCENE("wide", SHORT, 200, 999, 5, 1, 1, 1),
        SCENE("wide, more", SHORT, 200, 999, 16, 16, 16, 16),
        SCENE("wide, too many", LONG, 200, 999, 17, 17, 17, 17),
        SCENE("wide, nothing wanted", SHORT, 200, 999, 5, 3, 0, 0),
        SCENE("wide, more wanted than the queue has", SHORT, 300, 999, 5, 3, 90, 2),
        SCENE("wide, an eighth is left", SHORT, 300, 999, 5, 3, 60, 2,
              .before = "SET wavefleet:target:q 0"),
        SCENE("wide, far more wanted", SHORT, 400, 999, 5, 3, 150, 2),
        SCENE("wide, a long queue", SHORT, 400, 999, 5, 3, 3, 3,
              .before = "SET wavefleet:target:q 300"),
        SCENE("wide, a queue that is made longer in several goes", LONG, 900, 999, 5, 3, 3, 3,
              .before = "SET wavefleet:target:q 600"),
        SCENE("wide, a queue that takes no more", SHORT, 200, 999, 5, 3, 1, 1,
              .before = "SET wavefleet:target:q 5"),
        SCENE("wide, others are lined up", SHORT, 200, 999, 5, 3, 3, 3,
              .before = "LPUSH wavefleet:queue:q 5001 5002"),
        SCENE("wide, the end of the backlog", LONG, 200, 38, 5, 3, 5, 5,
              .before = "SET wavefleet:target:q 34"),
        SCENE("wide, the window is nearly full", LONG, 39, 999, 5, 5, 9, 5,
              .before = "SET wavefleet:target:q 36"),
        SCENE("wide, another wave waits", LONG, 200, 999, 5, 3, 5, 5,
              .before = "RPUSH wavefleet:turn:q 5"),
        SCENE("wide, another stands before it", LONG, 200, 999, 5, 3, 5, 5,
              .before = "LPUSH wavefleet:turn:q 5"),
        SCENE("wide, its turn is gone", LONG, 200, 999, 5, 3, 5, 5,
              .before = "DEL wavefleet:turn:q"),
        SCENE("wide, a higher priority waits", LONG, 200, 999, 5, 3, 5, 5,
              .before = "RPUSH wavefleet:turn:q:2 5"),
        SCENE("wide, of a priority", LONG, 200, 999, 5, 3, 5, 5, .priority = 2),
        SCENE("wide, paused", LONG, 200, 999, 5, 3, 5, 5, .version = 1, .paused = true),
        SCENE("closed", LONG, 1, 9, 1, 1, 1, 1, .before = "DEL wavefleet:wave:1"),
};

static long long calls_of(const char *command)
{
        autofree char *name = xasprintf("cmdstat_%s:calls=", command);
        const char *at = strstr(rig_text("INFO commandstats"), name);
        return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

/* The long way reads the wave once more, looks at its turn list by itself, or at the list of many that end. */
static bool took_the_short_way(void)
{
        return calls_of("hmget") == 1 && calls_of("hset") == 0 && calls_of("exists") == 1 &&
               calls_of("lrange") <= 1 && calls_of("llen") + calls_of("lrem") > 0 &&
               calls_of("llen") <= 2;
}

/* Everything that Redis knows afterwards, and the ids that came. */
static const char *play(const struct scene *s, bool long_way)
{
        static const char *const queues[] = {"q"};
        struct wave_facts f[] = {wave(1, s->window),
                                 wave(99, 1)}; /* the second is of no wave that is there */
        struct broker_take t = {.queues = queues, .nq = 1, .want = s->want, .least = s->least};
        struct delivery d[32];
        rig_do("EVAL %s 0", clean);
        f[0].version = 3;
        f[0].priority = s->priority;
        submit(&f[0], 1, s->ids);
        take_ids(s->taken);
        ck_assert_uint_eq(rig.n, s->taken);
        for (size_t i = 0; i < s->ended; i++)
                d[i] = (struct delivery){.id = rig.ids[i], .wave_no = 1, .end = END_SETTLED};
        if (s->before)
                rig_do(s->before);
        f[0].version += s->version;
        f[0].paused = s->paused;
        f[0].batch_size = s->now ? s->now : s->window;
        rig_do("CONFIG RESETSTAT");
        OK(broker_finish(rig.b, 7, d, s->ended, f, long_way ? 2 : 1, &t, rig_ids, NULL));
        if (!long_way)
                ck_assert_msg(took_the_short_way() == s->is_short, "%s: the other way", s->name);
        return rig_text("EVAL %s 0", everything);
}

static void must_come_to_the_same(const struct scene *s)
{
        autofree char *by_the_long = xstrdup(play(s, true));
        size_t n = rig.n;
        autofree int64_t *ids = xcalloc(n + 1, sizeof(*ids));
        if (n)
                memcpy(ids, rig.ids, n * sizeof(*ids));
        const char *by_the_short = play(s, false);
        ck_assert_msg(strcmp(by_the_short, by_the_long) == 0, "%s:\n  %s\n  %s", s->name,
                      by_the_short, by_the_long);
        ck_assert_uint_eq(rig.n, n);
        for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(rig.ids[i], ids[i]);
}

START_TEST(the_short_way_comes_to_the_same)
{
        for (size_t i = 0; i < COUNT_OF(scenes); i++)
                must_come_to_the_same(&scenes[i]);
}
END_TEST

/* ---- news ---- */

static struct broker *publisher;

static void publisher_up(void *arg UNUSED)
{
        rig.others++;
}

/* With a stream that somebody reads. */
static void start_publisher(void)
{
        struct broker_opts opts = {.url = harness_stack_up()->redis_url,
                                   .prefix = "wavefleet:",
                                   .timeout_ms = RIG_TIMEOUT_MS,
                                   .events_length = 100};
        struct broker_events events = {.on_up = publisher_up};
        unsigned before = rig.others;
        rig_do("XGROUP CREATE wavefleet:events readers $ MKSTREAM");
        publisher = broker_new(rig.loop, &opts, &events);
        rig_until(&rig.others, before + 1);
}

static const char *published(void)
{
        return rig_text(
                "EVAL %s 1 wavefleet:events",
                "local out = {} for _, e in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do "
                "out[#out + 1] = e[2][2] end return table.concat(out, '|')");
}

static void wait_published(const char *text)
{
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        while (strcmp(published(), text) != 0) {
                ck_assert_msg(clock_mono_ms() < end_ms, "published \"%s\", not \"%s\"", published(),
                              text);
                loop_turn(rig.loop, 5);
        }
}

START_TEST(news_go_ahead_of_the_next_command)
{
        struct wave_facts f = wave(1, 1);
        start_publisher();
        broker_publish(publisher, "w1");
        broker_publish(publisher, "m1:5.1r");
        ck_assert_str_eq(published(), "");
        OK(broker_finish(publisher, 7, NULL, 0, &f, 1, NULL, rig_ids, NULL));
        ck_assert_str_eq(published(), "w1 m1:5.1r");
        broker_publish(publisher, "w2"); /* alone: soon */
        wait_published("w1 m1:5.1r|w2");
        broker_free(publisher);
}
END_TEST

START_TEST(news_of_many_are_several_entries)
{
        static char line[5000];
        autofree char *want = NULL;
        start_publisher();
        memset(line, '1', sizeof(line) - 1);
        line[0] = 'w';
        broker_publish(publisher, "w1");
        broker_publish(publisher, line);
        broker_publish(publisher, "w2");
        want = xasprintf("w1|%s|w2", line);
        wait_published(want);
        broker_free(publisher);
}
END_TEST

START_TEST(the_last_news_are_told)
{
        start_publisher();
        broker_publish(publisher, "k7l");
        broker_free(publisher);
        wait_published("k7l");
}
END_TEST

/* Somebody is told that something may be missing. */
START_TEST(news_that_go_with_the_connection_are_missed)
{
        start_publisher();
        broker_publish(publisher, "w1");
        rig_do("CLIENT KILL TYPE normal SKIPME yes");
        wait_published("r");
        broker_publish(publisher, "w2");
        wait_published("r|w2");
        broker_free(publisher);
}
END_TEST

int main(void)
{
        const TTest *const tests[] = {the_short_way_comes_to_the_same,
                                      news_go_ahead_of_the_next_command,
                                      news_of_many_are_several_entries, the_last_news_are_told,
                                      news_that_go_with_the_connection_are_missed};
        return rig_main("broker alone", tests, COUNT_OF(tests));
}
