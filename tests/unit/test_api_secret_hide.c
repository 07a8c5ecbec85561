/* A secret that somebody says back is not shown, and what is shown keeps its form. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/secret_hide.h"
#include "base/mem.h"
#include "base/rand.h"
#include "model/seal.h"

static const char key[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void expect(const char *secret, const char *text, const char *shown)
{
        struct arena *a = arena_new(0);
        autofree char *sealed = NULL;
        size_t len = strlen(text);
        ck_assert_int_eq(seal(key, secret, &sealed, NULL), 0);
        const char *got = secret_hide(a, text, &len, sealed, key);
        ck_assert_str_eq(got, shown);
        ck_assert_uint_eq(len, strlen(shown));
        arena_free(a);
}

START_TEST(test_hidden)
{
        expect("s3cret", "{\"error\":\"bad s3cret, s3crets3cret\"}",
               "{\"error\":\"bad ********, ****************\"}");
        expect("a&b=c", "?mb_secret=a%26b%3Dc&x=a&b=c", "?mb_secret=********&x=********");
        expect("пароль", "пароль!", "********!");
        expect("s3cret", "", "");
}
END_TEST

START_TEST(test_left_alone)
{
        expect("abc", "abc", "abc");
        expect("123456", "{\"id\":123456}", "{\"id\":123456}");
        expect("s3cret", "nothing of it: s3cre t", "nothing of it: s3cre t");
}
END_TEST

START_TEST(test_not_to_be_opened)
{
        struct arena *a = arena_new(0);
        size_t len = 6;
        ck_assert_str_eq(secret_hide(a, "s3cret", &len, NULL, key), "s3cret");
        ck_assert_str_eq(secret_hide(a, "s3cret", &len, "sealed:v1:rubbish", key), "s3cret");
        ck_assert_str_eq(secret_hide(a, "s3cret", &len, "s3cret", ""), "s3cret");
        ck_assert_uint_eq(len, 6);
        arena_free(a);
}
END_TEST

int main(void)
{
        rand_init();
        Suite *s = suite_create("secret_hide");
        TCase *t = tcase_create("all");
        tcase_add_test(t, test_hidden);
        tcase_add_test(t, test_left_alone);
        tcase_add_test(t, test_not_to_be_opened);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
