/* test_kind_params.c - the params of command and noop as they are checked at submit time; placeholders. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/kind.h"
#include "model/kind_command.h"
#include "model/kind_noop.h"
#include "model/placeholder.h"

/* "pointer detail" of the mistake that has this pointer; NULL: there are no mistakes at all. */
struct expected {
        const char *params;
        const char *pointer; /* NULL: fine */
        enum err_code code;
};

static struct json *parse(const char *text)
{
        struct err e = ERR_INIT;
        struct json *v = json_parse(text, strlen(text), &e);
        ck_assert_msg(v, "%s: %s", text, e.text);
        return v;
}

static void expect(const struct expected *x, bool project, const char *kind)
{
        struct arena *a = arena_new(0);
        struct mistakes m = {.arena = a};
        struct json *v = x->params ? parse(x->params) : NULL;
        const struct kind_spec *spec = kind_spec_find(kind);
        (project ? spec->check_project : spec->check_params)(v, "#/params", &m);
        if (!x->pointer) {
                ck_assert_msg(m.total == 0, "%s: %s %s", x->params, m.list[0].pointer,
                              m.list[0].detail);
        } else {
                bool found = false;
                for (size_t i = 0; i < m.count; i++)
                        found |= strcmp(m.list[i].pointer, x->pointer) == 0 &&
                                 m.list[i].code == x->code;
                ck_assert_msg(found, "%s: %zu mistakes, none at %s", x->params, m.total, x->pointer);
        }
        json_free(v);
        arena_free(a);
}

static const struct expected command[] = {
        {"{\"argv\":[\"/bin/true\"]}", NULL, 0},
        {"{\"argv\":[\"/bin/echo\",\"{project}\",\"{attempt}{wave_id}-{migration_id}\",\"{params.a "
         "b}\"]}",
         NULL, 0},
        {"{\"argv\":[\"/bin/echo\",\"{{}\",\"}\",\"a}b\",\"{{{project}}\"]}", NULL, 0},
        {"{\"argv\":[\"/bin/true\"],\"env\":{\"A\":\"{project}\"},\"cwd\":\"/srv/"
         "{project}\",\"stdin\":\"{"
         "\",\"timeout_seconds\":60,\"exit_codes\":{\"0\":\"data\",\"255\":\"completed\"},"
         "\"result\":{"
         "\"format\":\"none\"}}",
         NULL, 0},
        {"{\"argv\":[\"/bin/echo\",\"{params.region}\"],\"region\":\"eu\"}", NULL, 0},
        {NULL, "#/params/argv", ERR_INVALID},
        {"{}", "#/params/argv", ERR_INVALID},
        {"{\"argv\":[]}", "#/params/argv", ERR_INVALID},
        {"{\"argv\":\"ls -l\"}", "#/params/argv", ERR_WRONG_TYPE},
        {"{\"argv\":[\"/bin/ls\",5]}", "#/params/argv/1", ERR_WRONG_TYPE},
        {"{\"argv\":[\"ls\"]}", "#/params/argv/0", ERR_INVALID},
        {"{\"argv\":[\"/opt/{project}/run\"]}", "#/params/argv/0", ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\",\"{projekt}\"]}", "#/params/argv/1", ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\",\"{\"]}", NULL, 0},
        {"{\"argv\":[\"/bin/ls\",\"{}\"]}", NULL, 0},
        {"{\"argv\":[\"/bin/ls\",\"{params.}\"]}", "#/params/argv/1", ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\",\"{pro{jekt}\"]}", "#/params/argv/1", ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\"],\"region\":\"eu\"}", "#/params/region", ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\",\"{params.region}\"],\"region\":[1]}", "#/params/region",
         ERR_WRONG_TYPE},
        {"{\"argv\":[\"/bin/ls\"],\"cwd\":\"tmp\"}", "#/params/cwd", ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\"],\"env\":{\"A=B\":\"x\"}}", "#/params/env/A=B", ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\"],\"env\":{\"A\":1}}", "#/params/env/A", ERR_WRONG_TYPE},
        {"{\"argv\":[\"/bin/ls\"],\"env\":{\"WAVEFLEET_PROJECT\":\"x\"}}",
         "#/params/env/WAVEFLEET_PROJECT", ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\"],\"timeout_seconds\":0}", "#/params/timeout_seconds", ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\"],\"exit_codes\":{\"256\":\"data\"}}", "#/params/exit_codes/256",
         ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\"],\"exit_codes\":{\"03\":\"data\"}}", "#/params/exit_codes/03",
         ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\"],\"exit_codes\":{\"3\":\"crashed\"}}", "#/params/exit_codes/3",
         ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\"],\"exit_codes\":{\"3\":1}}", "#/params/exit_codes/3",
         ERR_WRONG_TYPE},
        {"{\"argv\":[\"/bin/ls\"],\"result\":{\"format\":\"xml\"}}", "#/params/result/format",
         ERR_INVALID},
        {"{\"argv\":[\"/bin/ls\"],\"result\":{}}", "#/params/result/format", ERR_INVALID},
};

START_TEST(command_params)
{
        expect(&command[_i], false, "command");
}
END_TEST

