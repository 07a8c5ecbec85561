/* test_remote_verdict.c - whose run an answer is about: the rules as tables, and the memo. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "model/remote_verdict.h"

static struct arena *arena;

static void setup(void)
{
        arena = arena_new(0);
}

static void teardown(void)
{
        arena_free(arena);
}

static int64_t ms(const char *time)
{
        int64_t v;
        ck_assert_int_eq(clock_parse(time, &v), 0);
        return v;
}

static struct remote_answer answer(const char *text)
{
        struct remote_answer a;
        struct err e = ERR_INIT;
        int rc = remote_answer_parse(text, strlen(text), arena, &a, &e);
        ck_assert_msg(rc == 0, "%s: %s", text, e.text);
        return a;
}

/* ---- the verdict on a start at 12:00:00 (by the server's clock, unless said otherwise) ---- */

enum memo_of { SERVER_CLOCK, OUR_CLOCK, NO_MEMO };

#define AT "\"2026-01-31T"
#define DAY_BEFORE "\"2026-01-30T12:00:00Z\""

static const struct {
        const char *what;
        enum memo_of memo;
        bool seen_running;
        const char *before; /* status before the start; "404", or NULL: not known */
        const char *now;    /* "404", "500", or the status */
        enum remote_verdict verdict;
} cases[] = {
        {"no answer", SERVER_CLOCK, false, "404", "500", VERDICT_AGAIN},
        {"never heard of it", SERVER_CLOCK, false, "404", "404", VERDICT_UNKNOWN},
        {"runs", SERVER_CLOCK, false, "404",
         "{\"status\":\"in_progress\",\"started_at\":" AT "12:00:01Z\"}", VERDICT_RUNNING},
        {"waits", SERVER_CLOCK, false, "404", "{\"status\":\"pending\"}", VERDICT_RUNNING},
        {"100 % is not the end", SERVER_CLOCK, false, "404",
         "{\"status\":\"in_progress\",\"progress\":{\"progress_percent\":100}}", VERDICT_RUNNING},
        {"runs since before the start", SERVER_CLOCK, false, "404",
         "{\"status\":\"in_progress\",\"started_at\":" AT "11:59:30Z\"}", VERDICT_FOREIGN},
        {"updated_at says nothing of a run", SERVER_CLOCK, false, "404",
         "{\"status\":\"in_progress\",\"updated_at\":" DAY_BEFORE "}", VERDICT_RUNNING},

        {"completed", SERVER_CLOCK, false, "404",
         "{\"status\":\"completed\",\"started_at\":" AT "12:00:01Z\"}", VERDICT_COMPLETED},
        {"failed", SERVER_CLOCK, false, "404",
         "{\"status\":\"error\",\"error\":\"x\",\"started_at\":" AT "12:00:01Z\"}", VERDICT_FAILED},
        {"started in the same second", SERVER_CLOCK, false, "404",
         "{\"status\":\"success\",\"started_at\":" AT "11:59:59Z\"}", VERDICT_COMPLETED},
        {"an earlier run, and the server had forgotten it", SERVER_CLOCK, false, "404",
         "{\"status\":\"completed\",\"started_at\":" AT "11:59:50Z\"}", VERDICT_UNKNOWN},
        {"started_at goes before the later times", SERVER_CLOCK, false, "404",
         "{\"status\":\"completed\",\"started_at\":" AT "11:00:00Z\",\"updated_at\":" AT
         "12:10:00Z\",\"completed_at\":" AT "12:10:00Z\"}",
         VERDICT_UNKNOWN},
        {"updated_at where there is no started_at", SERVER_CLOCK, false, "404",
         "{\"status\":\"completed\",\"updated_at\":" AT "12:10:00Z\"}", VERDICT_COMPLETED},
        {"old updated_at", SERVER_CLOCK, false, "404",
         "{\"status\":\"completed\",\"updated_at\":" AT "11:10:00Z\",\"completed_at\":" AT
         "12:10:00Z\"}",
         VERDICT_UNKNOWN},
        {"completed_at alone", SERVER_CLOCK, false, "404",
         "{\"status\":\"completed\",\"completed_at\":" AT "12:10:00Z\"}", VERDICT_COMPLETED},
        {"failed_at alone", SERVER_CLOCK, false, "404",
         "{\"status\":\"error\",\"failed_at\":" AT "11:10:00Z\"}", VERDICT_UNKNOWN},
        {"Unix seconds", SERVER_CLOCK, false, "404",
         "{\"status\":\"completed\",\"started_at\":1769860801}", VERDICT_COMPLETED},
        {"old Unix seconds", SERVER_CLOCK, false, "404",
         "{\"status\":\"completed\",\"started_at\":1769860701}", VERDICT_UNKNOWN},

        {"two clocks may differ a little", OUR_CLOCK, false, "404",
         "{\"status\":\"completed\",\"started_at\":" AT "11:59:10Z\"}", VERDICT_COMPLETED},
        {"but not much", OUR_CLOCK, false, "404",
         "{\"status\":\"completed\",\"started_at\":" AT "11:58:50Z\"}", VERDICT_UNKNOWN},

        {"the status of before, still", SERVER_CLOCK, false,
         "{\"status\":\"error\",\"error\":\"of yesterday\",\"started_at\":" DAY_BEFORE "}",
         "{\"status\":\"error\",\"error\":\"of yesterday\",\"started_at\":" DAY_BEFORE "}",
         VERDICT_UNKNOWN},
        {"the status of before, from just before", OUR_CLOCK, false,
         "{\"status\":\"error\",\"error\":\"x\",\"started_at\":" AT "11:59:58Z\"}",
         "{\"status\":\"error\",\"error\":\"x\",\"started_at\":" AT "11:59:58Z\"}", VERDICT_UNKNOWN},
        {"a new error in the same words", SERVER_CLOCK, false,
         "{\"status\":\"error\",\"error\":\"x\",\"started_at\":" AT "11:59:50Z\"}",
         "{\"status\":\"error\",\"error\":\"x\",\"started_at\":" AT "12:00:00Z\"}", VERDICT_FAILED},

        {"no times, unknown before", SERVER_CLOCK, false, "404", "{\"status\":\"completed\"}",
         VERDICT_COMPLETED},
        {"no times, unchanged", SERVER_CLOCK, false, "{\"status\":\"error\",\"error\":\"x\"}",
         "{\"status\":\"error\",\"error\":\"x\",\"server_time\":5}", VERDICT_UNKNOWN},
        {"no times, unchanged, but seen running", SERVER_CLOCK, true,
         "{\"status\":\"error\",\"error\":\"x\"}", "{\"status\":\"error\",\"error\":\"x\"}",
         VERDICT_FAILED},
        {"no times, another error", SERVER_CLOCK, false, "{\"status\":\"error\",\"error\":\"x\"}",
         "{\"status\":\"error\",\"error\":\"y\"}", VERDICT_FAILED},
        {"no times, another end", SERVER_CLOCK, false, "{\"status\":\"error\",\"error\":\"x\"}",
         "{\"status\":\"completed\"}", VERDICT_COMPLETED},
        {"no times, another migration_id", SERVER_CLOCK, false,
         "{\"status\":\"completed\",\"migration_id\":1}",
         "{\"status\":\"completed\",\"migration_id\":2}", VERDICT_COMPLETED},
        {"seen running does not make an old time new", SERVER_CLOCK, true, "404",
         "{\"status\":\"completed\",\"started_at\":" DAY_BEFORE "}", VERDICT_UNKNOWN},

        {"no zone: another zone's clock", SERVER_CLOCK, false, "404",
         "{\"status\":\"completed\",\"started_at\":\"2026-01-31 07:00:02\"}", VERDICT_COMPLETED},
        {"no zone: unchanged", SERVER_CLOCK, false,
         "{\"status\":\"completed\",\"started_at\":\"2026-01-31 11:00:00\"}",
         "{\"status\":\"completed\",\"started_at\":\"2026-01-31 11:00:00\"}", VERDICT_UNKNOWN},
        {"no zone: older than zones differ", SERVER_CLOCK, false, "404",
         "{\"status\":\"completed\",\"started_at\":\"2026-01-30 21:00:00\"}", VERDICT_UNKNOWN},
        {"no zone, nothing known of before: UTC", NO_MEMO, false, NULL,
         "{\"status\":\"completed\",\"started_at\":\"2026-01-31 11:00:00\"}", VERDICT_UNKNOWN},

        {"no memo: the attempt's start", NO_MEMO, false, NULL,
         "{\"status\":\"completed\",\"started_at\":" AT "12:00:01Z\"}", VERDICT_COMPLETED},
        {"no memo: before the attempt's start", NO_MEMO, false, NULL,
         "{\"status\":\"completed\",\"started_at\":" DAY_BEFORE "}", VERDICT_UNKNOWN},
        {"no memo, no times", NO_MEMO, false, NULL, "{\"status\":\"completed\"}", VERDICT_COMPLETED},
};

