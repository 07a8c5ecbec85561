/* test_kind_remote.c - the check of the kind's params: every mistake, each with its pointer. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/kind_remote.h"

static const struct {
        const char *json;
        size_t mistakes;
        const char *first; /* "pointer detail" of the first one */
} cases[] = {
        {"{}", 0, NULL},
        {"{\"mb_site_id\":31,\"mb_secret\":\"s\",\"brz_workspaces_id\":\"22\",\"mb_page_slug\":"
         "\"home\","
         "\"mb_element_name\":\"hero\",\"skip_media_upload\":true,\"skip_cache\":false,"
         "\"quality_analysis\":true,\"mgr_manual\":1}",
         0, NULL},
        {"{\"mb_site_id\":\"31\"}", 0, NULL},
        {"{\"mgr_manual\":true}", 0, NULL},
        {"{\"mgr_manual\":null,\"mb_site_id\":null}", 0, NULL},
        {"{\"mb_site_id\":\"x\"}", 1,
         "#/params/mb_site_id must be an integer, or a string of decimal digits"},
        {"{\"mb_site_id\":0}", 1, "#/params/mb_site_id must be from 1 to 9007199254740991"},
        {"{\"mb_secret\":\"\"}", 1, "#/params/mb_secret must not be empty"},
        {"{\"mb_secret\":5}", 1, "#/params/mb_secret must be a string"},
        {"{\"skip_cache\":\"yes\"}", 1, "#/params/skip_cache must be true or false"},
        {"{\"mgr_manual\":2}", 1, "#/params/mgr_manual must be true, false, 0 or 1"},
        {"{\"mgr_manual\":\"1\"}", 1, "#/params/mgr_manual must be true, false, 0 or 1"},
        {"{\"brz_project_id\":5}", 1, "#/params/brz_project_id is not a known field"},
        {"{\"argv\":[],\"mb_site_id\":-1}", 2, "#/params/argv is not a known field"},
        {"[]", 1, "#/params must be an object"},
};

static void check_case(void (*check)(const struct json *, const char *, struct mistakes *), int i)
{
        struct arena *a = arena_new(0);
        struct mistakes *m = ARENA_NEW(a, struct mistakes);
        m->arena = a;
        struct json *v = json_parse(cases[i].json, strlen(cases[i].json), NULL);
        check(v, "#/params", m);
        ck_assert_uint_eq(m->total, cases[i].mistakes);
        if (cases[i].first)
                ck_assert_str_eq(arena_printf(a, "%s %s", m->list[0].pointer, m->list[0].detail),
                                 cases[i].first);
        json_free(v);
        arena_free(a);
}

START_TEST(of_a_wave)
{
        check_case(kind_remote_check_params, _i);
}
END_TEST

START_TEST(of_a_project)
{
        check_case(kind_remote_check_project, _i);
}
END_TEST

START_TEST(a_wave_may_have_none)
{
        struct mistakes *m = xcalloc(1, sizeof(*m));
        kind_remote_check_params(NULL, "#/params", m);
        ck_assert_uint_eq(m->total, 0);
        free(m);
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("kind_remote");
        TCase *t = tcase_create("all");
        tcase_add_loop_test(t, of_a_wave, 0, COUNT_OF(cases));
        tcase_add_loop_test(t, of_a_project, 0, COUNT_OF(cases));
        tcase_add_test(t, a_wave_may_have_none);
        suite_add_tcase(s, t);
        return s;
}

int main(void)
{
        SRunner *r = srunner_create(suite());
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
