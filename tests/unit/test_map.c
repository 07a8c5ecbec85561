/* test_map.c - against a plain array, over many random steps. */
#include <check.h>
#include <stdlib.h>

#include "base/map.h"

enum { IDS = 300, STEPS = 200000 };

static int values[IDS];

START_TEST(behaves_as_an_array)
{
        struct map *m = map_new();
        int *model[IDS] = {NULL};
        size_t count = 0;
        uint32_t x = 1;
        for (int step = 0; step < STEPS; step++) {
                x = x * 1664525u + 1013904223u;
                int64_t id = x >> 8 & 0xFFFF;
                id %= IDS;
                if (x >> 30 >= 2) {
                        int *value = &values[x >> 16 & 0xFF];
                        ck_assert_ptr_eq(map_put(m, id - 100, value), model[id]);
                        count += model[id] ? 0 : 1;
                        model[id] = value;
                } else {
                        ck_assert_ptr_eq(map_remove(m, id - 100), model[id]);
                        count -= model[id] ? 1 : 0;
                        model[id] = NULL;
                }
                ck_assert_uint_eq(map_count(m), count);
                int64_t other = (id + 17) % IDS;
                ck_assert_ptr_eq(map_get(m, other - 100), model[other]);
        }
        size_t seen = 0, at = 0;
        int64_t id;
        for (void *v; (v = map_next(m, &at, &id)); seen++)
                ck_assert_ptr_eq(v, model[id + 100]);
        ck_assert_uint_eq(seen, count);
        map_free(m);
}
END_TEST

START_TEST(extreme_ids)
{
        struct map *m = map_new();
        static const int64_t ids[] = {0, -1, INT64_MAX, INT64_MIN};
        for (int i = 0; i < 4; i++)
                ck_assert_ptr_null(map_put(m, ids[i], &values[i]));
        for (int i = 0; i < 4; i++)
                ck_assert_ptr_eq(map_get(m, ids[i]), &values[i]);
        ck_assert_ptr_null(map_get(m, 1));
        ck_assert_ptr_null(map_remove(m, 1));
        map_free(m);
        map_free(NULL);
}
END_TEST

START_TEST(empty)
{
        struct map *m = map_new();
        size_t at = 0;
        ck_assert_ptr_null(map_next(m, &at, NULL));
        ck_assert_uint_eq(map_count(m), 0);
        map_free(m);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("map");
        TCase *t = tcase_create("map");
        tcase_set_timeout(t, 60); /* on a busy machine */
        suite_add_tcase(s, t);
        tcase_add_test(t, behaves_as_an_array);
        tcase_add_test(t, extreme_ids);
        tcase_add_test(t, empty);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
