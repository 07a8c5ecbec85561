/* test_worker_remote_answers.c - all that a migration server may answer; the client's manners. */
#include "remote_tools.h"
#include "remote_server.h"

/* ---- answers to the start ---- */

static const struct {
        const char *preset;
        enum outcome_kind kind; /* of the start's own run */
        const char *word;       /* memo.start after it */
        size_t starts;          /* until the end, with new attempts after temporary failures */
        bool asked;             /* for the status, whether it runs */
} start_cases[] = {
        {"answer200", OUTCOME_PARKED, "accepted", 1, false},
        {"slowanswer", OUTCOME_PARKED, "accepted", 1, false},
        {"hanglong", OUTCOME_PARKED, "accepted", 1, true},
        {"hangnobegin", OUTCOME_PARKED, "ambiguous", 2, false},
        {"html", OUTCOME_PARKED, "accepted", 1, true},
        {"htmlnobegin", OUTCOME_PARKED, "ambiguous", 2, false},
        {"truncated", OUTCOME_PARKED, "accepted", 1, true},
        {"truncatednobegin", OUTCOME_PARKED, "ambiguous", 2, false},
        {"empty", OUTCOME_PARKED, "accepted", 1, true},
        {"huge", OUTCOME_PARKED, "accepted", 1, true},
        {"types", OUTCOME_PARKED, "accepted", 1, true},
        {"reset", OUTCOME_PARKED, "accepted", 1, true},
        {"resetnobegin", OUTCOME_PARKED, "ambiguous", 2, false},
        {"start404", OUTCOME_FAILED, "ambiguous", 3, false},
        {"start500", OUTCOME_FAILED, "ambiguous", 3, false},
        {"lost", OUTCOME_PARKED, "accepted", 2, false},
        {"status500", OUTCOME_PARKED, "accepted", 1, false},
        {"status503", OUTCOME_PARKED, "accepted", 1, false},
        {"statushtml", OUTCOME_PARKED, "accepted", 1, false},
        {"statustruncated", OUTCOME_PARKED, "accepted", 1, false},
        {"statusempty", OUTCOME_PARKED, "accepted", 1, false},
        {"statushuge", OUTCOME_PARKED, "accepted", 1, false},
        {"statustypes", OUTCOME_PARKED, "accepted", 1, false},
        {"statusreset", OUTCOME_PARKED, "accepted", 1, false},
        {"status404once", OUTCOME_PARKED, "accepted", 1, false},
        {"successpoll", OUTCOME_PARKED, "accepted", 1, false},
        {"notimes", OUTCOME_PARKED, "accepted", 1, false},
        {"totals", OUTCOME_PARKED, "accepted", 1, false},
        {"noprogress", OUTCOME_PARKED, "accepted", 1, false},
};

START_TEST(every_start_comes_to_its_end)
{
        struct run r;
        char *project = arena_printf(arena, "%s--start", start_cases[_i].preset);
        behave(project, start_cases[_i].asked ? "{\"webhook\":\"never\",\"run_ms\":3000}"
                                              : "{\"webhook\":\"never\",\"run_ms\":800}");
        run_init(&r, project, server, NULL);
        if (strncmp(project, "hang", 4) == 0)
                r.cfg.remote_start_timeout_ms = 500;
        run_start(&r);
        ck_assert_msg(r.out.kind == start_cases[_i].kind, "%d: %s\n%s", r.out.kind, r.out.error,
                      buf_str(&r.log));
        ck_assert_str_eq(memo_word(&r, "start"), start_cases[_i].word);
        poll_to_the_end(&r);
        for (int spent = 1; r.out.kind == OUTCOME_FAILED && spent < 5; spent++) {
                expect_failed(&r, CLASS_TEMPORARY);
                run_claim(&r, spent);
                run_start(&r);
                poll_to_the_end(&r);
        }
        expect_completed(&r);
        ck_assert_uint_eq(starts(project), start_cases[_i].starts);
        run_fini(&r);
}
END_TEST

START_TEST(a_hanging_start_whose_run_is_over_is_settled_at_once)
{
        struct run r;
        behave("hang--short", "{\"webhook\":\"never\",\"run_ms\":200}");
        run_init(&r, "hang--short", server, NULL);
        r.cfg.remote_start_timeout_ms = 1500;
        run_start(&r);
        expect_completed(&r);
        ck_assert_uint_eq(starts("hang--short"), 1);
        run_fini(&r);
}
END_TEST