static struct remote_memo memo_of(int i)
{
        const char *before = cases[i].before;
        struct remote_memo m = {0};
        if (cases[i].memo == NO_MEMO)
                return m;
        m = (struct remote_memo){.start = START_ACCEPTED,
                                 .brz_project_id = 7,
                                 .attempt = 1,
                                 .seen_running = cases[i].seen_running,
                                 .claimed_ms = 1,
                                 .start_sent_ms = ms("2026-01-31T12:00:00Z")};
        if (cases[i].memo == SERVER_CLOCK) {
                m.server_now_ms = m.start_sent_ms;
                m.start_sent_ms += 3600 * 1000; /* our clock goes wrong, and it does not matter */
        }
        if (before && *before == '{') {
                struct remote_answer a = answer(before);
                remote_trace_of(&a, &m.before);
        } else if (before) {
                remote_trace_of(NULL, &m.before);
        }
        return m;
}

static enum remote_verdict verdict_on(const char *now, const struct remote_moment *m)
{
        if (*now != '{')
                return remote_verdict(*now == '4' ? REPLY_UNKNOWN : REPLY_FAILED, NULL, m);
        struct remote_answer a = answer(now);
        return remote_verdict(REPLY_STATUS, &a, m);
}

START_TEST(verdicts)
{
        struct remote_moment m;
        struct remote_memo memo = memo_of(_i), back;
        remote_memo_parse(remote_memo_json(&memo, arena),
                          &back); /* as it comes back from the disk */
        remote_moment_of_parked(&back, 7, ms("2026-01-31T12:00:00Z"), &m);
        enum remote_verdict v = verdict_on(cases[_i].now, &m);
        ck_assert_msg(v == cases[_i].verdict, "%s: %s instead of %s", cases[_i].what,
                      remote_verdict_name(v), remote_verdict_name(cases[_i].verdict));
}
END_TEST

