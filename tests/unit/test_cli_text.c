/* test_cli_text.c - widths, cutting and filling, wrapping, what may not reach a terminal, times for people. */
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/text.h"

static const char *made(struct buf *b)
{
        static char text[4096];
        ck_assert(buf_ok(b));
        snprintf(text, sizeof(text), "%s", buf_str(b));
        buf_fini(b);
        return text;
}

static const char *clean(const char *s, size_t len)
{
        struct buf b = BUF_INIT(4096);
        text_clean(&b, s, len);
        return made(&b);
}

static const char *fit(const char *s, size_t width, enum text_align align)
{
        struct buf b = BUF_INIT(4096);
        text_fit(&b, s, width, align, "…");
        return made(&b);
}

static const char *wrap(const char *s, size_t width, size_t indent, size_t at)
{
        struct buf b = BUF_INIT(4096);
        text_wrap(&b, s, width, indent, at);
        return made(&b);
}

static const char *duration(int64_t s)
{
        struct buf b = BUF_INIT(64);
        text_duration(&b, s);
        return made(&b);
}

static const char *rate(double r)
{
        struct buf b = BUF_INIT(64);
        text_rate(&b, r);
        return made(&b);
}

START_TEST(widths_are_columns)
{
        ck_assert_uint_eq(text_width(""), 0);
        ck_assert_uint_eq(text_width("abc"), 3);
        ck_assert_uint_eq(text_width("мир"), 3);
        ck_assert_uint_eq(text_width("日本"), 4);
        ck_assert_uint_eq(text_width("e\xCC\x81"), 1); /* a letter and an accent over it */
        ck_assert_uint_eq(text_width("\xF0\x9F\x9A\x80"), 2);
}
END_TEST

START_TEST(nothing_steers_the_terminal)
{
        static const char right_to_left[] = {'\xE2', '\x80', '\xAE', 'g', 'n', 'p',
                                             '.',    'e',    'x',    'e', '\0'};
        static const char *const pairs[][2] = {
                {"plain мир", "plain мир"},
                {"a\033[31mred\033[0m b", "ared b"},
                {"\033]0;title\aafter", "after"},
                {"\033]8;;http://x\033\\link", "link"},
                {"\033c reset", "c reset"},
                {"tab\tline\nreturn\r", "tab line return "},
                {"bell\a", "bell\xEF\xBF\xBD"},
                {"\xC2\x9B"
                 "31m",
                 "\xEF\xBF\xBD"
                 "31m"}, /* CSI in one character */
                {"\x7F", "\xEF\xBF\xBD"},
                {right_to_left, "\xEF\xBF\xBDgnp.exe"},
                {"\xFF\xFE", "\xEF\xBF\xBD\xEF\xBF\xBD"},
                {"end\033", "end"},
                {"end\033[12;", "end"},
                {"end\033]never", "end"},
        };
        for (size_t i = 0; i < COUNT_OF(pairs); i++)
                ck_assert_str_eq(clean(pairs[i][0], strlen(pairs[i][0])), pairs[i][1]);
        ck_assert_str_eq(clean("a\0b", 3), "a\xEF\xBF\xBD"
                                           "b");
}
END_TEST

START_TEST(cut_and_filled)
{
        ck_assert_str_eq(fit("abc", 5, ALIGN_LEFT), "abc  ");
        ck_assert_str_eq(fit("abc", 5, ALIGN_RIGHT), "  abc");
        ck_assert_str_eq(fit("abcdef", 4, ALIGN_LEFT), "abc…");
        ck_assert_str_eq(fit("abcd", 4, ALIGN_LEFT), "abcd");
        ck_assert_str_eq(fit("日本語", 4, ALIGN_LEFT), "日… "); /* half a character is a space */
        ck_assert_str_eq(fit("日本語", 5, ALIGN_RIGHT), "日本…");
        ck_assert_str_eq(fit("ab", 0, ALIGN_LEFT), "");
        ck_assert_str_eq(fit("abc", 1, ALIGN_LEFT), "…");
        ck_assert_str_eq(fit("", 3, ALIGN_LEFT), "   ");
        for (size_t width = 0; width < 20; width++)
                ck_assert_uint_eq(text_width(fit("mixed 日本 мир text", width, ALIGN_LEFT)), width);
}
END_TEST

START_TEST(wrapped_at_spaces)
{
        ck_assert_str_eq(wrap("one two three", 8, 2, 0), "one two\n  three");
        ck_assert_str_eq(wrap("one two", 0, 2, 0), "one two");
        ck_assert_str_eq(wrap("abcdefghij", 4, 0, 0), "abcd\nefgh\nij");
        ck_assert_str_eq(wrap("one  two", 20, 0, 0), "one two");
        ck_assert_str_eq(wrap("x", 10, 2, 10), "\n  x");
        ck_assert_str_eq(wrap("日本 語", 4, 1, 0), "日本\n 語");
        ck_assert_str_eq(wrap("日", 1, 0, 0),
                         "日"); /* wider than a line: there it is all the same */
        const char *text = wrap("the quick brown fox jumps over the lazy dog", 12, 3, 3);
        for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
                ck_assert_uint_le(strcspn(line, "\n"), 12);
                if (!line[strcspn(line, "\n")])
                        break;
        }
}
END_TEST

START_TEST(durations_and_rates)
{
        ck_assert_str_eq(duration(0), "0s");
        ck_assert_str_eq(duration(-5), "0s");
        ck_assert_str_eq(duration(59), "59s");
        ck_assert_str_eq(duration(60), "1m 00s");
        ck_assert_str_eq(duration(200), "3m 20s");
        ck_assert_str_eq(duration(3900), "1h 05m");
        ck_assert_str_eq(duration(2 * 86400 + 4 * 3600), "2d 04h");
        ck_assert_str_eq(rate(1234.5), "1234/s");
        ck_assert_str_eq(rate(12.34), "12.3/s");
        ck_assert_str_eq(rate(0.07), "4.2/min");
        ck_assert_str_eq(rate(7.0 / 3600), "7.0/h");
}
END_TEST

START_TEST(times_are_local)
{
        struct buf b = BUF_INIT(64);
        setenv("TZ", "UTC-2", 1); /* two hours east */
        tzset();
        text_time(&b, "2026-01-31T12:00:00.5Z");
        ck_assert_str_eq(made(&b), "2026-01-31 14:00:00");
        b = BUF_INIT(64);
        text_time(&b, "soon");
        ck_assert_str_eq(made(&b), "soon");
}
END_TEST

int main(void)
{
        setlocale(LC_CTYPE, "C.UTF-8");
        Suite *s = suite_create("cli_text");
        TCase *t = tcase_create("text");
        suite_add_tcase(s, t);
        tcase_add_test(t, widths_are_columns);
        tcase_add_test(t, nothing_steers_the_terminal);
        tcase_add_test(t, cut_and_filled);
        tcase_add_test(t, wrapped_at_spaces);
        tcase_add_test(t, durations_and_rates);
        tcase_add_test(t, times_are_local);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
