/* test_worker_message.c - the frames between worker and runner: what goes in comes out, and rubbish does not. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "worker/message.h"

static const struct job whole = {.id = 123456789012345,
                                 .wave_no = 7,
                                 .attempt = 3,
                                 .spent = 2,
                                 .max_attempts = 5,
                                 .poll = true,
                                 .timeout_ms = 60000,
                                 .brz_project_id = 99,
                                 .first_started_ms = 1,
                                 .started_ms = 2,
                                 .polls = 4,
                                 .wave_id = "1700000000_000000000001",
                                 .wave_name = "волна",
                                 .kind = "remote",
                                 .project = "one two",
                                 .params = "{\"a\":1}",
                                 .project_params = NULL,
                                 .workspace_id = "5",
                                 .workspace_name = "",
                                 .memo = "{}",
                                 .traceparent = NULL,
                                 .webhook_url = "http://x/",
                                 .site_id = "6",
                                 .site_secret = "s",
                                 .options = "{}"};

static struct message_outcome failed(void)
{
        return (struct message_outcome){.outcome = {.kind = OUTCOME_FAILED,
                                                    .class = CLASS_DATA,
                                                    .error = "it is so",
                                                    .result = NULL,
                                                    .memo = "{\"m\":1}",
                                                    .due_in_ms = -1,
                                                    .brz_project_id = 5,
                                                    .domain = "d.example"},
                                        .leftovers = true,
                                        .lines_dropped = 17};
}

static struct message decoded(const struct buf *b, enum message_way way)
{
        struct message m;
        struct err e = ERR_INIT;
        ck_assert_int_eq(message_size(b->data, b->len, &e), (long)b->len);
        ck_assert_msg(message_decode(b->data, b->len, way, &m, &e) == 0, "%s", e.text);
        return m;
}

START_TEST(a_job)
{
        struct buf b = BUF_INIT(MESSAGE_MAX_BYTES);
        ck_assert_int_eq(message_encode(&b, MESSAGE_JOB, &whole), 0);
        struct message m = decoded(&b, MESSAGE_DOWN);
        const struct job *j = &m.u.job;
        ck_assert_int_eq(m.type, MESSAGE_JOB);
        ck_assert(j->id == whole.id && j->attempt == 3 && j->poll && j->timeout_ms == 60000);
        ck_assert(j->polls == 4 && j->started_ms == 2 && j->spent == 2 && j->max_attempts == 5);
        ck_assert_str_eq(j->wave_name, "волна");
        ck_assert_str_eq(j->workspace_name, "");
        ck_assert_str_eq(j->options, "{}");
        ck_assert_ptr_null(j->project_params);
        ck_assert_ptr_null(j->traceparent);
        buf_fini(&b);
}
END_TEST

START_TEST(an_outcome)
{
        struct buf b = BUF_INIT(MESSAGE_MAX_BYTES);
        struct message_outcome o = failed();
        ck_assert_int_eq(message_encode(&b, MESSAGE_OUTCOME, &o), 0);
        struct message m = decoded(&b, MESSAGE_UP);
        ck_assert_int_eq(m.u.outcome.outcome.class, CLASS_DATA);
        ck_assert_str_eq(m.u.outcome.outcome.error, "it is so");
        ck_assert_str_eq(m.u.outcome.outcome.domain, "d.example");
        ck_assert_int_eq(m.u.outcome.outcome.due_in_ms, -1);
        ck_assert(m.u.outcome.leftovers && m.u.outcome.lines_dropped == 17);
        buf_fini(&b);
}
END_TEST

START_TEST(several_in_a_stream)
{
        struct buf b = BUF_INIT(MESSAGE_MAX_BYTES);
        struct message_log log = {"out", {"a line", 6}};
        struct message m;
        message_encode(&b, MESSAGE_READY, NULL);
        size_t first = b.len;
        message_encode(&b, MESSAGE_LOG, &log);
        ck_assert_int_eq(message_size(b.data, b.len, NULL), (long)first);
        ck_assert_int_eq(first, MESSAGE_HEAD_BYTES);
        ck_assert_int_eq(message_decode(b.data + first, b.len - first, MESSAGE_UP, &m, NULL), 0);
        ck_assert_str_eq(m.u.log.stream, "out");
        ck_assert_uint_eq(m.u.log.line.len, 6);
        for (size_t n = 0; n < MESSAGE_HEAD_BYTES; n++)
                ck_assert_int_eq(message_size(b.data, n, NULL), 0);
        buf_fini(&b);
}
END_TEST

START_TEST(what_is_too_large)
{
        struct buf b = BUF_INIT(4UL * MESSAGE_MAX_BYTES);
        char *text = calloc(1, MESSAGE_MAX_BYTES + 1);
        memset(text, 'x', MESSAGE_MAX_BYTES);
        struct message_progress p = {text};
        buf_adds(&b, "before");
        ck_assert_int_eq(message_encode(&b, MESSAGE_PROGRESS, &p), -1);
        ck_assert(buf_ok(&b) && b.len == 6);
        text[MESSAGE_MAX_BYTES - MESSAGE_HEAD_BYTES - 5] = '\0';
        buf_reset(&b);
        ck_assert_int_eq(message_encode(&b, MESSAGE_PROGRESS, &p), 0);
        ck_assert_uint_eq(b.len, MESSAGE_MAX_BYTES);
        struct message m = decoded(&b, MESSAGE_UP);
        ck_assert_str_eq(m.u.progress.json, text);
        b.data[0]++; /* one byte more than allowed */
        ck_assert_int_eq(message_size(b.data, b.len, NULL), -1);
        free(text);
        buf_fini(&b);
}
END_TEST

