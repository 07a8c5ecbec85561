/* Comma-separated values, and which form of an answer a client likes best. */
#include <check.h>
#include <stdlib.h>

#include "api/http/accept.h"
#include "api/reports/csv.h"
#include "base/mem.h"

static struct buf out;
static struct csv c;

static void begin(void)
{
        buf_init(&out, SIZE_MAX);
        c = (struct csv){.out = &out};
}

static void finish(void)
{
        buf_fini(&out);
}

static const char *text_of(const char *s)
{
        buf_reset(&out);
        c.fields = 0;
        csv_text(&c, s);
        return buf_str(&out);
}

START_TEST(rows_end_with_cr_lf)
{
        csv_own(&c, "1");
        csv_text(&c, "a b");
        csv_text(&c, NULL);
        csv_text(&c, "");
        csv_end_row(&c);
        csv_own(&c, NULL);
        csv_own(&c, "-2.5");
        csv_end_row(&c);
        ck_assert_str_eq(buf_str(&out), "1,a b,,\r\n,-2.5\r\n");
}
END_TEST

START_TEST(what_would_end_a_field_is_quoted)
{
        ck_assert_str_eq(text_of("a,b"), "\"a,b\"");
        ck_assert_str_eq(text_of("say \"no\""), "\"say \"\"no\"\"\"");
        ck_assert_str_eq(text_of("\""), "\"\"\"\"");
        ck_assert_str_eq(text_of("one\ntwo"), "\"one\ntwo\"");
        ck_assert_str_eq(text_of("one\rtwo"), "\"one\rtwo\"");
        ck_assert_str_eq(text_of("Größe; 'x'"), "Größe; 'x'");
}
END_TEST

START_TEST(what_looks_like_a_formula_is_none)
{
        static const char *const beginnings[] = {"=",  "+",  "-",  "@",  "\t",
                                                 "\r", "＝", "＋", "－", "＠"};
        for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
                autofree char *given = xasprintf("%s1+cmd|' /C calc'!A0", beginnings[i]);
                autofree char *wanted = xasprintf("\"'%s\"", given);
                ck_assert_str_eq(text_of(given), wanted);
        }
        ck_assert_str_eq(text_of("a=1"), "a=1");
        ck_assert_str_eq(text_of("=\"x\""), "\"'=\"\"x\"\"\"");
        buf_reset(&out);
        c.fields = 0;
        csv_own(&c, "-1.5");
        ck_assert_str_eq(buf_str(&out), "-1.5");
}
END_TEST

START_TEST(the_best_form_is_chosen)
{
        static const char *const types[] = {"application/json", "text/html", "text/csv"};
        static const struct {
                const char *accept;
                size_t best;
        } cases[] = {
                {NULL, 0},
                {"", 0},
                {"*/*", 0},
                {"text/csv", 2},
                {"TEXT/HTML", 1},
                {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 1},
                {"text/*", 1},
                {"text/*;q=0.5, text/csv", 2},
                {"text/csv;q=0.9, text/html;q=0.8", 2},
                {"text/html;q=0, */*", 0},
                {"text/csv;header=present;q=0.3, application/json;q=0.2", 2},
                {"application/json;q=0.001 , text/csv ; q=0.002", 2},
                {"image/png", 0},
                {"text/csv;q=9", 0}, /* no weight: RFC 9110, 12.4.2 */
                {",,;;q=,text/csv", 2},
                {"*/*;q=0.1,text/html;q=x,text/csv;q=0.2", 2},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                ck_assert_msg(accept_best(cases[i].accept, types, COUNT_OF(types)) == cases[i].best,
                              "'%s'", cases[i].accept ? cases[i].accept : "(none)");
}
END_TEST

int main(void)
{
        Suite *s = suite_create("api csv");
        TCase *t = tcase_create("all");
        tcase_add_checked_fixture(t, begin, finish);
        tcase_add_test(t, rows_end_with_cr_lf);
        tcase_add_test(t, what_would_end_a_field_is_quoted);
        tcase_add_test(t, what_looks_like_a_formula_is_none);
        tcase_add_test(t, the_best_form_is_chosen);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
