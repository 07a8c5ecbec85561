/*
 * What the tests of the broker share: a loop, a broker, a plain connection to the same server, and
 * operations that wait for their answer. The data set is flushed for each test.
 */
#ifndef TESTS_BROKER_RIG_H
#define TESTS_BROKER_RIG_H

#include <check.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "broker/broker.h"
#include "broker/url.h"
#include "tests/harness/harness.h"

#define UNUSED __attribute__((unused))

enum { RIG_TIMEOUT_MS = 10000, RIG_WAIT_MS = 20000, RIG_IDS = 2000000 };
enum { PER_S = 1000000 }; /* where it does not matter */

struct rig {
        struct loop *loop;
        struct broker *b;
        redisContext *r;
        unsigned ups, downs, others;
        /* the last answer */
        unsigned answers;
        struct err e;
        int64_t *ids;
        size_t n;
        int64_t count;
        char names[256]; /* "a, b, c" */
        struct wave_counts counts[300];
        struct queue_facts queues[8];
        bool freed;
        struct due_entry due[2000];
};
static struct rig rig;

static void rig_on_up(void *arg UNUSED)
{
        rig.ups++;
}
static void rig_on_down(void *arg UNUSED)
{
        rig.downs++;
}
static void rig_on_other(void *arg UNUSED)
{
        rig.others++;
}

/* Turns the loop until *what is at least n; fails the test after a while. */
static void rig_until_(const unsigned *what, unsigned n, const char *where)
{
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        while (*what < n) {
                ck_assert_msg(clock_mono_ms() < end_ms, "waited in vain: %s", where);
                loop_turn(rig.loop, 20);
        }
}
#define rig_until(what, n) rig_until_((what), (n), #what " >= " #n)

static UNUSED void rig_turn_for(int64_t ms)
{
        int64_t end_ms = clock_mono_ms() + ms;
        while (clock_mono_ms() < end_ms)
                loop_turn(rig.loop, 5);
}

static redisContext *rig_connect(const char *text)
{
        struct redis_url u;
        struct err e = ERR_INIT;
        ck_assert_msg(redis_url_parse(text, &u, &e) == 0, "%s", e.text);
        redisContext *r = u.path ? redisConnectUnix(u.path) : redisConnect(u.host, u.port);
        ck_assert_msg(r && !r->err, "could not connect to %s", u.shown);
        redis_url_fini(&u);
        return r;
}

static struct broker *rig_broker_with(const char *url, int64_t timeout_ms)
{
        struct broker_opts opts = {.url = url, .prefix = "wavefleet:", .timeout_ms = timeout_ms};
        struct broker_events events = {
                .on_up = rig_on_up, .on_down = rig_on_down, .on_other_server = rig_on_other};
        return broker_new(rig.loop, &opts, &events);
}

static struct broker *rig_broker(const char *url)
{
        return rig_broker_with(url, RIG_TIMEOUT_MS);
}

static UNUSED void rig_start(void)
{
        const char *url = harness_stack_up()->redis_url;
        rand_init();
        sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL); /* as in every main */
        memset(&rig, 0, sizeof(rig));
        rig.loop = loop_new();
        rig.r = rig_connect(url);
        /* Whatever the test before has left. */
        freeReplyObject(redisCommand(rig.r, "REPLICAOF NO ONE"));
        freeReplyObject(redisCommand(rig.r, "CONFIG SET maxmemory 0"));
        freeReplyObject(redisCommand(rig.r, "FLUSHALL"));
        rig.b = rig_broker(url);
        rig_until(&rig.ups, 1);
}

static UNUSED void rig_end(void)
{
        broker_free(rig.b);
        redisFree(rig.r);
        loop_free(rig.loop);
        free(rig.ids);
}

/* ---- plain commands ---- */

static redisReply *rig_reply(const char *fmt, va_list ap)
{
        redisReply *r = redisvCommand(rig.r, fmt, ap);
        ck_assert_msg(r != NULL, "lost the test's own connection: %s", rig.r->errstr);
        ck_assert_msg(r->type != REDIS_REPLY_ERROR, "%s: %s", fmt, r->str);
        return r;
}

static UNUSED long long rig_int(const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        redisReply *r = rig_reply(fmt, ap);
        va_end(ap);
        long long n = r->type == REDIS_REPLY_INTEGER ? r->integer
                      : r->str                       ? strtoll(r->str, NULL, 10)
                                                     : -1;
        freeReplyObject(r);
        return n;
}

/* The answer as text, elements of a list separated by blanks; "" for nil. */
static UNUSED const char *rig_text(const char *fmt, ...)
{
        static char text[4][65536];
        static unsigned next;
        char *out = text[next++ % 4], *at = out;
        va_list ap;
        va_start(ap, fmt);
        redisReply *r = rig_reply(fmt, ap);
        va_end(ap);
        *at = '\0';
        if (r->type == REDIS_REPLY_ARRAY) {
                for (size_t i = 0; i < r->elements; i++)
                        at += snprintf(at, (size_t)(out + sizeof(text[0]) - at), "%s%s",
                                       i ? " " : "", r->element[i]->str ? r->element[i]->str : "-");
        } else if (r->str) {
                snprintf(at, sizeof(text[0]), "%s", r->str);
        }
        freeReplyObject(r);
        return out;
}

static UNUSED void rig_do(const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        freeReplyObject(rig_reply(fmt, ap));
        va_end(ap);
}

/* Turns the loop until so many are lined up in queue q: many are lined up in steps. */
static UNUSED void rig_until_lined_up(long long n)
{
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        while (rig_int("LLEN wavefleet:queue:q") < n) {
                ck_assert_int_lt(clock_mono_ms(), end_ms);
                loop_turn(rig.loop, 5);
        }
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), n);
}

