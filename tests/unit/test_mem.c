/* test_mem.c - allocation, cleanup attributes, ownership. */
#include <check.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"

START_TEST(strings_are_copied)
{
        autofree char *a = xstrdup("wave");
        autofree char *b = xstrndup("wavefleet", 4);
        autofree char *c = xstrndup("wave", 100);
        autofree char *d = xasprintf("%s-%d", "wave", 7);
        ck_assert_str_eq(a, "wave");
        ck_assert_str_eq(b, "wave");
        ck_assert_str_eq(c, "wave");
        ck_assert_str_eq(d, "wave-7");
}
END_TEST

START_TEST(what_is_tried_may_not_be_there)
{
        autofree char *p = mem_try(NULL, 100000);
        ck_assert_ptr_nonnull(p);
        ck_assert_ptr_null(mem_try(NULL, SIZE_MAX / 2));
        ck_assert_ptr_null(mem_try_array(NULL, SIZE_MAX / 2, 3));
        autofree char *zeros = mem_try_zeroed(50, 1000);
        for (size_t i = 0; i < 50000; i++)
                ck_assert_int_eq(zeros[i], 0);
        autofree char *copy = mem_try_strdup("wave");
        ck_assert_str_eq(copy, "wave");
}
END_TEST

/* In a process that insists it is the end. */
START_TEST(insisting_ends_the_process)
{
        mem_insist();
        mem_try(NULL, SIZE_MAX / 2);
}
END_TEST

START_TEST(nothing_is_something)
{
        autofree void *a = xmalloc(0);
        autofree void *b = xcalloc(0, 8);
        autofree void *c = xrealloc(NULL, 0);
        ck_assert_ptr_nonnull(a);
        ck_assert_ptr_nonnull(b);
        ck_assert_ptr_nonnull(c);
}
END_TEST

START_TEST(arrays_grow)
{
        autofree int *a = xreallocarray(NULL, 2, sizeof(int));
        a[1] = 5;
        a = xreallocarray(a, 1000, sizeof(int));
        ck_assert_int_eq(a[1], 5);
}
END_TEST

START_TEST(overflow_aborts)
{
        free(xreallocarray(NULL, SIZE_MAX / 2, 4));
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

START_TEST(exhaustion_aborts)
{
        volatile size_t too_much = SIZE_MAX / 4;
        free(xmalloc(too_much));
}
END_TEST

static int freed;

static void count_free(int *p)
{
        freed++;
        free(p);
}

CLEANUP_DEFINE(counted, int *, count_free)

static int *make(int keep)
{
        cleanup(counted_cleanup) int *p = xcalloc(1, sizeof(*p));
        return keep ? take(p) : NULL;
}

START_TEST(take_hands_on)
{
        ck_assert_ptr_null(make(0));
        ck_assert_int_eq(freed, 1);
        int *p = make(1);
        ck_assert_ptr_nonnull(p);
        ck_assert_int_eq(freed, 1);
        free(p);
}
END_TEST

struct item {
        int n;
        struct list link;
};

START_TEST(lists_keep_order)
{
        struct list head, other;
        list_init(&head);
        list_init(&other);
        ck_assert(list_empty(&head));
        ck_assert_ptr_null(list_pop_front(&head));
        struct item items[4] = {{.n = 0}, {.n = 1}, {.n = 2}, {.n = 3}};
        list_push_back(&head, &items[1].link);
        list_push_back(&head, &items[2].link);
        list_push_front(&head, &items[0].link);
        list_push_back(&other, &items[3].link);
        list_splice(&head, &other);
        ck_assert(list_empty(&other));
        int n = 0;
        LIST_EACH(it, &head)
        {
                ck_assert_int_eq(CONTAINER_OF(it, struct item, link)->n, n++);
                list_remove(it);
        }
        ck_assert_int_eq(n, 4);
        ck_assert(list_empty(&head));
        list_remove(&items[0].link); /* a second time: harmless */
        ck_assert(list_empty(&head));
}
END_TEST

int main(void)
{
        Suite *s = suite_create("mem");
        TCase *t = tcase_create("mem");
        suite_add_tcase(s, t);
        tcase_add_test(t, strings_are_copied);
        tcase_add_test(t, nothing_is_something);
        tcase_add_test(t, arrays_grow);
        tcase_add_test_raise_signal(t, overflow_aborts, SIGABRT);
        tcase_add_test_raise_signal(t, exhaustion_aborts, SIGABRT);
        tcase_add_test(t, what_is_tried_may_not_be_there);
        tcase_add_test_raise_signal(t, insisting_ends_the_process, SIGABRT);
        tcase_add_test(t, take_hands_on);
        tcase_add_test(t, lists_keep_order);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
