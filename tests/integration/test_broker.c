/* The broker's operations against a real Redis: the flows of the protocol, one by one. */
#include "broker_rig.h"

#include <stdio.h>
#include <time.h>

/* ---- submit ---- */

START_TEST(submit_writes_the_keys_of_the_design)
{
        struct wave_facts f = wave(5, 3);
        submit(&f, 101, 110);
        ck_assert_str_eq(
                rig_text("HMGET wavefleet:wave:5 version batch_size queue priority paused"),
                "1 3 q 0 0");
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 0 -1"), "101 102 103");
        ck_assert_str_eq(rig_text("LRANGE wavefleet:wave:5:backlog 0 -1"),
                         "104 105 106 107 108 109 110");
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:wave:5:window"), "101 102 103");
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:demand:q"), "101 102 103");
        ck_assert_str_eq(rig_text("GET wavefleet:depth:q"), "10");
        /* Its window is full: it is not in turn. */
        ck_assert_int_eq(rig_int("EXISTS wavefleet:turn:q"), 0);
        ck_assert_int_eq(rig_int("HEXISTS wavefleet:wave:5 turn"), 0);
}
END_TEST

/* All there is of wave 5, and what it shares with others. */
static const char *all_of_wave_5(void)
{
        static const char script[] =
                "local out = {} "
                "for _, k in ipairs({'wave:5', 'wave:5:backlog', 'wave:5:window', 'queue:q', "
                "'demand:q', "
                "'turn:q', 'depth:q'}) do "
                "  local key = 'wavefleet:' .. k local t = redis.call('TYPE', key).ok "
                "  local v = t == 'list' and redis.call('LRANGE', key, 0, -1) "
                "    or t == 'set' and redis.call('SMEMBERS', key) "
                "    or t == 'hash' and redis.call('HGETALL', key) "
                "    or t == 'string' and {redis.call('GET', key)} or {} "
                "  if t ~= 'list' then table.sort(v) end "
                "  out[#out + 1] = k .. '=' .. table.concat(v, ',') "
                "end return table.concat(out, ' ')";
        return rig_text("EVAL %s 0", script);
}

/* A few ids that find no other wave waiting take a shorter way to the same end as the same ids by a push. */
START_TEST(submit_of_a_few_lines_them_up_at_once)
{
        static const struct {
                int64_t last;
                int batch_size, priority;
                bool paused, known, others, full;
        } cases[] = {
                {.last = 1, .batch_size = 3},
                {.last = 3, .batch_size = 3, .priority = 2},
                {.last = 16, .batch_size = 16},
                {.last = 17, .batch_size = 17},
                {.last = 4, .batch_size = 3},
                {.last = 2, .batch_size = 3, .paused = true},
                {.last = 2, .batch_size = 3, .known = true},
                {.last = 2, .batch_size = 3, .others = true},
                {.last = 2, .batch_size = 3, .full = true},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                char *texts[2];
                for (int pushed = 0; pushed < 2; pushed++) {
                        struct wave_facts f = wave(5, cases[i].batch_size), other = wave(6, 100);
                        int64_t ids[20];
                        rig_do("FLUSHDB");
                        f.priority = cases[i].priority;
                        f.paused = cases[i].paused;
                        if (cases[i].known)
                                submit(&f, 100, 100);
                        if (cases[i].others)
                                submit(&other, 200, 250);
                        if (cases[i].full)
                                submit(&other, 200, 230); /* the queue has room for one more */
                        for (int64_t id = 1; id <= cases[i].last; id++)
                                ids[id - 1] = id;
                        if (pushed)
                                OK(broker_push(rig.b, &f, ids, (size_t)cases[i].last, false,
                                               rig_done, NULL));
                        else
                                submit(&f, 1, cases[i].last);
                        texts[pushed] = xstrdup(all_of_wave_5());
                }
                ck_assert_str_eq(texts[0], texts[1]);
                free(texts[0]);
                free(texts[1]);
        }
        struct wave_facts f = wave(5, 3);
        rig_do("FLUSHDB");
        submit(&f, 1, 2);
        ck_assert_str_eq(
                all_of_wave_5(),
                "wave:5=0,0,1,3,batch_size,paused,priority,q,queue,version wave:5:backlog= "
                "wave:5:window=1,2 queue:q=1,2 demand:q=1,2 turn:q= depth:q=2");
}
END_TEST

START_TEST(submit_of_nothing_opens_the_wave)
{
        struct wave_facts f = wave(5, 3);
        submit(&f, 1, 0);
        ck_assert_int_eq(rig_int("EXISTS wavefleet:wave:5"), 1);
        ck_assert_int_eq(rig_int("EXISTS wavefleet:wave:5:backlog"), 0);
        OK(broker_close_wave(rig.b, &f, rig_done, NULL));
        OK(broker_push(rig.b, &f, NULL, 0, false, rig_done, NULL));
        ck_assert_int_eq(rig_int("EXISTS wavefleet:wave:5"), 1);
}
END_TEST

/* What the loop itself computes: other processes do not count. */
static int64_t cpu_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

START_TEST(submit_of_a_million)
{
        struct wave_facts f = wave(1, 100);
        int64_t start_us = clock_mono_us(), longest_us = 0;
        unsigned before = rig.answers;
        broker_submit(rig.b, &f, 5000001, 6000000, rig_done, NULL);
        while (rig.answers == before) {
                int64_t turn_us = cpu_us();
                loop_turn(rig.loop, 20);
                turn_us = cpu_us() - turn_us;
                longest_us = turn_us > longest_us ? turn_us : longest_us;
        }
        int64_t took_us = clock_mono_us() - start_us;
        ck_assert_int_lt(longest_us, 20000); /* well under 1 ms but for sanitizers and a busy host */
        ck_assert_int_eq(rig.e.code, ERR_OK);
        ck_assert_int_eq(rig_int("LLEN wavefleet:wave:1:backlog"), 1000000 - 32);
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 32);
        ck_assert_int_eq(rig_int("GET wavefleet:depth:q"), 1000000);
        ck_assert_str_eq(rig_text("LINDEX wavefleet:wave:1:backlog -1"), "6000000");
        double bytes = (double)rig_int("MEMORY USAGE wavefleet:wave:1:backlog SAMPLES 0") / 1e6;
        printf("a million ids: %.0f ms, longest turn of the loop %.1f ms, %.2f bytes an id\n",
               (double)took_us / 1e3, (double)longest_us / 1e3, bytes);
        ck_assert_double_lt(bytes, 10);
        /* … and read back, whole, in order. */
        OK(broker_backlog(rig.b, 1, rig_ids, NULL));
        ck_assert_uint_eq(rig.n, 1000000 - 32);
        for (size_t i = 0; i < rig.n; i++)
                ck_assert_int_eq(rig.ids[i], 5000033 + (int64_t)i);
}
END_TEST