START_TEST(nothing_is_ours_without_a_start)
{
        static const struct {
                enum remote_start start;
                int64_t target;
        } none[] = {{START_NONE, 7}, {START_NOT_SENT, 7}, {START_ACCEPTED, 8}};
        for (size_t i = 0; i < COUNT_OF(none); i++) {
                struct remote_memo memo = {.start = none[i].start,
                                           .brz_project_id = none[i].target,
                                           .start_sent_ms = 1000};
                struct remote_moment m;
                remote_moment_of_memo(&memo, 7, &m);
                ck_assert_int_eq(verdict_on("{\"status\":\"in_progress\"}", &m), VERDICT_FOREIGN);
                ck_assert_int_eq(verdict_on("{\"status\":\"completed\"}", &m), VERDICT_UNKNOWN);
                ck_assert_int_eq(verdict_on("{\"status\":\"error\"}", &m), VERDICT_UNKNOWN);
                ck_assert_int_eq(verdict_on("404", &m), VERDICT_UNKNOWN);
                ck_assert_int_eq(verdict_on("500", &m), VERDICT_AGAIN);
        }
}
END_TEST

/* ---- what a new attempt does ---- */

static const struct {
        const char *what;
        enum remote_verdict v;
        enum remote_start start;
        int32_t memo_spent, spent;
        int64_t claimed_ms, first_started_ms;
        enum remote_step step;
} steps[] = {
        {"first attempt", VERDICT_UNKNOWN, START_NONE, 0, 0, 0, 500, STEP_START},
        {"could not ask", VERDICT_AGAIN, START_NONE, 0, 0, 0, 500, STEP_AGAIN},
        {"could not ask again", VERDICT_AGAIN, START_ACCEPTED, 0, 0, 500, 500, STEP_AGAIN},
        {"somebody else's", VERDICT_FOREIGN, START_NONE, 0, 0, 0, 500, STEP_WAIT},
        {"worker lost, still runs", VERDICT_RUNNING, START_SENT, 0, 0, 500, 500, STEP_ADOPT},
        {"timed out, still runs", VERDICT_RUNNING, START_ACCEPTED, 0, 1, 500, 500, STEP_ADOPT},
        {"restarted, still runs", VERDICT_RUNNING, START_ACCEPTED, 0, 0, 500, 900, STEP_ADOPT},
        {"worker lost, completed", VERDICT_COMPLETED, START_ACCEPTED, 0, 0, 500, 500, STEP_COMPLETE},
        {"timed out, completed", VERDICT_COMPLETED, START_ACCEPTED, 0, 1, 500, 500, STEP_COMPLETE},
        {"restarted after that completed", VERDICT_COMPLETED, START_ACCEPTED, 0, 0, 500, 900,
         STEP_START},
        {"worker lost, failed", VERDICT_FAILED, START_ACCEPTED, 0, 0, 500, 500, STEP_FAIL},
        {"lost in a later attempt, failed", VERDICT_FAILED, START_ACCEPTED, 2, 2, 700, 500,
         STEP_FAIL},
        {"ambiguous, counted, then failed", VERDICT_FAILED, START_AMBIGUOUS, 1, 1, 500, 500,
         STEP_FAIL},
        {"failed, a webhook has told", VERDICT_FAILED, START_ACCEPTED, 0, 1, 500, 500, STEP_START},
        {"failed, a poll has told", VERDICT_FAILED, START_ENDED, 0, 0, 500, 500, STEP_START},
        {"restarted after that failed", VERDICT_FAILED, START_ACCEPTED, 0, 0, 500, 900, STEP_START},
        {"forgotten by the server", VERDICT_UNKNOWN, START_ACCEPTED, 0, 0, 500, 500, STEP_START},
};

