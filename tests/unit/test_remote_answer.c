/* test_remote_answer.c - the migration server's answers, well and badly mannered. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "model/remote_answer.h"

static struct arena *arena;

static void setup(void)
{
        arena = arena_new(0);
}

static void teardown(void)
{
        arena_free(arena);
}

static struct remote_answer answer(const char *text)
{
        struct remote_answer a;
        struct err e = ERR_INIT;
        int rc = remote_answer_parse(text, strlen(text), arena, &a, &e);
        ck_assert_msg(rc == 0, "%s: %s", text, e.text);
        return a;
}

static const char *no_answer(const char *text)
{
        struct remote_answer a;
        struct err e = ERR_INIT;
        ck_assert_msg(remote_answer_parse(text, strlen(text), arena, &a, &e) < 0, "%s", text);
        ck_assert_int_eq(e.code, ERR_UPSTREAM);
        return arena_strdup(arena, e.text);
}

/* ---- words ---- */

static const struct {
        const char *word;
        enum remote_state state;
} word_cases[] = {
        {"pending", REMOTE_PENDING},
        {"in_progress", REMOTE_RUNNING},
        {"completed", REMOTE_COMPLETED},
        {"error", REMOTE_ERROR},
        {"success", REMOTE_COMPLETED},
        {"failed", REMOTE_ERROR},
        {"In-Progress", REMOTE_RUNNING},
        {" COMPLETED ", REMOTE_COMPLETED},
        {"in progress", REMOTE_RUNNING},
        {"errors", REMOTE_NONE},
        {"err", REMOTE_NONE},
        {"", REMOTE_NONE},
        {"завершено", REMOTE_NONE},
        {"completed x", REMOTE_NONE},
};

START_TEST(words)
{
        ck_assert_msg(remote_state_parse(word_cases[_i].word) == word_cases[_i].state, "%s",
                      word_cases[_i].word);
}
END_TEST

START_TEST(names_are_the_first_words)
{
        ck_assert_str_eq(remote_state_name(REMOTE_RUNNING), "in_progress");
        ck_assert_str_eq(remote_state_name(REMOTE_COMPLETED), "completed");
        ck_assert_str_eq(remote_state_name(REMOTE_ERROR), "error");
        ck_assert_str_eq(remote_state_name(REMOTE_NONE), "unknown");
}
END_TEST

/* ---- status ---- */

START_TEST(a_completed_one)
{
        const char *text = "{\"status\":\"completed\",\"brizy_project_id\":\"12\","
                           "\"brizy_project_domain\":\"x.brizy.io\",\"migration_id\":77,"
                           "\"started_at\":\"2026-01-31T12:00:00Z\",\"новое\":[1,2]}";
        struct remote_answer a = answer(text);
        ck_assert_int_eq(a.state, REMOTE_COMPLETED);
        ck_assert_int_eq(a.brizy_project_id, 12);
        ck_assert_str_eq(a.domain, "x.brizy.io");
        ck_assert_str_eq(a.migration_id, "77");
        ck_assert_ptr_null(a.error);
        ck_assert_int_eq(a.class, CLASS_NONE);
        ck_assert_str_eq(a.body, text);
        ck_assert_int_eq(a.started.ms, 1769860800000);
}
END_TEST

START_TEST(unreadable_ones)
{
        ck_assert_ptr_nonnull(strstr(no_answer("<html>"), "no JSON"));
        no_answer("");
        no_answer("{\"status\":\"in_pro");
        ck_assert_str_eq(no_answer("[]"), "it is no JSON object");
        ck_assert_str_eq(no_answer("{}"), "it has no status");
        ck_assert_str_eq(no_answer("{\"status\":7}"), "it has no status");
        ck_assert_str_eq(no_answer("{\"status\":null}"), "it has no status");
        ck_assert_str_eq(no_answer("{\"status\":\"weg\"}"), "its status \"weg\" is no known word");
        no_answer("{\"status\":\"completed\"} rubbish");
        no_answer("{\"status\":\"completed\",\"a\":\"\xFF\"}");
}
END_TEST

