/* test_cli_args.c - command lines: what is understood, what is refused and how, numbers and times. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/args.h"

#define READ(a, e, ...) read_line((a), (e), (const char *const[]){"wavefleet", __VA_ARGS__, NULL})

static int read_line(struct args *a, struct err *e, const char *const *argv)
{
        static char *copy[32];
        int argc = 0;
        for (; argv[argc]; argc++)
                copy[argc] = (char *)(uintptr_t)argv[argc];
        copy[argc] = NULL;
        *e = ERR_INIT;
        return args_read(a, argc, copy, e);
}

START_TEST(options_stand_anywhere)
{
        struct args a;
        struct err e;
        ck_assert_int_eq(READ(&a, &e, "-o", "json", "wave", "--quiet", "list", "--limit=5", "-a"),
                         0);
        ck_assert_str_eq(a.command->noun, "wave");
        ck_assert_str_eq(a.command->verb, "list");
        ck_assert_str_eq(args_value(&a, OPT_output), "json");
        ck_assert_str_eq(args_value(&a, OPT_limit), "5");
        ck_assert(args_has(&a, OPT_quiet) && args_has(&a, OPT_all) && !args_has(&a, OPT_yes));
        ck_assert_uint_eq(a.nwords, 0);
        args_fini(&a);
        ck_assert_int_eq(READ(&a, &e, "wave", "list", "-qn7", "-ocsv", "-n", "8"), 0);
        ck_assert_str_eq(args_value(&a, OPT_limit), "8"); /* the last one counts */
        ck_assert_str_eq(args_value(&a, OPT_output), "csv");
        args_fini(&a);
}
END_TEST

START_TEST(words_after_two_dashes_are_no_options)
{
        struct args a;
        struct err e;
        ck_assert_int_eq(READ(&a, &e, "wave", "restart", "w", "--", "-x", "--yes"), 0);
        ck_assert_uint_eq(a.nwords, 3);
        ck_assert_str_eq(a.words[1], "-x");
        ck_assert(!args_has(&a, OPT_yes));
        args_fini(&a);
        ck_assert_int_eq(READ(&a, &e, "wave", "create", "n", "-p", "-"), 0);
        ck_assert_str_eq(args_value(&a, OPT_projects), "-");
        args_fini(&a);
}
END_TEST

START_TEST(repeated_options_are_all_there)
{
        struct args a;
        struct err e;
        size_t at = 0;
        ck_assert_int_eq(READ(&a, &e, "wave", "create", "n", "--param", "a=1", "--param=b=2"), 0);
        ck_assert_str_eq(args_each(&a, OPT_param, &at), "a=1");
        ck_assert_str_eq(args_each(&a, OPT_param, &at), "b=2");
        ck_assert_ptr_null(args_each(&a, OPT_param, &at));
        args_fini(&a);
}
END_TEST

static void refused(const char *part, const char *const *argv)
{
        struct args a;
        struct err e;
        ck_assert_int_eq(read_line(&a, &e, argv), -1);
        ck_assert_int_eq(e.code, ERR_CONFIG);
        ck_assert_msg(strstr(e.text, part), "\"%s\" does not say \"%s\"", e.text, part);
        args_fini(&a);
}
#define REFUSED(part, ...) refused((part), (const char *const[]){"wavefleet", __VA_ARGS__, NULL})

START_TEST(mistakes_are_named)
{
        refused("wants a command", (const char *const[]){"wavefleet", NULL});
        REFUSED("is \"wave\" meant?", "wav");
        REFUSED("there is no command \"nonsense\"", "nonsense");
        REFUSED("wants to know what to do", "wave");
        REFUSED("is \"list\" meant?", "wave", "lst");
        REFUSED("is --limit meant?", "wave", "list", "--limt", "3");
        REFUSED("there is no option --nonsense", "wave", "list", "--nonsense");
        REFUSED("there is no option -x", "wave", "list", "-x");
        REFUSED("--limit wants a value: N", "wave", "list", "--limit");
        REFUSED("--quiet takes no value", "wave", "list", "--quiet=1");
        REFUSED("\"wave list\" takes no --canary", "wave", "list", "--canary", "1");
        REFUSED("usage: wavefleet wave show WAVE", "wave", "show");
        REFUSED("usage: wavefleet wave show WAVE", "wave", "show", "a", "b");
        REFUSED("usage: wavefleet login", "login", "me");
}
END_TEST

