/* test_err.c - texts, wrapping, cutting, the table. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

START_TEST(set_and_wrap)
{
        struct err e = ERR_INIT;
        ck_assert_int_eq(err_set(&e, ERR_NOT_FOUND, "wave %d", 7), -1);
        ck_assert_int_eq(e.code, ERR_NOT_FOUND);
        ck_assert_str_eq(e.text, "wave 7");
        ck_assert_int_eq(err_wrap(&e, "could not start %s", "it"), -1);
        ck_assert_str_eq(e.text, "could not start it: wave 7");
        ck_assert_int_eq(e.code, ERR_NOT_FOUND);
}
END_TEST

START_TEST(set_forgets_the_wait)
{
        struct err e = {.retry_after_ms = 500};
        err_set(&e, ERR_UNAVAILABLE, "away");
        ck_assert_uint_eq(e.retry_after_ms, 0);
        e.retry_after_ms = 500;
        err_wrap(&e, "no");
        ck_assert_uint_eq(e.retry_after_ms, 500);
}
END_TEST

START_TEST(errno_is_told_and_kept)
{
        struct err e = ERR_INIT;
        errno = ENOENT;
        ck_assert_int_eq(err_errno(&e, ERR_CONFIG, "could not open %s", "x"), -1);
        ck_assert_str_eq(e.text, "could not open x: No such file or directory");
        ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(nobody_listens)
{
        ck_assert_int_eq(err_set(NULL, ERR_INTERNAL, "x"), -1);
        ck_assert_int_eq(err_wrap(NULL, "x"), -1);
        ck_assert_int_eq(err_errno(NULL, ERR_INTERNAL, "x"), -1);
}
END_TEST

/* Whatever the length, what is left is whole characters. */
START_TEST(long_text_is_cut_at_a_character)
{
        static const char *const pieces[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
        const char *piece = pieces[_i / 4];
        autobuf text = BUF_INIT(SIZE_MAX);
        for (int k = _i % 4; k > 0; k--) /* moves the characters against the end */
                buf_addc(&text, 'x');
        while (text.len < 2 * ERR_TEXT_MAX)
                buf_adds(&text, piece);
        struct err e = ERR_INIT;
        err_set(&e, ERR_INVALID, "%s", buf_str(&text));
        size_t left = strlen(e.text);
        ck_assert_uint_ge(left, ERR_TEXT_MAX - 4);
        ck_assert(utf8_valid(e.text, left));
        ck_assert_int_eq(strncmp(e.text, buf_str(&text), left), 0);
        err_wrap(&e, "could not");
        ck_assert(utf8_valid(e.text, strlen(e.text)));
        ck_assert_int_eq(strncmp(e.text, "could not: ", 11), 0);
}
END_TEST

START_TEST(every_code_has_a_name_and_a_status)
{
        for (int code = 0; code < ERR_COUNT; code++) {
                ck_assert_uint_gt(strlen(err_name((enum err_code)code)), 0);
                int status = err_http_status((enum err_code)code);
                ck_assert_int_ge(status, 200);
                ck_assert_int_lt(status, 600);
        }
        ck_assert_str_eq(err_name(ERR_TOO_LARGE), "body_too_large");
        ck_assert_int_eq(err_http_status(ERR_TOO_LARGE), 413);
        ck_assert(err_retryable(ERR_UNAVAILABLE));
        ck_assert(!err_retryable(ERR_INVALID));
}
END_TEST

int main(void)
{
        Suite *s = suite_create("err");
        TCase *t = tcase_create("err");
        suite_add_tcase(s, t);
        tcase_add_test(t, set_and_wrap);
        tcase_add_test(t, set_forgets_the_wait);
        tcase_add_test(t, errno_is_told_and_kept);
        tcase_add_test(t, nobody_listens);
        tcase_add_loop_test(t, long_text_is_cut_at_a_character, 0, 16);
        tcase_add_test(t, every_code_has_a_name_and_a_status);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
