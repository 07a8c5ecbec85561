/* What the reconciler and the views read from Redis and mend there, and the fleet's rate limits. */
#include "broker_rig.h"

#include <stdio.h>

/* ---- for the reconciler ---- */

START_TEST(a_lost_turn_is_found_again)
{
        struct wave_facts f = wave(1, 50), g = wave(2, 50);
        rig_do("SET wavefleet:target:q 2");
        submit(&f, 1, 20);
        submit(&g, 101, 120);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "1 2");
        /* The list is gone, the flags are not: a finish of the wave finds it out. */
        rig_do("DEL wavefleet:turn:q");
        finish_one(1, &f, END_SETTLED, 0);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "1");
        /* The list is there without it: facts look closely. */
        finish_one(101, &g, END_SETTLED, 0);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "1");
        OK(broker_facts(rig.b, &g, rig_done, NULL));
        OK(broker_facts(rig.b, &g, rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "1 2");
        /* An older state: in the list and not flagged, or twice, or closed. */
        rig_do("HDEL wavefleet:wave:1 turn");
        rig_do("RPUSH wavefleet:turn:q 2 2 99");
        OK(broker_facts(rig.b, &f, rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "1 2 2 2 99 1");
        rig_do("SET wavefleet:target:q 12");
        OK(broker_facts(rig.b, &f, rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "1 2");
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 12);
        /* … and a key of another type's place is nobody's business but Redis': closed waves leave it. */
        OK(broker_close_wave(rig.b, &g, rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "1");
}
END_TEST

START_TEST(a_hash_that_lacks_something_is_none)
{
        struct wave_facts f = wave(1, 2);
        submit(&f, 1, 10);
        rig_do("HDEL wavefleet:wave:1 priority queue");
        finish_one(1, &f, END_SETTLED, 0);
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 2);
        OK(broker_wave_counts(rig.b, &f.wave_no, 1, rig_counts, NULL));
        ck_assert(!rig.counts[0].open);
        OK(broker_push(rig.b, &f, NULL, 0, false, rig_done, NULL));
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 3);
}
END_TEST