START_TEST(a_closed_wave_takes_no_more_of_a_submit)
{
        struct wave_facts f = wave(1, 10), ended = f;
        ended.version = 2;
        unsigned before = rig.answers;
        broker_submit(rig.b, &f, 1, 200000, rig_done, NULL);
        broker_close_wave(rig.b, &ended, rig_done, NULL);
        rig_until(&rig.answers, before + 2);
        ck_assert_int_eq(rig_int("EXISTS wavefleet:wave:1 wavefleet:wave:1:backlog"), 0);
}
END_TEST

START_TEST(push_keeps_the_order)
{
        struct wave_facts f = wave(1, 0); /* releases nothing */
        int64_t ids[2500];
        for (int i = 0; i < 2500; i++)
                ids[i] = 10 * (i + 1);
        OK(broker_push(rig.b, &f, ids, 3, false, rig_done, NULL));
        OK(broker_push(rig.b, &f, ids + 3, 2, false, rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:wave:1:backlog 0 -1"), "10 20 30 40 50");
        int64_t front[] = {7, 8, 9};
        OK(broker_push(rig.b, &f, front, 3, true, rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:wave:1:backlog 0 -1"), "7 8 9 10 20 30 40 50");
        rig_do("DEL wavefleet:wave:1:backlog");
        for (int in_front = 0; in_front < 2; in_front++) {
                OK(broker_push(rig.b, &f, ids, 2500, in_front, rig_done, NULL));
                OK(broker_backlog(rig.b, 1, rig_ids, NULL));
                ck_assert_uint_eq(rig.n, 2500);
                ck_assert_int_eq(memcmp(rig.ids, ids, sizeof(ids)), 0);
                rig_do("DEL wavefleet:wave:1:backlog");
        }
        ck_assert_int_eq(rig_int("GET wavefleet:depth:q"), 5008);
}
END_TEST

/* ---- release ---- */

START_TEST(waves_take_turns)
{
        struct wave_facts f[5];
        static const int32_t batch[] = {1, 2, 3, 5, 100};
        rig_do("SET wavefleet:target:q 0");
        for (int i = 0; i < 5; i++) {
                f[i] = wave(i + 1, batch[i]);
                submit(&f[i], 100 * (i + 1) + 1, 100 * (i + 1) + 20);
        }
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 0);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "1 2 3 4 5");
        broker_set_runners(rig.b, "q", 6); /* 12, but never under 32 */
        OK(broker_facts(rig.b, &f[0], rig_done, NULL));
        ck_assert_str_eq(
                rig_text("LRANGE wavefleet:queue:q 0 -1"),
                "101 201 301 401 501 202 302 402 502 303 403 503 404 504 405 505 506 507 508 509 "
                "510 511 512 513 514 515 516 517 518 519 520");
        ck_assert_int_eq(rig_int("EXISTS wavefleet:turn:q"), 0);
}
END_TEST

START_TEST(a_queue_that_is_held_releases_nothing)
{
        struct wave_facts f = wave(1, 50);
        int64_t ids[] = {7, 8};
        broker_hold_queue(rig.b, "q");
        submit(&f, 101, 120);
        OK(broker_push(rig.b, &f, ids, 2, true, rig_done, NULL));
        OK(broker_facts(rig.b, &f, rig_done, NULL));
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 0);
        ck_assert_int_eq(rig_int("LLEN wavefleet:wave:1:backlog"), 22);
        ck_assert_int_gt(rig_int("PTTL wavefleet:target:q"), 200000);
        broker_set_runners(rig.b, "q", 1);
        OK(broker_facts(rig.b, &f, rig_done, NULL));
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 22);
}
END_TEST

START_TEST(a_turn_goes_on_where_it_stopped)
{
        rig_do("SET wavefleet:target:q 2");
        struct wave_facts f[3];
        for (int i = 0; i < 3; i++) {
                f[i] = wave(i + 1, 50);
                submit(&f[i], 100 * (i + 1) + 1, 100 * (i + 1) + 20);
        }
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 0 -1"), "101 102");
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "1 2 3");
        rig_do("SET wavefleet:target:q 4");
        OK(broker_facts(rig.b, &f[0], rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 0 -1"), "101 102 103 201");
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "3 1 2");
        rig_do("SET wavefleet:target:q 5");
        OK(broker_facts(rig.b, &f[0], rig_done, NULL));
        ck_assert_str_eq(rig_text("LINDEX wavefleet:queue:q -1"), "301");
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "1 2 3");
        rig_do("SET wavefleet:target:q 12");
        OK(broker_facts(rig.b, &f[0], rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 5 -1"), "104 202 302 105 203 303 106");
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "2 3 1");
        ck_assert_str_eq(rig_text("HGET wavefleet:wave:2 turn"), "0");
}
END_TEST

