/* test_cli_sse.c - server-sent events in pieces of any size. */
#include <check.h>
#include <string.h>

#include "cli/sse.h"

struct seen {
        struct buf text;
};

static void on_event(const char *name, const char *data, size_t len, void *arg)
{
        struct seen *s = arg;
        buf_addf(&s->text, "%s=%.*s|", name, (int)len, data);
}

static const char stream[] = "\xEF\xBB\xBF"
                             "retry: 1000\n"
                             ": heartbeat\n"
                             "\n"
                             "id: 1-0\n"
                             "event: wave\n"
                             "data: {\"a\":1}\n"
                             "\n"
                             "data: first\r\n"
                             "data:second\r\n"
                             "data\r\n"
                             "\r\n"
                             "event: none\r"
                             "\r"
                             "id: 2-0\n"
                             "data:  two spaces\n"
                             "\n"
                             "id: 3-0\n"
                             "data: never ended\n";
static const char events[] = "wave={\"a\":1}|message=first\nsecond\n|message= two spaces|";

START_TEST(pieces_of_any_size)
{
        for (size_t piece = 1; piece < sizeof(stream); piece++) {
                struct seen seen = {.text = BUF_INIT(4096)};
                struct sse s;
                sse_init(&s, on_event, &seen);
                for (size_t at = 0; at < sizeof(stream) - 1; at += piece) {
                        size_t left = sizeof(stream) - 1 - at;
                        sse_feed(&s, stream + at, left < piece ? left : piece);
                }
                ck_assert_str_eq(buf_str(&seen.text), events);
                ck_assert_str_eq(sse_last_id(&s), "2-0");
                sse_fini(&s);
                buf_fini(&seen.text);
        }
}
END_TEST

START_TEST(a_new_connection_keeps_the_id_only)
{
        struct seen seen = {.text = BUF_INIT(4096)};
        struct sse s;
        sse_init(&s, on_event, &seen);
        ck_assert_ptr_null(sse_last_id(&s));
        sse_feed(&s, stream, sizeof(stream) - 1);
        buf_reset(&seen.text);
        sse_reset(&s);
        sse_feed(&s, "\ndata: x\n\n", 10);
        ck_assert_str_eq(buf_str(&seen.text), "message=x|");
        ck_assert_str_eq(sse_last_id(&s), "2-0");
        sse_fini(&s);
        buf_fini(&seen.text);
}
END_TEST

START_TEST(an_endless_event_is_dropped)
{
        struct seen seen = {.text = BUF_INIT(4096)};
        struct sse s;
        autobuf line = BUF_INIT(SIZE_MAX);
        buf_adds(&line, "data: ");
        while (line.len < 1 << 20)
                buf_addc(&line, 'x');
        buf_addc(&line, '\n');
        sse_init(&s, on_event, &seen);
        for (int i = 0; i < 20; i++)
                sse_feed(&s, line.data, line.len);
        sse_feed(&s, "\ndata: after\n\n", 14);
        ck_assert_str_eq(buf_str(&seen.text), "message=after|");
        sse_fini(&s);
        buf_fini(&seen.text);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("cli_sse");
        TCase *t = tcase_create("sse");
        tcase_set_timeout(t, 30);
        suite_add_tcase(s, t);
        tcase_add_test(t, pieces_of_any_size);
        tcase_add_test(t, a_new_connection_keeps_the_id_only);
        tcase_add_test(t, an_endless_event_is_dropped);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
