/* test_worker_remote.c - the kind `remote` against a migration server of every behaviour. */
#include "remote_tools.h"

static char *server;

static const struct json *ledger(const char *project)
{
        return fake_call(server, arena_printf(arena, "/_ledger?mb_project_uuid=%s", project), NULL);
}

/* Starts that reached the server, whether they began a run or not. */
static size_t starts(const char *project)
{
        const struct json *l = ledger(project);
        ck_assert_uint_eq(json_count(json_get(l, "double_starts")), 0);
        return json_count(json_get(l, "starts"));
}

static void behave(const char *project, const char *fields)
{
        fake_call(server, "/_control",
                  arena_printf(arena, "{\"projects\":{\"%s\":%s}}", project, fields));
}

static void wait_ms(int64_t ms)
{
        usleep((useconds_t)ms * 1000);
}

static const char *memo_word(const struct run *r, const char *name)
{
        struct json *v = r->memo ? json_parse(r->memo, strlen(r->memo), NULL) : NULL;
        const char *s = json_get_text(v, name, arena);
        s = s ? arena_strdup(arena, s) : NULL;
        json_free(v);
        return s;
}

/* Polls as often as it is parked, without waiting longer than the server needs. */
static void poll_to_the_end(struct run *r)
{
        for (int i = 0; i < 40 && r->out.kind == OUTCOME_PARKED; i++) {
                wait_ms(r->out.due_in_ms < 150 ? r->out.due_in_ms : 150);
                run_poll(r);
        }
}

/* ---- a plain one ---- */

START_TEST(started_parked_and_polled_to_its_end)
{
        struct run r;
        run_init(&r, "never--plain", server, NULL);
        run_start(&r);
        expect_parked(&r);
        ck_assert_int_ge(r.out.due_in_ms, 90);
        ck_assert_int_le(r.out.due_in_ms, 110);
        ck_assert_str_eq(memo_word(&r, "start"), "accepted");
        ck_assert_str_eq(buf_str(&r.asked), "target rate rate memo ");
        run_poll(&r);
        expect_parked(&r);
        ck_assert_ptr_nonnull(r.progress);
        expect_text(r.progress, "\"total\":20,");
        ck_assert_str_eq(memo_word(&r, "seen_running"), "true");
        wait_ms(350);
        run_poll(&r);
        expect_completed(&r);
        ck_assert_str_eq(r.out.domain, "project-7.brizy.example");
        expect_text(r.out.result, "\"migration_id\": \"mig-7\"");
        ck_assert_uint_eq(starts("never--plain"), 1);
        run_fini(&r);
}
END_TEST

static const char *param(const struct json *start, const char *name)
{
        const char *s = json_str(json_get(json_get(start, "params"), name));
        return s ? s : "(none)";
}

START_TEST(everything_is_sent)
{
        struct run r;
        const char *project = "проект один/&?";
        run_init(&r, project, server, NULL);
        r.job.params =
                "{\"mb_page_slug\":\"дом & сад\",\"mb_element_name\":\"e\",\"skip_cache\":false,"
                "\"quality_analysis\":false,\"mb_secret\":\"of the wave\",\"mb_site_id\":1}";
        r.job.project_params = "{\"brz_workspaces_id\":\"22\",\"mb_element_name\":\"e2\"}";
        r.job.options = "{\"quality_analysis\":true,\"mgr_manual\":true,\"other\":[1]}";
        run_start(&r);
        expect_parked(&r);
        autobuf name = BUF_INIT(1000);
        http_escape(&name, project);
        const struct json *s = json_first(json_get(ledger(buf_str(&name)), "starts"));
        ck_assert_str_eq(param(s, "mb_project_uuid"), project);
        ck_assert_str_eq(param(s, "brz_project_id"), "7");
        ck_assert_str_eq(param(s, "mb_site_id"), "31");
        ck_assert_str_eq(param(s, "mb_secret"), SECRET);
        ck_assert_str_eq(param(s, "brz_workspaces_id"), "22");
        ck_assert_str_eq(param(s, "mb_page_slug"), "дом & сад");
        ck_assert_str_eq(param(s, "mb_element_name"), "e2");
        ck_assert_str_eq(param(s, "skip_media_upload"), "(none)");
        ck_assert_str_eq(param(s, "skip_cache"), "false");
        ck_assert_str_eq(param(s, "quality_analysis"), "true");
        ck_assert_str_eq(param(s, "mgr_manual"), "1");
        ck_assert_str_eq(param(s, "wave_id"), r.job.wave_id);
        ck_assert_str_eq(param(s, "webhook_url"), r.job.webhook_url);
        ck_assert_str_eq(param(s, "webhook_mb_project_uuid"), project);
        ck_assert_str_eq(param(s, "webhook_brz_project_id"), "7");
        run_fini(&r);
}
END_TEST

