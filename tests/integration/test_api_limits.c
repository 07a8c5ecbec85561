/* The server and those who are slow, too many, or gone. */
#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/integration/api_rig.h"

/* ---- slow clients ---- */

static void expect_cut_off(const char *begin, const char *dribble, int status)
{
        int64_t begun = clock_mono_ms();
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, begin);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        while (poll(&p, 1, 50) == 0 && clock_mono_ms() - begun < 5000)
                rawhttp_send(fd, dribble);
        int64_t took = clock_mono_ms() - begun;
        ck_assert_msg(took >= 350 && took < 5000, "cut off after %d ms", (int)took);
        if (status) {
                rawhttp_read(fd, &r);
                expect_problem(status, "request_timeout");
        }
        expect_end(fd);
}

START_TEST(slow_heads_are_cut_off)
{
        opts.header_timeout_ms = 400;
        restart();
        expect_cut_off("GET /p/a HT", "", 408);
        expect_cut_off("GET /p/a", "b", 408);
        expect_cut_off("GET /p/a HTTP/1.1\r\n" HOST, "X: y\r\n", 408);
        expect_cut_off("", "", 0);
        expect_cut_off("", "\r\n", 0);
}
END_TEST

START_TEST(slow_bodies_are_cut_off)
{
        opts.body_timeout_ms = 400;
        restart();
        expect_cut_off("POST /body HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n", "", 408);
        expect_cut_off("POST /body HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n", "x", 408);
        expect_cut_off("POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
                       "1\r\nx\r\n", 408);
}
END_TEST

START_TEST(a_second_more_for_every_64_kib)
{
        opts.body_timeout_ms = 400;
        restart();
        autofree char *data = letters(5 * 70000);
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 350001\r\n\r\n");
        rawhttp_sendn(fd, data, 5 * 70000);
        usleep(2400000);
        rawhttp_send(fd, "x");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        close(fd);
}
END_TEST

