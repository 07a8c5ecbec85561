/* test_cli_table.c - tables in any width, CSV, ids; and JSON as it came. */
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/api.h"
#include "cli/table.h"
#include "cli/text.h"

CLEANUP_DEFINE(json, struct json *, json_free)

static const struct column columns[] = {
        {"id", "ID", CELL_TEXT, 0},
        {"name", "NAME", CELL_TEXT, COLUMN_ELASTIC},
        {"status", "STATUS", CELL_STATE, 0},
        {"progress.done", "DONE", CELL_NUMBER, 0},
        {"age", "AGE", CELL_AGE, COLUMN_SPARE},
        {"note", "NOTE", CELL_TEXT, COLUMN_CSV},
};
static const char rows[] =
        "[{\"id\":1,\"name\":\"first, "
        "\\\"one\\\"\",\"status\":\"completed\",\"progress\":{\"done\":10},"
        "\"age\":200,\"note\":\"=1+1\"},"
        "{\"id\":22,\"name\":\"a name that is rather long, 日本\",\"status\":\"error\","
        "\"progress\":{\"done\":5},\"age\":5,\"note\":null}]";

static char *printed;
static size_t printed_len;

/* What the table writes with this command line; in memory of the test's own. */
static const char *print(const char *text, enum output output, const char *width, bool quiet,
                         bool spreadsheet)
{
        struct given given[] = {{OPT_spreadsheet, ""}};
        struct cli c = {.output = output, .quiet = quiet, .term.utf8 = true};
        struct json *v cleanup(json_cleanup) = json_parse(text, strlen(text), NULL);
        struct err e = ERR_INIT;
        struct table t;
        FILE *before = stdout;
        c.args.given = given;
        c.args.ngiven = spreadsheet;
        if (width)
                setenv("COLUMNS", width, 1);
        else
                unsetenv("COLUMNS");
        free(printed);
        stdout = open_memstream(&printed, &printed_len);
        ck_assert_int_eq(table_init(&t, &c, columns, COUNT_OF(columns), &e), 0);
        t.only = true;
        table_rows(&t, v);
        fclose(stdout);
        stdout = before;
        return printed;
}

START_TEST(a_table)
{
        ck_assert_str_eq(print(rows, OUTPUT_TABLE, "200", false, false),
                         "ID  NAME                              STATUS     DONE     AGE\n"
                         "1   first, \"one\"                      completed    10  3m 20s\n"
                         "22  a name that is rather long, 日本  error         5      5s\n");
}
END_TEST

START_TEST(a_table_fits)
{
        for (int width = 20; width < 100; width++) {
                autofree char *text = xasprintf("%d", width);
                const char *line = print(rows, OUTPUT_TABLE, text, false, false);
                while (*line) {
                        size_t len = strcspn(line, "\n");
                        autofree char *one = xstrndup(line, len);
                        ck_assert_msg(text_width(one) <= (size_t)width, "%d: \"%s\"", width, one);
                        ck_assert_msg(!len || one[len - 1] != ' ', "\"%s\" ends in a space", one);
                        line += len + 1;
                }
        }
        ck_assert_str_eq(print(rows, OUTPUT_TABLE, "40", false, false),
                         "ID  NAME                 STATUS     DONE\n"
                         "1   first, \"one\"         completed    10\n"
                         "22  a name that is rat…  error         5\n");
        ck_assert_str_eq(print(rows, OUTPUT_TABLE, "20", false, false), "ID  NAME   STATUS\n"
                                                                        "1   firs…  completed\n"
                                                                        "22  a na…  error\n");
}
END_TEST

START_TEST(empty_columns_are_left_out)
{
        ck_assert_str_eq(
                print("[{\"id\":1,\"name\":\"n\",\"status\":\"ok\",\"progress\":{\"done\":1}}]",
                      OUTPUT_TABLE, "80", false, false),
                "ID  NAME  STATUS  DONE\n"
                "1   n     ok         1\n");
        ck_assert_str_eq(print("[]", OUTPUT_TABLE, "80", false, false), "");
}
END_TEST

