/* test_news.c - entries of the stream of events: what is written is read again, and nothing else is. */
#include "model/news.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Reads an entry as words: "m7:12.1c" becomes "row 7 12 1 completed; ". */
static const char *read_all(const char *text, size_t len)
{
        static char out[4096];
        struct news_reader r;
        struct news_item it;
        size_t n = 0;
        int more;

        out[0] = '\0';
        news_open(&r, text, len);
        while ((more = news_next(&r, &it)) > 0) {
                char *at = out + n;
                size_t room = sizeof(out) - n;
                switch (it.kind) {
                case NEWS_ROW:
                        n += (size_t)snprintf(at, room, "row %lld %lld %d %s; ",
                                              (long long)it.wave_no, (long long)it.id, it.attempt,
                                              it.known ? migration_state_name(it.state) : "?");
                        break;
                case NEWS_WAVE:
                case NEWS_WAVE_ROWS:
                        n += (size_t)snprintf(at, room, "%s %lld; ",
                                              it.kind == NEWS_WAVE ? "wave" : "rows",
                                              (long long)it.wave_no);
                        break;
                case NEWS_LINES:
                        n += (size_t)snprintf(at, room, "lines %lld-%lld of %lld; ",
                                              (long long)it.low, (long long)it.high,
                                              (long long)it.id);
                        break;
                case NEWS_WORKER:
                        n += (size_t)snprintf(at, room, "worker %lld %s; ", (long long)it.id,
                                              news_worker_name(it.worker));
                        break;
                case NEWS_QUEUE:
                        n += (size_t)snprintf(at, room, "queue %.*s %d; ", (int)it.queue_len,
                                              it.queue, it.paused);
                        break;
                case NEWS_REREAD:
                        n += (size_t)snprintf(at, room, "reread; ");
                        break;
                }
        }
        if (more < 0)
                snprintf(out + n, sizeof(out) - n, "bad");
        return out;
}

START_TEST(what_is_written_is_read)
{
        static const int64_t ids[] = {5, 6};
        struct news n = {0};

        ck_assert(news_empty(&n));
        news_row(&n, 7, 12, 1, "completed");
        news_row(&n, 7, 13, 2, "retrying");
        news_row(&n, 8, 14, 0, "pending");
        news_row_unknown(&n, 8, 15);
        news_wave(&n, 8);
        news_row(&n, 8, 16, 1, "running");
        news_wave_rows(&n, 9);
        news_lines(&n, 100, 120, ids, 2);
        news_worker(&n, 3, NEWS_DRAINING);
        news_queue(&n, "a-b_1", true);
        news_queue(&n, "x-", false);
        news_reread(&n);
        ck_assert_str_eq(news_text(&n),
                         "m7:12.1c,13.2t m8:14.0p,15 w8 m8:16.1r a9 l100-120:5,6 k3r "
                         "qa-b_1- qx-+ r");
        ck_assert_str_eq(
                read_all(news_text(&n), n.text.len),
                "row 7 12 1 completed; row 7 13 2 retrying; row 8 14 0 pending; row 8 15 0 ?; "
                "wave 8; row 8 16 1 running; rows 9; lines 100-120 of 5; lines 100-120 of 6; "
                "worker 3 draining; queue a-b_1 1; queue x- 0; reread; ");
        news_reset(&n);
        ck_assert(news_empty(&n));
        news_row(&n, 8, 17, 1, "running");
        ck_assert_str_eq(news_text(&n), "m8:17.1r");
        news_reset(&n);
        n.shared = true;
        news_row(&n, 8, 17, 1, "running");
        ck_assert_str_eq(news_text(&n), "m8:17");
        news_fini(&n);
}
END_TEST

START_TEST(each_state_comes_back)
{
        for (enum migration_state s = 0; s < MIGRATION_STATE_COUNT; s++) {
                struct news n = {0};
                struct news_reader r;
                struct news_item it;
                news_row(&n, 1, 2, 3, migration_state_name(s));
                news_open(&r, news_text(&n), n.text.len);
                ck_assert_int_eq(news_next(&r, &it), 1);
                ck_assert(it.known);
                ck_assert_int_eq(it.state, s);
                ck_assert_int_eq(news_next(&r, &it), 0);
                news_fini(&n);
        }
}
END_TEST

/* One that is too large says only that everything is to be read again. */
START_TEST(too_large)
{
        struct news n = {0};

        for (int64_t i = 1; i < 20000; i++)
                news_row(&n, 1, i, 1, "running");
        ck_assert_str_eq(news_text(&n), "r");
        ck_assert(!news_empty(&n));
        news_reset(&n);
        ck_assert(news_empty(&n));
        news_fini(&n);
}
END_TEST

static const char *const bad[] = {
        "x",
        "m",
        "m7",
        "m7:",
        "m0:1",
        "m7:0",
        "m7:1,",
        "m7:1.1",
        "m7:1.1z",
        "m7:1.c",
        "m7:1.1cc",
        "w",
        "w0",
        "w-1",
        "w1 ",
        " w1",
        "w1  w2",
        "l1-2",
        "l1:3",
        "l1-2:",
        "k",
        "k1",
        "k1x",
        "q",
        "q-",
        "qA+",
        "qa",
        "qa b+",
        "rr",
        "w99999999999999999999",
        "m1:1.99999999999r",
};

START_TEST(anything_else_is_refused)
{
        size_t len = strlen(bad[_i]);
        const char *text = read_all(bad[_i], len);
        ck_assert_msg(strlen(text) >= 3 && strcmp(text + strlen(text) - 3, "bad") == 0,
                      "'%s': '%s'", bad[_i], text);
}
END_TEST

START_TEST(a_nul_is_no_letter)
{
        ck_assert_str_eq(read_all("qa\0b+", 5), "bad");
        ck_assert_str_eq(read_all("m1:1.1\0", 7), "bad");
        ck_assert_str_eq(read_all("", 0), "");
}
END_TEST

int main(void)
{
        Suite *s = suite_create("news");
        TCase *t = tcase_create("news");
        suite_add_tcase(s, t);
        tcase_add_test(t, what_is_written_is_read);
        tcase_add_test(t, each_state_comes_back);
        tcase_add_test(t, too_large);
        tcase_add_loop_test(t, anything_else_is_refused, 0, COUNT_OF(bad));
        tcase_add_test(t, a_nul_is_no_letter);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
