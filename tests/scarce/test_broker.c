/*
 * A command to a real Redis while memory runs out: its caller hears once that it was done, was not, or
 * may have been; a command of which only a part could be queued takes its connection with it, so that
 * no answer goes to the wrong question; and it all works again.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "broker/broker.h"
#include "tests/harness/harness.h"
#include "tests/scarce/scarce.h"

enum { IDS = 1000, WITHIN_MS = 20000 };

static struct loop *loop;
static struct broker *broker;
static int64_t ids[IDS];
static const struct wave_facts facts = {
        .wave_no = 3, .version = 1, .batch_size = IDS, .queue = "default"};

struct heard {
        unsigned times;
        enum err_code code;
        size_t n;
};

static void on_done(const struct err *e, void *arg)
{
        struct heard *h = arg;
        h->times++;
        h->code = e ? e->code : ERR_OK;
}

static void on_ids(const int64_t *found, size_t n, const struct err *e, void *arg)
{
        struct heard *h = arg;
        for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(found[i], ids[i]);
        h->n = n;
        on_done(e, arg);
}

static void turn_until_heard(const struct heard *h)
{
        int64_t end_ms = clock_mono_ms() + WITHIN_MS;
        while (h->times == 0) {
                loop_turn(loop, 5);
                ck_assert_msg(clock_mono_ms() < end_ms, "no answer");
        }
        ck_assert_uint_eq(h->times, 1);
}

static void turn_until_up(void)
{
        int64_t end_ms = clock_mono_ms() + WITHIN_MS;
        while (!broker_up(broker)) {
                loop_turn(loop, 5);
                ck_assert_msg(clock_mono_ms() < end_ms, "it does not come back");
        }
}

/* The wave's backlog, whole, in its order. It may be here that the memory runs out: asked again then. */
static void read_backlog(struct heard *h)
{
        do {
                turn_until_up();
                *h = (struct heard){0};
                broker_backlog(broker, facts.wave_no, on_ids, h);
                turn_until_heard(h);
        } while (h->code == ERR_UNAVAILABLE || h->code == ERR_LOST);
        ck_assert_int_eq(h->code, ERR_OK);
}

static bool push(bool well, void *arg)
{
        struct heard pushed = {0}, closed = {0}, backlog;
        (void)arg;
        /* A wave that is paused, so that nothing is released. */
        struct wave_facts f = facts;
        f.paused = true;
        broker_push(broker, &f, ids, IDS, false, on_done, &pushed);
        turn_until_heard(&pushed);
        bool refused = pushed.code != ERR_OK;
        ck_assert(!well || !refused);
        ck_assert(!refused || pushed.code == ERR_UNAVAILABLE || pushed.code == ERR_LOST);
        read_backlog(&backlog);
        if (!refused)
                ck_assert_uint_eq(backlog.n, IDS);
        else
                ck_assert(backlog.n == 0 || pushed.code == ERR_LOST);
        turn_until_up();
        broker_close_wave(broker, &f, on_done, &closed);
        turn_until_heard(&closed);
        ck_assert_int_eq(closed.code, ERR_OK);
        return refused;
}

START_TEST(a_command_that_is_large)
{
        const struct harness_stack *s = harness_stack_up();
        struct broker_opts o = {
                .url = s->redis_url, .prefix = "wavefleet:", .timeout_ms = WITHIN_MS};
        rand_init();
        log_init("test", LOG_ERROR);
        loop = loop_new();
        for (int i = 0; i < IDS; i++)
                ids[i] = 1000000 + i;
        broker = broker_new(loop, &o, NULL);
        turn_until_up();
        scarce(push, NULL, 3);
        broker_free(broker);
        loop_free(loop);
}
END_TEST

int main(void)
{
        harness_stack_up();
        Suite *s = suite_create("scarce broker");
        TCase *t = tcase_create("commands");
        tcase_set_timeout(t, 120);
        tcase_add_test(t, a_command_that_is_large);
        suite_add_tcase(s, t);
        return scarce_main(s);
}
