/*
 * conn.c on hiredis' reader, setup.c, call.c and what each operation does with its answer. The first
 * byte chooses the operation; what follows is what the server says to it, as it stands on the wire. With
 * the last choice it is said from the beginning, in place of the greeting.
 *
 * Whatever comes, each caller hears of its operation exactly once, and what he hears is within bounds.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/rand.h"
#include "broker/broker.h"
#include "broker/lua.h"
#include "tests/fuzz/fuzz.h"

enum { TURNS_MOST = 40, SAID_MOST = 16384, ELEMENTS_MOST = 100000, OLD_QUEUES = 2 };

static struct loop *loop;
static int listener = -1;
static char url[128];
static int heard, ups; /* of the operation; of the broker */

/* ---- the callers ---- */

static void judge(const struct err *e)
{
        heard++;
        if (e)
                must_explain(e);
}

static void on_done(const struct err *e, void *arg)
{
        (void)arg;
        judge(e);
}

static void on_count(int64_t n, const struct err *e, void *arg)
{
        (void)arg;
        judge(e);
        must(!e || n == 0);
}

static void on_ids(const int64_t *ids, size_t n, const struct err *e, void *arg)
{
        (void)arg;
        judge(e);
        must(!e || n == 0);
        int64_t sum = 0;
        for (size_t i = 0; i < n; i++)
                sum ^= ids[i]; /* all of it can be read */
        must(n > 0 || sum == 0);
}

static void on_due(const struct due_entry *v, size_t n, int64_t next_in_ms, const struct err *e,
                   void *arg)
{
        (void)arg;
        judge(e);
        must(!e || (n == 0 && next_in_ms == -1));
        for (size_t i = 0; i < n; i++)
                must(v[i].id >= 0 && v[i].score >= 0);
}

static void on_counts(const struct wave_counts *v, size_t n, const struct err *e, void *arg)
{
        (void)arg;
        judge(e);
        must(e ? n == 0 : n == 2);
        int64_t sum = 0;
        for (size_t i = 0; i < n; i++)
                sum ^= v[i].backlog ^ v[i].window;
        must(n > 0 || sum == 0);
}

static void on_queues(const struct queue_facts *v, size_t n, const struct err *e, void *arg)
{
        (void)arg;
        judge(e);
        must(e ? n == 0 : n == OLD_QUEUES && v);
}

static void on_id(int64_t id, void *arg)
{
        (void)arg;
        must(id >= 0);
}

static void on_word(const char *text, void *arg)
{
        (void)arg;
        must(strlen(text) < SAID_MOST);
}

static void on_entry(struct event_id id, const char *text, size_t len, void *arg)
{
        (void)arg;
        must(id.ms > 0 && id.seq >= 0 && len < SAID_MOST && strlen(text) <= len);
}

static void on_live(struct event_id at, bool gap, void *arg)
{
        (void)gap;
        (void)arg;
        must(at.ms > 0 && at.seq >= 0);
}

static void on_down(const char *reason, void *arg)
{
        (void)arg;
        must(reason);
}

/* ---- the operations ---- */

static const struct wave_facts facts = {
        .wave_no = 3, .version = 1, .batch_size = 2, .queue = "default"};
static const int64_t some_ids[] = {7, 8, 9};
static const char *const queues[] = {"default", "heavy"};

