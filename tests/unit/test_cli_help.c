/*
 * test_cli_help.c - the tables of commands and options, and what is made of them: help, the manual (renewed
 * with UPDATE=1 in the environment), completion.
 */
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/help.h"

#ifndef HARNESS_ROOT
#define HARNESS_ROOT "."
#endif
static const char manual_file[] = HARNESS_ROOT "/cli/man/wavefleet.1";
static const char begin_mark[] = ".\\\" begin of what the tables of commands and options say\n";
static const char end_mark[] = ".\\\" end of what the tables of commands and options say\n";

static char *read_manual(void)
{
        FILE *f = fopen(manual_file, "r");
        autobuf text = BUF_INIT(SIZE_MAX);
        char piece[4096];
        ck_assert_ptr_nonnull(f);
        for (size_t n; (n = fread(piece, 1, sizeof(piece), f)) > 0;)
                buf_add(&text, piece, n);
        fclose(f);
        return buf_take(&text);
}

START_TEST(the_manual_has_all_of_them)
{
        autofree char *text = read_manual();
        autobuf made = BUF_INIT(SIZE_MAX);
        char *from = strstr(text, begin_mark), *to = strstr(text, end_mark);
        ck_assert(from && to);
        from += strlen(begin_mark);
        help_manual(&made);
        bool same = made.len == (size_t)(to - from) && memcmp(made.data, from, made.len) == 0;
        if (!same && getenv("UPDATE")) {
                FILE *f = fopen(manual_file, "w");
                ck_assert_ptr_nonnull(f);
                fprintf(f, "%.*s%s%s", (int)(from - text), text, buf_str(&made), to);
                fclose(f);
                same = true;
        }
        ck_assert_msg(same, "%s is not what the tables say: run this test with UPDATE=1",
                      manual_file);
}
END_TEST

START_TEST(every_name_of_an_option_is_one)
{
        const struct command *cmd;
        for (size_t i = 0; (cmd = command_at(i)); i++) {
                for (const char *p = cmd->options; *p; p += strspn(p, " ")) {
                        size_t len = strcspn(p, " ");
                        ck_assert_msg(option_find(p, len) < OPTION_COUNT, "%s %s: %.*s", cmd->noun,
                                      cmd->verb, (int)len, p);
                        p += len;
                }
                ck_assert(cmd->least <= cmd->most && cmd->help[0]);
                ck_assert(command_find(cmd->noun, cmd->verb) == cmd);
        }
}
END_TEST

START_TEST(every_option_is_of_use)
{
        for (int o = 0; o < OPTION_COUNT; o++) {
                const struct command *cmd;
                size_t users = 0;
                for (size_t i = 0; (cmd = command_at(i)); i++)
                        users += command_takes(cmd, (enum option)o);
                ck_assert_msg(users > 0, "nothing takes --%s", option_row((enum option)o)->name);
        }
}
END_TEST

START_TEST(letters_are_given_once)
{
        for (int o = 0; o < OPTION_COUNT; o++) {
                const struct option_row *row = option_row((enum option)o);
                if (row->letter)
                        ck_assert_int_eq(option_find_letter(row->letter), o);
                ck_assert_int_eq(option_find(row->name, strlen(row->name)), o);
        }
}
END_TEST

START_TEST(completion_knows_all_of_them)
{
        autobuf bash = BUF_INIT(SIZE_MAX), zsh = BUF_INIT(SIZE_MAX);
        const struct command *cmd;
        complete_bash(&bash);
        complete_zsh(&zsh);
        for (size_t i = 0; (cmd = command_at(i)); i++) {
                char name[COMMAND_NAME_SIZE];
                autofree char *quoted = xasprintf("\"%s\")", command_name(cmd, name));
                ck_assert_msg(strstr(buf_str(&bash), quoted) && strstr(buf_str(&zsh), quoted), "%s",
                              quoted);
        }
        for (int o = 0; o < OPTION_COUNT; o++) {
                autofree char *option = xasprintf("--%s", option_row((enum option)o)->name);
                ck_assert_msg(strstr(buf_str(&bash), option) && strstr(buf_str(&zsh), option), "%s",
                              option);
        }
}
END_TEST

int main(void)
{
        setlocale(LC_CTYPE, "C.UTF-8");
        Suite *s = suite_create("cli_help");
        TCase *t = tcase_create("help");
        suite_add_tcase(s, t);
        tcase_add_test(t, the_manual_has_all_of_them);
        tcase_add_test(t, every_name_of_an_option_is_one);
        tcase_add_test(t, every_option_is_of_use);
        tcase_add_test(t, letters_are_given_once);
        tcase_add_test(t, completion_knows_all_of_them);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
