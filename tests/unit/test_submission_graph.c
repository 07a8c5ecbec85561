/* test_submission_graph.c - dependencies among the projects of a wave, and what steers it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "engine/submission.h"

static struct config cfg;
static struct submission s;
static struct mistakes m;
static struct err e;

static void set_up(void)
{
        rand_init();
        config_defaults(&cfg);
        m = (struct mistakes){.arena = arena_new(0)};
        e = ERR_INIT;
}

static void tear_down(void)
{
        submission_fini(&s);
        arena_free(m.arena);
        config_fini(&cfg);
}

static int read_wave(const char *fields, const char *projects)
{
        autofree char *text = xasprintf("{\"name\":\"n\",\"kind\":\"noop\"%s,\"projects\":[%s]}",
                                        fields, projects);
        return submission_read(&s, text, strlen(text), &cfg, &m, &e);
}

START_TEST(edges_are_places)
{
        ck_assert_int_eq(read_wave("", "{\"project\":\"a\",\"depends_on\":[\"c\",\" b \"]},"
                                       "{\"project\":\"b\"},{\"project\":\"c\",\"depends_on\":[]}"),
                         0);
        ck_assert_uint_eq(s.edges, 2);
        ck_assert(s.places[0] == 0 && s.on_places[0] == 2);
        ck_assert(s.places[1] == 0 && s.on_places[1] == 1);
        ck_assert(!steering_any(&s.steering));
}
END_TEST

static const struct {
        const char *projects, *words;
} circles[] = {
        {"{\"project\":\"a\",\"depends_on\":[\"b\"]},{\"project\":\"b\",\"depends_on\":[\"a\"]}",
         "a → b → a"},
        {"{\"project\":\"x\",\"depends_on\":[\"a\"]},{\"project\":\"a\",\"depends_on\":[\"b\"]},"
         "{\"project\":\"b\",\"depends_on\":[\"c\"]},{\"project\":\"c\",\"depends_on\":[\"a\"]}",
         "a → b → c → a"},
        {"{\"project\":\"a\",\"depends_on\":[\"a\"]}", "depend on itself"},
        {"{\"project\":\"a\",\"depends_on\":[\"z\"]}", "\"z\", which is not in this wave"},
};

START_TEST(circles_are_printed)
{
        ck_assert_int_eq(read_wave("", circles[_i].projects), -1);
        ck_assert_int_eq(e.code, ERR_INVALID);
        ck_assert_msg(strstr(m.list[0].detail, circles[_i].words), "%s", m.list[0].detail);
}
END_TEST

/* A chain through every project, in the order that makes the walk deepest, then closed. */
static char *chain(size_t n, bool closed)
{
        struct buf b = BUF_INIT(SIZE_MAX);
        for (size_t i = 0; i < n; i++) {
                buf_addf(&b, "%s{\"project\":\"p%zu\"", i ? "," : "", i);
                if (i + 1 < n || closed)
                        buf_addf(&b, ",\"depends_on\":[\"p%zu\"]", (i + 1) % n);
                buf_adds(&b, "}");
        }
        char *text = xstrdup(buf_str(&b));
        buf_fini(&b);
        return text;
}

START_TEST(a_long_chain_takes_no_stack)
{
        autofree char *open = chain(200000, false), *closed = chain(200000, true);
        ck_assert_int_eq(read_wave("", open), 0);
        ck_assert_uint_eq(s.edges, 199999);
        submission_fini(&s);
        ck_assert_int_eq(read_wave("", closed), -1);
        ck_assert_msg(strstr(m.list[0].detail, "p0 → p1 → ") &&
                              strstr(m.list[0].detail, "... → p0"),
                      "%s", m.list[0].detail);
}
END_TEST

START_TEST(no_canary_waits_for_the_rest)
{
        static const char two[] = "{\"project\":\"a\",\"depends_on\":[\"b\"]},{\"project\":\"b\"}";
        ck_assert_int_eq(read_wave(",\"canary\":1", two), -1);
        ck_assert_msg(strstr(m.list[0].detail, "canary"), "%s", m.list[0].detail);
}
END_TEST

START_TEST(what_steers)
{
        static const char fields[] = ",\"start_at\":\"2190-01-31T12:00:00+02:00\",\"deadline_at\":"
                                     "\"2190-02-01T00:00:00Z\","
                                     "\"canary\":2,\"max_failures\":\"2.5%\",\"depends_on\":["
                                     "\"1700000000_123456789012\","
                                     "\"1700000000_123456789012\"]";
        ck_assert_int_eq(read_wave(fields, "{\"project\":\"a\"}"), 0);
        ck_assert(s.steering.planned && steering_any(&s.steering));
        ck_assert_str_eq(s.steering.start_at, "2190-01-31T10:00:00.000Z");
        ck_assert_str_eq(s.steering.deadline_at, "2190-02-01T00:00:00.000Z");
        ck_assert_int_eq(s.steering.canary, 2);
        ck_assert(s.steering.max_failures == 0 && s.steering.max_failures_percent == 2.5);
        ck_assert_uint_eq(s.steering.ndepends_on, 1);
}
END_TEST

START_TEST(nulls_are_nothing)
{
        ck_assert_int_eq(read_wave(",\"start_at\":null,\"deadline_at\":null,\"canary\":null,"
                                   "\"max_failures\":null,\"depends_on\":null",
                                   "{\"project\":\"a\",\"depends_on\":null}"),
                         0);
        ck_assert(!steering_any(&s.steering) && s.edges == 0);
        submission_fini(&s);
        ck_assert_int_eq(read_wave(",\"start_at\":\"2001-01-01T00:00:00Z\"", "{\"project\":\"a\"}"),
                         0);
        ck_assert(!s.steering.planned && s.steering.start_at);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("submission graph");
        TCase *t = tcase_create("all");
        suite_add_tcase(suite, t);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_set_timeout(t, 60); /* sanitizers are slow */
        tcase_add_test(t, edges_are_places);
        tcase_add_loop_test(t, circles_are_printed, 0, (int)COUNT_OF(circles));
        tcase_add_test(t, a_long_chain_takes_no_stack);
        tcase_add_test(t, no_canary_waits_for_the_rest);
        tcase_add_test(t, what_steers);
        tcase_add_test(t, nulls_are_nothing);
        SRunner *r = srunner_create(suite);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
