/* test_webhook_token.c - tokens that fit, and everything that does not. */
#include <check.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/webhook_token.h"

static const unsigned char key[WEBHOOK_KEY_BYTES] = "0123456789abcdef0123456789abcde";
static const unsigned char other_key[WEBHOOK_KEY_BYTES] = "0123456789abcdef0123456789abcdE";

START_TEST(made_and_verified)
{
        static const struct {
                int64_t id;
                int32_t attempt;
        } cases[] = {{1, 1}, {42, 7}, {INT64_MAX, INT32_MAX}};
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                char token[WEBHOOK_TOKEN_SIZE];
                int64_t id = 0;
                int32_t attempt = 0;
                webhook_token_make(key, cases[i].id, cases[i].attempt, token);
                ck_assert_int_eq(webhook_token_verify(key, token, &id, &attempt), 0);
                ck_assert_int_eq(id, cases[i].id);
                ck_assert_int_eq(attempt, cases[i].attempt);
                ck_assert_int_lt(webhook_token_verify(other_key, token, &id, &attempt), 0);
        }
}
END_TEST

/* The HMAC by another implementation (Python's hmac), so that tokens of one release fit the next. */
START_TEST(known_answer)
{
        char token[WEBHOOK_TOKEN_SIZE];
        webhook_token_make(key, 42, 7, token);
        ck_assert_str_eq(token, "m42.7."
                                "c17ac870f1df62316251869b34bac7caa543ba5540d1e72845f448d6ab729d7f");
}
END_TEST

START_TEST(any_other_character_is_refused)
{
        char token[WEBHOOK_TOKEN_SIZE];
        int64_t id = -1;
        int32_t attempt = -1;
        webhook_token_make(key, 42, 7, token);
        size_t len = strlen(token);
        for (size_t i = 0; i < len; i++) {
                static const char others[] = "0f.m9 \xFF";
                char was = token[i];
                for (const char *c = others; *c; c++) {
                        token[i] = *c;
                        if (*c != was)
                                ck_assert_int_lt(webhook_token_verify(key, token, &id, &attempt), 0);
                }
                token[i] = '\0'; /* cut off */
                ck_assert_int_lt(webhook_token_verify(key, token, &id, &attempt), 0);
                token[i] = was;
        }
        ck_assert_int_eq(id, -1);
        ck_assert_int_eq(attempt, -1);
}
END_TEST

START_TEST(rubbish_is_refused)
{
        char token[WEBHOOK_TOKEN_SIZE], upper[WEBHOOK_TOKEN_SIZE];
        int64_t id;
        int32_t attempt;
        webhook_token_make(key, 42, 7, token);
        for (size_t i = 0; i <= strlen(token); i++)
                upper[i] = (char)(i ? toupper((unsigned char)token[i]) : token[i]);
        const char *hex = token + strlen("m42.7.");
        autofree char *longer = xasprintf("%s0", token);
        autofree char *zero = xasprintf("m042.7.%s", hex);
        autofree char *sign = xasprintf("m+42.7.%s", hex);
        autofree char *space = xasprintf("m42. 7.%s", hex);
        autofree char *large = xasprintf("m9223372036854775808.7.%s", hex);
        autofree char *wraps = xasprintf("m42.4294967303.%s", hex);
        autofree char *next = xasprintf("m42.8.%s", hex);
        autofree char *huge = xmalloc(100001);
        memset(huge, '1', 100000);
        huge[0] = 'm';
        huge[100000] = '\0';
        const char *const cases[] = {NULL,     "",       "m",   "m42",  "m42.", "m42.7",
                                     "m42.7.", "forged", upper, longer, zero,   sign,
                                     space,    large,    wraps, next,   huge};
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                ck_assert_msg(webhook_token_verify(key, cases[i], &id, &attempt) < 0, "%zu", i);
}
END_TEST

START_TEST(urls)
{
        struct arena *a = arena_new(0);
        ck_assert_str_eq(webhook_url(a, "http://h:8088", "m1.1.x"),
                         "http://h:8088/api/webhooks/migration-result?token=m1.1.x");
        ck_assert_str_eq(webhook_url(a, "https://h/waves//", "********"),
                         "https://h/waves/api/webhooks/migration-result?token=********");
        arena_free(a);
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("webhook_token");
        TCase *t = tcase_create("all");
        tcase_add_test(t, made_and_verified);
        tcase_add_test(t, known_answer);
        tcase_add_test(t, any_other_character_is_refused);
        tcase_add_test(t, rubbish_is_refused);
        tcase_add_test(t, urls);
        suite_add_tcase(s, t);
        return s;
}

int main(void)
{
        SRunner *r = srunner_create(suite());
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
