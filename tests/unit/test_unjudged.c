/* test_unjudged.c - which batches need not ask at once whether their waves are to be judged. */
#include <check.h>
#include <stdlib.h>

#include "engine/unjudged.h"

static struct loop *loop;
static struct unjudged *u;
static unsigned known;

static void on_known(struct after *a, void *arg)
{
        (void)a;
        (void)arg;
        known++;
}

static void open_one(void)
{
        loop = loop_new();
        u = unjudged_new(loop, NULL, on_known, NULL); /* whose questions are never due here */
}

static void close_one(void)
{
        unjudged_free(u);
        loop_free(loop);
        ck_assert_uint_eq(known, 0);
}

static struct touched *touching(int64_t first, size_t waves)
{
        struct touched *t = calloc(1, sizeof(*t));
        ck_assert_ptr_nonnull(t);
        for (size_t i = 0; i < waves; i++)
                touched_wave(t, first + (int64_t)i);
        return t;
}

START_TEST(what_was_not_asked_for_long_is_asked_at_once)
{
        struct touched *t = touching(1, 1);
        ck_assert(!unjudged_can_wait(u, t));
        ck_assert_uint_eq(unjudged_count(u), 0);
        free(t);
}
END_TEST

/* Its own batch, and any other that comes before that. */
START_TEST(what_is_asked_soon_anyway_is_not_asked_twice)
{
        struct touched *first = touching(1, 1), *other = touching(1, 3);
        unjudged_add(u, first);
        ck_assert(unjudged_can_wait(u, first));
        ck_assert(unjudged_can_wait(u, other));
        unjudged_add(u, other);
        ck_assert_uint_eq(unjudged_count(u), 3); /* waves, each once */
        free(first);
        free(other);
}
END_TEST

START_TEST(a_migration_whose_wave_is_not_known_cannot_wait)
{
        struct touched *first = touching(1, 1), *other = touching(1, 1);
        unjudged_add(u, first);
        touched_id(other, 77);
        ck_assert(!unjudged_can_wait(u, other));
        free(first);
        free(other);
}
END_TEST

START_TEST(no_more_waves_wait_than_there_is_room_for)
{
        struct touched *many = touching(1, SETTLE_MAX - 1), *one = touching(5000, 1),
                       *two = touching(6000, 2);
        unjudged_add(u, many);
        ck_assert(unjudged_can_wait(u, one));
        ck_assert(!unjudged_can_wait(u, two));
        unjudged_add(u, one);
        ck_assert(!unjudged_can_wait(u, one));
        free(many);
        free(one);
        free(two);
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("unjudged");
        TCase *t = tcase_create("unjudged");
        tcase_add_checked_fixture(t, open_one, close_one);
        tcase_add_test(t, what_was_not_asked_for_long_is_asked_at_once);
        tcase_add_test(t, what_is_asked_soon_anyway_is_not_asked_twice);
        tcase_add_test(t, a_migration_whose_wave_is_not_known_cannot_wait);
        tcase_add_test(t, no_more_waves_wait_than_there_is_room_for);
        suite_add_tcase(s, t);
        return s;
}

int main(void)
{
        SRunner *sr = srunner_create(suite());
        srunner_run_all(sr, CK_ENV);
        int failed = srunner_ntests_failed(sr);
        srunner_free(sr);
        return failed ? 1 : 0;
}