START_TEST(what_is_missing_is_said_before_anything_is_called)
{
        struct run r;
        run_init(&r, "never--missing", server, NULL);
        r.job.brz_project_id = 0;
        run_start(&r);
        expect_failed(&r, CLASS_DATA);
        expect_text(r.out.error, "brz_project_id");
        r.job.brz_project_id = 7;
        r.job.site_secret = NULL;
        run_start(&r);
        expect_failed(&r, CLASS_CRITICAL);
        expect_text(r.out.error, "mb_secret is missing");
        r.job.site_id = "";
        run_start(&r);
        expect_failed(&r, CLASS_CRITICAL);
        expect_text(r.out.error, "mb_site_id and mb_secret are missing");
        r.job.params = "{\"mb_site_id\":31,\"mb_secret\":\"" SECRET "\"}";
        r.job.webhook_url = NULL;
        run_start(&r);
        expect_failed(&r, CLASS_CRITICAL);
        expect_text(r.out.error, "http.public_url");
        ck_assert_uint_eq(json_count(json_get(ledger("never--missing"), "statuses")), 0);
        ck_assert_ptr_null(r.memo);
        run_fini(&r);
}
END_TEST

/* ---- answers to the start ---- */

static const struct {
        const char *preset;
        enum outcome_kind kind; /* of the start's own run */
        const char *word;       /* memo.start after it */
        size_t starts;          /* until the end, with new attempts after temporary failures */
} start_cases[] = {
        {"answer200", OUTCOME_PARKED, "accepted", 1},
        {"slowanswer", OUTCOME_PARKED, "accepted", 1},
        {"hanglong", OUTCOME_PARKED, "accepted", 1},
        {"hangnobegin", OUTCOME_PARKED, "ambiguous", 2},
        {"html", OUTCOME_PARKED, "accepted", 1},
        {"htmlnobegin", OUTCOME_PARKED, "ambiguous", 2},
        {"truncated", OUTCOME_PARKED, "accepted", 1},
        {"truncatednobegin", OUTCOME_PARKED, "ambiguous", 2},
        {"empty", OUTCOME_PARKED, "accepted", 1},
        {"huge", OUTCOME_PARKED, "accepted", 1},
        {"types", OUTCOME_PARKED, "accepted", 1},
        {"reset", OUTCOME_PARKED, "accepted", 1},
        {"resetnobegin", OUTCOME_PARKED, "ambiguous", 2},
        {"start404", OUTCOME_FAILED, "ambiguous", 3},
        {"start500", OUTCOME_FAILED, "ambiguous", 3},
        {"lost", OUTCOME_PARKED, "accepted", 2},
        {"status500", OUTCOME_PARKED, "accepted", 1},
        {"status503", OUTCOME_PARKED, "accepted", 1},
        {"statushtml", OUTCOME_PARKED, "accepted", 1},
        {"statustruncated", OUTCOME_PARKED, "accepted", 1},
        {"statusempty", OUTCOME_PARKED, "accepted", 1},
        {"statushuge", OUTCOME_PARKED, "accepted", 1},
        {"statustypes", OUTCOME_PARKED, "accepted", 1},
        {"statusreset", OUTCOME_PARKED, "accepted", 1},
        {"status404once", OUTCOME_PARKED, "accepted", 1},
        {"successpoll", OUTCOME_PARKED, "accepted", 1},
        {"notimes", OUTCOME_PARKED, "accepted", 1},
        {"totals", OUTCOME_PARKED, "accepted", 1},
        {"noprogress", OUTCOME_PARKED, "accepted", 1},
};

