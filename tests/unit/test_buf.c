/* test_buf.c - growth, the cap, and its failure that sticks. */
#include <check.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

START_TEST(appends)
{
        autobuf b = BUF_INIT(1000);
        ck_assert_str_eq(buf_str(&b), "");
        buf_adds(&b, "a");
        buf_addc(&b, 'b');
        buf_addf(&b, "%03d%s", 7, "");
        buf_addi(&b, LLONG_MIN);
        buf_addi(&b, 0);
        buf_add(&b, "", 0);
        ck_assert_str_eq(buf_str(&b), "ab007-92233720368547758080");
        ck_assert_uint_eq(b.len, strlen(b.data));
        ck_assert(buf_ok(&b));
}
END_TEST

START_TEST(grows_by_long_formats)
{
        autobuf b = BUF_INIT(SIZE_MAX);
        for (int i = 0; i < 200; i++)
                buf_addf(&b, "%0*d|", i, i);
        ck_assert_uint_eq(b.len, strlen(b.data));
        ck_assert_uint_eq(b.len, 200 * 199 / 2 + 1 + 200);
        ck_assert_str_eq(b.data + b.len - 5, "0199|");
}
END_TEST

START_TEST(the_cap_is_exact)
{
        autobuf b = BUF_INIT(5);
        buf_adds(&b, "12345");
        ck_assert(buf_ok(&b));
        buf_adds(&b, "");
        ck_assert(buf_ok(&b));
        buf_addc(&b, '6');
        ck_assert(!buf_ok(&b));
        ck_assert_str_eq(buf_str(&b), "12345");
}
END_TEST

START_TEST(failure_sticks_until_reset)
{
        autobuf b = BUF_INIT(5);
        buf_adds(&b, "12");
        buf_addf(&b, "%s", "3456");
        ck_assert(!buf_ok(&b));
        ck_assert_str_eq(buf_str(&b), "12"); /* nothing of what did not fit */
        buf_addc(&b, '3');
        buf_addf(&b, "3");
        buf_addi(&b, 3);
        ck_assert_ptr_null(buf_reserve(&b, 1));
        ck_assert_str_eq(buf_str(&b), "12");
        ck_assert_ptr_null(buf_take(&b));
        buf_reset(&b);
        ck_assert(buf_ok(&b));
        ck_assert_str_eq(buf_str(&b), "");
        buf_adds(&b, "12345");
        ck_assert(buf_ok(&b));
}
END_TEST

/* So that a sanitizer lets the allocation fail instead of ending the test. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
        return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
        return "allocator_may_return_null=1";
}

START_TEST(huge_lengths_fail)
{
        autobuf b = BUF_INIT(SIZE_MAX);
        buf_addc(&b, 'x');
        ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));
        ck_assert(!buf_ok(&b));
        buf_reset(&b);
        ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX - 1));
}
END_TEST

START_TEST(reserve_and_consume)
{
        autobuf b = BUF_INIT(100);
        char *at = buf_reserve(&b, 6);
        ck_assert_ptr_nonnull(at);
        memcpy(at, "abcdefgh", 6);
        b.len += 6;
        buf_consume(&b, 2);
        buf_addc(&b, 'g');
        ck_assert_str_eq(buf_str(&b), "cdefg");
        buf_consume(&b, 5);
        ck_assert_str_eq(buf_str(&b), "");
        buf_consume(&b, 0);
}
END_TEST

START_TEST(reset_keeps_little_memory)
{
        autobuf b = BUF_INIT(SIZE_MAX);
        buf_addf(&b, "%01000d", 1);
        buf_reset(&b);
        ck_assert_uint_gt(b.cap, 0);
        buf_addf(&b, "%0100000d", 1);
        buf_reset(&b);
        ck_assert_uint_eq(b.cap, 0);
        ck_assert_str_eq(buf_str(&b), "");
}
END_TEST

START_TEST(taking)
{
        autobuf b = BUF_INIT(10);
        autofree char *nothing = buf_take(&b);
        ck_assert_str_eq(nothing, "");
        buf_adds(&b, "mine");
        autofree char *mine = buf_take(&b);
        ck_assert_str_eq(mine, "mine");
        ck_assert_uint_eq(b.len, 0);
        buf_adds(&b, "0123456789");
        ck_assert(buf_ok(&b));
}
END_TEST

START_TEST(shortest_decimals)
{
        static const struct {
                double v;
                const char *text;
        } cases[] = {
                {0, "0"},
                {-0.0, "0"},
                {1, "1"},
                {-2.5, "-2.5"},
                {0.1, "0.1"},
                {0.1 + 0.2, "0.30000000000000004"},
                {1e15, "1000000000000000"},
                {9007199254740991.0, "9007199254740991"},
                {-9007199254740991.0, "-9007199254740991"},
                {1e300, "1e+300"},
                {5e-324, "4.94065645841247e-324"},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                autobuf b = BUF_INIT(100);
                buf_addd(&b, cases[i].v);
                ck_assert_str_eq(buf_str(&b), cases[i].text);
                ck_assert_double_eq(strtod(buf_str(&b), NULL), cases[i].v);
        }
}
END_TEST

START_TEST(why_it_failed)
{
        struct err e = ERR_INIT;
        autobuf b = BUF_INIT(3);
        buf_adds(&b, "abc");
        ck_assert_int_eq(buf_check(&b, "the text", &e), 0);
        buf_addc(&b, 'd');
        ck_assert_int_lt(buf_check(&b, "the text", &e), 0);
        ck_assert_int_eq(e.code, ERR_TOO_LARGE);
        ck_assert_str_eq(e.text, "the text would be larger than 3 bytes");
}
END_TEST

int main(void)
{
        Suite *s = suite_create("buf");
        TCase *t = tcase_create("buf");
        suite_add_tcase(s, t);
        tcase_add_test(t, appends);
        tcase_add_test(t, grows_by_long_formats);
        tcase_add_test(t, the_cap_is_exact);
        tcase_add_test(t, failure_sticks_until_reset);
        tcase_add_test(t, huge_lengths_fail);
        tcase_add_test(t, reserve_and_consume);
        tcase_add_test(t, reset_keeps_little_memory);
        tcase_add_test(t, taking);
        tcase_add_test(t, shortest_decimals);
        tcase_add_test(t, why_it_failed);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
