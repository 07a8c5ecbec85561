/* test_password.c - names, passwords, their hashes, and the threads that look at them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/aside.h"
#include "base/mem.h"
#include "base/rand.h"
#include "model/password.h"

START_TEST(names)
{
        static const struct {
                const char *name, *folded; /* NULL: refused */
        } cases[] = {
                {"anna", "anna"},
                {"Anna.K-1_x@example.org+a", "anna.k-1_x@example.org+a"},
                {"", NULL},
                {" anna", NULL},
                {"anna\n", NULL},
                {"\xd0\xb0nna", NULL}, /* a Cyrillic a: it would look like another */
                {"Bootstrap", NULL},
                {"0123456789012345678901234567890123456789012345678901234567890123",
                 "0123456789012345678901234567890123456789012345678901234567890123"},
                {"01234567890123456789012345678901234567890123456789012345678901234", NULL},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                char out[USERNAME_MAX + 1] = "untouched";
                int rc = username_fold(cases[i].name, out);
                ck_assert_msg((rc == 0) == (cases[i].folded != NULL), "%s", cases[i].name);
                ck_assert_str_eq(out, rc == 0 ? cases[i].folded : "untouched");
        }
}
END_TEST

START_TEST(what_may_be_a_password)
{
        char longest[PASSWORD_MAX + 2];
        struct err e = ERR_INIT;
        memset(longest, 'x', sizeof(longest));
        longest[PASSWORD_MAX] = '\0';
        ck_assert_int_eq(password_check("anna", longest, &e), 0);
        longest[PASSWORD_MAX] = 'x';
        longest[PASSWORD_MAX + 1] = '\0';
        ck_assert_int_lt(password_check("anna", longest, &e), 0);
        ck_assert_int_eq(password_check("anna", "12345678", &e), 0);
        ck_assert_int_eq(
                password_check("anna", "\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c", &e), 0);
        ck_assert_int_lt(password_check("anna", "1234567", &e), 0);
        ck_assert_int_lt(password_check("anna-maria", "Anna-Maria", &e), 0);
        ck_assert_int_lt(password_check("anna", "latin \xe4\xe4\xe4\xe4", &e), 0);
        ck_assert_int_eq(e.code, ERR_INVALID);
}
END_TEST

START_TEST(hashes)
{
        char one[PASSWORD_HASH_SIZE], two[PASSWORD_HASH_SIZE];
        struct err e = ERR_INIT;
        ck_assert_int_eq(password_hash("correct horse", one, &e), 0);
        ck_assert_int_eq(password_hash("correct horse", two, &e), 0);
        ck_assert_str_ne(one, two); /* each with a salt of its own */
        ck_assert(strncmp(one, "$argon2id$v=19$m=65536,t=2,p=1$", 31) == 0);
        ck_assert_int_eq(password_verify(one, "correct horse"), PASSWORD_RIGHT);
        ck_assert_int_eq(password_verify(two, "correct horse"), PASSWORD_RIGHT);
        ck_assert_int_eq(password_verify(one, "correct horsE"), PASSWORD_WRONG);
        ck_assert_int_eq(password_verify(one, ""), PASSWORD_WRONG);
        ck_assert_int_eq(password_verify(NULL, "correct horse"), PASSWORD_WRONG);
        ck_assert_int_eq(password_verify("$argon2id$nonsense", "correct horse"), PASSWORD_WRONG);
        ck_assert_int_eq(password_verify("", ""), PASSWORD_WRONG);
}
END_TEST

/* ---- aside ---- */

struct sum {
        int a, b, sum;
};
static int dropped, told;

static void add(void *task)
{
        struct sum *s = task;
        s->sum = s->a + s->b;
}

static void drop(void *task)
{
        free(task);
        __atomic_add_fetch(&dropped, 1, __ATOMIC_SEQ_CST);
}

static void take_sum(void *task, const char *problem, void *arg)
{
        const struct sum *s = task;
        ck_assert_ptr_null(problem);
        *(int *)arg = s->sum;
        told++;
}

static const struct aside_kind kind = {.work = add, .drop = drop, .done = take_sum};

static struct sum *make_sum(int a, int b)
{
        struct sum *s = xcalloc(1, sizeof(*s));
        s->a = a;
        s->b = b;
        return s;
}

START_TEST(many_threads_do_their_tasks)
{
        enum { MANY = 20 };
        struct loop *l = loop_new();
        int sums[MANY];
        for (int i = 0; i < MANY; i++)
                aside_start(l, &kind, make_sum(i, 1000), &sums[i]);
        for (int i = 0; i < 1000 && told < MANY; i++)
                loop_turn(l, 10);
        ck_assert_int_eq(told, MANY);
        for (int i = 0; i < MANY; i++)
                ck_assert_int_eq(sums[i], i + 1000);
        for (int i = 0; i < 1000 && __atomic_load_n(&dropped, __ATOMIC_SEQ_CST) < MANY; i++)
                loop_turn(l, 10);
        ck_assert_int_eq(dropped, MANY);
        loop_free(l);
}
END_TEST

START_TEST(nobody_is_told_after_a_cancel)
{
        struct loop *l = loop_new();
        int sum = -1;
        aside_cancel(aside_start(l, &kind, make_sum(1, 2), &sum));
        aside_cancel(NULL);
        for (int i = 0; i < 1000 && !__atomic_load_n(&dropped, __ATOMIC_SEQ_CST); i++)
                loop_turn(l, 10);
        ck_assert_int_eq(__atomic_load_n(&dropped, __ATOMIC_SEQ_CST), 1);
        ck_assert_int_eq(sum, -1);
        ck_assert_int_eq(told, 0);
        loop_free(l);
}
END_TEST

int main(void)
{
        rand_init();
        Suite *s = suite_create("password");
        TCase *t = tcase_create("passwords");
        tcase_set_timeout(t, 60);
        tcase_add_test(t, names);
        tcase_add_test(t, what_may_be_a_password);
        tcase_add_test(t, hashes);
        suite_add_tcase(s, t);
        t = tcase_create("aside");
        tcase_set_timeout(t, 60);
        tcase_add_test(t, many_threads_do_their_tasks);
        tcase_add_test(t, nobody_is_told_after_a_cancel);
        suite_add_tcase(s, t);
        SRunner *sr = srunner_create(s);
        srunner_run_all(sr, CK_ENV);
        int failed = srunner_ntests_failed(sr);
        srunner_free(sr);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
