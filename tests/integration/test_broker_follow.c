/* test_broker_follow.c - what follows bodies that have ended, before their ends are told. */
#include "broker_rig.h"

#include "base/log.h"

/* Redis is told of an act that has changed it. */
static void act_on(struct wave_facts *f)
{
        f->version++;
        OK(broker_facts(rig.b, f, rig_done, NULL));
}

START_TEST(what_follows_comes_before_the_end)
{
        struct wave_facts f = wave(1, 3), other = wave(2, 1);
        const struct delivery d[] = {{.id = 1, .wave_no = 1, .end = END_SETTLED},
                                     {.id = 20, .wave_no = 2, .end = END_SETTLED},
                                     {.id = 2, .wave_no = 1, .end = END_SETTLED}};
        submit(&f, 1, 9);
        submit(&other, 20, 29);
        take_ids(4);
        follow(d, 3, 3);
        ck_assert(rig.freed);
        ck_assert_uint_eq(rig.n, 3);
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:wave:1:window"), "3 4 5");
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:wave:2:window"), "21");
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 0);
        ck_assert_int_eq(rig_int("LLEN wavefleet:processing:7"), 7);
        /* The ends are as ever; the slots that they would free are others' by now. */
        struct wave_facts both[] = {f, other};
        finish(d, 3, both, 2);
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:wave:1:window"), "3 4 5");
        ck_assert_int_eq(rig_int("LLEN wavefleet:processing:7"), 4);
        ck_assert_int_eq(rig_int("SCARD wavefleet:demand:q"), 4);
}
END_TEST

START_TEST(what_is_lined_up_goes_before_what_follows)
{
        struct wave_facts f = wave(1, 2), other = wave(2, 1);
        const struct delivery d = {.id = 1, .wave_no = 1, .end = END_SETTLED};
        submit(&f, 1, 9);
        take_ids(2);
        submit(&other, 20, 29);
        follow(&d, 1, 1);
        ck_assert(!rig.freed);
        ck_assert_uint_eq(rig.n, 1);
        ck_assert_int_eq(rig.ids[0], 20);
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:wave:1:window"), "1 2");
        ck_assert_int_eq(rig_int("LLEN wavefleet:queue:q"), 0);
}
END_TEST

START_TEST(nothing_follows_in_a_wave_that_is_paused_or_closed)
{
        struct wave_facts f = wave(1, 1);
        const struct delivery d[] = {{.id = 1, .wave_no = 1}, {.id = 7, .wave_no = 9}};
        submit(&f, 1, 9);
        take_ids(1);
        f.paused = true;
        act_on(&f);
        follow(d, 2, 2);
        ck_assert_uint_eq(rig.n, 0);
        ck_assert_int_eq(rig_int("EXISTS wavefleet:wave:1:window wavefleet:wave:9"), 0);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:processing:7 0 -1"), "1");
}
END_TEST

/* ---- slots that pass from hand to hand ---- */

enum { PASSED = 8 };

/* The first eight of a wave that has a hundred. */
static void eight_ended(struct delivery *d, const struct wave_facts *f, unsigned window)
{
        submit(f, 1, 100);
        take_ids(PASSED);
        for (int64_t i = 0; i < PASSED; i++)
                d[i] = (struct delivery){.id = i + 1, .wave_no = f->wave_no, .end = END_SETTLED};
        ck_assert_int_eq(rig_int("SCARD wavefleet:wave:1:window"), window);
}

START_TEST(slots_pass_what_is_lined_up)
{
        struct wave_facts f = wave(1, 10);
        struct delivery d[PASSED];
        eight_ended(d, &f, 10);
        follow_passing(d, PASSED, PASSED);
        ck_assert(rig.freed);
        ck_assert_uint_eq(rig.n, PASSED);
        ck_assert_int_eq(rig.ids[0], 11);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 0 -1"), "9 10");
        ck_assert_int_eq(rig_int("SCARD wavefleet:wave:1:window"), 10);
        ck_assert_int_eq(rig_int("SCARD wavefleet:demand:q"), 10);
        ck_assert_int_eq(rig_int("LLEN wavefleet:processing:7"), 2 * PASSED);
        ck_assert_int_eq(rig_int("EXISTS wavefleet:turn:q"), 0);
        finish(d, PASSED, &f, 1);
        ck_assert_int_eq(rig_int("SCARD wavefleet:wave:1:window"), 10);
        ck_assert_int_eq(rig_int("SCARD wavefleet:demand:q"), 10);
        ck_assert_int_eq(rig_int("LLEN wavefleet:processing:7"), PASSED);
        ck_assert_int_eq(rig_int("LLEN wavefleet:wave:1:backlog"), 100 - 10 - PASSED);
}
END_TEST