START_TEST(rfc_4180)
{
        ck_assert_str_eq(print(rows, OUTPUT_CSV, "40", false, false),
                         "id,name,status,progress_done,age,note\r\n"
                         "1,\"first, \"\"one\"\"\",completed,10,200,=1+1\r\n"
                         "22,\"a name that is rather long, 日本\",error,5,5,\r\n");
        ck_assert_ptr_nonnull(strstr(print(rows, OUTPUT_CSV, NULL, false, true), ",200,'=1+1\r\n"));
        ck_assert_str_eq(print("[]", OUTPUT_CSV, NULL, false, false),
                         "id,name,status,progress_done,age,note\r\n");
}
END_TEST

START_TEST(cells)
{
        static const struct {
                const char *in, *out, *safe;
        } cases[] = {
                {"", "", ""},
                {"plain", "plain", "plain"},
                {"a,b", "\"a,b\"", "\"a,b\""},
                {"a\"b", "\"a\"\"b\"", "\"a\"\"b\""},
                {"a\nb", "\"a\nb\"", "\"a\nb\""},
                {" a", "\" a\"", "\" a\""},
                {"@x", "@x", "'@x"},
                {"-1,5", "\"-1,5\"", "\"'-1,5\""},
                {"+\"", "\"+\"\"\"", "\"'+\"\"\""},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                autobuf out = BUF_INIT(64), safe = BUF_INIT(64);
                csv_cell(&out, cases[i].in, strlen(cases[i].in), false);
                csv_cell(&safe, cases[i].in, strlen(cases[i].in), true);
                ck_assert_str_eq(buf_str(&out), cases[i].out);
                ck_assert_str_eq(buf_str(&safe), cases[i].safe);
        }
}
END_TEST

START_TEST(ids)
{
        ck_assert_str_eq(print(rows, OUTPUT_TABLE, "40", true, false), "1\n22\n");
}
END_TEST

START_TEST(columns_by_name)
{
        struct given given[] = {{OPT_columns, "status,progress_done"}};
        struct cli c = {.args = {.given = given, .ngiven = 1}};
        struct err e = ERR_INIT;
        struct table t;
        ck_assert_int_eq(table_init(&t, &c, columns, COUNT_OF(columns), &e), 0);
        ck_assert_uint_eq(t.n, 2);
        ck_assert_str_eq(t.columns[1]->path, "progress.done");
        given[0].value = "status,nothing";
        ck_assert_int_eq(table_init(&t, &c, columns, COUNT_OF(columns), &e), -1);
        ck_assert_str_eq(e.text, "there is no column \"nothing\"; there are id, name, status, "
                                 "progress_done, age, note");
}
END_TEST

START_TEST(data_as_it_came)
{
        static const char *const pairs[][2] = {
                {"{\"success\":true,\"data\":{\"a\" : 12345678901234567890, "
                 "\"b\":\"}\\\"]\"},\"count\":1}",
                 "{\"a\" : 12345678901234567890, \"b\":\"}\\\"]\"}"},
                {"{ \"x\" : [1,[2,\"data\"]] , \"data\" : [ ] }", "[ ]"},
                {"{\"data\":-1.50e3}", "-1.50e3"},
                {"{\"data\":\"te\\\\\",\"y\":1}", "\"te\\\\\""},
                {"{\"data\":true\n}", "true"},
                {"{\"inner\":{\"data\":1},\"data\":2}", "2"},
                {"{\"other\":1}", "null"},
        };
        for (size_t i = 0; i < COUNT_OF(pairs); i++) {
                struct answer a = {.reply.body = BUF_INIT(1024)};
                const char *data;
                size_t len;
                buf_adds(&a.reply.body, pairs[i][0]);
                a.json = json_parse(pairs[i][0], strlen(pairs[i][0]), NULL);
                a.data = json_get(a.json, "data");
                api_raw(&a, &data, &len);
                ck_assert_msg(len == strlen(pairs[i][1]) && memcmp(data, pairs[i][1], len) == 0,
                              "%.*s", (int)len, data);
                answer_fini(&a);
        }
}
END_TEST

int main(void)
{
        setlocale(LC_CTYPE, "C.UTF-8");
        Suite *s = suite_create("cli_table");
        TCase *t = tcase_create("table");
        suite_add_tcase(s, t);
        tcase_add_test(t, a_table);
        tcase_add_test(t, a_table_fits);
        tcase_add_test(t, empty_columns_are_left_out);
        tcase_add_test(t, rfc_4180);
        tcase_add_test(t, cells);
        tcase_add_test(t, ids);
        tcase_add_test(t, columns_by_name);
        tcase_add_test(t, data_as_it_came);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        free(printed);
        return failed ? 1 : 0;
}