START_TEST(every_start_comes_to_its_end)
{
        struct run r;
        char *project = arena_printf(arena, "%s--start", start_cases[_i].preset);
        behave(project, "{\"webhook\":\"never\",\"run_ms\":800}");
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
        r.cfg.remote_start_timeout_ms = 500;
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
        {"start503date", CLASS_TEMPORARY, 2000, 4000, "answers 503"},
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

START_TEST(a_server_that_is_away)
{
        struct run r;
        run_init(&r, "p", "http://127.0.0.1:1/", NULL);
        run_start(&r);
        expect_failed(&r, CLASS_TEMPORARY);
        expect_text(r.out.error, "could not connect to http://127.0.0.1:1/migration-status: "
                                 "Connection refused");
        ck_assert_ptr_null(r.memo);
        run_fini(&r);
        run_init(&r, "p", "ftp://127.0.0.1/", NULL);
        run_start(&r);
        expect_failed(&r, CLASS_CRITICAL);
        run_fini(&r);
}
END_TEST

/* ---- ask before start ---- */

START_TEST(a_later_attempt_takes_over_what_runs)
{
        struct run r;
        behave("never--adopt", "{\"run_ms\":600}");
        run_init(&r, "never--adopt", server, NULL);
        run_start(&r);
        expect_parked(&r);
        run_claim(&r, 0);
        run_start(&r);
        expect_parked(&r);
        expect_text(buf_str(&r.log), "the start of attempt 1 runs");
        poll_to_the_end(&r);
        expect_completed(&r);
        ck_assert_uint_eq(starts("never--adopt"), 1);
        run_fini(&r);
}
END_TEST

START_TEST(a_worker_that_dies_once_the_memo_is_on_disk_starts_no_second_run)
{
        struct run r;
        run_init(&r, "never--dies", server, NULL);
        r.die_at_memo = true;
        run_start(&r);
        ck_assert(!r.settled);
        ck_assert_str_eq(memo_word(&r, "start"), "sent");
        /* The start may have been on its way all the same. */
        behave("never--dies", "{\"run_ms\":1000}");
        fake_call(server,
                  "/?mb_project_uuid=never--dies&brz_project_id=7&mb_site_id=1&mb_secret=x&"
                  "webhook_url=http://127.0.0.1:1/&webhook_mb_project_uuid=never--dies&"
                  "webhook_brz_project_id=7",
                  NULL);
        r.die_at_memo = false;
        run_claim(&r, 0);
        run_start(&r);
        expect_parked(&r);
        poll_to_the_end(&r);
        expect_completed(&r);
        ck_assert_uint_eq(starts("never--dies"), 1);
        run_fini(&r);
}
END_TEST

START_TEST(somebody_elses_run_is_waited_for)
{
        struct run other, r;
        behave("never--foreign", "{\"run_ms\":1200}");
        run_init(&other, "never--foreign", server, NULL);
        run_start(&other);
        expect_parked(&other);
        run_init(&r, "never--foreign", server, NULL);
        run_start(&r);
        expect_failed(&r, CLASS_DEPENDENCY);
        ck_assert_int_ge(r.out.due_in_ms, 90);
        ck_assert_ptr_null(r.memo);
        wait_ms(1300);
        run_claim(&r, 0);
        run_start(&r); /* its completion is not ours */
        expect_parked(&r);
        ck_assert_uint_eq(starts("never--foreign"), 2);
        run_fini(&r);
        run_fini(&other);
}
END_TEST

START_TEST(an_end_that_nobody_was_told_of_counts)
{
        struct run r;
        behave("never--ended", "{\"run_ms\":200}");
        run_init(&r, "never--ended", server, NULL);
        run_start(&r);
        expect_parked(&r);
        wait_ms(400);
        run_claim(&r, 0); /* the worker was lost */
        run_start(&r);
        expect_completed(&r);
        ck_assert_uint_eq(starts("never--ended"), 1);
        run_claim(&r, 0); /* a person restarts it: from the beginning */
        r.job.first_started_ms = r.job.started_ms;
        run_start(&r);
        expect_parked(&r);
        ck_assert_uint_eq(starts("never--ended"), 2);
        run_fini(&r);
}
END_TEST

START_TEST(an_error_is_reported_once_and_then_started_anew)
{
        struct run r;
        behave("nevererror--once", "{\"run_ms\":200}");
        run_init(&r, "nevererror--once", server, NULL);
        run_start(&r);
        expect_parked(&r);
        wait_ms(400);
        run_claim(&r, 0); /* the worker was lost, nobody knows of the error */
        run_start(&r);
        expect_failed(&r, CLASS_TEMPORARY);
        ck_assert_str_eq(r.out.error, "conversion failed");
        ck_assert_str_eq(memo_word(&r, "start"), "ended");
        ck_assert_uint_eq(starts("nevererror--once"), 1);
        run_claim(&r, 1);
        run_start(&r);
        expect_parked(&r);
        wait_ms(400);
        run_claim(&r, 2); /* a webhook has told of it: the attempt was counted */
        run_start(&r);
        expect_parked(&r);
        ck_assert_uint_eq(starts("nevererror--once"), 3);
        run_fini(&r);
}
END_TEST

START_TEST(an_earlier_runs_end_is_not_ours)
{
        static const struct {
                const char *preset;
                enum outcome_kind kind;
        } cases[] = {{"earliererror", OUTCOME_COMPLETED},
                     {"earliercompleted", OUTCOME_FAILED},
                     {"earliernotimes", OUTCOME_COMPLETED}};
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct run r;
                char *project = arena_printf(arena, "%s--x", cases[i].preset);
                behave(project, "{\"run_ms\":600}");
                run_init(&r, project, server, NULL);
                run_start(&r);
                expect_parked(&r);
                expect_text(buf_str(&r.log), "still shows an earlier run");
                poll_to_the_end(&r);
                ck_assert_msg(r.out.kind == cases[i].kind, "%s: %s", cases[i].preset,
                              r.out.error ? r.out.error : "completed");
                ck_assert_uint_eq(starts(r.job.project), 1);
                run_fini(&r);
        }
}
END_TEST

