/* test_engine_rest.c - who holds few leaves what is lined up to others, and takes it where nobody else does. */
#include "broker_rig.h"
#include "engine/rest.h"

static unsigned ends;
static enum crowding crowd;
static struct rest *rest;

static void ended(void *arg UNUSED)
{
        ends++;
}

static enum crowding crowding(void *arg UNUSED)
{
        return crowd;
}

static void begin_rest(void)
{
        rest_begin(rest);
        ck_assert(rest_on(rest));
}

static void make_rest(void)
{
        static const char *const queues[] = {"q", "other"};
        const struct rest_opts o = {.loop = rig.loop,
                                    .broker = rig.b,
                                    .queues = queues,
                                    .nqueues = COUNT_OF(queues),
                                    .crowding = crowding,
                                    .on_end = ended};
        ends = 0;
        rest = rest_new(&o);
        ck_assert(!rest_on(rest));
}

static void begin(void)
{
        make_rest();
        begin_rest();
}

static void stand_back(void)
{
        make_rest();
        crowd = CROWD_FULL;
        rest_stand_back(rest, true);
        ck_assert(rest_on(rest));
}

static void line_up(const char *queue, int64_t first, int64_t last)
{
        for (int64_t id = first; id <= last; id++)
                rig_do("RPUSH wavefleet:queue:%s %lld", queue, (long long)id);
}

/* Somebody takes one, and another comes: that often. */
static void others_take(int times, int64_t next)
{
        for (int i = 0; i < times; i++) {
                rig_turn_for(2);
                line_up("q", next + i, next + i);
                rig_do("LPOP wavefleet:queue:q");
        }
}

/* What is under way gets its error, and the rest is told of it. */
static void no_more(void)
{
        broker_free(take(rig.b));
        rest_free(rest);
}

static void is_over(void)
{
        rig_until(&ends, 1);
        ck_assert(!rest_on(rest));
        rig_turn_for(50);
        ck_assert_uint_eq(ends, 1);
}

START_TEST(it_goes_on_while_others_take)
{
        line_up("q", 1, 10);
        begin();
        others_take(150, 11);
        ck_assert(rest_on(rest));
        ck_assert_uint_eq(ends, 0);
        is_over(); /* they take no more */
        no_more();
}
END_TEST

START_TEST(where_nobody_takes_it_ends_and_does_not_come_again)
{
        line_up("other", 1, 3);
        clock_drive(clock_mono_ms(), clock_wall_ms()); /* the second in which it does not lasts */
        begin();
        rig_until(&ends, 1);
        rest_begin(rest);
        ck_assert(!rest_on(rest));
        clock_release();
        is_over();
        no_more();
}
END_TEST

START_TEST(it_ends_where_many_are_lined_up)
{
        line_up("q", 1, REST_MANY / 2);
        line_up("other", 101, 100 + REST_MANY / 2);
        begin();
        is_over();
        begin_rest(); /* it was not in vain */
        no_more();
}
END_TEST

START_TEST(it_ends_where_nothing_is_lined_up)
{
        begin();
        is_over();
        begin_rest();
        no_more();
}
END_TEST

START_TEST(it_ends_where_nothing_is_lined_up_any_more)
{
        line_up("q", 1, 10);
        begin();
        others_take(30, 11);
        ck_assert(rest_on(rest));
        rig_do("DEL wavefleet:queue:q");
        is_over();
        begin_rest();
        no_more();
}
END_TEST

START_TEST(it_ends_where_redis_does_not_say_what_is_lined_up)
{
        line_up("q", 1, 3);
        rig_do("SET wavefleet:queue:other no-list");
        begin();
        is_over();
        no_more();
}
END_TEST

START_TEST(a_new_identity_does_not_rest)
{
        line_up("q", 1, REST_MANY);
        begin();
        rest_renew(rest);
        ck_assert(!rest_on(rest));
        rig_turn_for(100);
        ck_assert_uint_eq(ends, 0); /* nor is it told of the end of the old one's */
        rest_begin(rest);
        is_over();
        no_more();
}
END_TEST

START_TEST(who_stands_back_does_so_however_much_is_lined_up_until_there_is_no_crowd)
{
        line_up("q", 1, 3 * REST_MANY);
        stand_back();
        others_take(100, 1001);
        ck_assert(rest_on(rest));
        crowd = CROWD_FINE;
        for (int i = 0; i < 100 && !ends; i++)
                others_take(1, 2001 + i);
        is_over();
        rest_stand_back(rest, true);
        ck_assert(!rest_on(rest));
        no_more();
}
END_TEST

START_TEST(nor_does_it_end_while_others_have_taken_all)
{
        stand_back();
        rig_turn_for(200);
        ck_assert(rest_on(rest));
        line_up("q", 1, 3); /* which nobody takes */
        is_over();
        crowd = CROWD_FULL;
        rest_stand_back(rest, true); /* it was in vain a moment ago */
        ck_assert(!rest_on(rest));
        no_more();
}
END_TEST

START_TEST(where_bodies_are_not_brief_only_who_does_not_know_yet_stands_back)
{
        make_rest();
        crowd = CROWD_FULL;
        rest_stand_back(rest, false);
        ck_assert(!rest_on(rest));
        crowd = CROWD_UNKNOWN;
        rest_stand_back(rest, false);
        ck_assert(rest_on(rest));
        rig_turn_for(100);
        ck_assert(rest_on(rest));
        crowd = CROWD_FULL; /* nor does it know better */
        rig_turn_for(100);
        ck_assert(rest_on(rest));
        crowd = CROWD_FINE;
        is_over();
        no_more();
}
END_TEST

int main(void)
{
        const TTest *const tests[] = {
                it_goes_on_while_others_take,
                where_nobody_takes_it_ends_and_does_not_come_again,
                it_ends_where_many_are_lined_up,
                it_ends_where_nothing_is_lined_up,
                it_ends_where_nothing_is_lined_up_any_more,
                it_ends_where_redis_does_not_say_what_is_lined_up,
                a_new_identity_does_not_rest,
                who_stands_back_does_so_however_much_is_lined_up_until_there_is_no_crowd,
                nor_does_it_end_while_others_have_taken_all,
                where_bodies_are_not_brief_only_who_does_not_know_yet_stands_back};
        return rig_main("engine rest", tests, COUNT_OF(tests));
}