START_TEST(a_flushed_wave_is_rebuilt)
{
        struct wave_facts f = wave(1, 3);
        submit(&f, 1, 10);
        take_ids(2);
        rig_do("FLUSHALL");
        rig_until(&rig.others, 1);
        /* 1 and 2 run, the rest is pending and nowhere. */
        int64_t running[] = {1, 2}, pending[] = {3, 4, 5, 6, 7, 8, 9, 10};
        OK(broker_window_set(rig.b, &f, running, 2, NULL, 0, rig_done, NULL));
        OK(broker_demand_set(rig.b, "q", running, 2, NULL, 0, rig_done, NULL));
        ck_assert_int_eq(rig_int("EXISTS wavefleet:queue:q wavefleet:wave:1"), 0);
        OK(broker_push(rig.b, &f, pending, 8, true, rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 0 -1"), "3");
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:wave:1:window"), "1 2 3");
        OK(broker_demand(rig.b, "q", rig_ids, NULL));
        ck_assert_uint_eq(rig.n, 3);
}
END_TEST

START_TEST(the_window_is_mended)
{
        struct wave_facts f = wave(1, 2500);
        static int64_t add[2300], drop[1500];
        rig_do("SET wavefleet:target:q 0");
        submit(&f, 100001, 100010);
        for (int i = 0; i < 2300; i++)
                add[i] = i + 1;
        for (int i = 0; i < 1500; i++)
                drop[i] = i + 1;
        OK(broker_window_set(rig.b, &f, add, 2300, drop, 1500, rig_done, NULL));
        OK(broker_window(rig.b, 1, rig_ids, NULL));
        ck_assert_uint_eq(rig.n, 800);
        rig_do("SADD wavefleet:demand:q 1501 1502");
        rig_do("SET wavefleet:target:q 5");
        OK(broker_window_set(rig.b, &f, NULL, 0, add + 1500, 800, rig_done, NULL));
        ck_assert_int_eq(rig_int("SCARD wavefleet:demand:q"), 5);
        ck_assert_int_eq(rig_int("SCARD wavefleet:wave:1:window"), 5);
        OK(broker_demand_set(rig.b, "q", add, 2300, drop, 1500, rig_done, NULL));
        ck_assert_int_eq(rig_int("SCARD wavefleet:demand:q"), 805);
}
END_TEST

START_TEST(close_frees_the_demand_of_a_large_window)
{
        struct wave_facts f = wave(1, 3000);
        static int64_t add[2000];
        for (int i = 0; i < 2000; i++)
                add[i] = i + 1;
        OK(broker_window_set(rig.b, &f, add, 2000, NULL, 0, rig_done, NULL));
        OK(broker_demand_set(rig.b, "q", add, 2000, NULL, 0, rig_done, NULL));
        rig_do("SADD wavefleet:demand:q 77777");
        OK(broker_close_wave(rig.b, &f, rig_done, NULL));
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:demand:q"), "77777");
}
END_TEST

START_TEST(counts_of_waves)
{
        int64_t nos[250];
        for (int i = 0; i < 250; i++)
                nos[i] = i + 1;
        struct wave_facts f = wave(203, 3);
        f.version = 9;
        submit(&f, 1, 10);
        f.paused = true;
        OK(broker_facts(rig.b, &f, rig_done, NULL));
        OK(broker_wave_counts(rig.b, nos, 250, rig_counts, NULL));
        ck_assert_uint_eq(rig.n, 250);
        struct wave_counts *c = &rig.counts[202];
        ck_assert(c->open && c->version == 9 && c->paused && c->batch_size == 3);
        ck_assert(c->backlog == 7 && c->window == 3);
        ck_assert(!rig.counts[201].open && rig.counts[201].backlog == 0);
        OK(broker_wave_counts(rig.b, NULL, 0, rig_counts, NULL));
        ck_assert_uint_eq(rig.n, 0);
}
END_TEST

START_TEST(what_stands_where)
{
        for (int i = 1; i <= 120; i++) {
                struct wave_facts f = wave(i, 1);
                submit(&f, 10 * i, 10 * i + 1);
        }
        OK(broker_open_waves(rig.b, rig_ids, NULL));
        ck_assert_uint_eq(rig.n, 120);
        ck_assert(rig.ids[0] == 1 && rig.ids[119] == 120);
        take_ids(3);
        rig_do("RPUSH wavefleet:processing:12 5 nonsense");
        OK(broker_processing_lists(rig.b, rig_ids, NULL));
        ck_assert(rig.n == 2 && rig.ids[0] == 7 && rig.ids[1] == 12);
        OK(broker_processing(rig.b, 7, rig_ids, NULL));
        ck_assert(rig.n == 3 && rig.ids[0] == 10 && rig.ids[2] == 30);
        OK(broker_processing(rig.b, 12, rig_ids, NULL));
        ck_assert(rig.n == 1 && rig.ids[0] == 5);
        OK(broker_queue(rig.b, "q", rig_ids, NULL));
        ck_assert(rig.n == 29 && rig.ids[0] == 40);
        OK(broker_queue(rig.b, "none", rig_ids, NULL));
        ck_assert_uint_eq(rig.n, 0);
}
END_TEST

START_TEST(depths_and_queues)
{
        int64_t nos[250];
        static const char *const queues[] = {"q", "none"};
        for (int i = 0; i < 250; i++) {
                struct wave_facts f = wave(i + 1, 0);
                nos[i] = i + 1;
                submit(&f, 10 * i, 10 * i + 3);
        }
        rig_do("RPUSH wavefleet:queue:q 1 2 3");
        OK(broker_set_depth(rig.b, "q", nos, 250, 40, rig_count, NULL));
        ck_assert_int_eq(rig.count, 1043);
        rig_do("SADD wavefleet:demand:q 1 2");
        OK(broker_queues(rig.b, queues, 2, rig_queue_facts, NULL));
        ck_assert_uint_eq(rig.n, 2);
        ck_assert(rig.queues[0].ready == 3 && rig.queues[0].demand == 2);
        ck_assert(rig.queues[0].depth == 1043 && rig.queues[1].depth == 0);
        OK(broker_queues(rig.b, NULL, 0, rig_queue_facts, NULL));
        ck_assert_uint_eq(rig.n, 0);
        OK(broker_set_depth(rig.b, "q", NULL, 0, 0, rig_count, NULL));
        ck_assert_int_eq(rig_int("GET wavefleet:depth:q"), 3);
}
END_TEST

/* ---- rate ---- */

START_TEST(a_rate_is_shared)
{
        int64_t begun_ms = clock_wall_ms();
        for (int i = 0; i < 5; i++) { /* one a second: 0, 1000, 2000 … from the first on */
                OK(broker_rate(rig.b, "server", 1, 10000, rig_count, NULL));
                ck_assert_int_ge(rig.count, 0);
                ck_assert_int_le(rig.count, 1000 * i);
                ck_assert_int_ge(rig.count, 1000 * i - (clock_wall_ms() - begun_ms) - 1);
        }
        /* Too far away: not reserved, so asking again does not move it. */
        OK(broker_rate(rig.b, "server", 1, 50, rig_count, NULL));
        ck_assert_int_lt(rig.count, -50);
        int64_t away = rig.count;
        OK(broker_rate(rig.b, "server", 1, 50, rig_count, NULL));
        ck_assert_int_ge(rig.count, away);
        OK(broker_rate(rig.b, "another", 10, 50, rig_count, NULL));
        ck_assert_int_eq(rig.count, 0);
        ck_assert_int_gt(rig_int("PTTL wavefleet:rate:server"), 0);
}
END_TEST

/* ---- installations ---- */

START_TEST(installations_know_each_other)
{
        OK(broker_installations(rig.b, "", rig_names, NULL));
        ck_assert_str_eq(rig.names, "");
        ck_assert_int_eq(rig_int("EXISTS wavefleet:installations"), 0); /* who only looks is none */
        OK(broker_installations(rig.b, "here 1/2", rig_names, NULL));
        ck_assert_str_eq(rig.names, "here 1/2");
        OK(broker_installations(rig.b, "there 3/4", rig_names, NULL));
        ck_assert_str_eq(rig.names, "here 1/2, there 3/4");
        OK(broker_installations(rig.b, "here 1/2", rig_names, NULL));
        ck_assert_str_eq(rig.names, "here 1/2, there 3/4");
        ck_assert_int_gt(rig_int("PTTL wavefleet:installations"), 0);
        /* One that was heard of an hour ago is gone; of many, the latest ten are told. */
        rig_do("ZINCRBY wavefleet:installations -3600000 %s", "there 3/4");
        OK(broker_installations(rig.b, "", rig_names, NULL));
        ck_assert_str_eq(rig.names, "here 1/2");
        for (int i = 0; i < 12; i++) {
                autofree char *name = xasprintf("x%02d", i);
                OK(broker_installations(rig.b, name, rig_names, NULL));
        }
        ck_assert_uint_eq(rig.n, 10);
}
END_TEST

int main(void)
{
        const TTest *const tests[] = {a_lost_turn_is_found_again,
                                      a_hash_that_lacks_something_is_none,
                                      a_flushed_wave_is_rebuilt,
                                      the_window_is_mended,
                                      close_frees_the_demand_of_a_large_window,
                                      counts_of_waves,
                                      what_stands_where,
                                      depths_and_queues,
                                      a_rate_is_shared,
                                      installations_know_each_other};
        return rig_main("broker repair", tests, COUNT_OF(tests));
}
