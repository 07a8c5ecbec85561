/* test_cli_projects.c - projects from lines and from CSV. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "cli/projects.h"

typedef int (*reader)(struct json_out *o, const char *text, size_t len, const char *name,
                      struct err *e);

static const char *read_as(reader fn, const char *text, size_t len)
{
        static char out[4096];
        struct err e = ERR_INIT;
        struct json_out o;
        autobuf b = BUF_INIT(sizeof(out));
        json_out_init(&o, &b);
        json_out_object(&o, NULL);
        if (fn(&o, text, len, "FILE", &e) < 0) {
                ck_assert_int_eq(e.code, ERR_CONFIG);
                snprintf(out, sizeof(out), "%s", e.text);
                return out;
        }
        json_out_object_end(&o);
        snprintf(out, sizeof(out), "%s", buf_str(&b));
        return out;
}
#define LINES(text) read_as(projects_lines, (text), sizeof(text) - 1)
#define CSV(text) read_as(projects_csv, (text), sizeof(text) - 1)

START_TEST(lines)
{
        ck_assert_str_eq(LINES("a\nb b\n\n  c\t\r\nd"),
                         "{\"project_uuids\":[\"a\",\"b b\",\"c\",\"d\"]}");
        ck_assert_str_eq(LINES("\xEF\xBB\xBF"
                               "мир\n"),
                         "{\"project_uuids\":[\"мир\"]}");
        ck_assert_str_eq(LINES("a,\"b\n"), "{\"project_uuids\":[\"a,\\\"b\"]}");
        ck_assert_str_eq(LINES(""), "there is no project in FILE");
        ck_assert_str_eq(LINES(" \n\r\n"), "there is no project in FILE");
        ck_assert_str_eq(LINES("a\n\xFF\n"), "line 2 of FILE is no UTF-8 text");
        ck_assert_str_eq(LINES("a\nb\0c\n"), "line 2 of FILE is no UTF-8 text");
}
END_TEST

START_TEST(csv)
{
        ck_assert_str_eq(CSV("project\r\na\r\n\"b, \"\"c\"\"\nd\"\r\n"),
                         "{\"projects\":[{\"project\":\"a\"},{\"project\":\"b, \\\"c\\\"\\nd\"}]}");
        ck_assert_str_eq(
                CSV("mb_project_uuid,brz_project_id,depends_on\na,7,\nb,,a\nc,8,a b\n"),
                "{\"projects\":[{\"project\":\"a\",\"brz_project_id\":\"7\"},"
                "{\"project\":\"b\",\"depends_on\":[\"a\"]},"
                "{\"project\":\"c\",\"brz_project_id\":\"8\",\"depends_on\":[\"a\",\"b\"]}]}");
        ck_assert_str_eq(
                CSV("params.n,project,params.s\n1,a,x\n,b,\n\"[1,2]\",c,null\n"),
                "{\"projects\":[{\"project\":\"a\",\"params\":{\"n\":1,\"s\":\"x\"}},"
                "{\"project\":\"b\"},{\"project\":\"c\",\"params\":{\"n\":[1,2],\"s\":null}}]}");
        ck_assert_str_eq(CSV("project,brz_project_id\na\n\nb\n"),
                         "{\"projects\":[{\"project\":\"a\"},{\"project\":\"b\"}]}");
}
END_TEST

START_TEST(bad_csv)
{
        ck_assert_str_eq(CSV(""), "the first line of FILE must have one column \"project\"");
        ck_assert_str_eq(CSV("brz_project_id\n1\n"),
                         "the first line of FILE must have one column \"project\"");
        ck_assert_str_eq(CSV("project,mb_project_uuid\na,b\n"),
                         "the first line of FILE must have one column \"project\"");
        ck_assert_str_eq(CSV("project\n"), "there is no project in FILE");
        ck_assert_ptr_nonnull(strstr(CSV("project,colour\na,b\n"), "a column \"colour\""));
        ck_assert_str_eq(CSV("project\n\n\na,b\n"), "line 4 of FILE has 2 cells, its first line 1");
        ck_assert_str_eq(CSV("project\na\n\"b\n"),
                         "the quotation mark in line 3 of FILE is not closed");
        ck_assert_str_eq(CSV("project\n\xFF\n"), "line 2 of FILE is no UTF-8 text");
        ck_assert_str_eq(CSV("project\na\nb\0c\n"), "line 3 of FILE is no UTF-8 text");
}
END_TEST

START_TEST(values)
{
        struct json_out o;
        autobuf b = BUF_INIT(256);
        json_out_init(&o, &b);
        json_out_object(&o, NULL);
        projects_value(&o, "n", "1500");
        projects_value(&o, "t", "true");
        projects_value(&o, "s", "a b");
        projects_value(&o, "q", "\"1\"");
        projects_value(&o, "z", "007");
        projects_value(&o, "e", "");
        json_out_object_end(&o);
        ck_assert_str_eq(
                buf_str(&b),
                "{\"n\":1500,\"t\":true,\"s\":\"a b\",\"q\":\"1\",\"z\":\"007\",\"e\":\"\"}");
}
END_TEST

int main(void)
{
        Suite *s = suite_create("cli_projects");
        TCase *t = tcase_create("projects");
        suite_add_tcase(s, t);
        tcase_add_test(t, lines);
        tcase_add_test(t, csv);
        tcase_add_test(t, bad_csv);
        tcase_add_test(t, values);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