START_TEST(steps_of_a_new_attempt)
{
        const struct remote_memo m = {.start = steps[_i].start,
                                      .spent = steps[_i].memo_spent,
                                      .claimed_ms = steps[_i].claimed_ms};
        ck_assert_msg(remote_step_before_start(steps[_i].v, &m, steps[_i].spent,
                                               steps[_i].first_started_ms) == steps[_i].step,
                      "%s", steps[_i].what);
}
END_TEST

/* ---- the memo ---- */

START_TEST(a_memo_comes_back_as_it_was)
{
        struct remote_answer before = answer("{\"status\":\"error\",\"error\":\"x\",\"started_at\":"
                                             "1769860800,\"failed_at\":1769860900.5}");
        struct remote_memo m = {.start = START_AMBIGUOUS,
                                .brz_project_id = 7,
                                .attempt = 3,
                                .spent = 2,
                                .claimed_ms = 1,
                                .start_sent_ms = 2,
                                .server_now_ms = 3,
                                .seen_running = true,
                                .unknown = 2};
        remote_trace_of(&before, &m.before);
        struct remote_memo back;
        remote_memo_parse(remote_memo_json(&m, arena), &back);
        ck_assert_int_eq(back.start, m.start);
        ck_assert_int_eq(back.brz_project_id, 7);
        ck_assert_int_eq(back.attempt, 3);
        ck_assert_int_eq(back.spent, 2);
        ck_assert_int_eq(back.claimed_ms, 1);
        ck_assert_int_eq(back.start_sent_ms, 2);
        ck_assert_int_eq(back.server_now_ms, 3);
        ck_assert(back.seen_running);
        ck_assert_int_eq(back.unknown, 2);
        ck_assert(remote_trace_same(&back.before, &m.before));
        ck_assert_str_eq(remote_memo_json(&back, arena), remote_memo_json(&m, arena));
}
END_TEST

