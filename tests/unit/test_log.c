/* test_log.c - lines are JSON whatever goes in, whole or not at all, and never waited for. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

static int reading_end;

static void to_pipe(void)
{
        int fds[2];
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        fcntl(fds[0], F_SETFL, O_NONBLOCK);
        reading_end = fds[0];
        log_set_fd(fds[1]);
        log_init("test", LOG_INFO);
        clock_drive(0, 1769860800123);
}

/* What stands in the pipe. */
static char *written(void)
{
        static char text[256 * 1024];
        size_t len = 0;
        for (ssize_t n; (n = read(reading_end, text + len, sizeof(text) - 1 - len)) > 0;)
                len += (size_t)n;
        text[len] = '\0';
        return text;
}

static struct json *parse_line(char *line)
{
        size_t len = strlen(line);
        ck_assert_uint_gt(len, 0);
        ck_assert_int_eq(line[len - 1], '\n');
        ck_assert_ptr_eq(strchr(line, '\n'), line + len - 1);
        struct err e = ERR_INIT;
        struct json *v = json_parse(line, len, &e);
        ck_assert_msg(v != NULL, "%s", e.text);
        return v;
}

START_TEST(a_line)
{
        to_pipe();
        log_warn("wave.odd", LS("wave", "w\n\"1"), LI("n", -5), LD("s", 0.5), LD("nan", NAN),
                 LB("b", true), LS("none", NULL));
        autofree char *want = xasprintf(
                "{\"at\":\"2026-01-31T12:00:00.123Z\",\"level\":\"warn\",\"program\":\"test\","
                "\"pid\":%d,\"event\":\"wave.odd\",\"wave\":\"w\\n\\\"1\",\"n\":-5,\"s\":0.5,"
                "\"nan\":null,\"b\":true,\"none\":null}\n",
                (int)getpid());
        ck_assert_str_eq(written(), want);
}
END_TEST

START_TEST(no_fields_and_errors)
{
        to_pipe();
        log_info("started");
        ck_assert_ptr_nonnull(strstr(written(), "\"event\":\"started\"}\n"));
        struct err e = ERR_INIT;
        err_set(&e, ERR_UNAVAILABLE, "away");
        log_error("gone", LE(&e));
        ck_assert_ptr_nonnull(strstr(written(), "\"error\":\"unavailable\",\"reason\":\"away\"}"));
}
END_TEST

START_TEST(levels)
{
        to_pipe();
        log_debug("quiet");
        ck_assert_str_eq(written(), "");
        log_set_level(LOG_DEBUG);
        log_debug("loud");
        ck_assert_str_ne(written(), "");
        log_set_level(LOG_ERROR);
        ck_assert(!log_enabled(LOG_WARN));
        ck_assert(log_enabled(LOG_ERROR));
        enum log_level level = LOG_WARN;
        ck_assert_int_eq(log_level_parse("debug", &level), 0);
        ck_assert_int_eq(level, LOG_DEBUG);
        ck_assert_int_eq(log_level_parse("Debug", &level), -1);
        ck_assert_int_eq(log_level_parse("", &level), -1);
        ck_assert_int_eq(level, LOG_DEBUG);
}
END_TEST

START_TEST(bad_bytes_become_good)
{
        to_pipe();
        log_info("x", LS("s", "a\xFF\xC3(b"));
        struct json *v = parse_line(written());
        ck_assert_str_eq(json_str(json_get(v, "s")), "a\xEF\xBF\xBD\xEF\xBF\xBD(b");
        json_free(v);
}
END_TEST

/* However long and however much its escapes swell it, a line is JSON of at most 64 KiB. */
START_TEST(long_lines_are_cut)
{
        static const char *const fillers[] = {"x", "\x01", "\"", "\xE2\x82\xAC", "\xFF"};
        to_pipe();
        fcntl(reading_end, F_SETPIPE_SZ, 256 * 1024);
        autobuf text = BUF_INIT(SIZE_MAX);
        while (text.len < 300000)
                buf_adds(&text, fillers[_i]);
        log_info("x", LS("before", "b"), LS("long", buf_str(&text)), LS("after", "a"), LI("n", 1));
        char *line = written();
        ck_assert_uint_le(strlen(line), 64 * 1024);
        ck_assert_uint_ge(strlen(line), 16 * 1024);
        struct json *v = parse_line(line);
        ck_assert_str_eq(json_str(json_get(v, "before")), "b");
        ck_assert_uint_gt(strlen(json_str(json_get(v, "long"))), 4000);
        ck_assert(json_bool(json_get(v, "cut")));
        ck_assert_uint_eq(log_lines_dropped(), 0);
        json_free(v);
}
END_TEST

START_TEST(a_full_pipe_is_not_waited_for)
{
        to_pipe();
        int lines = 0;
        while (log_lines_dropped() == 0 && lines < 10000) {
                log_info("fill", LI("n", lines));
                lines++;
        }
        ck_assert_uint_eq(log_lines_dropped(), 1);
        errno = 7;
        log_info("fill");
        ck_assert_int_eq(errno, 7);
        ck_assert_uint_eq(log_lines_dropped(), 2);
        char *text = written(); /* all lines that were written are whole */
        int whole = 0;
        for (char *line = text; *line; whole++) {
                char *end = strchr(line, '\n');
                ck_assert_ptr_nonnull(end);
                ck_assert_int_eq(line[0], '{');
                ck_assert_int_eq(end[-1], '}');
                line = end + 1;
        }
        ck_assert_int_eq(whole, lines - 1);
        log_info("again");
        ck_assert_ptr_nonnull(strstr(written(), "again"));
}
END_TEST

START_TEST(a_large_line_does_not_wait_either)
{
        to_pipe();
        char text[30000];
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        for (int i = 0; i < 10; i++)
                log_info("large", LS("text", text));
        ck_assert_uint_ge(log_lines_dropped(), 7);
        ck_assert_uint_lt(log_lines_dropped(), 10);
}
END_TEST

START_TEST(a_full_socket_is_not_waited_for)
{
        to_pipe();
        int fds[2];
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        log_set_fd(fds[0]);
        for (int i = 0; i < 100000 && log_lines_dropped() == 0; i++)
                log_info("fill", LI("n", i));
        ck_assert_uint_eq(log_lines_dropped(), 1);
}
END_TEST

START_TEST(nobody_reads)
{
        to_pipe();
        close(reading_end);
        log_info("lost"); /* no SIGPIPE */
        ck_assert_uint_eq(log_lines_dropped(), 1);
        log_set_fd(-1);
        log_info("lost");
        ck_assert_uint_eq(log_lines_dropped(), 2);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("log");
        TCase *t = tcase_create("log");
        suite_add_tcase(s, t);
        tcase_add_test(t, a_line);
        tcase_add_test(t, no_fields_and_errors);
        tcase_add_test(t, levels);
        tcase_add_test(t, bad_bytes_become_good);
        tcase_add_loop_test(t, long_lines_are_cut, 0, 5);
        tcase_add_test(t, a_full_pipe_is_not_waited_for);
        tcase_add_test(t, a_large_line_does_not_wait_either);
        tcase_add_test(t, a_full_socket_is_not_waited_for);
        tcase_add_test(t, nobody_reads);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