START_TEST(a_few_are_let_go_where_nothing_is_lined_up)
{
        struct wave_facts f = wave(1, PASSED);
        struct delivery d[PASSED];
        eight_ended(d, &f, PASSED);
        follow_passing(d, PASSED, PASSED);
        ck_assert(rig.freed);
        ck_assert_uint_eq(rig.n, PASSED - 1); /* one of 32 */
        ck_assert_int_eq(rig_int("SCARD wavefleet:wave:1:window"), PASSED);
        finish(d, PASSED, &f, 1);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 0 -1"), "16");
}
END_TEST

START_TEST(slots_do_not_pass_what_others_have_lined_up)
{
        struct wave_facts f = wave(1, 10), other = wave(2, 1);
        struct delivery d[PASSED];
        eight_ended(d, &f, 10);
        submit(&other, 200, 209);
        follow_passing(d, PASSED, 1);
        ck_assert(!rig.freed);
        ck_assert_uint_eq(rig.n, 1);
        ck_assert_int_eq(rig.ids[0], 9);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:queue:q 0 -1"), "10 200");
}
END_TEST

START_TEST(nor_others_that_wait_for_their_turn)
{
        struct wave_facts f = wave(1, 10), other = wave(2, 40);
        struct delivery d[PASSED];
        other.priority = 3;
        eight_ended(d, &f, 10);
        rig_do("SET wavefleet:target:q 0");
        submit(&other, 200, 299);
        ck_assert_int_eq(rig_int("EXISTS wavefleet:turn:q:3"), 1);
        follow_passing(d, PASSED, PASSED);
        ck_assert(!rig.freed);
        ck_assert_int_eq(rig_int("SCARD wavefleet:wave:1:window"), 10);
}
END_TEST

START_TEST(a_smaller_window_passes_no_more_than_fit)
{
        struct wave_facts f = wave(1, 10);
        struct delivery d[PASSED];
        eight_ended(d, &f, 10);
        f.batch_size = 5;
        act_on(&f);
        follow_passing(d, PASSED, PASSED);
        ck_assert_uint_eq(rig.n, 3);
        ck_assert_int_eq(rig_int("SCARD wavefleet:wave:1:window"), 5);
}
END_TEST

START_TEST(nothing_comes_out_of_the_backlog_of_a_paused_wave)
{
        struct wave_facts f = wave(1, 10);
        struct delivery d[PASSED];
        eight_ended(d, &f, 10);
        f.paused = true;
        act_on(&f);
        follow_passing(d, PASSED, PASSED);
        ck_assert_uint_eq(rig.n, 2); /* what was lined up before: it will be refused */
        ck_assert_str_eq(rig_text("SMEMBERS wavefleet:wave:1:window"), "9 10");
        ck_assert_int_eq(rig_int("LLEN wavefleet:wave:1:backlog"), 90);
}
END_TEST

int main(void)
{
        const TTest *const tests[] = {what_follows_comes_before_the_end,
                                      what_is_lined_up_goes_before_what_follows,
                                      nothing_follows_in_a_wave_that_is_paused_or_closed,
                                      slots_pass_what_is_lined_up,
                                      a_few_are_let_go_where_nothing_is_lined_up,
                                      slots_do_not_pass_what_others_have_lined_up,
                                      nor_others_that_wait_for_their_turn,
                                      a_smaller_window_passes_no_more_than_fit,
                                      nothing_comes_out_of_the_backlog_of_a_paused_wave};
        return rig_main("broker follow", tests, COUNT_OF(tests));
}