START_TEST(help_minds_nothing_else)
{
        struct args a;
        struct err e;
        ck_assert_int_eq(READ(&a, &e, "--help"), 0);
        ck_assert_ptr_null(a.command);
        args_fini(&a);
        ck_assert_int_eq(READ(&a, &e, "wave", "show", "-h"), 0);
        ck_assert_str_eq(a.command->verb, "show");
        args_fini(&a);
}
END_TEST

START_TEST(numbers)
{
        struct args a;
        struct err e;
        int64_t n = 42;
        ck_assert_int_eq(READ(&a, &e, "wave", "list"), 0);
        ck_assert_int_eq(args_int(&a, OPT_limit, 1, 10, &n, &e), 0);
        ck_assert_int_eq(n, 42);
        args_fini(&a);
        static const char *const bad[] = {"", "x", "1x", "0", "11", "99999999999999999999", "1.5"};
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
                ck_assert_int_eq(READ(&a, &e, "wave", "list", "-n", bad[i]), 0);
                ck_assert_int_eq(args_int(&a, OPT_limit, 1, 10, &n, &e), -1);
                ck_assert_int_eq(e.code, ERR_CONFIG);
                args_fini(&a);
        }
        ck_assert_int_eq(READ(&a, &e, "wave", "list", "-n", "10"), 0);
        ck_assert_int_eq(args_int(&a, OPT_limit, 1, 10, &n, &e), 0);
        ck_assert_int_eq(n, 10);
        args_fini(&a);
}
END_TEST

START_TEST(durations)
{
        int64_t ms = 0;
        ck_assert(duration_parse("90s", &ms) == 0 && ms == 90000);
        ck_assert(duration_parse("10m", &ms) == 0 && ms == 600000);
        ck_assert(duration_parse("2h", &ms) == 0 && ms == 7200000);
        ck_assert(duration_parse("1d", &ms) == 0 && ms == 86400000);
        ck_assert(duration_parse("5", &ms) == 0 && ms == 5000);
        static const char *const bad[] = {"", "s", "1w", "1mm", "-1s", "1.5h", "9999999999s"};
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                ck_assert_msg(duration_parse(bad[i], &ms) < 0, "%s", bad[i]);
}
END_TEST

static const char *time_of(const char *text)
{
        static char out[CLOCK_RFC3339_SIZE];
        struct args a;
        struct err e;
        autofree char *time = NULL;
        ck_assert_int_eq(READ(&a, &e, "wave", "change", "w", "--start-at", text), 0);
        int rc = args_time(&a, OPT_start_at, &time, &e);
        args_fini(&a);
        snprintf(out, sizeof(out), "%s", rc == 0 ? time : "none");
        return out;
}

START_TEST(times)
{
        clock_drive(1000, 1769860800000); /* 2026-01-31T12:00:00Z */
        ck_assert_str_eq(time_of("+90m"), "2026-01-31T13:30:00.000Z");
        ck_assert_str_eq(time_of("-2h"), "2026-01-31T10:00:00.000Z");
        ck_assert_str_eq(time_of("2026-02-01T00:00:00+03:00"), "2026-01-31T21:00:00.000Z");
        ck_assert_str_eq(time_of("tomorrow"), "none");
        ck_assert_str_eq(time_of("+soon"), "none");
}
END_TEST

int main(void)
{
        Suite *s = suite_create("cli_args");
        TCase *t = tcase_create("args");
        suite_add_tcase(s, t);
        tcase_add_test(t, options_stand_anywhere);
        tcase_add_test(t, words_after_two_dashes_are_no_options);
        tcase_add_test(t, repeated_options_are_all_there);
        tcase_add_test(t, mistakes_are_named);
        tcase_add_test(t, help_minds_nothing_else);
        tcase_add_test(t, numbers);
        tcase_add_test(t, durations);
        tcase_add_test(t, times);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