START_TEST(every_state_of_a_start_has_a_name)
{
        for (int s = 0; s < START_COUNT; s++) {
                struct remote_memo m = {.start = (enum remote_start)s}, back;
                remote_memo_parse(remote_memo_json(&m, arena), &back);
                ck_assert_int_eq(back.start, s);
        }
}
END_TEST

START_TEST(what_is_no_memo_is_an_empty_one)
{
        static const char *const texts[] = {NULL,
                                            "",
                                            "null",
                                            "[]",
                                            "{}",
                                            "{\"start\":7}",
                                            "{\"start\":\"sent\",\"brz_project_id\":\"x\",",
                                            "{\"status_before\":[]}"};
        for (size_t i = 0; i < COUNT_OF(texts); i++) {
                struct remote_memo m;
                memset(&m, 0xFF, sizeof(m));
                remote_memo_parse(texts[i], &m);
                ck_assert_int_eq(m.start, START_NONE);
                ck_assert(!m.before.known);
                ck_assert(!remote_memo_sent(&m, 0));
        }
}
END_TEST

START_TEST(a_memos_number_that_is_too_large_is_none)
{
        struct remote_memo m;
        remote_memo_parse("{\"start\":\"sent\",\"attempt\":4294967297,\"spent\":2147483648,"
                          "\"unknown\":2147483647,\"brz_project_id\":4294967297}",
                          &m);
        ck_assert_int_eq(m.attempt, 0);
        ck_assert_int_eq(m.spent, 0);
        ck_assert_int_eq(m.unknown, INT32_MAX);
        ck_assert_int_eq(m.brz_project_id, 4294967297);
}
END_TEST

/* ---- when to poll ---- */

START_TEST(polls_grow_rarer)
{
        static const int64_t waits[] = {15000,  22501,  33752,  50629,  75944,
                                        113917, 170876, 256315, 300000, 300000};
        for (int32_t n = 0; n < (int32_t)COUNT_OF(waits); n++) {
                int64_t tenth = waits[n] / 10;
                ck_assert_int_eq(remote_poll_due_ms(15000, 300000, n, (uint64_t)tenth), waits[n]);
                ck_assert_int_eq(remote_poll_due_ms(15000, 300000, n, 0), waits[n] - tenth);
                ck_assert_int_eq(remote_poll_due_ms(15000, 300000, n, (uint64_t)tenth * 2),
                                 waits[n] + tenth);
                int64_t any = remote_poll_due_ms(15000, 300000, n, UINT64_MAX - 12345);
                ck_assert_int_ge(any, waits[n] - tenth);
                ck_assert_int_le(any, waits[n] + tenth);
        }
        ck_assert_int_eq(remote_poll_due_ms(15000, 10000, 0, 1000), 10000);
        ck_assert_int_eq(remote_poll_due_ms(10, 10, INT32_MAX, 1), 10);
        ck_assert_int_eq(remote_poll_due_ms(1, 86400000, INT32_MAX, 8640000), 86400000);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("remote_verdict");
        TCase *t = tcase_create("all");
        suite_add_tcase(s, t);
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_loop_test(t, verdicts, 0, COUNT_OF(cases));
        tcase_add_test(t, nothing_is_ours_without_a_start);
        tcase_add_loop_test(t, steps_of_a_new_attempt, 0, COUNT_OF(steps));
        tcase_add_test(t, a_memo_comes_back_as_it_was);
        tcase_add_test(t, every_state_of_a_start_has_a_name);
        tcase_add_test(t, what_is_no_memo_is_an_empty_one);
        tcase_add_test(t, a_memos_number_that_is_too_large_is_none);
        tcase_add_test(t, polls_grow_rarer);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