START_TEST(a_start_goes_to_one_migration_of_a_pair)
{
        struct run r;
        run_init(&r, "never--taken", server, NULL);
        r.target_answer = "0";
        run_start(&r);
        expect_failed(&r, CLASS_DEPENDENCY);
        ck_assert_int_ge(r.out.due_in_ms, 10000);
        ck_assert_str_eq(buf_str(&r.asked), "target ");
        ck_assert_uint_eq(starts("never--taken"), 0);
        run_fini(&r);
}
END_TEST

/* ---- polls ---- */

START_TEST(the_servers_error_in_its_own_words)
{
        struct run r;
        run_init(&r, "russianpoll--x", server, NULL);
        run_start(&r);
        poll_to_the_end(&r);
        expect_failed(&r, CLASS_TEMPORARY);
        ck_assert_str_eq(r.out.error, "Ошибка: страница «Главная» не найдена (код 17)");
        expect_text(r.out.result, "\"failed_at\"");
        run_fini(&r);
}
END_TEST

START_TEST(hundred_percent_is_not_the_end)
{
        struct run r;
        behave("hundred--x", "{\"run_ms\":800}");
        run_init(&r, "hundred--x", server, NULL);
        run_start(&r);
        run_poll(&r);
        expect_parked(&r);
        expect_text(r.progress, "\"percent\":100");
        poll_to_the_end(&r);
        expect_failed(&r, CLASS_TEMPORARY);
        run_fini(&r);
}
END_TEST

START_TEST(polls_grow_rarer_up_to_the_time_out)
{
        struct run r;
        behave("never--rarer", "{\"run_ms\":60000}");
        run_init(&r, "never--rarer", server, NULL);
        r.job.timeout_ms = 100000;
        run_start(&r);
        int64_t before = 0;
        for (int i = 0; i < 5; i++) {
                run_poll(&r);
                expect_parked(&r);
                ck_assert_int_gt(r.out.due_in_ms, before);
                before = r.out.due_in_ms;
        }
        r.job.started_ms -= r.job.timeout_ms - 600;
        run_poll(&r);
        expect_parked(&r);
        ck_assert_int_le(r.out.due_in_ms, 800); /* behind the time-out, not long behind it */
        r.job.started_ms -= 1000;
        run_poll(&r);
        expect_failed(&r, CLASS_TIMED_OUT);
        expect_text(r.out.error, "not ended after 100 s");
        run_claim(&r, 0);
        run_start(&r); /* it still runs there: no second start */
        expect_parked(&r);
        ck_assert_uint_eq(starts("never--rarer"), 1);
        run_fini(&r);
}
END_TEST