START_TEST(idle_connections_end)
{
        opts.idle_timeout_ms = 400;
        restart();
        int fd = rawhttp_connect(port);
        int64_t begun = clock_mono_ms();
        rawhttp_send(fd, "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(fd, &r), 200);
        expect_end(fd);
        int64_t took = clock_mono_ms() - begun;
        ck_assert_msg(took >= 350, "ended after %d ms", (int)took);
}
END_TEST

/* Processor time of the server so far. */
static long used_ms(void)
{
        char path[64], text[1024] = "";
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
        int fd = open(path, O_RDONLY);
        ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
        close(fd);
        char *rest = strrchr(text, ')') + 2;
        long ticks = 0;
        for (int field = 3; field <= 15; field++) { /* utime is the 14th, stime the 15th */
                const char *word = strsep(&rest, " ");
                ticks += field >= 14 ? strtol(word, NULL, 10) : 0;
        }
        return ticks * 1000 / sysconf(_SC_CLK_TCK);
}

/* That the server has. */
static int sockets(void)
{
        char path[64], target[64];
        int n = 0;
        snprintf(path, sizeof(path), "/proc/%d/fd", (int)child);
        DIR *d = opendir(path);
        for (struct dirent *e; (e = readdir(d));) {
                ssize_t len = readlinkat(dirfd(d), e->d_name, target, sizeof(target));
                n += len > 7 && strncmp(target, "socket:", 7) == 0;
        }
        closedir(d);
        return n;
}

static void until_sockets(int n)
{
        int64_t end_ms = clock_mono_ms() + 10000;
        while (sockets() != n) {
                ck_assert_msg(clock_mono_ms() < end_ms, "%d sockets, not %d", sockets(), n);
                usleep(5000);
        }
}

START_TEST(who_does_not_read_is_cut_off)
{
        opts.body_timeout_ms = 400;
        restart();
        int before = sockets();
        int fd = rawhttp_connect(port), small = 100000;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        rawhttp_send(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
        until_sockets(before + 1);
        until_sockets(before);
        ck_assert_int_eq(rawhttp_read(fd, &r), 0); /* not whole */
        close(fd);
}
END_TEST

/* 20 MB at 1 MB in 100 ms: over the time-out, but never slow. */
START_TEST(who_reads_steadily_gets_all)
{
        opts.body_timeout_ms = 400;
        restart();
        int fd = rawhttp_connect(port), small = 100000;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        rawhttp_send(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read_head(fd, &r), 200);
        autofree char *data = xmalloc(1000000);
        size_t total = 0;
        for (ssize_t n = 1; n > 0 && total<BIG_BYTES; total += n> 0 ? (size_t)n : 0) {
                n = recv(fd, data, 1000000, MSG_WAITALL);
                usleep(100000);
        }
        ck_assert_uint_eq(total, BIG_BYTES);
        close(fd);
}
END_TEST

/* ---- many clients ---- */

/* Once the server has noticed that somebody has gone. */
static void until_let_in(void)
{
        int64_t end_ms = clock_mono_ms() + 10000;
        while (rawhttp_once(port, "GET /p/a HTTP/1.1\r\n" HOST "\r\n", &r) != 200) {
                ck_assert_int_lt(clock_mono_ms(), end_ms);
                usleep(20000);
        }
}

START_TEST(too_many_connections)
{
        opts.connections_max = 3;
        restart();
        int fds[3];
        for (int i = 0; i < 3; i++) {
                fds[i] = rawhttp_connect(port);
                rawhttp_send(fds[i], "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
                ck_assert_int_eq(rawhttp_read(fds[i], &r), 200);
        }
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
        rawhttp_read(fd, &r);
        expect_problem(503, "unavailable");
        ck_assert_str_eq(reply_header(&r, "Retry-After"), "1");
        expect_end(fd);
        close(fds[0]);
        until_let_in();
        close(fds[1]);
        close(fds[2]);
}
END_TEST

START_TEST(too_many_from_one_address)
{
        opts.connections_per_address_max = 2;
        restart();
        int one = rawhttp_connect(port), two = rawhttp_connect(port), three = rawhttp_connect(port);
        rawhttp_read(three, &r);
        expect_problem(429, "too_many_requests");
        expect_end(three);
        rawhttp_send(two, "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(two, &r), 200);
        close(one);
        close(two);
}
END_TEST

/* Whoever comes when there are no descriptors left is told, or waits; nothing spins. */
START_TEST(out_of_descriptors)
{
        enum { MANY = 60 };
        descriptors = 30;
        restart();
        int fds[MANY];
        for (int i = 0; i < MANY; i++)
                fds[i] = rawhttp_connect(port);
        usleep(300000);
        long before = used_ms();
        usleep(1000000);
        ck_assert_int_lt(used_ms() - before, 300);
        rawhttp_send(fds[0], "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(fds[0], &r), 200);
        int told = 0;
        int64_t end_ms = clock_mono_ms() + 10000;
        do {
                for (int i = 1; i < MANY; i++) {
                        struct pollfd p = {.fd = fds[i], .events = POLLIN};
                        if (poll(&p, 1, 0) == 1 && rawhttp_read(fds[i], &r) == 503)
                                told++;
                }
        } while (told == 0 && clock_mono_ms() < end_ms);
        ck_assert_int_ge(told, 1);
        for (int i = 0; i < MANY; i++)
                close(fds[i]);
        until_let_in();
}
END_TEST

/* ---- ends ---- */

START_TEST(clients_that_leave)
{
        static const char *const begins[] = {
                "",
                "GET",
                "GET /p/a HTTP/1.1\r\n",
                "GET /later HTTP/1.1\r\n" HOST "\r\n",
                "GET /big HTTP/1.1\r\n" HOST "\r\n",
                "POST /body HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nabc",
                "GET /later HTTP/1.1\r\n" HOST "\r\nGET /later HTTP/1.1\r\n" HOST "\r\n"};
        for (size_t i = 0; i < COUNT_OF(begins); i++) {
                for (int reset = 0; reset < 2; reset++) {
                        int fd = rawhttp_connect(port);
                        struct linger at_once = {.l_onoff = 1};
                        rawhttp_send(fd, begins[i]);
                        usleep(20000);
                        if (reset)
                                setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
                        close(fd);
                }
        }
        usleep(2 * LATER_MS * 1000);
        ck_assert_int_eq(rawhttp_once(port, "GET /p/a HTTP/1.1\r\n" HOST "\r\n", &r), 200);
}
END_TEST

START_TEST(stopping_finishes_what_has_begun)
{
        int idle = rawhttp_connect(port), busy = rawhttp_connect(port),
            slow = rawhttp_connect(port);
        rawhttp_send(idle, "GET /p/a HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_int_eq(rawhttp_read(idle, &r), 200);
        rawhttp_send(busy, "GET /much-later HTTP/1.1\r\n" HOST "\r\n");
        rawhttp_send(slow, "POST /body HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                           "Content-Length: 3\r\n\r\n");
        ck_assert_int_eq(rawhttp_read_head(slow, &r), 100); /* the busy one came before */
        rawhttp_send(slow, "a");
        kill(child, SIGTERM);
        int64_t end_ms = clock_mono_ms() + 10000;
        for (int fd; (fd = rawhttp_connect(port)) >= 0; close(fd))
                ck_assert_int_lt(clock_mono_ms(), end_ms);
        rawhttp_send(slow, "bc");
        ck_assert_int_eq(rawhttp_read(slow, &r), 200);
        ck_assert_str_eq(reply_header(&r, "Connection"), "close");
        ck_assert_int_eq(rawhttp_read(busy, &r), 200);
        ck_assert_str_eq(reply_header(&r, "Connection"), "close");
        expect_end(busy);
        expect_end(slow);
        expect_end(idle);
}
END_TEST

int main(void)
{
        const struct rig_case cases[] = {
                {"slow",
                 {slow_heads_are_cut_off, slow_bodies_are_cut_off, a_second_more_for_every_64_kib,
                  idle_connections_end, who_does_not_read_is_cut_off, who_reads_steadily_gets_all}},
                {"many", {too_many_connections, too_many_from_one_address, out_of_descriptors}},
                {"ends", {clients_that_leave, stopping_finishes_what_has_begun}},
        };
        return rig_run(rig_suite("api_limits", cases, COUNT_OF(cases)));
}