START_TEST(the_highest_priority_goes_first)
{
        struct wave_facts f[3];
        static const int32_t priority[] = {0, 3, 9};
        rig_do("SET wavefleet:target:q 0");
        for (int i = 0; i < 3; i++) {
                f[i] = wave(i + 1, 2);
                f[i].priority = priority[i];
                submit(&f[i], 100 * (i + 1) + 1, 100 * (i + 1) + 20);
        }
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q 0 -1"), "1");
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q:3 0 -1"), "2");
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q:9 0 -1"), "3");
        rig_do("SET wavefleet:target:q 5");
        OK(broker_facts(rig.b, &f[0], rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 0 -1"), "301 302 201 202 101");
        /* Another priority: it leaves its old place behind, which is passed over. */
        f[0].priority = 5;
        f[0].version = 2;
        OK(broker_facts(rig.b, &f[0], rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:turn:q:5 0 -1"), "1");
        rig_do("SET wavefleet:target:q 9");
        OK(broker_facts(rig.b, &f[0], rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 5 -1"), "102");
        ck_assert_int_eq(rig_int("EXISTS wavefleet:turn:q wavefleet:turn:q:3 wavefleet:turn:q:5 "
                                 "wavefleet:turn:q:9"),
                         0);
}
END_TEST

START_TEST(a_paused_wave_releases_nothing)
{
        struct wave_facts a = wave(1, 5), b = wave(2, 5);
        a.paused = true;
        submit(&a, 101, 110);
        submit(&b, 201, 210);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 0 -1"), "201 202 203 204 205");
        a.paused = false;
        a.version = 2;
        OK(broker_facts(rig.b, &a, rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 5 -1"), "101 102 103 104 105");
        a.paused = true;
        a.version = 3;
        OK(broker_facts(rig.b, &a, rig_done, NULL));
        finish_one(101, &a, END_SETTLED, 0);
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 10);
        ck_assert_int_eq(rig_int("SCARD wavefleet:wave:1:window"), 4);
        a.paused = false;
        a.version = 4;
        OK(broker_facts(rig.b, &a, rig_done, NULL));
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 11);
}
END_TEST

START_TEST(a_lower_batch_size_holds_until_the_window_is_smaller)
{
        struct wave_facts f = wave(1, 5);
        submit(&f, 1, 20);
        f.batch_size = 2;
        f.version = 2;
        OK(broker_facts(rig.b, &f, rig_done, NULL));
        for (int64_t id = 1; id <= 3; id++)
                finish_one(id, &f, END_SETTLED, 0);
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 5);
        finish_one(4, &f, END_SETTLED, 0);
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 6);
        ck_assert_int_eq(rig_int("SCARD wavefleet:wave:1:window"), 2);
}
END_TEST

START_TEST(a_long_queue_is_filled_in_steps)
{
        struct wave_facts f = wave(1, 100000);
        submit(&f, 1, 20000);
        broker_set_runners(rig.b, "q", 2600);
        rig_until_lined_up(5200);
        rig_turn_for(50);
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 5200);
        ck_assert_int_gt(rig_int("PTTL wavefleet:target:q"), 60000);
}
END_TEST

START_TEST(many_waves_all_have_their_turn)
{
        enum { WAVES = 350 };
        rig_do("SET wavefleet:target:q 0");
        for (int i = 1; i <= WAVES; i++) {
                struct wave_facts f = wave(i, 2);
                submit(&f, 10 * i + 1, 10 * i + 5);
        }
        ck_assert_int_eq(rig_int("LLEN wavefleet:turn:q"), WAVES);
        rig_do("SET wavefleet:target:q 1000");
        struct wave_facts f = wave(1, 2);
        OK(broker_facts(rig.b, &f, rig_done, NULL));
        rig_until_lined_up(2 * WAVES);
        OK(broker_queue(rig.b, "q", rig_ids, NULL));
        ck_assert_uint_eq(rig.n, 2 * WAVES);
        for (int i = 0; i < WAVES; i++) { /* first all have one, then all have two */
                ck_assert_int_eq(rig.ids[i], 10 * (i + 1) + 1);
                ck_assert_int_eq(rig.ids[WAVES + i], 10 * (i + 1) + 2);
        }
}
END_TEST

/* Five waves to their end through takes and finishes; what must always hold is looked at each time. */
START_TEST(five_waves_to_their_end)
{
        struct wave_facts f[5];
        static const int32_t batch[] = {1, 3, 7, 20, 200};
        enum { EACH = 400 };
        unsigned delivered[5] = {0}, done[5] = {0};
        for (int i = 0; i < 5; i++) {
                f[i] = wave(i, batch[i]);
                f[i].priority = i == 1 ? 2 : 0;
                submit(&f[i], 1000 * i, 1000 * i + EACH - 1);
        }
        take_ids(16);
        while (rig.n > 0) {
                struct delivery d[64];
                size_t n = rig.n;
                for (size_t i = 0; i < n; i++) {
                        int64_t id = rig.ids[i];
                        delivered[id / 1000]++;
                        d[i] = (struct delivery){.id = id, .wave_no = id / 1000, .end = END_SETTLED};
                        if (rand_below(10) == 0)
                                d[i].end = END_PENDING;
                        else
                                done[id / 1000]++;
                }
                static const char *const queues[] = {"q"};
                OK(broker_finish(rig.b, 7, d, n, f, 5, take_of(queues, 1, 16), rig_ids, NULL));
                for (int i = 0; i < 5; i++)
                        ck_assert_int_le(rig_int("SCARD wavefleet:wave:%d:window", i), batch[i]);
                ck_assert_int_le(rig_int("LLEN wavefleet:queue:q"), 32);
                ck_assert_int_eq(rig_int("LLEN wavefleet:processing:7"), (long long)rig.n);
        }
        for (int i = 0; i < 5; i++) {
                ck_assert_uint_eq(done[i], EACH);
                ck_assert_uint_ge(delivered[i], EACH);
                ck_assert_int_eq(rig_int("HEXISTS wavefleet:wave:%d turn", i), 0);
                OK(broker_close_wave(rig.b, &f[i], rig_done, NULL));
        }
        /* Nothing is left but the depth (renewed by others) and the guard. */
        rig_do("DEL wavefleet:depth:q wavefleet:guard");
        ck_assert_str_eq(rig_text("KEYS *"), "");
}
END_TEST

/* ---- versions ---- */

START_TEST(an_older_version_changes_nothing)
{
        struct wave_facts f = wave(1, 5);
        f.version = 7;
        submit(&f, 1, 20);
        f.version = 6;
        f.paused = true;
        f.batch_size = 9;
        OK(broker_facts(rig.b, &f, rig_done, NULL));
        OK(broker_push(rig.b, &f, NULL, 0, false, rig_done, NULL));
        OK(broker_window_set(rig.b, &f, NULL, 0, NULL, 0, rig_done, NULL));
        finish_one(1, &f, END_RUNNING, 0);
        ck_assert_str_eq(rig_text("HMGET wavefleet:wave:1 version batch_size paused"), "7 5 0");
        OK(broker_close_wave(rig.b, &f, rig_done, NULL));
        ck_assert_int_eq(rig_int("EXISTS wavefleet:wave:1"), 1);
        f.version = 7;
        OK(broker_facts(rig.b, &f, rig_done, NULL));
        ck_assert_str_eq(rig_text("HMGET wavefleet:wave:1 version batch_size paused"), "7 9 1");
        f.version = 10; /* compared as numbers */
        f.paused = false;
        finish_one(1, &f, END_SETTLED, 0);
        ck_assert_str_eq(rig_text("HMGET wavefleet:wave:1 version batch_size paused"), "10 9 0");
        OK(broker_close_wave(rig.b, &f, rig_done, NULL));
        ck_assert_int_eq(rig_int("EXISTS wavefleet:wave:1 wavefleet:wave:1:backlog "
                                 "wavefleet:wave:1:window"),
                         0);
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:demand:q"), "");
}
END_TEST

START_TEST(no_hash_means_closed)
{
        struct wave_facts f = wave(1, 5);
        OK(broker_facts(rig.b, &f, rig_done, NULL));
        finish_one(3, &f, END_PENDING, 0);
        finish_one(4, &f, END_SETTLED, 0);
        struct promotion p = {.entry = {5, 1000}, .d = {.id = 5, .wave_no = 1, .end = END_RETRYING}};
        rig_do("ZADD wavefleet:delayed 1000 5");
        OK(broker_promote(rig.b, &p, 1, &f, 1, "out", PER_S, rig_done, NULL));
        rig_do("DEL wavefleet:guard");
        ck_assert_str_eq(rig_text("KEYS *"), "");
}
END_TEST

/* ---- finish ---- */

START_TEST(finish_of_each_state)
{
        struct wave_facts f = wave(1, 6);
        submit(&f, 1, 6);
        take_ids(6);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:processing:7 0 -1"), "1 2 3 4 5 6");
        struct delivery d[] = {
                {.id = 1, .wave_no = 1, .end = END_SETTLED},
                {.id = 2, .wave_no = 1, .end = END_RUNNING},
                {.id = 3, .wave_no = 1, .end = END_PARKED, .due_in_ms = 5000},
                {.id = 4, .wave_no = 1, .end = END_RETRYING, .due_in_ms = 9000},
                {.id = 5, .wave_no = 1, .end = END_PENDING},
        };
        f.paused = true; /* so that what goes back stays there */
        long long begun_ms = clock_wall_ms();
        finish(d, 5, &f, 1);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:processing:7 0 -1"), "6");
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:wave:1:window"), "2 3 6");
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:demand:q"), "2 6");
        ck_assert_str_eq(rig_text("LRANGE wavefleet:wave:1:backlog 0 -1"), "5");
        ck_assert_str_eq(rig_text("ZRANGE wavefleet:delayed 0 -1"), "3 4");
        long long due_ms = rig_int("ZSCORE wavefleet:delayed 3");
        ck_assert_int_ge(due_ms, begun_ms + 5000);
        ck_assert_int_le(due_ms, clock_wall_ms() + 5000);
        ck_assert_int_eq(rig_int("ZSCORE wavefleet:delayed 4") - due_ms, 4000);
        /* Said again, with nobody's list: the same. */
        OK(broker_finish(rig.b, 0, d, 4, &f, 1, NULL, rig_ids, NULL));
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:wave:1:window"), "2 3 6");
        ck_assert_str_eq(rig_text("LRANGE wavefleet:processing:7 0 -1"), "6");
}
END_TEST

START_TEST(parking_never_adds_a_slot_and_settling_leaves_delayed_alone)
{
        struct wave_facts f = wave(1, 6);
        submit(&f, 1, 1);
        take_ids(1);
        finish_one(1, &f, END_SETTLED, 0); /* the webhook was faster */
        finish_one(1, &f, END_PARKED, 1000);
        ck_assert_int_eq(rig_int("EXISTS wavefleet:wave:1:window"), 0);
        finish_one(1, &f, END_SETTLED, 0);
        ck_assert_int_eq(rig_int("ZCARD wavefleet:delayed"), 1);
}
END_TEST

START_TEST(what_goes_back_goes_to_the_front_in_order)
{
        struct wave_facts f = wave(1, 4);
        submit(&f, 1, 10);
        f.paused = true;
        f.version = 2;
        struct delivery d[4];
        for (int i = 0; i < 4; i++)
                d[i] = (struct delivery){.id = i + 1, .wave_no = 1, .end = END_PENDING};
        finish(d, 4, &f, 1);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:wave:1:backlog 0 -1"), "1 2 3 4 5 6 7 8 9 10");
        ck_assert_int_eq(rig_int("EXISTS wavefleet:wave:1:window"), 0);
}
END_TEST

START_TEST(an_id_listed_twice_is_ended_once_for_each)
{
        struct wave_facts f = wave(1, 4);
        submit(&f, 1, 1);
        rig_do("RPUSH wavefleet:queue:q 1");
        take_ids(5);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:processing:7 0 -1"), "1 1");
        finish_one(1, &f, END_RUNNING, 0);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:processing:7 0 -1"), "1");
}
END_TEST

/* Every hundredth of a list that is longer than what is read of it at once: the others stay, in their order. */
START_TEST(what_ends_may_stand_anywhere_in_a_long_list)
{
        enum { N = 6000, EACH = 100 };
        static const char *const others =
                "for i, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do "
                "  if id + 0 ~= i + math.floor((i - 1) / 99) then return i end "
                "end return redis.call('LLEN', KEYS[1])";
        struct wave_facts f = wave(1, N);
        struct delivery d[N / EACH];
        rig_do("EVAL %s 1 wavefleet:processing:7 %d",
               "for i = 1, ARGV[1] do redis.call('RPUSH', KEYS[1], i) end", N);
        for (int i = 0; i < N / EACH; i++)
                d[i] = (struct delivery){.id = (i + 1) * EACH, .wave_no = 1, .end = END_SETTLED};
        finish(d, N / EACH, &f, 1);
        ck_assert_int_eq(rig_int("EVAL %s 1 wavefleet:processing:7", others), N - N / EACH);
        for (int i = 0; i < N / EACH; i++) /* the neighbours, most of which stand in the head */
                d[i].id = i + 1 + i / 99;
        finish(d, N / EACH, &f, 1);
        ck_assert_int_eq(rig_int("LLEN wavefleet:processing:7"), N - 2 * N / EACH);
        ck_assert_int_eq(rig_int("LINDEX wavefleet:processing:7 0"), N / EACH + 1);
}
END_TEST

/* So many are taken, and have ended; the number of a wave is that of its ids without their last digits. */
static void settle_some(struct delivery *d, size_t n, int64_t digits)
{
        take_ids(n);
        ck_assert_uint_eq(rig.n, n);
        for (size_t i = 0; i < n; i++)
                d[i] = (struct delivery){
                        .id = rig.ids[i], .wave_no = rig.ids[i] / digits, .end = END_SETTLED};
}

START_TEST(more_deliveries_than_fit_into_one_call)
{
        enum { N = 450 };
        struct wave_facts f[9];
        struct delivery d[N];
        static const char *const queues[] = {"q"};
        rig_do("SET wavefleet:target:q 1000");
        for (int w = 0; w < 9; w++) {
                f[w] = wave(w + 1, 100);
                submit(&f[w], 100 * (w + 1), 100 * (w + 1) + 99);
        }
        rig_until_lined_up(2 * N);
        settle_some(d, N, 100);
        OK(broker_finish(rig.b, 7, d, N, f, 9, take_of(queues, 1, 30), rig_ids, NULL));
        ck_assert_uint_eq(rig.n, 30);
        ck_assert_int_eq(rig_int("LLEN wavefleet:processing:7"), 30);
        ck_assert_int_eq(rig_int("SCARD wavefleet:demand:q"), 450);
}
END_TEST

/* Waves 1, 2… of a thousand ids each, from their number times a thousand. */
static void submit_thousands(struct wave_facts *f, int waves)
{
        for (int w = 0; w < waves; w++) {
                f[w] = wave(w + 1, 1000);
                submit(&f[w], 1000 * (w + 1), 1000 * (w + 1) + 999);
        }
}

/* What a piece before the last lines up is of one wave, as what the last one does: else each batch is of all of them. */
START_TEST(a_batch_is_of_few_waves)
{
        enum { N = 300, WAVES = 8 };
        struct wave_facts f[WAVES];
        struct delivery d[N];
        static const char *const queues[] = {"q"};
        rig_do("SET wavefleet:target:q 40");
        submit_thousands(f, WAVES);
        settle_some(d, N, 1000);
        OK(broker_finish(rig.b, 7, d, N, f, WAVES, take_of(queues, 1, N), rig_ids, NULL));
        ck_assert_uint_eq(rig.n, N);
        unsigned waves = 1;
        for (int i = 1; i < N; i++)
                waves += rig.ids[i] / 1000 != rig.ids[i - 1] / 1000;
        ck_assert_uint_le(waves, 2);
}
END_TEST

/* How often the wave is another one than that of the id before, along the queue. */
static long long turns_in_queue(void)
{
        static const char *const turns =
                "local n, last = 0, nil "
                "for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do "
                "  if math.floor(id / 1000) ~= last then n, last = n + 1, math.floor(id / 1000) "
                "end "
                "end return n";
        return rig_int("EVAL %s 1 wavefleet:queue:q", turns);
}

/* Neither what a finish could not line up at once, nor what a renewal does, goes back to one id of each wave. */
START_TEST(what_is_lined_up_behind_a_batch_is_of_few_waves)
{
        enum { N = 250, WAVES = 8, FIRST = 600, THEN = 900 };
        struct wave_facts f[WAVES];
        struct delivery d[N];
        submit_thousands(f, WAVES);
        settle_some(d, N, 1000);
        rig_do("DEL wavefleet:queue:q");
        rig_do("SET wavefleet:target:q %d", FIRST);
        OK(broker_finish(rig.b, 7, d, N, f, WAVES, NULL, rig_ids, NULL));
        rig_until_lined_up(FIRST);
        ck_assert_int_le(turns_in_queue(), 2 + FIRST / 100);
        broker_set_runners(rig.b, "q", THEN / 2);
        rig_until_lined_up(THEN);
        ck_assert_int_le(turns_in_queue(), 2 + THEN / 100);
}
END_TEST

START_TEST(as_many_of_each_wave_are_lined_up_as_is_said)
{
        enum { WAVES = 8, EACH = 4, WANT = 40 };
        struct wave_facts f[WAVES];
        static const char *const queues[] = {"q"};
        struct broker_take take = {.queues = queues, .nq = 1, .want = WANT, .share = EACH};
        rig_do("SET wavefleet:target:q 0");
        submit_thousands(f, WAVES);
        rig_do("SET wavefleet:target:q 40");
        OK(broker_finish(rig.b, 7, NULL, 0, NULL, 0, &take, rig_ids, NULL));
        ck_assert_uint_eq(rig.n, WANT);
        for (int i = 0; i < WANT; i++)
                ck_assert_int_eq(rig.ids[i] / 1000, 1 + i / EACH % WAVES);
        take.want = take.least = 1; /* at most, too */
        rig_do("DEL wavefleet:queue:q");
        for (int last = 0; last < WAVES; last++) {
                OK(broker_finish(rig.b, 7, NULL, 0, NULL, 0, &take, rig_ids, NULL));
                ck_assert_uint_eq(rig.n, 1);
                ck_assert_int_eq(rig.ids[0] / 1000, 1 + (WANT / EACH + last) % WAVES);
        }
}
END_TEST

START_TEST(what_stands_behind_is_not_written_anew)
{
        enum { N = 200 };
        struct wave_facts f = wave(1, N);
        struct delivery d[N / 2];
        submit(&f, 1, N);
        rig_do("SET wavefleet:target:q 1000");
        take_ids(N);
        for (int i = 0; i < N / 2; i++)
                d[i] = (struct delivery){.id = rig.ids[i], .wave_no = 1, .end = END_SETTLED};
        rig_do("CONFIG RESETSTAT");
        finish(d, N / 2, &f, 1);
        ck_assert_int_eq(rig_int("LLEN wavefleet:processing:7"), N / 2);
        ck_assert_ptr_null(strstr(rig_text("INFO commandstats"), "cmdstat_lpush"));
        ck_assert_ptr_nonnull(strstr(rig_text("INFO commandstats"), "cmdstat_ltrim"));
}
END_TEST

START_TEST(ids_are_taken_from_the_queues_in_turn)
{
        static const char *const queues[] = {"a", "b", "c"};
        struct wave_facts f[3];
        for (int i = 0; i < 3; i++) {
                f[i] = wave(i + 1, 10);
                snprintf(f[i].queue, sizeof(f[i].queue), "%s", queues[i]);
                submit(&f[i], 100 * (i + 1), 100 * (i + 1) + 2 * i);
        }
        unsigned first[3] = {0};
        OK(broker_finish(rig.b, 7, NULL, 0, NULL, 0, take_of(queues, 3, 5), rig_ids, NULL));
        ck_assert_uint_eq(rig.n, 5); /* 1 of a, 2 each of b and c */
        unsigned of[4] = {0};
        for (size_t i = 0; i < rig.n; i++)
                of[rig.ids[i] / 100]++;
        ck_assert(of[1] == 1 && of[2] == 2 && of[3] == 2);
        rig_do("RPUSH wavefleet:queue:a 101 102 103");
        for (int i = 0; i < 3; i++) {
                OK(broker_finish(rig.b, 7, NULL, 0, NULL, 0, take_of(queues, 3, 1), rig_ids, NULL));
                ck_assert_uint_eq(rig.n, 1);
                first[rig.ids[0] / 100 - 1]++;
        }
        ck_assert(first[0] == 1 && first[1] == 1 && first[2] == 1);
        /* Nobody's list takes nothing. */
        OK(broker_finish(rig.b, 0, NULL, 0, NULL, 0, take_of(queues, 3, 5), rig_ids, NULL));
        ck_assert_uint_eq(rig.n, 0);
}
END_TEST

START_TEST(a_wave_may_move_to_another_queue)
{
        struct wave_facts f = wave(1, 2), old = f;
        submit(&f, 1, 10);
        take_ids(1);
        snprintf(f.queue, sizeof(f.queue), "other");
        f.version = 2;
        OK(broker_facts(rig.b, &f, rig_done, NULL));
        finish_one(1, &old, END_SETTLED, 0); /* by one who does not know yet */
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:other 0 -1"), "3");
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:demand:other"), "3");
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:demand:q"), "2");
        ck_assert_str_eq(rig_text("HGET wavefleet:wave:1 queue"), "other");
}
END_TEST

START_TEST(finish_tells_of_waves_it_has_no_deliveries_of)
{
        struct wave_facts f[2] = {wave(1, 4), wave(2, 4)};
        submit(&f[0], 1, 1);
        f[1].paused = true;
        submit(&f[1], 101, 101);
        f[1].paused = false;
        f[1].version = 2;
        struct delivery d = {.id = 1, .wave_no = 1, .end = END_SETTLED};
        finish(&d, 1, f, 2);
        ck_assert_str_eq(rig_text("LINDEX wavefleet:queue:q -1"), "101");
}
END_TEST

START_TEST(an_id_of_no_wave_is_dropped)
{
        static const char *const queues[] = {"q"};
        rig_do("RPUSH wavefleet:queue:q 77 78");
        rig_do("SADD wavefleet:demand:q 77");
        take_ids(1);
        struct delivery d = {.id = 77, .end = END_SETTLED};
        OK(broker_finish(rig.b, 7, &d, 1, NULL, 0, take_of(queues, 1, 1), rig_ids, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:processing:7 0 -1"), "78");
        ck_assert_int_eq(rig_int("EXISTS wavefleet:demand:q"), 0);
}
END_TEST

/* ---- due and promote ---- */

START_TEST(due_entries_and_the_time_to_the_next)
{
        OK(broker_due(rig.b, 10, rig_due, NULL));
        ck_assert(rig.n == 0 && rig.count == -1);
        int64_t ids[] = {1, 2, 3, 4}, due_in_ms[] = {0, -5, 0, 60000};
        OK(broker_delay(rig.b, ids, due_in_ms, 4, rig_done, NULL));
        rig_turn_for(5);
        long long begun_ms = clock_wall_ms();
        OK(broker_due(rig.b, 10, rig_due, NULL));
        ck_assert_uint_eq(rig.n, 3);
        ck_assert_int_eq(rig.due[0].id, 1);
        ck_assert_int_eq(rig.due[2].id, 3);
        ck_assert_int_eq(rig.due[0].score, rig_int("ZSCORE wavefleet:delayed 1"));
        ck_assert_int_gt(rig.count, 50000);
        /* Whoever has read them has a second for them. */
        long long again_ms = rig_int("ZSCORE wavefleet:delayed 1");
        ck_assert_int_ge(again_ms, begun_ms + 1000);
        ck_assert_int_le(again_ms, clock_wall_ms() + 1000);
        OK(broker_due(rig.b, 10, rig_due, NULL));
        ck_assert(clock_wall_ms() >= again_ms || (rig.n == 0 && rig.count > 0 && rig.count <= 1000));
        int64_t more[] = {5, 6, 7}, at_once[] = {0, 0, 0};
        OK(broker_delay(rig.b, more, at_once, 3, rig_done, NULL));
        rig_turn_for(5);
        OK(broker_due(rig.b, 2, rig_due, NULL));
        ck_assert(rig.n == 2 && rig.count == 0);
        rig_do("ZREM wavefleet:delayed 5 6 7");
        /* What is there is brought forward, never put off. */
        long long score = rig_int("ZSCORE wavefleet:delayed 4");
        due_in_ms[3] = 70000;
        OK(broker_delay(rig.b, ids, due_in_ms, 4, rig_done, NULL));
        ck_assert_int_eq(rig_int("ZSCORE wavefleet:delayed 4"), score);
        due_in_ms[3] = 20000;
        OK(broker_delay(rig.b, ids, due_in_ms, 4, rig_done, NULL));
        ck_assert_int_lt(rig_int("ZSCORE wavefleet:delayed 4"), score - 30000);
        OK(broker_delayed(rig.b, rig_ids, NULL));
        ck_assert_uint_eq(rig.n, 4);
}
END_TEST

static struct promotion promotion(int64_t id, enum delivery_end end, int64_t due_in_ms)
{
        return (struct promotion){.entry = {.id = id, .score = 1000},
                                  .d = {.id = id, .wave_no = 1, .end = end, .due_in_ms = due_in_ms}};
}

START_TEST(promote_by_state)
{
        struct wave_facts f = wave(1, 4);
        submit(&f, 11, 14); /* the window is full: what is promoted stays in the backlog */
        rig_do("SADD wavefleet:wave:1:window 1");
        for (int id = 1; id <= 9; id++)
                rig_do("ZADD wavefleet:delayed 1000 %d", id);
        rig_do("ZADD wavefleet:delayed 1001 8");
        struct promotion p[] = {
                promotion(1, END_SETTLED, 0),
                promotion(2, END_RUNNING, 0),
                promotion(3, END_PARKED, 0),
                promotion(4, END_RETRYING, 0),
                promotion(5, END_PENDING, 0),
                promotion(6, END_RETRYING, 5000),
                promotion(7, END_PARKED, 6000),
                promotion(8, END_RETRYING, 0),  /* scheduled anew meanwhile */
                promotion(10, END_RETRYING, 0), /* not there any more */
                promotion(9, END_SETTLED, 0),
        };
        p[9].d.wave_no = 0; /* no such row */
        OK(broker_promote(rig.b, p, COUNT_OF(p), &f, 1, "out", PER_S, rig_done, NULL));
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:wave:1:window"), "3 11 12 13 14");
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 0 -1"), "11 12 13 14 3");
        ck_assert_str_eq(rig_text("LRANGE wavefleet:wave:1:backlog 0 -1"), "4 5");
        ck_assert_str_eq(rig_text("ZRANGE wavefleet:delayed 0 -1"), "8 6 7");
        ck_assert_int_gt(rig_int("ZSCORE wavefleet:delayed 7"),
                         rig_int("ZSCORE wavefleet:delayed 6"));
        ck_assert_int_eq(rig_int("SISMEMBER wavefleet:demand:q 3"), 1);
}
END_TEST

static long long promoted_ms; /* no sooner */

/* Entries 1..n that are due; polls of wave 1. */
static void promote_polls(const struct wave_facts *f, int n, int64_t per_s)
{
        struct promotion p[100];
        for (int i = 0; i < n; i++) {
                rig_do("ZADD wavefleet:delayed 1000 %d", i + 1);
                p[i] = promotion(i + 1, END_PARKED, 0);
        }
        promoted_ms = clock_wall_ms();
        OK(broker_promote(rig.b, p, (size_t)n, f, 1, "out", per_s, rig_done, NULL));
}

static void expect_put_off(int n, long long least_ms, long long most_ms)
{
        long long now_ms = clock_wall_ms();
        ck_assert_int_eq(rig_int("ZCARD wavefleet:delayed"), n);
        ck_assert_int_eq(rig_int("ZCOUNT wavefleet:delayed -inf (%lld", promoted_ms), 0);
        ck_assert_int_eq(rig_int("ZCOUNT wavefleet:delayed %lld +inf", now_ms + most_ms + 1000), 0);
        ck_assert_int_gt(rig_int("ZCOUNT wavefleet:delayed %lld +inf", promoted_ms + least_ms), 0);
}

START_TEST(polls_are_let_in_at_the_pace_of_whom_they_ask)
{
        struct wave_facts f = wave(1, 1000);
        submit(&f, 1001, 1000);
        promote_polls(&f, 100, 10);
        /* One at once, and those whose time is near. */
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 0 -1"), "1 2");
        expect_put_off(98, 5000, 10000);
        ck_assert_int_eq(rig_int("SCARD wavefleet:demand:q"), 2);
        /* Where runners wait for their turns, fewer. */
        rig_turn_for(450);
        for (int i = 0; i < 5; i++)
                OK(broker_rate(rig.b, "out", 1, 5000, rig_count, NULL));
        promote_polls(&f, 100, 10);
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 2 + 1);
        /* A retry waits for nobody. */
        rig_do("ZADD wavefleet:delayed 1000 200");
        struct promotion p = promotion(200, END_RETRYING, 0);
        OK(broker_promote(rig.b, &p, 1, &f, 1, "out", 10, rig_done, NULL));
        ck_assert_int_eq(rig_int("SISMEMBER wavefleet:demand:q 200"), 1);
        rig_turn_for(250);
        rig_do("ZADD wavefleet:delayed 1000 100");
        p = promotion(100, END_PARKED, 0);
        OK(broker_promote(rig.b, &p, 1, &f, 1, "out", 10, rig_done, NULL));
        ck_assert_int_eq(rig_int("SISMEMBER wavefleet:demand:q 100"), 1);
}
END_TEST

static size_t taken(const char *const *queues, size_t nq, size_t want, size_t least)
{
        const struct broker_take take = {.queues = queues, .nq = nq, .want = want, .least = least};
        OK(broker_finish(rig.b, 7, NULL, 0, NULL, 0, &take, rig_ids, NULL));
        return rig.n;
}

/* Whoever could take all of it. */
START_TEST(an_eighth_is_left_to_others)
{
        static const char *const queues[] = {"q", "p"};
        struct wave_facts f = wave(1, 20), g = wave(2, 20), h = wave(3, 40);
        submit(&f, 1, 17);
        ck_assert_uint_eq(taken(queues, 1, 100, 16), 16);
        ck_assert_uint_eq(taken(queues, 1, 100, 0), 1);
        ck_assert_uint_eq(taken(queues, 1, 100, 0), 0);
        submit(&h, 201, 232);
        ck_assert_uint_eq(taken(queues, 1, 100, 0), 28);
        strcpy(g.queue, "p");
        submit(&g, 101, 120);
        ck_assert_uint_eq(taken(queues, 2, 100, 2), 22);
        ck_assert_uint_eq(taken(queues, 2, 1, 0), 1); /* of two: more than it wants */
        ck_assert_uint_eq(taken(queues, 2, 100, 100), 1);
}
END_TEST

START_TEST(polls_leave_a_queue_short)
{
        struct wave_facts f = wave(1, 1000);
        submit(&f, 1001, 1050);
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 32);
        promote_polls(&f, 100, PER_S);
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 64);
        expect_put_off(68, 0, 1000);
        take_ids(64);
        promote_polls(&f, 40, PER_S);
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 40);
}
END_TEST

START_TEST(a_due_retry_passes_through_the_window)
{
        struct wave_facts f = wave(1, 1);
        submit(&f, 1, 3);
        take_ids(1);
        finish_one(1, &f, END_RETRYING, 0);
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:wave:1:window"), "2");
        rig_turn_for(5);
        OK(broker_due(rig.b, 10, rig_due, NULL));
        ck_assert_uint_eq(rig.n, 1);
        struct promotion p = {.entry = rig.due[0],
                              .d = {.id = 1, .wave_no = 1, .end = END_RETRYING}};
        OK(broker_promote(rig.b, &p, 1, &f, 1, "out", PER_S, rig_done, NULL));
        ck_assert_str_eq(rig_text("LRANGE wavefleet:wave:1:backlog 0 -1"), "1 3");
        ck_assert_int_eq(rig_int("ZCARD wavefleet:delayed"), 0);
        finish_one(2, &f, END_SETTLED, 0);
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:wave:1:window"), "1");
}
END_TEST

START_TEST(promote_many)
{
        enum { N = 730 };
        struct wave_facts f[3] = {wave(0, 1000), wave(1, 1000), wave(2, 1000)};
        static struct promotion p[N];
        for (int w = 0; w < 3; w++)
                submit(&f[w], 1, 0);
        for (int i = 0; i < N; i++) {
                rig_do("ZADD wavefleet:delayed 1000 %d", i);
                p[i] = promotion(i, END_RETRYING, 0);
                p[i].d.wave_no = i % 3;
        }
        rig_do("SET wavefleet:target:q 0");
        OK(broker_promote(rig.b, p, N, f, 3, "out", PER_S, rig_done, NULL));
        ck_assert_int_eq(rig_int("ZCARD wavefleet:delayed"), 0);
        ck_assert_int_eq(rig_int("LLEN wavefleet:wave:1:backlog"), 243);
}
END_TEST

int main(void)
{
        const TTest *const tests[] = {submit_writes_the_keys_of_the_design,
                                      submit_of_a_few_lines_them_up_at_once,
                                      submit_of_nothing_opens_the_wave,
                                      submit_of_a_million,
                                      a_closed_wave_takes_no_more_of_a_submit,
                                      push_keeps_the_order,
                                      waves_take_turns,
                                      a_queue_that_is_held_releases_nothing,
                                      a_turn_goes_on_where_it_stopped,
                                      the_highest_priority_goes_first,
                                      a_paused_wave_releases_nothing,
                                      a_lower_batch_size_holds_until_the_window_is_smaller,
                                      a_long_queue_is_filled_in_steps,
                                      many_waves_all_have_their_turn,
                                      five_waves_to_their_end,
                                      an_older_version_changes_nothing,
                                      no_hash_means_closed,
                                      finish_of_each_state,
                                      parking_never_adds_a_slot_and_settling_leaves_delayed_alone,
                                      what_goes_back_goes_to_the_front_in_order,
                                      an_id_listed_twice_is_ended_once_for_each,
                                      what_ends_may_stand_anywhere_in_a_long_list,
                                      more_deliveries_than_fit_into_one_call,
                                      a_batch_is_of_few_waves,
                                      what_is_lined_up_behind_a_batch_is_of_few_waves,
                                      as_many_of_each_wave_are_lined_up_as_is_said,
                                      what_stands_behind_is_not_written_anew,
                                      ids_are_taken_from_the_queues_in_turn,
                                      a_wave_may_move_to_another_queue,
                                      finish_tells_of_waves_it_has_no_deliveries_of,
                                      an_id_of_no_wave_is_dropped,
                                      due_entries_and_the_time_to_the_next,
                                      promote_by_state,
                                      polls_are_let_in_at_the_pace_of_whom_they_ask,
                                      an_eighth_is_left_to_others,
                                      polls_leave_a_queue_short,
                                      a_due_retry_passes_through_the_window,
                                      promote_many};
        return rig_main("broker", tests, COUNT_OF(tests));
}
