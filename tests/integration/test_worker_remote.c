/* test_worker_remote.c - the life of a migration of the kind `remote`: start, adoption, polls. */
#include "remote_tools.h"
#include "remote_server.h"

/* ---- a plain one ---- */

START_TEST(started_parked_and_polled_to_its_end)
{
        struct run r;
        behave("never--plain", "{\"run_ms\":3000}");
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
        wait_for_the_end("never--plain");
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
        behave("never--adopt", "{\"run_ms\":3000}");
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
        behave("never--dies", "{\"run_ms\":3000}");
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
        behave("never--foreign", "{\"run_ms\":3000}");
        run_init(&other, "never--foreign", server, NULL);
        run_start(&other);
        expect_parked(&other);
        run_init(&r, "never--foreign", server, NULL);
        run_start(&r);
        expect_failed(&r, CLASS_DEPENDENCY);
        ck_assert_int_ge(r.out.due_in_ms, 90);
        ck_assert_ptr_null(r.memo);
        wait_for_the_end("never--foreign");
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
        wait_for_the_end("never--ended");
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
        wait_for_the_end("nevererror--once");
        run_claim(&r, 0); /* the worker was lost, nobody knows of the error */
        run_start(&r);
        expect_failed(&r, CLASS_TEMPORARY);
        ck_assert_str_eq(r.out.error, "conversion failed");
        ck_assert_str_eq(memo_word(&r, "start"), "ended");
        ck_assert_uint_eq(starts("nevererror--once"), 1);
        run_claim(&r, 1);
        run_start(&r);
        expect_parked(&r);
        wait_for_the_end("nevererror--once");
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
        behave("hundred--x", "{\"run_ms\":3000}");
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
        r.cfg.remote_poll_initial_ms = r.cfg.remote_poll_cap_ms = 60000;
        r.job.started_ms -= r.job.timeout_ms - 5000;
        run_poll(&r);
        expect_parked(&r);
        ck_assert_int_le(r.out.due_in_ms, 5200); /* behind the time-out, not long behind it */
        r.job.started_ms -= 6000;
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