static void op_submit(struct broker *b)
{
        broker_submit(b, &facts, 1, 1500, on_done, NULL);
}
static void op_push(struct broker *b)
{
        broker_push(b, &facts, some_ids, COUNT_OF(some_ids), true, on_done, NULL);
}
static void op_facts(struct broker *b)
{
        broker_facts(b, &facts, on_done, NULL);
}
static void op_close(struct broker *b)
{
        broker_close_wave(b, &facts, on_done, NULL);
}
static void op_finish(struct broker *b)
{
        struct delivery d[] = {{.id = 7, .wave_no = 3, .end = END_SETTLED},
                               {.id = 8, .wave_no = 3, .end = END_PARKED, .due_in_ms = 5}};
        const struct broker_take take = {
                .queues = queues, .nq = COUNT_OF(queues), .want = 5, .least = 2, .share = 3};
        broker_finish(b, 4, d, COUNT_OF(d), &facts, 1, &take, on_ids, NULL);
}
static void op_processing(struct broker *b)
{
        broker_processing(b, 4, on_ids, NULL);
}
static void op_processing_lists(struct broker *b)
{
        broker_processing_lists(b, on_ids, NULL);
}
static void op_due(struct broker *b)
{
        broker_due(b, 10, on_due, NULL);
}
static void op_promote(struct broker *b)
{
        struct promotion p = {.entry = {.id = 7, .score = 5},
                              .d = {.id = 7, .wave_no = 3, .end = END_PENDING}};
        broker_promote(b, &p, 1, &facts, 1, "out", 10, on_done, NULL);
}
static void op_counts(struct broker *b)
{
        broker_wave_counts(b, some_ids, 2, on_counts, NULL);
}
static void op_backlog(struct broker *b)
{
        broker_backlog(b, 3, on_ids, NULL);
}
static void op_window(struct broker *b)
{
        broker_window(b, 3, on_ids, NULL);
}
static void op_delayed(struct broker *b)
{
        broker_delayed(b, on_ids, NULL);
}
static void op_open_waves(struct broker *b)
{
        broker_open_waves(b, on_ids, NULL);
}
static void op_window_set(struct broker *b)
{
        broker_window_set(b, &facts, some_ids, 2, some_ids + 2, 1, on_done, NULL);
}
static void op_delay(struct broker *b)
{
        broker_delay(b, some_ids, some_ids, 2, on_done, NULL);
}
static void op_depth(struct broker *b)
{
        broker_set_depth(b, "default", some_ids, 2, 5, on_count, NULL);
}
static void op_queues(struct broker *b)
{
        broker_queues(b, queues, OLD_QUEUES, on_queues, NULL);
}
static void op_rate(struct broker *b)
{
        broker_rate(b, "start", 5, 100, on_count, NULL);
}
static void op_runners(struct broker *b)
{
        broker_set_runners(b, "default", 5);
        heard++; /* nobody asks */
}

static void (*const ops[])(struct broker *b) = {
        op_submit,  op_push,    op_facts,      op_close,      op_finish, op_processing,
        op_due,     op_counts,  op_promote,    op_backlog,    op_window, op_processing_lists,
        op_delayed, op_depth,   op_open_waves, op_window_set, op_delay,  op_queues,
        op_rate,    op_runners,
};
enum { OPS = COUNT_OF(ops), CHOOSE_POP = OPS, CHOOSE_CONTROL, CHOOSE_ALL, CHOOSE_TAIL, CHOICES };

/* ---- the server ---- */

static void begin(void)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        rand_init();
        fuzz_quiet();
        loop = loop_new();
        snprintf(sa.sun_path, sizeof(sa.sun_path), "/tmp/wavefleet-fuzz-redis.%d", getpid());
        snprintf(url, sizeof(url), "unix://%s", sa.sun_path);
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        unlink(sa.sun_path);
        must(listener >= 0 && bind(listener, (struct sockaddr *)&sa, sizeof(sa)) == 0);
        must(listen(listener, 16) == 0);
}

static void tidy_up(void)
{
        if (listener >= 0)
                unlink(url + strlen("unix://"));
}

/* What a good server says to the greeting, the questions and the guard. */
static void add_welcome(struct buf *out)
{
        static const char info[] = "redis_version:7.0.15\r\nrun_id:1234\r\nloading:0\r\n"
                                   "role:master\r\naof_enabled:1\r\n"
                                   "maxmemory_policy:noeviction\r\n";
        buf_addf(out, "+OK\r\n$%zu\r\n%s\r\n", strlen(info), info);
        buf_adds(out, "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
        for (int i = 0; i < LUA_COUNT; i++)
                buf_adds(out, "$40\r\n0123456789abcdef0123456789abcdef01234567\r\n");
        buf_adds(out, "$-1\r\n$4\r\nsame\r\n"); /* SET NX, GET */
}

/* The next connection that somebody makes; -1: nobody does. */
static int take_connection(void)
{
        for (int i = 0; i < TURNS_MOST; i++) {
                int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd >= 0)
                        return fd;
                loop_turn(loop, 1);
        }
        return -1;
}