START_TEST(wrong_types_are_as_good_as_absent)
{
        struct remote_answer a = answer("{\"status\":\"in_progress\",\"progress\":\"many\","
                                        "\"started_at\":[],\"brizy_project_id\":{\"a\":null},"
                                        "\"brizy_project_domain\":{},\"error\":3.5}");
        ck_assert_int_eq(a.state, REMOTE_RUNNING);
        ck_assert(!a.progress.there);
        ck_assert_int_eq(a.started.ms, 0);
        ck_assert_int_eq(a.brizy_project_id, 0);
        ck_assert_ptr_null(a.domain);
        ck_assert_ptr_null(a.error);
}
END_TEST

START_TEST(a_byte_order_mark_is_skipped)
{
        ck_assert_int_eq(answer("\xEF\xBB\xBF{\"status\":\"pending\"}").state, REMOTE_PENDING);
}
END_TEST

/* ---- times ---- */

static const struct {
        const char *json;
        int64_t ms;
        bool zoned;
} time_cases[] = {
        {"\"2026-01-31T12:00:00Z\"", 1769860800000, true},
        {"\"2026-01-31T12:00:00.123456Z\"", 1769860800123, true},
        {"\"2026-01-31T15:00:00+03:00\"", 1769860800000, true},
        {"\"2026-01-31T10:00:00-02:00\"", 1769860800000, true},
        {"\"2026-01-31 12:00:00\"", 1769860800000, false},
        {"\"2026-01-31T12:00:00\"", 1769860800000, false},
        {"\"2026-01-31 12:00:00.5\"", 1769860800500, false},
        {"1769860800", 1769860800000, true},
        {"1769860800.25", 1769860800250, true},
        {"1769860800123", 1769860800123, true},
        {"\"1769860800\"", 1769860800000, true},
        {"null", 0, false},
        {"\"\"", 0, false},
        {"0", 0, true},
        {"-5", 0, true},
        {"1e300", 0, true},
        {"\"0001-01-01T00:00:00Z\"", 0, false},
        {"\"0000-00-00 00:00:00\"", 0, false},
        {"\"yesterday\"", 0, false},
        {"\"2026-02-30 12:00:00\"", 0, false},
        {"true", 0, false},
};

START_TEST(times)
{
        const char *json = time_cases[_i].json;
        struct remote_answer a =
                answer(arena_printf(arena, "{\"status\":\"completed\",\"updated_at\":%s}", json));
        ck_assert_msg(a.updated.ms == time_cases[_i].ms, "%s: %lld", json, (long long)a.updated.ms);
        if (a.updated.ms)
                ck_assert_msg(a.updated.zoned == time_cases[_i].zoned, "%s", json);
}
END_TEST

/* ---- progress ---- */

static const struct {
        const char *json, *out; /* NULL: no progress */
} progress_cases[] = {
        {"{\"total_pages\":20,\"processed_pages\":5,\"progress_percent\":26,"
         "\"current_stage\":\"страницы\"}",
         "{\"total\":20,\"done\":5,\"percent\":26,\"stage\":\"страницы\"}"},
        {"{\"Total\":20,\"Success\":5,\"processTime\":3.1}",
         "{\"total\":20,\"done\":5,\"percent\":25,\"stage\":null}"},
        {"{\"total_pages\":\"20\",\"processed_pages\":\"5\"}",
         "{\"total\":20,\"done\":5,\"percent\":25,\"stage\":null}"},
        {"{\"progress_percent\":\"45.9 %\"}",
         "{\"total\":null,\"done\":null,\"percent\":45,\"stage\":null}"},
        {"{\"progress_percent\":140}",
         "{\"total\":null,\"done\":null,\"percent\":100,\"stage\":null}"},
        {"{\"progress_percent\":-1}",
         "{\"total\":null,\"done\":null,\"percent\":0,\"stage\":null}"},
        {"{\"total_pages\":0,\"processed_pages\":0}",
         "{\"total\":0,\"done\":0,\"percent\":null,\"stage\":null}"},
        {"{\"total_pages\":3,\"processed_pages\":9}",
         "{\"total\":3,\"done\":9,\"percent\":100,\"stage\":null}"},
        {"{\"total_pages\":-3}", NULL},
        {"{\"stage\":\"media\"}",
         "{\"total\":null,\"done\":null,\"percent\":null,\"stage\":\"media\"}"},
        {"55", "{\"total\":null,\"done\":null,\"percent\":55,\"stage\":null}"},
        {"\"55%\"", "{\"total\":null,\"done\":null,\"percent\":55,\"stage\":null}"},
        {"{}", NULL},
        {"[]", NULL},
        {"null", NULL},
        {"\"many\"", NULL},
        {"\"inf\"", NULL},
        {"true", NULL},
};

