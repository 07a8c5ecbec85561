/* test_cli_bar.c - a wave in one line, and how fast it gets on. */
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli/bar.h"
#include "cli/speed.h"
#include "cli/text.h"

static const struct term plain = {0}, rich = {.tty = true, .utf8 = true, .colour = true};

static struct bar sample(void)
{
        return (struct bar){.name = "nightly",
                            .state = "running",
                            .total = 1000,
                            .completed = 547,
                            .failed = 3,
                            .running = 20,
                            .parked = 5,
                            .rate = 12.34,
                            .left_s = 36,
                            .name_width = 7};
}

static const char *line(const struct bar *b, const struct term *t, size_t width)
{
        static char text[2048];
        autobuf out = BUF_INIT(2048);
        bar_print(b, t, width, &out);
        snprintf(text, sizeof(text), "%s", buf_str(&out));
        return text;
}

START_TEST(all_of_it)
{
        struct bar b = sample();
        ck_assert_str_eq(
                line(&b, &plain, 0),
                "nightly  [######################------------------]   55%  550/1000  3 failed  "
                "36s left  12.3/s  20 running, 5 parked");
        b.bar_width = 10;
        ck_assert_str_eq(line(&b, &(struct term){.utf8 = true}, 70),
                         "nightly  [█████▌····]   55%  550/1000  3 failed  36s left  12.3/s");
}
END_TEST

START_TEST(it_fits_every_width)
{
        struct bar b = sample();
        for (size_t width = 20; width < 140; width++) {
                ck_assert_msg(text_width(line(&b, &plain, width)) <= width, "%zu: %s", width,
                              line(&b, &plain, width));
                ck_assert_ptr_nonnull(strstr(line(&b, &plain, width), "55%"));
        }
        ck_assert_ptr_nonnull(strchr(line(&b, &plain, 80), '['));
        ck_assert_ptr_null(strchr(line(&b, &plain, 30), '['));
        b.name = "日本語日本語";
        b.name_width = 12;
        for (size_t width = 30; width < 100; width++)
                ck_assert_uint_le(text_width(line(&b, &plain, width)), width);
}
END_TEST

START_TEST(what_ended_has_no_rate)
{
        struct bar b = sample();
        b.state = "error";
        b.completed = 997;
        ck_assert_ptr_nonnull(strstr(line(&b, &plain, 0), "100%  1000/1000  error  3 failed"));
        ck_assert_ptr_null(strstr(line(&b, &plain, 0), "left"));
        ck_assert_ptr_null(strstr(line(&b, &plain, 0), "/s"));
}
END_TEST

START_TEST(colours_only_where_they_are_wanted)
{
        struct bar b = sample();
        ck_assert_ptr_null(strchr(line(&b, &plain, 0), '\033'));
        ck_assert_ptr_nonnull(strstr(line(&b, &rich, 0), "\033[31m3 failed\033[0m"));
}
END_TEST

START_TEST(nothing_of_nothing)
{
        struct bar b = {.name = "", .state = "planning", .left_s = -1, .running = -1};
        ck_assert_ptr_nonnull(strstr(line(&b, &plain, 0), "  0%  0/0  planning"));
}
END_TEST

START_TEST(in_words)
{
        struct bar b = sample();
        autobuf out = BUF_INIT(1024);
        bar_say(&b, &out);
        ck_assert_str_eq(buf_str(&out),
                         "nightly: running, 55%, 550/1000, 3 failed, 36s left, 12.3/s, "
                         "20 running, 5 parked");
}
END_TEST

START_TEST(a_steady_rate)
{
        struct speed s = {0};
        ck_assert(speed_rate(&s, 0) == 0);
        speed_note(&s, 0, 0);
        ck_assert(speed_rate(&s, 1000) == 0);
        for (int64_t t = 100; t <= 300000; t += 100)
                speed_note(&s, t, t / 100);
        ck_assert_msg(speed_rate(&s, 300000) > 9.9 && speed_rate(&s, 300000) < 10.1, "%f",
                      speed_rate(&s, 300000));
        ck_assert_int_eq(speed_left(&s, 300000, 600), 60);
        ck_assert_int_eq(speed_left(&s, 300000, 0), 0);
}
END_TEST

START_TEST(the_last_minute_counts)
{
        struct speed s = {0};
        for (int64_t t = 0; t <= 60000; t += 1000)
                speed_note(&s, t, t / 1000 * 100);
        for (int64_t t = 61000; t <= 190000; t += 1000)
                speed_note(&s, t, 6000 + (t - 60000) / 1000);
        ck_assert_msg(speed_rate(&s, 190000) < 1.1, "%f", speed_rate(&s, 190000));
}
END_TEST

START_TEST(what_stands_still_gets_slower)
{
        struct speed s = {0};
        speed_note(&s, 0, 0);
        speed_note(&s, 10000, 100);
        ck_assert(speed_rate(&s, 12000) == 10); /* between two looks nothing is known */
        ck_assert(speed_rate(&s, 100000) == 1);
        speed_note(&s, 200000, 100);
        speed_note(&s, 300000, 100);
        ck_assert(speed_rate(&s, 300000) == 0);
        ck_assert_int_eq(speed_left(&s, 300000, 5), -1);
}
END_TEST

START_TEST(a_restart_begins_anew)
{
        struct speed s = {0};
        speed_note(&s, 0, 0);
        speed_note(&s, 1000, 1000);
        speed_note(&s, 2000, 900);
        ck_assert(speed_rate(&s, 2000) == 0);
        speed_note(&s, 3000, 910);
        ck_assert(speed_rate(&s, 3000) == 10);
}
END_TEST

int main(void)
{
        setlocale(LC_CTYPE, "C.UTF-8");
        Suite *s = suite_create("cli_bar");
        TCase *t = tcase_create("bar");
        suite_add_tcase(s, t);
        tcase_add_test(t, all_of_it);
        tcase_add_test(t, it_fits_every_width);
        tcase_add_test(t, what_ended_has_no_rate);
        tcase_add_test(t, colours_only_where_they_are_wanted);
        tcase_add_test(t, nothing_of_nothing);
        tcase_add_test(t, in_words);
        tcase_add_test(t, a_steady_rate);
        tcase_add_test(t, the_last_minute_counts);
        tcase_add_test(t, what_stands_still_gets_slower);
        tcase_add_test(t, a_restart_begins_anew);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
