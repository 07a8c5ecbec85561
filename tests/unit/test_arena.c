/* test_arena.c - alignment, limits, reset. */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

START_TEST(pieces_are_aligned_and_apart)
{
        struct arena *a = arena_new(0);
        unsigned char *pieces[500];
        for (size_t i = 0; i < 500; i++) {
                size_t size = i * 37 % 300;
                pieces[i] = arena_alloc(a, size);
                ck_assert_uint_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
                memset(pieces[i], (int)(i % 251), size);
        }
        for (size_t i = 0; i < 500; i++) {
                for (size_t k = 0; k < i * 37 % 300; k++)
                        ck_assert_uint_eq(pieces[i][k], i % 251);
        }
        ck_assert(!arena_failed(a));
        arena_free(a);
}
END_TEST

START_TEST(strings)
{
        struct arena *a = arena_new(0);
        ck_assert_str_eq(arena_strdup(a, "wave"), "wave");
        ck_assert_str_eq(arena_strndup(a, "wavefleet", 4), "wave");
        ck_assert_str_eq(arena_printf(a, "%s/%05000d", "x", 1) + 4990, "000000000001");
        arena_free(a);
}
END_TEST

START_TEST(cleared_where_asked)
{
        struct arena *a = arena_new(0);
        memset(arena_alloc(a, 1000), 0xFF, 1000);
        arena_reset(a);
        int *zeros = ARENA_ARRAY(a, int, 250);
        for (int i = 0; i < 250; i++)
                ck_assert_int_eq(zeros[i], 0);
        arena_free(a);
}
END_TEST

START_TEST(large_pieces_leave_the_current_block_alone)
{
        struct arena *a = arena_new(0);
        char *first = arena_alloc(a, 16);
        arena_alloc(a, 1000000);
        char *second = arena_alloc(a, 16);
        ck_assert_ptr_eq(second, first + 16);
        arena_free(a);
}
END_TEST

START_TEST(the_limit_holds)
{
        struct arena *a = arena_new(10000);
        size_t got = 0;
        while (arena_alloc(a, 100))
                got += 100;
        ck_assert(arena_failed(a));
        ck_assert_uint_ge(got, 8000);
        ck_assert_uint_le(arena_used(a), 10000);
        ck_assert_ptr_null(arena_strdup(a, "a string that is longer than what may be left over: "
                                           "a string that is longer than what may be left over"));
        arena_reset(a);
        ck_assert(!arena_failed(a));
        ck_assert_ptr_nonnull(arena_alloc(a, 100));
        ck_assert_ptr_null(arena_alloc(a, 20000));
        ck_assert_ptr_null(arena_alloc(a, SIZE_MAX));
        ck_assert_ptr_null(arena_zalloc(a, SIZE_MAX - 100));
        arena_free(a);
}
END_TEST

START_TEST(texts_of_buffers_and_why_they_are_not_there)
{
        struct arena *a = arena_new(10000);
        struct err e = ERR_INIT;
        autobuf b = BUF_INIT(6000);
        buf_adds(&b, "wave");
        ck_assert_str_eq(arena_text(a, &b), "wave");
        ck_assert_int_eq(arena_check(a, "it", &e), 0);
        ck_assert_ptr_null(arena_alloc(a, 20000));
        ck_assert_int_lt(arena_check(a, "it", &e), 0);
        ck_assert_int_eq(e.code, ERR_TOO_LARGE);
        ck_assert_str_eq(e.text, "it would be larger than 10000 bytes");
        arena_reset(a);
        ck_assert_int_eq(arena_check(a, "it", &e), 0);
        for (int i = 0; i < 7000; i++)
                buf_addc(&b, 'x');
        ck_assert_ptr_null(arena_text(a, &b)); /* not the part that fitted */
        ck_assert(arena_failed(a));
        arena_free(a);
}
END_TEST

START_TEST(reset_keeps_the_first_block)
{
        struct arena *a = arena_new(0);
        ck_assert_uint_eq(arena_used(a), 0);
        void *first = arena_alloc(a, 10);
        size_t one = arena_used(a);
        for (int i = 0; i < 1000; i++)
                arena_alloc(a, 1000);
        ck_assert_uint_gt(arena_used(a), 1000000);
        arena_reset(a);
        ck_assert_uint_eq(arena_used(a), one);
        ck_assert_ptr_eq(arena_alloc(a, 10), first);
        arena_free(a);
        arena_free(NULL);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("arena");
        TCase *t = tcase_create("arena");
        suite_add_tcase(s, t);
        tcase_add_test(t, pieces_are_aligned_and_apart);
        tcase_add_test(t, strings);
        tcase_add_test(t, cleared_where_asked);
        tcase_add_test(t, large_pieces_leave_the_current_block_alone);
        tcase_add_test(t, the_limit_holds);
        tcase_add_test(t, texts_of_buffers_and_why_they_are_not_there);
        tcase_add_test(t, reset_keeps_the_first_block);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