static const struct {
        const char *preset;
        enum error_class class;
        int64_t due_min, due_max;
        const char *words;
} refusals[] = {
        {"start400", CLASS_DATA, -1, -1, "answers 400: Сервер временно недоступен"},
        {"start404", CLASS_TEMPORARY, -1, -1, "answers 404: Сервер временно недоступен"},
        {"start503after", CLASS_TEMPORARY, 2000, 2000, "answers 503"},
        {"start503date", CLASS_TEMPORARY, 0, 4000, "answers 503"}, /* so long after it was said */
        {"start429after", CLASS_TEMPORARY, 2000, 2000, "answers 429"},
};

START_TEST(refused_starts)
{
        struct run r;
        run_init(&r, arena_printf(arena, "%s--refused", refusals[_i].preset), server, NULL);
        run_start(&r);
        expect_failed(&r, refusals[_i].class);
        expect_text(r.out.error, refusals[_i].words);
        ck_assert_int_ge(r.out.due_in_ms, refusals[_i].due_min);
        ck_assert_int_le(r.out.due_in_ms, refusals[_i].due_max);
        run_fini(&r);
}
END_TEST

/* ---- manners of the client ---- */

#define HEAD(status)                                                                               \
        "HTTP/1.1 " status "\r\nContent-Type: application/json\r\nConnection: close\r\n"
#define UNKNOWN HEAD("404 Not Found") "\r\n{\"error\":\"unknown\"}"
#define RUNNING HEAD("200 OK") "\r\n{\"status\":\"in_progress\"}"