static const struct expected command_project[] = {
        {"{}", NULL, 0},
        {"{\"dsn\":\"postgresql:///x\",\"n\":5,\"dry\":true}", NULL, 0},
        {"{\"dsn\":[\"a\"]}", "#/params/dsn", ERR_WRONG_TYPE},
        {"{\"dsn\":{}}", "#/params/dsn", ERR_WRONG_TYPE},
};

START_TEST(command_project_params)
{
        expect(&command_project[_i], true, "command");
}
END_TEST

static const struct expected noop[] = {
        {NULL, NULL, 0},
        {"{}", NULL, 0},
        {"{\"sleep_ms\":5,\"log_lines\":3,\"result\":{\"a\":1},\"fail\":{\"times\":2,\"class\":"
         "\"data\"}}",
         NULL, 0},
        {"{\"fail\":{}}", NULL, 0},
        {"{\"stamp\":true}", NULL, 0},
        {"{\"stamp\":1}", "#/params/stamp", ERR_WRONG_TYPE},
        {"{\"sleep_ms\":\"long\"}", "#/params/sleep_ms", ERR_WRONG_TYPE},
        {"{\"sleep_ms\":-5}", "#/params/sleep_ms", ERR_INVALID},
        {"{\"sleep_ms\":86400001}", "#/params/sleep_ms", ERR_INVALID},
        {"{\"sleepms\":5}", "#/params/sleepms", ERR_INVALID},
        {"{\"fail\":{\"times\":0}}", "#/params/fail/times", ERR_INVALID},
        {"{\"fail\":{\"class\":\"lost\"}}", "#/params/fail/class", ERR_INVALID},
        {"{\"fail\":{\"clas\":\"data\"}}", "#/params/fail/clas", ERR_INVALID},
        {"{\"result\":5}", "#/params/result", ERR_WRONG_TYPE},
};

START_TEST(noop_params)
{
        expect(&noop[_i], false, "noop");
        if (noop[_i].params)
                expect(&noop[_i], true, "noop");
}
END_TEST

START_TEST(a_project_overrides_the_wave)
{
        struct arena *a = arena_new(0);
        struct mistakes m = {.arena = a};
        struct noop_params p = {0};
        struct json *wave = parse("{\"sleep_ms\":7,\"log_lines\":2,\"fail\":{\"class\":\"data\"}}");
        struct json *project = parse("{\"sleep_ms\":9}");
        kind_noop_read(wave, "#", &p, &m);
        kind_noop_read(project, "#", &p, &m);
        ck_assert_uint_eq(m.total, 0);
        ck_assert_int_eq(p.sleep_ms, 9);
        ck_assert_int_eq(p.log_lines, 2);
        ck_assert_int_eq(p.fail_times, 1);
        ck_assert_int_eq(p.fail_class, CLASS_DATA);
        json_free(wave);
        json_free(project);
        arena_free(a);
}
END_TEST

static int shout(const char *name, struct buf *out, void *arg, struct err *e)
{
        (void)arg;
        if (strcmp(name, "none") == 0)
                return err_set(e, ERR_INVALID, "there is no such thing");
        buf_addf(out, "<%s>", name);
        return 0;
}

START_TEST(placeholders)
{
        static const char *const cases[][2] = {
                {"", ""},
                {"plain", "plain"},
                {"{a}", "<a>"},
                {"x{a}{b.c}y", "x<a><b.c>y"},
                {"{{a}", "{a}"},
                {"{{{a}}", "{<a>}"},
                {"{{{{", "{{"},
                {"}", "}"},
                {"{", "{"},
                {"a{", "a{"},
                {"{ a }", "{ a }"},
                {"{none}", NULL},
                {"{a", "{a"},
                {"{}", "{}"},
                {"{a{b}}", "{a<b>}"},
                {"a}b{c}", "a}b<c>"},
                {"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"},
                {"awk '{print $1}'; f() { g; }", "awk '{print $1}'; f() { g; }"},
                {"{1,3}{a,b}", "{1,3}{a,b}"},
                {"${{HOME}", "${HOME}"},
                {"{имя}{_имя}", "{имя}<_имя>"},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct buf out = BUF_INIT(1000);
                struct err e = ERR_INIT;
                int result = placeholder_fill(cases[i][0], &out, shout, NULL, &e);
                ck_assert_msg((result == 0) == (cases[i][1] != NULL), "%s: %s", cases[i][0], e.text);
                if (cases[i][1])
                        ck_assert_str_eq(buf_str(&out), cases[i][1]);
                buf_fini(&out);
        }
}
END_TEST

START_TEST(kinds)
{
        ck_assert_ptr_nonnull(kind_spec_find("remote"));
        ck_assert(kind_spec_find("remote")->can_park && !kind_spec_find("noop")->can_park);
        ck_assert_ptr_null(kind_spec_find("teleport"));
        ck_assert_ptr_nonnull(strstr(kind_names(), "command, noop"));
}
END_TEST

#define LOOP(t, test, table)                                                                       \
        tcase_add_loop_test(t, test, 0, (int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
        Suite *s = suite_create("kind_params");
        TCase *t = tcase_create("all");
        LOOP(t, command_params, command);
        LOOP(t, command_project_params, command_project);
        LOOP(t, noop_params, noop);
        tcase_add_test(t, a_project_overrides_the_wave);
        tcase_add_test(t, placeholders);
        tcase_add_test(t, kinds);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