START_TEST(progress)
{
        struct remote_answer a = answer(arena_printf(
                arena, "{\"status\":\"in_progress\",\"progress\":%s}", progress_cases[_i].json));
        const char *out = remote_progress_json(&a.progress, arena);
        ck_assert_pstr_eq(out, progress_cases[_i].out);
}
END_TEST

/* ---- errors ---- */

#define UNSAID "the migration server reports an error without saying which"

static const struct {
        const char *members, *text;
        enum error_class class;
} error_cases[] = {
        {"\"error\":\"Ошибка: страница «Главная» не найдена (код 17)\"",
         "Ошибка: страница «Главная» не найдена (код 17)", CLASS_TEMPORARY},
        {"\"error\":{\"message\":\"нет связи\",\"code\":17}", "нет связи", CLASS_TEMPORARY},
        {"\"error\":{\"error\":\"x\"}", "x", CLASS_TEMPORARY},
        {"\"error\":{\"code\":17}", "{\"code\":17}", CLASS_TEMPORARY},
        {"\"error\":[\"a\",\"b\"]", "a; b", CLASS_TEMPORARY},
        {"\"error\":[\"a\",{\"b\":1}]", "[\"a\",{\"b\":1}]", CLASS_TEMPORARY},
        {"\"error\":17", "17", CLASS_TEMPORARY},
        {"\"error\":true,\"message\":\"m\"", "true", CLASS_TEMPORARY},
        {"\"error\":\"\",\"message\":\"m\"", "m", CLASS_TEMPORARY},
        {"\"error\":null", UNSAID, CLASS_TEMPORARY},
        {"\"error\":{}", UNSAID, CLASS_TEMPORARY},
        {"\"error\":[]", UNSAID, CLASS_TEMPORARY},
        {"\"error\":false", UNSAID, CLASS_TEMPORARY},
        {"\"x\":1", UNSAID, CLASS_TEMPORARY},
        {"\"error\":{\"message\":\"m\",\"permanent\":true}", "m", CLASS_DATA},
        {"\"error\":\"m\",\"retryable\":false", "m", CLASS_DATA},
        {"\"error\":\"m\",\"retryable\":true", "m", CLASS_TEMPORARY},
        {"\"error\":\"m\",\"class\":\"critical\"", "m", CLASS_CRITICAL},
        {"\"error\":{\"message\":\"m\",\"class\":\"Data\"}", "m", CLASS_DATA},
        {"\"error\":{\"message\":\"m\",\"class\":\"temporary\"},\"permanent\":true", "m",
         CLASS_TEMPORARY},
        {"\"error\":\"m\",\"class\":\"crashed\"", "m", CLASS_TEMPORARY},
        {"\"error\":\"unauthorized\",\"permanent\":\"yes\"", "unauthorized", CLASS_TEMPORARY},
};

START_TEST(errors)
{
        struct remote_answer a =
                answer(arena_printf(arena, "{\"status\":\"error\",%s}", error_cases[_i].members));
        ck_assert_str_eq(a.error, error_cases[_i].text);
        ck_assert_int_eq(a.class, error_cases[_i].class);
}
END_TEST