START_TEST(what_the_client_says)
{
        static const char *const answers[] = {
                UNKNOWN, HEAD("202 Accepted") "\r\n{\"status\":\"in_progress\"}"};
        struct canned c = canned_start(answers, COUNT_OF(answers));
        struct run r;
        run_init(&r, "p", c.url, NULL);
        r.job.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        run_start(&r);
        expect_parked(&r);
        expect_text(c.seen,
                    "GET /base/migration-status?mb_project_uuid=p&brz_project_id=7 HTTP/1.1");
        expect_text(c.seen, "GET /base/?mb_project_uuid=p&brz_project_id=7&mb_site_id=31&mb_secret="
                            "s3cr%26t%2F%D0%BA");
        expect_text(c.seen, "User-Agent: wavefleet/" WAVEFLEET_VERSION "\r\n");
        expect_text(c.seen, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-");
        run_fini(&r);
        canned_stop(&c);
}
END_TEST

static const struct {
        const char *answer; /* to the start; then RUNNING */
        enum outcome_kind kind;
        enum error_class class;
        const char *words; /* in the error, or in the log */
} start_answers[] = {
        {HEAD("302 Found") "Location: http://127.0.0.1:1/\r\n\r\n", OUTCOME_FAILED, CLASS_TEMPORARY,
         "answers 302: redirects are not followed"},
        {HEAD("401 Unauthorized") "\r\n{\"error\":\"mb_secret=" SECRET " passt nicht\"}",
         OUTCOME_FAILED, CLASS_CRITICAL, "answers 401: mb_secret=******** passt nicht"},
        {HEAD("403 Forbidden") "\r\n", OUTCOME_FAILED, CLASS_CRITICAL, "answers 403"},
        {HEAD("422 Unprocessable") "\r\n{\"message\":\"/"
                                   "?mb_secret=s3cr%26t%2F%D0%BA%D0%BB%D1%8E%D1%87\"}",
         OUTCOME_FAILED, CLASS_DATA, "answers 422: /?mb_secret=********"},
        {HEAD("500 Error") "\r\n{\"error\":{\"message\":\"сбой\"}}", OUTCOME_FAILED,
         CLASS_TEMPORARY, "answers 500: сбой"},
        {HEAD("504 Gateway Timeout") "\r\n<html>nginx</html>", OUTCOME_PARKED, CLASS_NONE,
         "may or may not have begun (the migration server answers 504)"},
        {HEAD("408 Timeout") "\r\n", OUTCOME_PARKED, CLASS_NONE, "may or may not have begun"},
        {HEAD("204 No Content") "\r\n", OUTCOME_PARKED, CLASS_NONE, "may or may not have begun"},
        {HEAD("200 OK") "\r\n{\"status\":\"in_progress\",\"mb_project_uuid\":\"q\"}",
         OUTCOME_PARKED, CLASS_NONE, "it is about another migration"},
        {NULL, OUTCOME_PARKED, CLASS_NONE, "may or may not have begun (no whole answer from"},
};

/* libcurl repeats a request on a new connection where a kept one dies under it. */
START_TEST(a_start_is_never_sent_twice)
{
        static const char *const answers[] = {
                "+HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", NULL, RUNNING};
        struct canned c = canned_start(answers, COUNT_OF(answers));
        struct run r;
        run_init(&r, "p", c.url, NULL);
        run_start(&r);
        expect_parked(&r);
        const char *first = strstr(c.seen, "GET /base/?");
        ck_assert_ptr_nonnull(first);
        ck_assert_ptr_null(strstr(first + 1, "GET /base/?"));
        run_fini(&r);
        canned_stop(&c);
}
END_TEST

START_TEST(answers_to_a_start)
{
        const char *const answers[] = {UNKNOWN, start_answers[_i].answer, RUNNING};
        struct canned c = canned_start(answers, COUNT_OF(answers));
        struct run r;
        run_init(&r, "p", c.url, NULL);
        run_start(&r);
        ck_assert_int_eq(r.out.kind, start_answers[_i].kind);
        if (r.out.kind == OUTCOME_FAILED)
                expect_failed(&r, start_answers[_i].class);
        expect_text(r.out.error ? r.out.error : buf_str(&r.log), start_answers[_i].words);
        run_fini(&r);
        canned_stop(&c);
}
END_TEST

START_TEST(a_failure_with_a_large_body)
{
        autobuf text = BUF_INIT(10 << 20);
        buf_adds(&text, HEAD("503 Busy") "Retry-After: 7\r\n\r\n{\"error\":\"");
        while (text.len < 5 << 20)
                buf_adds(&text, "слишком много слов ");
        const char *const answers[] = {buf_str(&text)};
        struct canned c = canned_start(answers, COUNT_OF(answers));
        struct run r;
        run_init(&r, "p", c.url, NULL);
        run_start(&r);
        expect_failed(&r, CLASS_TEMPORARY);
        ck_assert_str_eq(r.out.error, "the migration server answers 503");
        ck_assert_int_eq(r.out.due_in_ms, 7000);
        run_fini(&r);
        canned_stop(&c);
}
END_TEST

START_TEST(a_result_too_large_to_keep_is_kept_in_short)
{
        autobuf text = BUF_INIT(10 << 20);
        buf_adds(&text, HEAD("200 OK") "\r\n{\"status\":\"completed\",\"brizy_project_domain\":"
                                       "\"d\",\"x\":\"");
        while (text.len < 5 << 20)
                buf_adds(&text, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        buf_adds(&text, "\"}");
        const char *const answers[] = {buf_str(&text)};
        struct canned c = canned_start(answers, COUNT_OF(answers));
        struct run r;
        run_init(&r, "p", c.url, NULL);
        run_poll(&r);
        expect_completed(&r);
        expect_text(r.out.result, "\"brizy_project_domain\":\"d\"");
        expect_text(r.out.result, "\"dropped_bytes\":52");
        run_fini(&r);
        canned_stop(&c);
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("worker_remote_answers");
        TCase *t = tcase_create("all");
        suite_add_tcase(s, t);
        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, tools_setup, tools_teardown);
        tcase_add_loop_test(t, every_start_comes_to_its_end, 0, COUNT_OF(start_cases));
        tcase_add_test(t, a_hanging_start_whose_run_is_over_is_settled_at_once);
        tcase_add_loop_test(t, refused_starts, 0, COUNT_OF(refusals));
        tcase_add_test(t, what_the_client_says);
        tcase_add_test(t, a_start_is_never_sent_twice);
        tcase_add_loop_test(t, answers_to_a_start, 0, COUNT_OF(start_answers));
        tcase_add_test(t, a_failure_with_a_large_body);
        tcase_add_test(t, a_result_too_large_to_keep_is_kept_in_short);
        return s;
}

int main(void)
{
        rand_init();
        server = fake_start("migration_server.py");
        SRunner *r = srunner_create(suite());
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        free(server);
        return failed ? 1 : 0;
}