START_TEST(a_server_that_forgets_is_asked_three_times)
{
        struct run r;
        run_init(&r, "lost--three", server, NULL);
        run_start(&r);
        expect_parked(&r);
        run_poll(&r);
        expect_parked(&r);
        run_poll(&r);
        expect_parked(&r);
        ck_assert_str_eq(memo_word(&r, "unknown"), "2");
        run_poll(&r);
        expect_failed(&r, CLASS_TEMPORARY);
        ck_assert_str_eq(r.out.error, "the migration server does not know this migration any more");
        run_fini(&r);
}
END_TEST

START_TEST(a_poll_learns_nothing_from_a_server_that_is_away)
{
        struct run r;
        run_init(&r, "never--away", "http://127.0.0.1:1", NULL);
        for (int i = 0; i < 5; i++) {
                run_poll(&r);
                expect_parked(&r);
        }
        expect_text(buf_str(&r.log), "no news: could not connect");
        r.job.timeout_ms = 1000;
        r.job.started_ms -= 2000;
        run_poll(&r);
        expect_failed(&r, CLASS_TIMED_OUT);
        run_fini(&r);
}
END_TEST

/* ---- turns and questions ---- */

START_TEST(turns_are_waited_for_or_come_later)
{
        struct run r;
        run_init(&r, "never--turns", server, NULL);
        r.rate[0] = 300;
        run_start(&r);
        expect_parked(&r);
        ck_assert_int_ge(r.took_ms, 300);
        r.rate[0] = -5000;
        run_poll(&r);
        expect_parked(&r);
        ck_assert_int_ge(r.out.due_in_ms, 5000);
        ck_assert_int_le(r.out.due_in_ms, 6251);
        run_claim(&r, 0);
        run_start(&r);
        expect_failed(&r, CLASS_DEPENDENCY);
        ck_assert_int_ge(r.out.due_in_ms, 5000);
        run_fini(&r);
}
END_TEST

START_TEST(without_an_answer_from_the_supervisor_nothing_is_started)
{
        static const char *const questions[] = {"target", "rate", "memo"};
        for (size_t i = 0; i < COUNT_OF(questions); i++) {
                struct run r;
                run_init(&r, "never--unanswered", server, NULL);
                r.failing = questions[i];
                run_start(&r);
                expect_failed(&r, CLASS_DEPENDENCY);
                expect_text(r.out.error, "PostgreSQL is away");
                ck_assert_int_eq(r.out.due_in_ms, 5000);
                ck_assert_uint_eq(starts("never--unanswered"), 0);
                run_fini(&r);
        }
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
        Suite *s = suite_create("worker_remote");
        TCase *t = tcase_create("all");
        suite_add_tcase(s, t);
        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, tools_setup, tools_teardown);
        tcase_add_test(t, started_parked_and_polled_to_its_end);
        tcase_add_test(t, everything_is_sent);
        tcase_add_test(t, what_is_missing_is_said_before_anything_is_called);
        tcase_add_loop_test(t, every_start_comes_to_its_end, 0, COUNT_OF(start_cases));
        tcase_add_test(t, a_hanging_start_whose_run_is_over_is_settled_at_once);
        tcase_add_loop_test(t, refused_starts, 0, COUNT_OF(refusals));
        tcase_add_test(t, a_server_that_is_away);
        tcase_add_test(t, a_later_attempt_takes_over_what_runs);
        tcase_add_test(t, a_worker_that_dies_once_the_memo_is_on_disk_starts_no_second_run);
        tcase_add_test(t, somebody_elses_run_is_waited_for);
        tcase_add_test(t, an_end_that_nobody_was_told_of_counts);
        tcase_add_test(t, an_error_is_reported_once_and_then_started_anew);
        tcase_add_test(t, an_earlier_runs_end_is_not_ours);
        tcase_add_test(t, a_start_goes_to_one_migration_of_a_pair);
        tcase_add_test(t, the_servers_error_in_its_own_words);
        tcase_add_test(t, hundred_percent_is_not_the_end);
        tcase_add_test(t, polls_grow_rarer_up_to_the_time_out);
        tcase_add_test(t, a_server_that_forgets_is_asked_three_times);
        tcase_add_test(t, a_poll_learns_nothing_from_a_server_that_is_away);
        tcase_add_test(t, turns_are_waited_for_or_come_later);
        tcase_add_test(t, without_an_answer_from_the_supervisor_nothing_is_started);
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