START_TEST(a_long_error_is_cut_between_characters)
{
        autobuf text = BUF_INIT(1 << 20);
        buf_adds(&text, "{\"status\":\"error\",\"error\":\"x");
        for (int i = 0; i < 10000; i++)
                buf_adds(&text, "ю");
        buf_adds(&text, "\"}");
        struct remote_answer a = answer(buf_str(&text));
        ck_assert_uint_eq(strlen(a.error), LOOSE_TEXT_MAX - 1);
        ck_assert_str_eq(a.error + strlen(a.error) - 2, "ю");
        ck_assert_str_eq(a.body, buf_str(&text));
}
END_TEST

START_TEST(words_of_a_failure)
{
        static const char *const cases[][2] = {
                {"{\"error\":\"Сервер временно недоступен\"}", "Сервер временно недоступен"},
                {"{\"message\":\"m\"}", "m"},
                {"{\"error\":{\"message\":\"in\"},\"message\":\"out\"}", "in"},
                {"{}", NULL},
                {"<html>Bad Gateway</html>", NULL},
                {"", NULL},
                {"[\"error\"]", NULL},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                ck_assert_pstr_eq(remote_error_text(cases[i][0], strlen(cases[i][0]), arena),
                                  cases[i][1]);
}
END_TEST

/* ---- the answer to a start ---- */

static const struct {
        const char *json;
        bool accepted;
} start_cases[] = {
        {"{\"status\":\"in_progress\",\"mb_project_uuid\":\"p\",\"brz_project_id\":7}", true},
        {"{\"status\":\"pending\",\"mb_project_uuid\":\"p\",\"brz_project_id\":\"7\"}", true},
        {"{\"status\":\"in_progress\"}", true},
        {"{\"status\":\"in_progress\",\"mb_project_uuid\":\"q\"}", false},
        {"{\"status\":\"in_progress\",\"brz_project_id\":8}", false},
        {"{\"status\":\"error\",\"error\":\"x\"}", false},
        {"{\"status\":\"completed\"}", false},
        {"{\"status\":7}", false},
        {"{}", false},
        {"null", false},
        {"<html>", false},
        {"", false},
};

START_TEST(start_answers)
{
        const char *json = start_cases[_i].json;
        struct err e = ERR_INIT;
        int rc = remote_start_parse(json, strlen(json), "p", 7, arena, &e);
        ck_assert_msg((rc == 0) == start_cases[_i].accepted, "%s", json);
        if (rc < 0)
                ck_assert_int_eq(e.code, ERR_UPSTREAM);
}
END_TEST

/* ---- the webhook ---- */

#define PAIR "\"mb_project_uuid\":\"p\",\"brz_project_id\":7"

static const struct {
        const char *json;
        enum err_code code;
        enum remote_state state;
} webhook_cases[] = {
        {"{" PAIR ",\"status\":\"completed\"}", ERR_OK, REMOTE_COMPLETED},
        {"{" PAIR ",\"status\":\"success\"}", ERR_OK, REMOTE_COMPLETED},
        {"{" PAIR ",\"status\":\"error\",\"error\":\"x\"}", ERR_OK, REMOTE_ERROR},
        {"{" PAIR ",\"status\":\"failed\"}", ERR_OK, REMOTE_ERROR},
        {"{" PAIR ",\"status\":\"in_progress\",\"progress\":{\"Total\":1}}", ERR_OK, REMOTE_RUNNING},
        {"{" PAIR "}", ERR_OK, REMOTE_COMPLETED},
        {"{" PAIR ",\"status\":null}", ERR_OK, REMOTE_COMPLETED},
        {"{" PAIR ",\"status\":\"\"}", ERR_OK, REMOTE_COMPLETED},
        {"{" PAIR ",\"error\":\"x\"}", ERR_OK, REMOTE_ERROR},
        {"{" PAIR ",\"error\":{\"code\":1}}", ERR_OK, REMOTE_ERROR},
        {"{" PAIR ",\"error\":null}", ERR_OK, REMOTE_COMPLETED},
        {"{" PAIR ",\"error\":\"\"}", ERR_OK, REMOTE_COMPLETED},
        {"{" PAIR ",\"status\":\"completed\",\"error\":\"\"}", ERR_OK, REMOTE_COMPLETED},
        {"{" PAIR ",\"status\":\"done?\"}", ERR_BAD_REQUEST, REMOTE_NONE},
        {"{" PAIR ",\"status\":7}", ERR_WRONG_TYPE, REMOTE_NONE},
        {"{\"mb_project_uuid\":\"p\",\"brz_project_id\":\"7\"}", ERR_OK, REMOTE_COMPLETED},
        {"{\"mb_project_uuid\":\"p\"}", ERR_BAD_REQUEST, REMOTE_NONE},
        {"{\"brz_project_id\":7}", ERR_BAD_REQUEST, REMOTE_NONE},
        {"{\"mb_project_uuid\":null,\"brz_project_id\":7}", ERR_BAD_REQUEST, REMOTE_NONE},
        {"{\"mb_project_uuid\":\" \",\"brz_project_id\":7}", ERR_WRONG_TYPE, REMOTE_NONE},
        {"{\"mb_project_uuid\":[],\"brz_project_id\":7}", ERR_WRONG_TYPE, REMOTE_NONE},
        {"{\"mb_project_uuid\":\"p\",\"brz_project_id\":0}", ERR_WRONG_TYPE, REMOTE_NONE},
        {"{\"mb_project_uuid\":\"p\",\"brz_project_id\":-7}", ERR_WRONG_TYPE, REMOTE_NONE},
        {"{\"mb_project_uuid\":\"p\",\"brz_project_id\":7.5}", ERR_WRONG_TYPE, REMOTE_NONE},
        {"{\"mb_project_uuid\":\"p\",\"brz_project_id\":\"x\"}", ERR_WRONG_TYPE, REMOTE_NONE},
        {"[]", ERR_WRONG_TYPE, REMOTE_NONE},
        {"", ERR_MALFORMED, REMOTE_NONE},
        {"{" PAIR, ERR_MALFORMED, REMOTE_NONE},
        {"mb_project_uuid=p&brz_project_id=7", ERR_MALFORMED, REMOTE_NONE},
};

START_TEST(webhooks)
{
        const char *json = webhook_cases[_i].json;
        struct remote_webhook w;
        struct err e = ERR_INIT;
        int rc = remote_webhook_parse(json, strlen(json), arena, &w, &e);
        ck_assert_msg(e.code == webhook_cases[_i].code, "%s: %s", json, e.text);
        ck_assert_int_eq(rc, e.code ? -1 : 0);
        if (rc < 0) {
                ck_assert_int_eq(err_http_status(e.code), 400);
                return;
        }
        ck_assert_int_eq(w.answer.state, webhook_cases[_i].state);
        ck_assert_int_eq(w.brz_project_id, 7);
        ck_assert_str_eq(w.project, "p");
        ck_assert_str_eq(w.answer.body, json);
        ck_assert_int_eq(w.answer.error != NULL, w.answer.state == REMOTE_ERROR);
}
END_TEST

START_TEST(a_full_webhook)
{
        const char *json =
                "{" PAIR ",\"migration_uuid\":\"1_2\",\"brizy_project_id\":9,"
                "\"brizy_project_domain\":\"d\",\"migration_id\":\"m1\",\"date\":\"2026-01-31\","
                "\"theme\":\"Anthem\",\"mb_product_name\":\"Сайт\",\"mb_site_id\":31,"
                "\"mb_project_domain\":\"md\",\"warnings\":[\"w\", {\"a\":1}],\"x\":{\"y\":[]}}";
        struct remote_webhook w;
        ck_assert_int_eq(remote_webhook_parse(json, strlen(json), arena, &w, NULL), 0);
        ck_assert_str_eq(w.migration_uuid, "1_2");
        ck_assert_int_eq(w.answer.brizy_project_id, 9);
        ck_assert_str_eq(w.answer.domain, "d");
        ck_assert_str_eq(w.answer.migration_id, "m1");
        ck_assert_str_eq(w.date, "2026-01-31");
        ck_assert_str_eq(w.theme, "Anthem");
        ck_assert_str_eq(w.mb_product_name, "Сайт");
        ck_assert_str_eq(w.mb_site_id, "31");
        ck_assert_str_eq(w.mb_project_domain, "md");
        ck_assert_str_eq(w.warnings, "[\"w\",{\"a\":1}]");
        ck_assert_str_eq(w.answer.body, json);
}
END_TEST

START_TEST(a_full_arena_is_an_error)
{
        struct arena *small = arena_new(200);
        autobuf text = BUF_INIT(1 << 20);
        buf_adds(&text, "{" PAIR ",\"x\":\"");
        for (int i = 0; i < 10000; i++)
                buf_addc(&text, 'x');
        buf_adds(&text, "\"}");
        struct remote_webhook w;
        struct err e = ERR_INIT;
        ck_assert_int_lt(remote_webhook_parse(buf_str(&text), text.len, small, &w, &e), 0);
        ck_assert_int_eq(e.code, ERR_BAD_REQUEST);
        arena_free(small);
}
END_TEST

/* ---- handshake, result ---- */

START_TEST(handshakes)
{
        const char *good = "{\"service\":\"migration-server\",\"server_id\":\"s1\",\"client_ip\":"
                           "\"::1\",\"timestamp\":1769860800,\"handshake_with_dashboard\":\"ok\","
                           "\"handshake_error\":null}";
        const char *bad = "{\"handshake_with_dashboard\":\"fail\",\"handshake_error\":{\"message\":"
                          "\"HTTP 502\"}}";
        struct remote_handshake h;
        ck_assert_int_eq(remote_handshake_parse(good, strlen(good), arena, &h, NULL), 0);
        ck_assert(h.ok);
        ck_assert_str_eq(h.server_id, "s1");
        ck_assert_str_eq(h.timestamp, "1769860800");
        ck_assert_ptr_null(h.error);
        ck_assert_str_eq(h.body, good);
        ck_assert_int_eq(remote_handshake_parse(bad, strlen(bad), arena, &h, NULL), 0);
        ck_assert(!h.ok);
        ck_assert_str_eq(h.error, "HTTP 502");
        ck_assert_int_lt(remote_handshake_parse("{}", 2, arena, &h, NULL), 0);
        ck_assert_int_lt(remote_handshake_parse("<html>", 6, arena, &h, NULL), 0);
}
END_TEST

START_TEST(results)
{
        static const char *const cases[][2] = {
                {"{\"a\": 12345678901234567890}", "{\"a\": 12345678901234567890}"},
                {"[1, 2]", "{\"body\":[1, 2]}"},
                {"\"x\"", "{\"body\":\"x\"}"},
                {"лог\nдва", "{\"text\":\"лог\\nдва\"}"},
                {"", "{\"text\":\"\"}"},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                ck_assert_str_eq(remote_result_json(cases[i][0], strlen(cases[i][0]), arena),
                                 cases[i][1]);
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("remote_answer");
        TCase *t = tcase_create("all");
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_loop_test(t, words, 0, COUNT_OF(word_cases));
        tcase_add_test(t, names_are_the_first_words);
        tcase_add_test(t, a_completed_one);
        tcase_add_test(t, unreadable_ones);
        tcase_add_test(t, wrong_types_are_as_good_as_absent);
        tcase_add_test(t, a_byte_order_mark_is_skipped);
        tcase_add_loop_test(t, times, 0, COUNT_OF(time_cases));
        tcase_add_loop_test(t, progress, 0, COUNT_OF(progress_cases));
        tcase_add_loop_test(t, errors, 0, COUNT_OF(error_cases));
        tcase_add_test(t, a_long_error_is_cut_between_characters);
        tcase_add_test(t, words_of_a_failure);
        tcase_add_loop_test(t, start_answers, 0, COUNT_OF(start_cases));
        tcase_add_loop_test(t, webhooks, 0, COUNT_OF(webhook_cases));
        tcase_add_test(t, a_full_webhook);
        tcase_add_test(t, a_full_arena_is_an_error);
        tcase_add_test(t, handshakes);
        tcase_add_test(t, results);
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