/* Every length, and every byte changed in every bit: never read past the end, never a broken field. */
START_TEST(rubbish)
{
        struct buf b = BUF_INIT(MESSAGE_MAX_BYTES);
        struct message_outcome o = failed();
        message_encode(&b, MESSAGE_OUTCOME, &o);
        for (size_t len = 0; len <= b.len; len++) {
                char *copy = malloc(len + 1); /* exactly as large, so that the sanitizer sees */
                struct message m;
                memcpy(copy, b.data, len);
                ck_assert_int_eq(message_decode(copy, len, MESSAGE_UP, &m, NULL),
                                 len == b.len ? 0 : -1);
                free(copy);
        }
        for (size_t at = 0; at < b.len * 8; at++) {
                char *copy = malloc(b.len);
                struct message m;
                memcpy(copy, b.data, b.len);
                copy[at / 8] = (char)(copy[at / 8] ^ (1 << at % 8));
                if (message_decode(copy, b.len, MESSAGE_UP, &m, NULL) == 0) {
                        ck_assert_int_eq(m.type, MESSAGE_OUTCOME);
                        ck_assert(m.u.outcome.outcome.class < CLASS_COUNT);
                        ck_assert(m.u.outcome.outcome.kind <= OUTCOME_HANDED_BACK);
                        ck_assert(!m.u.outcome.outcome.error ||
                                  strlen(m.u.outcome.outcome.error) == 8);
                }
                free(copy);
        }
        buf_fini(&b);
}
END_TEST

START_TEST(texts_are_checked)
{
        struct buf b = BUF_INIT(MESSAGE_MAX_BYTES);
        struct message_log log = {"out", {"\xff\xfe", 2}};
        struct message m;
        struct err e = ERR_INIT;
        message_encode(&b, MESSAGE_LOG, &log);
        ck_assert_int_eq(message_decode(b.data, b.len, MESSAGE_UP, &m, &e), -1);
        buf_reset(&b);
        log.line.data = "a\0b";
        log.line.len = 3;
        message_encode(&b, MESSAGE_LOG, &log);
        ck_assert_int_eq(message_decode(b.data, b.len, MESSAGE_UP, &m, &e), -1);
        buf_reset(&b);
        log = (struct message_log){NULL, {"x", 1}};
        message_encode(&b, MESSAGE_LOG, &log);
        ck_assert_int_eq(message_decode(b.data, b.len, MESSAGE_UP, &m, &e), -1);
        ck_assert_ptr_nonnull(strstr(e.text, "LOG"));
        buf_fini(&b);
}
END_TEST

START_TEST(each_side_says_its_own)
{
        struct buf b = BUF_INIT(MESSAGE_MAX_BYTES);
        struct message m;
        struct err e = ERR_INIT;
        message_encode(&b, MESSAGE_JOB, &whole);
        ck_assert_int_eq(message_decode(b.data, b.len, MESSAGE_UP, &m, &e), -1);
        ck_assert_str_eq(message_name(MESSAGE_JOB), "JOB");
        buf_fini(&b);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("worker_message");
        TCase *t = tcase_create("all");
        tcase_set_timeout(t, 30);
        tcase_add_test(t, a_job);
        tcase_add_test(t, an_outcome);
        tcase_add_test(t, several_in_a_stream);
        tcase_add_test(t, what_is_too_large);
        tcase_add_test(t, rubbish);
        tcase_add_test(t, texts_are_checked);
        tcase_add_test(t, each_side_says_its_own);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failures = srunner_ntests_failed(r);
        srunner_free(r);
        return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