static void say(int fd, const char *data, size_t len)
{
        char heard_of_it[4096];
        if (len)
                must(send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len || errno == EPIPE);
        for (int i = 0; i < 4; i++) {
                loop_turn(loop, 0);
                while (recv(fd, heard_of_it, sizeof(heard_of_it), 0) > 0)
                        ;
        }
}

static void on_up(void *arg)
{
        (void)arg;
        ups++;
}

/*
 * hiredis makes room for as many elements as are announced, before any is there: more than Redis sends
 * would only try the machine's memory.
 */
static bool announces_too_much(const char *s, size_t len)
{
        for (size_t i = 0; i + 1 < len; i++) {
                if ((s[i] == '*' || s[i] == '%' || s[i] == '~' || s[i] == '>') &&
                    strtoll(s + i + 1, NULL, 10) > ELEMENTS_MOST)
                        return true;
        }
        return false;
}

/* ---- one input ---- */

static void ask_broker(struct broker *b, int fd, unsigned choice, const char *said, size_t len)
{
        heard = 0;
        ops[choice](b);
        say(fd, said, len);
        close(fd);
        for (int i = 0; i < TURNS_MOST && heard == 0; i++)
                loop_turn(loop, 1);
        must(heard == 1);
}

static void listen_to(int fd, const char *said, size_t len)
{
        if (fd < 0)
                return;
        say(fd, "+OK\r\n", 5); /* its name is taken */
        say(fd, said, len);
        close(fd);
        loop_turn(loop, 0);
}

static void talk(unsigned choice, const char *said, size_t len)
{
        struct broker_opts opts = {.url = url, .prefix = "wavefleet:", .timeout_ms = 5000};
        struct broker_events events = {.on_up = on_up};
        autobuf welcome = BUF_INIT(SAID_MOST);
        add_welcome(&welcome);
        ups = 0;
        struct broker *b = broker_new(loop, &opts, &events);
        struct broker_pop *pop = NULL;
        struct broker_control *control = NULL;
        struct broker_tail *tail = NULL;
        int fd = take_connection();
        must(fd >= 0);
        say(fd, choice == CHOOSE_ALL ? said : welcome.data,
            choice == CHOOSE_ALL ? len : welcome.len);
        if (choice != CHOOSE_ALL)
                must(ups == 1 && broker_up(b));
        if (choice == CHOOSE_POP) {
                pop = broker_pop_new(b, "default", 4, on_id, NULL);
                broker_pop_want(pop, true);
                listen_to(take_connection(), said, len);
        } else if (choice == CHOOSE_CONTROL) {
                control = broker_control_new(b, 4, on_word, NULL);
                listen_to(take_connection(), said, len);
        }
        if (choice == CHOOSE_TAIL) {
                const struct broker_tail_events reads = {on_entry, on_live, on_down, NULL};
                tail = broker_tail_new(b, 100, 60000, &reads);
                listen_to(take_connection(), said, len);
        }
        if (choice < OPS)
                ask_broker(b, fd, choice, said, len);
        else
                close(fd);
        broker_pop_free(pop);
        broker_control_free(control);
        broker_tail_free(tail);
        broker_free(b);
        loop_turn(loop, 0);
        while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
                close(fd); /* it has tried again meanwhile */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (listener < 0) {
                begin();
                atexit(tidy_up);
        }
        struct input in = input_of(data, size < SAID_MOST ? size : SAID_MOST);
        /* 'A' is the first */
        unsigned choice = (input_choice(&in, 256) + 256 - 'A') % 256 % CHOICES;
        size_t len;
        autofree char *said = input_rest(&in, &len);
        if (!announces_too_much(said, len))
                talk(choice, said, len);
        return 0;
}