/* ---- operations ---- */

static void rig_answer(const struct err *e)
{
        rig.answers++;
        rig.e = e ? *e : ERR_INIT;
}
static void rig_done(const struct err *e, void *arg UNUSED)
{
        rig_answer(e);
}
static void rig_ids(const int64_t *ids, size_t n, const struct err *e, void *arg UNUSED)
{
        rig.ids = xreallocarray(rig.ids, n + 1, sizeof(*ids));
        if (n > 0)
                memcpy(rig.ids, ids, n * sizeof(*ids));
        rig.n = n;
        rig_answer(e);
}
static UNUSED void rig_count(int64_t n, const struct err *e, void *arg UNUSED)
{
        rig.count = n;
        rig_answer(e);
}
static UNUSED void rig_counts(const struct wave_counts *v, size_t n, const struct err *e,
                              void *arg UNUSED)
{
        ck_assert_uint_le(n, COUNT_OF(rig.counts));
        if (n > 0)
                memcpy(rig.counts, v, n * sizeof(*v));
        rig.n = n;
        rig_answer(e);
}
static UNUSED void rig_queue_facts(const struct queue_facts *v, size_t n, const struct err *e,
                                   void *arg UNUSED)
{
        if (n > 0)
                memcpy(rig.queues, v, n * sizeof(*v));
        rig.n = n;
        rig_answer(e);
}
static UNUSED void rig_names(const char *const *v, size_t n, const struct err *e, void *arg UNUSED)
{
        size_t len = 0;
        rig.names[0] = '\0';
        for (size_t i = 0; i < n; i++)
                len += (size_t)snprintf(rig.names + len, sizeof(rig.names) - len, "%s%s",
                                        len ? ", " : "", v[i]);
        rig.n = n;
        rig_answer(e);
}
static UNUSED void rig_due(const struct due_entry *v, size_t n, int64_t next_in_ms,
                           const struct err *e, void *arg UNUSED)
{
        ck_assert_uint_le(n, COUNT_OF(rig.due));
        if (n > 0)
                memcpy(rig.due, v, n * sizeof(*v));
        rig.n = n;
        rig.count = next_in_ms;
        rig_answer(e);
}

/* Waits for the answer of the operation that was just called, which must not have come from within. */
static void rig_wait(unsigned before)
{
        ck_assert_uint_eq(rig.answers, before);
        rig_until(&rig.answers, before + 1);
        ck_assert_uint_eq(rig.answers, before + 1);
}
#define OP(call)                                                                                   \
        do {                                                                                       \
                unsigned before_ = rig.answers;                                                    \
                call;                                                                              \
                rig_wait(before_);                                                                 \
        } while (0)
/* The same for an operation that must succeed. */
#define OK(call)                                                                                   \
        do {                                                                                       \
                OP(call);                                                                          \
                ck_assert_msg(rig.e.code == ERR_OK, "%s", rig.e.text);                             \
        } while (0)

static UNUSED struct wave_facts wave(int64_t no, int32_t batch_size)
{
        return (struct wave_facts){
                .wave_no = no, .version = 1, .batch_size = batch_size, .queue = "q"};
}

static UNUSED void submit(const struct wave_facts *f, int64_t first, int64_t last)
{
        OK(broker_submit(rig.b, f, first, last, rig_done, NULL));
}

/* Valid until the next one. */
static UNUSED const struct broker_take *take_of(const char *const *queues, size_t nq, size_t want)
{
        static struct broker_take take;
        take = (struct broker_take){.queues = queues, .nq = nq, .want = want, .least = want};
        return &take;
}

/* Takes `want` ids from queue q for worker 7. */
static UNUSED void take_ids(size_t want)
{
        static const char *const queues[] = {"q"};
        OK(broker_finish(rig.b, 7, NULL, 0, NULL, 0, take_of(queues, 1, want), rig_ids, NULL));
}

static UNUSED void finish(const struct delivery *d, size_t n, const struct wave_facts *f, size_t nf)
{
        OK(broker_finish(rig.b, 7, d, n, f, nf, NULL, rig_ids, NULL));
}

static UNUSED void rig_followed(const int64_t *ids, size_t n, bool freed, const struct err *e,
                                void *arg)
{
        rig.freed = freed;
        rig_ids(ids, n, e, arg);
}

static UNUSED void follow(const struct delivery *d, size_t n, size_t want)
{
        static const char *const queues[] = {"q", "r"};
        OK(broker_follow(rig.b, 7, d, n, queues, 2, want, false, rig_followed, NULL));
}

/* The slots may pass from hand to hand. */
static UNUSED void follow_passing(const struct delivery *d, size_t n, size_t want)
{
        static const char *const queues[] = {"q", "r"};
        OK(broker_follow(rig.b, 7, d, n, queues, 2, want, true, rig_followed, NULL));
}

static UNUSED void finish_one(int64_t id, const struct wave_facts *f, enum delivery_end end,
                              int64_t due_in_ms)
{
        struct delivery d = {.id = id, .wave_no = f->wave_no, .end = end, .due_in_ms = due_in_ms};
        finish(&d, 1, f, 1);
}

/* What main() of a program of such tests does and returns. */
static UNUSED int rig_main(const char *name, const TTest *const *tests, size_t n)
{
        Suite *s = suite_create(name);
        TCase *t = tcase_create(name);
        tcase_add_checked_fixture(t, rig_start, rig_end);
        tcase_set_timeout(t, 60);
        for (size_t i = 0; i < n; i++)
                tcase_add_test(t, tests[i]);
        suite_add_tcase(s, t);
        log_init("test", LOG_ERROR);
        harness_stack_up();
        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}

#endif
