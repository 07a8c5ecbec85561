/* The broker when things go wrong: servers that die, are flushed, hang or refuse; connections cut. */
#include "broker_rig.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- coming up ---- */

START_TEST(what_makes_redis_forget_is_said)
{
        bool found = false;
        rig_do("CONFIG SET maxmemory-policy allkeys-lru");
        struct broker *b = rig_broker(harness_stack_up()->redis_url);
        rig_until(&rig.ups, 2);
        for (const char *const *s = broker_complaints(b); *s; s++)
                found |= strstr(*s, "allkeys-lru") != NULL;
        rig_do("CONFIG SET maxmemory-policy noeviction");
        broker_free(b);
        ck_assert(found);
}
END_TEST

START_TEST(a_host_is_found_by_name)
{
        struct redis_url u;
        char url[64];
        ck_assert_int_eq(redis_url_parse(harness_stack_up()->redis_url, &u, NULL), 0);
        snprintf(url, sizeof(url), "redis://localhost:%d/3", u.port);
        redis_url_fini(&u);
        struct broker *b = rig_broker(url);
        rig_until(&rig.ups, 2);
        rig_do("SELECT 3");
        ck_assert_int_eq(rig_int("EXISTS wavefleet:guard"), 1);
        broker_free(b);
        rig_turn_for(20);
}
END_TEST

START_TEST(an_unknown_host_is_an_error_of_each_operation)
{
        struct broker *b = rig_broker("redis://no-such-host.invalid:6379");
        OP(broker_processing(b, 1, rig_ids, NULL));
        ck_assert_int_eq(rig.e.code, ERR_UNAVAILABLE);
        ck_assert_str_eq(rig.e.text, "not yet connected to redis at no-such-host.invalid:6379");
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        while (!strstr(rig.e.text, ": ")) {
                ck_assert_int_lt(clock_mono_ms(), end_ms);
                rig_turn_for(50);
                OP(broker_processing(b, 1, rig_ids, NULL));
        }
        ck_assert_int_eq(rig.e.code, ERR_UNAVAILABLE);
        broker_free(b); /* perhaps in the middle of a question */
        rig_turn_for(50);
}
END_TEST

/* Asks until the reason is known. */
static void until_refused(struct broker *b, const char *part)
{
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        do {
                ck_assert_msg(clock_mono_ms() < end_ms, "%s", rig.e.text);
                rig_turn_for(20);
                OP(broker_processing(b, 1, rig_ids, NULL));
        } while (!strstr(rig.e.text, part));
}

START_TEST(a_port_that_nobody_listens_on)
{
        struct broker *b = rig_broker("redis://127.0.0.1:1");
        until_refused(b, "refused");
        ck_assert_str_eq(rig.e.text, "not connected to redis at 127.0.0.1:1: Connection refused");
        broker_free(b);
        b = rig_broker("unix:///nowhere/redis.sock");
        until_refused(b, "No such file");
        ck_assert_str_eq(
                rig.e.text,
                "not connected to redis at /nowhere/redis.sock: No such file or directory");
        broker_free(b);
}
END_TEST

/* The socket is there a moment before anybody listens on it. */
static bool listens(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        bool there = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
        close(fd);
        return there;
}

/* A server of our own on a socket, with users and passwords. */
static pid_t own_server(char *path, size_t size)
{
        snprintf(path, size, "/tmp/wavefleet-broker.%d", getpid());
        pid_t pid = fork();
        if (pid == 0) {
                if (!freopen("/dev/null", "w", stdout))
                        _exit(126);
                execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path,
                       "--save", "", "--requirepass", "pa:ss@word", (char *)NULL);
                _exit(127);
        }
        while (!listens(path))
                rig_turn_for(10);
        return pid;
}

START_TEST(passwords)
{
        char path[64], url[160];
        pid_t pid = own_server(path, sizeof(path));
        for (int i = 0; i < 2; i++) {
                snprintf(url, sizeof(url), "unix://%s%s", i == 0 ? ":secret%40word@" : "", path);
                struct broker *b = rig_broker(url);
                until_refused(b, i == 0 ? "WRONGPASS" : "NOAUTH");
                ck_assert(!broker_up(b));
                ck_assert_int_eq(rig.e.code, ERR_UNAVAILABLE);
                ck_assert_ptr_null(strstr(rig.e.text, "secret"));
                broker_free(b);
        }
        snprintf(url, sizeof(url), "unix://default:pa%%3ass%%40word@%s?db=2", path);
        struct broker *b = rig_broker(url);
        rig_until(&rig.ups, 2);
        struct wave_facts f = wave(1, 2);
        OK(broker_submit(b, &f, 1, 5, rig_done, NULL));
        ck_assert_ptr_nonnull(broker_complaints(b)[0]); /* it keeps nothing on disk */
        broker_free(b);
        kill(pid, SIGTERM);
        waitpid(pid, NULL, 0);
}
END_TEST

/* ---- another server ---- */

static void forget_answers(void)
{
        rig.answers = 0;
        rig.e = ERR_INIT;
}

START_TEST(a_flush_is_noticed_without_a_new_connection)
{
        rig_do("FLUSHALL");
        rig_until(&rig.others, 1);
        ck_assert_uint_eq(rig.downs, 0);
        rig_turn_for(1500);
        ck_assert_uint_eq(rig.others, 1);
        ck_assert_int_eq(rig_int("EXISTS wavefleet:guard"), 1);
}
END_TEST

START_TEST(a_flush_during_a_cut_is_noticed)
{
        rig_do("MULTI");
        rig_do("CLIENT KILL TYPE normal SKIPME yes");
        rig_do("FLUSHALL");
        rig_do("EXEC");
        rig_until(&rig.ups, 2);
        rig_until(&rig.others, 1);
}
END_TEST

static unsigned popped, messages;
static int64_t last_popped;
static char last_message[64];
static void on_id(int64_t id, void *arg UNUSED)
{
        last_popped = id;
        popped++;
}
static void on_message(const char *text, void *arg UNUSED)
{
        snprintf(last_message, sizeof(last_message), "%s", text);
        messages++;
}
static void until_ready(struct broker_pop *p)
{
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        while (!broker_pop_ready(p)) {
                ck_assert_int_lt(clock_mono_ms(), end_ms);
                loop_turn(rig.loop, 20);
        }
}
/* Sends until the last one arrives: the subscription may still be on its way. None comes later. */
static void until_heard(const char *text)
{
        static unsigned number;
        char said[sizeof(last_message)];
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        do {
                ck_assert_int_lt(clock_mono_ms(), end_ms);
                snprintf(said, sizeof(said), "%s %u", text, ++number);
                broker_control_send(rig.b, 7, said);
                rig_turn_for(50);
        } while (strcmp(last_message, said) != 0);
}

START_TEST(a_killed_server_comes_back)
{
        struct broker_pop *p = broker_pop_new(rig.b, "q", 7, on_id, NULL);
        struct broker_control *c = broker_control_new(rig.b, 7, on_message, NULL);
        broker_pop_want(p, true);
        until_ready(p);
        until_heard("first");
        rig_do("RPUSH wavefleet:queue:q 41");
        rig_until(&popped, 1);
        kill(harness_server_pid("redis"), SIGKILL);
        rig_until(&rig.downs, 1);
        ck_assert(!broker_up(rig.b));
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        while (broker_pop_ready(p)) {
                ck_assert_int_lt(clock_mono_ms(), end_ms);
                loop_turn(rig.loop, 20);
        }
        OP(broker_processing(rig.b, 7, rig_ids, NULL));
        ck_assert_int_eq(rig.e.code, ERR_UNAVAILABLE);
        harness_stack_restart();
        rig_until(&rig.ups, 2);
        rig_until(&rig.others, 1);
        redisFree(rig.r);
        rig.r = rig_connect(harness_stack_up()->redis_url);
        until_ready(p);
        rig_do("RPUSH wavefleet:queue:q 42");
        rig_until(&popped, 2);
        ck_assert_int_eq(last_popped, 42);
        until_heard("again");
        struct wave_facts f = wave(1, 2);
        submit(&f, 1, 5);
        broker_pop_free(p);
        broker_control_free(c);
}
END_TEST

START_TEST(what_is_under_way_when_the_server_dies_is_lost)
{
        struct wave_facts f = wave(1, 2);
        rig_do("CLIENT PAUSE 60000"); /* so that nothing is answered */
        forget_answers();
        broker_submit(rig.b, &f, 1, 100000, rig_done, NULL);
        broker_facts(rig.b, &f, rig_done, NULL);
        rig_turn_for(20);
        ck_assert_int_gt(broker_oldest_ms(rig.b), 0);
        kill(harness_server_pid("redis"), SIGKILL);
        rig_until(&rig.answers, 2);
        ck_assert_int_eq(rig.e.code, ERR_LOST);
        ck_assert_int_eq(broker_oldest_ms(rig.b), 0);
        harness_stack_restart();
        rig_until(&rig.ups, 2);
        rig_turn_for(50);
        ck_assert_uint_eq(rig.answers, 2);
}
END_TEST

/* ---- cut connections, hanging servers ---- */

START_TEST(killed_connections_come_back)
{
        struct broker_pop *p = broker_pop_new(rig.b, "q", 7, on_id, NULL);
        struct broker_control *c = broker_control_new(rig.b, 7, on_message, NULL);
        broker_pop_want(p, true);
        until_ready(p);
        until_heard("first");
        for (unsigned i = 1; i <= 3; i++) {
                ck_assert_int_ge(rig_int("CLIENT KILL TYPE normal SKIPME yes"), 2);
                ck_assert_int_eq(rig_int("CLIENT KILL TYPE pubsub"), 1);
                rig_until(&rig.downs, i);
                rig_until(&rig.ups, i + 1);
                until_ready(p);
                rig_do("RPUSH wavefleet:queue:q %d", i);
                rig_until(&popped, i);
                until_heard("again");
        }
        ck_assert_uint_eq(rig.others, 0);
        broker_pop_free(p);
        broker_control_free(c);
}
END_TEST

START_TEST(a_server_that_hangs_is_left)
{
        enum { HASTY_MS = 1000 };
        broker_free(rig.b);
        rig.b = rig_broker_with(harness_stack_up()->redis_url, HASTY_MS);
        rig_until(&rig.ups, 2);
        struct broker_pop *p = broker_pop_new(rig.b, "q", 7, on_id, NULL);
        struct broker_control *c = broker_control_new(rig.b, 7, on_message, NULL);
        broker_pop_want(p, true);
        until_ready(p);
        until_heard("first");
        int64_t start_ms = clock_mono_ms();
        rig_do("CLIENT PAUSE 5000");
        forget_answers();
        broker_processing(rig.b, 7, rig_ids, NULL);
        rig_until(&rig.answers, 1);
        ck_assert_int_eq(rig.e.code, ERR_LOST);
        ck_assert_msg(strstr(rig.e.text, "no answer within 1000 ms"), "%s", rig.e.text);
        int64_t took_ms = clock_mono_ms() - start_ms;
        ck_assert(took_ms >= HASTY_MS && took_ms < 4 * HASTY_MS);
        rig_until(&rig.ups, 3);
        rig_do("RPUSH wavefleet:queue:q 42");
        rig_until(&popped, 1);
        until_heard("again");
        broker_pop_free(p);
        broker_control_free(c);
}
END_TEST

/* The subscription alone is dead: its server side is a connection that nobody serves any more. */
START_TEST(a_deaf_subscription_is_renewed)
{
        struct broker_control *c = broker_control_new(rig.b, 7, on_message, NULL);
        until_heard("first");
        rig_do("CLIENT KILL TYPE pubsub");
        until_heard("again");
        /* It is there and hears nothing: unsubscribed behind its back. */
        rig_do("ACL SETUSER default resetchannels"); /* cuts those that listen to forbidden channels */
        rig_turn_for(300);
        rig_do("ACL SETUSER default allchannels");
        until_heard("third");
        broker_control_free(c);
}
END_TEST

START_TEST(heartbeats_are_not_messages)
{
        struct broker_control *c = broker_control_new(rig.b, 7, on_message, NULL);
        until_heard("first");
        unsigned before = messages;
        rig_turn_for(4500);
        ck_assert_uint_eq(messages, before);
        ck_assert_str_eq(rig_text("PUBSUB NUMSUB wavefleet:control:7"), "wavefleet:control:7 -");
        broker_control_free(c);
}
END_TEST

/* ---- refusals ---- */

START_TEST(scripts_are_loaded_again)
{
        struct wave_facts f = wave(1, 2);
        rig_do("SCRIPT FLUSH");
        submit(&f, 1, 5000);
        OK(broker_backlog(rig.b, 1, rig_ids, NULL));
        ck_assert_uint_eq(rig.n, 4998);
        finish_one(1, &f, END_SETTLED, 0);
        ck_assert_uint_eq(rig.downs, 0);
}
END_TEST

START_TEST(no_memory_left)
{
        struct wave_facts f = wave(1, 2);
        submit(&f, 1, 10);
        rig_do("CONFIG SET maxmemory 1000000");
        OP(broker_submit(rig.b, &f, 1, 5000, rig_done, NULL));
        ck_assert_int_eq(rig.e.code, ERR_UNAVAILABLE);
        ck_assert_msg(strstr(rig.e.text, "maxmemory"), "%s", rig.e.text);
        rig_do("CONFIG SET maxmemory 0");
        submit(&f, 11, 12);
}
END_TEST

START_TEST(a_master_that_became_a_replica_is_left)
{
        struct wave_facts f = wave(1, 2);
        rig_do("REPLICAOF 127.0.0.1 1");
        OP(broker_submit(rig.b, &f, 1, 5, rig_done, NULL));
        ck_assert_int_eq(rig.e.code, ERR_UNAVAILABLE);
        ck_assert_msg(strstr(rig.e.text, "replica"), "%s", rig.e.text);
        rig_until(&rig.downs, 1);
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        while (!strstr(rig.e.text, "this redis is a read-only replica")) {
                ck_assert_msg(clock_mono_ms() < end_ms, "%s", rig.e.text);
                rig_turn_for(50);
                OP(broker_submit(rig.b, &f, 1, 5, rig_done, NULL));
        }
        rig_do("REPLICAOF NO ONE");
        rig_until(&rig.ups, 2);
        submit(&f, 1, 5);
}
END_TEST

START_TEST(a_key_of_another_type_is_our_mistake)
{
        rig_do("SET wavefleet:processing:7 text");
        OP(broker_processing(rig.b, 7, rig_ids, NULL));
        ck_assert_int_eq(rig.e.code, ERR_INTERNAL);
        ck_assert_msg(strstr(rig.e.text, "WRONGTYPE"), "%s", rig.e.text);
}
END_TEST

/* ---- pop ---- */

/* To one that waits at Redis just then, and is told that no more is wanted. */
static void push_to_the_last_pop(struct broker_pop *p, const char *ids)
{
        static const char script[] =
                "local clients = redis.call('INFO', 'clients') "
                "if not clients:find('blocked_clients:1') then return 0 end "
                "for id in ARGV[1]:gmatch('%d+') do redis.call('RPUSH', KEYS[1], id) end return 1";
        int64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
        do {
                ck_assert_int_lt(clock_mono_ms(), end_ms);
                broker_pop_want(p, true);
                loop_turn(rig.loop, 20);
                broker_pop_want(p, false);
        } while (!rig_int("EVAL %s 1 wavefleet:queue:q %s", script, ids));
}

START_TEST(pop_gives_ids_while_it_is_wanted)
{
        struct broker_pop *p = broker_pop_new(rig.b, "q", 7, on_id, NULL);
        until_ready(p);
        rig_do("RPUSH wavefleet:queue:q 1 2 3");
        rig_turn_for(100);
        ck_assert_uint_eq(popped, 0);
        broker_pop_want(p, true);
        rig_until(&popped, 3);
        ck_assert_int_eq(last_popped, 3);
        ck_assert_str_eq(rig_text("LRANGE wavefleet:processing:7 0 -1"), "1 2 3");
        /* The pop that waits is not aborted: what it gets is handed out. */
        push_to_the_last_pop(p, "4 5");
        rig_until(&popped, 4);
        rig_turn_for(2300); /* … and after it only PINGs are sent */
        ck_assert_uint_eq(popped, 4);
        ck_assert(broker_pop_ready(p));
        broker_pop_want(p, true);
        rig_until(&popped, 5);
        broker_pop_free(p);
}
END_TEST

START_TEST(pop_outlives_its_own_time_out)
{
        struct broker_pop *p = broker_pop_new(rig.b, "q", 7, on_id, NULL);
        broker_pop_want(p, true);
        until_ready(p);
        for (int i = 0; i < 45; i++) { /* two rounds of a BLMOVE that gets nothing */
                rig_turn_for(100);
                ck_assert(broker_pop_ready(p));
        }
        rig_do("RPUSH wavefleet:queue:q 9");
        rig_until(&popped, 1);
        broker_pop_free(p);
}
END_TEST

static struct broker_pop *suicidal;
static void on_last_id(int64_t id UNUSED, void *arg UNUSED)
{
        broker_pop_free(suicidal);
        popped++;
}

START_TEST(pop_may_be_freed_by_what_it_brings)
{
        suicidal = broker_pop_new(rig.b, "q", 7, on_last_id, NULL);
        broker_pop_want(suicidal, true);
        rig_do("RPUSH wavefleet:queue:q 9");
        rig_until(&popped, 1);
        rig_turn_for(50);
}
END_TEST

/* ---- the end ---- */

START_TEST(everything_under_way_gets_its_error_once)
{
        enum { ASKED = 18 };
        struct wave_facts f = wave(1, 2);
        static const char *const queues[] = {"q"};
        struct delivery d[250] = {{.id = 1, .wave_no = 1}};
        int64_t ids[3000] = {1}, nos[200] = {1};
        struct broker_pop *p = broker_pop_new(rig.b, "q", 7, on_id, NULL);
        struct broker_control *c = broker_control_new(rig.b, 7, on_message, NULL);
        broker_pop_want(p, true);
        until_ready(p);
        for (int i = 0; i < 250; i++)
                d[i].wave_no = 1;
        forget_answers();
        for (int round = 0; round < 2; round++) { /* sent; then not even that */
                broker_submit(rig.b, &f, 1, 1000000, rig_done, NULL);
                broker_push(rig.b, &f, ids, 3000, true, rig_done, NULL);
                broker_facts(rig.b, &f, rig_done, NULL);
                broker_close_wave(rig.b, &f, rig_done, NULL);
                broker_finish(rig.b, 7, d, 250, &f, 1, take_of(queues, 1, 5), rig_ids, NULL);
                broker_processing(rig.b, 7, rig_ids, NULL);
                broker_processing_lists(rig.b, rig_ids, NULL);
                broker_due(rig.b, 5, rig_due, NULL);
                broker_promote(rig.b, &(struct promotion){.entry = {1, 2}}, 1, &f, 1, "x", PER_S,
                               rig_done, NULL);
                broker_set_runners(rig.b, "q", 5);
                broker_wave_counts(rig.b, nos, 200, rig_counts, NULL);
                broker_backlog(rig.b, 1, rig_ids, NULL);
                broker_window_set(rig.b, &f, ids, 3000, ids, 3000, rig_done, NULL);
                broker_delay(rig.b, ids, ids, 3000, rig_done, NULL);
                broker_open_waves(rig.b, rig_ids, NULL);
                broker_set_depth(rig.b, "q", nos, 200, 0, rig_count, NULL);
                broker_queues(rig.b, queues, 1, rig_queue_facts, NULL);
                broker_rate(rig.b, "x", 5, 5, rig_count, NULL);
                broker_installations(rig.b, "x", rig_names, NULL);
                broker_control_send(rig.b, 7, "x");
                ck_assert_uint_eq(rig.answers, ASKED * (unsigned)round);
                if (round == 0) {
                        rig_do("CLIENT KILL TYPE normal SKIPME yes");
                        rig_until(&rig.downs, 1);
                        ck_assert_uint_eq(rig.answers, ASKED);
                        ck_assert_int_eq(rig.e.code, ERR_LOST);
                }
        }
        broker_free(rig.b);
        rig.b = NULL;
        ck_assert_uint_eq(rig.answers, 2 * ASKED);
        ck_assert_int_eq(rig.e.code, ERR_UNAVAILABLE);
        rig_turn_for(50);
        ck_assert_uint_eq(rig.answers, 2 * ASKED);
        ck_assert(!broker_pop_ready(p));
        broker_pop_want(p, true);
        broker_pop_free(p);
        broker_control_free(c);
}
END_TEST

static void free_it(const struct err *e UNUSED, void *arg UNUSED)
{
        rig.answers++;
        broker_free(rig.b);
        rig.b = NULL;
}

START_TEST(the_broker_may_be_freed_in_any_callback)
{
        struct wave_facts f = wave(1, 2);
        const char *url = harness_stack_up()->redis_url;
        for (int way = 0; way < 3; way++) {
                forget_answers();
                if (way == 2) /* deferred: not connected */
                        rig_do("CLIENT KILL TYPE normal SKIPME yes");
                if (way == 2)
                        rig_until(&rig.downs, 1);
                broker_facts(rig.b, &f, free_it, NULL);
                broker_submit(rig.b, &f, 1, 5000, rig_done, NULL);
                if (way == 1) /* in the middle of what was lost */
                        rig_do("CLIENT KILL TYPE normal SKIPME yes");
                rig_until(&rig.answers, 2);
                rig_turn_for(50);
                ck_assert_uint_eq(rig.answers, 2);
                unsigned ups = rig.ups;
                rig.b = rig_broker(url);
                rig_until(&rig.ups, ups + 1);
        }
}
END_TEST

static void free_on_event(void *arg UNUSED)
{
        rig.ups++;
        broker_free(rig.b);
        rig.b = NULL;
}

START_TEST(the_broker_may_be_freed_by_its_events)
{
        struct broker_opts opts = {.url = harness_stack_up()->redis_url,
                                   .prefix = "wavefleet:",
                                   .timeout_ms = RIG_TIMEOUT_MS};
        struct broker_events up = {.on_up = free_on_event}, down = {.on_down = free_on_event},
                             other = {.on_other_server = free_on_event};
        broker_free(rig.b);
        rig.b = broker_new(rig.loop, &opts, &up);
        rig_until(&rig.ups, 2);
        down.on_up = rig_on_up;
        rig.b = broker_new(rig.loop, &opts, &down);
        rig_until(&rig.ups, 3);
        rig_do("CLIENT KILL TYPE normal SKIPME yes");
        rig_until(&rig.ups, 4);
        other.on_up = rig_on_up;
        rig.b = broker_new(rig.loop, &opts, &other);
        rig_until(&rig.ups, 5);
        rig_do("FLUSHALL");
        rig_until(&rig.ups, 6);
        rig_turn_for(50);
        ck_assert_ptr_null(rig.b);
}
END_TEST

START_TEST(a_child_forgets)
{
        struct broker_pop *p = broker_pop_new(rig.b, "q", 7, on_id, NULL);
        broker_pop_want(p, true);
        until_ready(p);
        pid_t pid = fork();
        if (pid == 0) {
                loop_forget(rig.loop);
                broker_forget(rig.b);
                _exit(0);
        }
        int status = 1;
        waitpid(pid, &status, 0);
        ck_assert_int_eq(status, 0);
        struct wave_facts f = wave(1, 2);
        submit(&f, 1, 5);
        rig_until(&popped, 2);
        ck_assert_uint_eq(rig.downs, 0);
        broker_pop_free(p);
}
END_TEST

int main(void)
{
        const TTest *const tests[] = {what_makes_redis_forget_is_said,
                                      a_host_is_found_by_name,
                                      an_unknown_host_is_an_error_of_each_operation,
                                      a_port_that_nobody_listens_on,
                                      passwords,
                                      a_flush_is_noticed_without_a_new_connection,
                                      a_flush_during_a_cut_is_noticed,
                                      a_killed_server_comes_back,
                                      what_is_under_way_when_the_server_dies_is_lost,
                                      killed_connections_come_back,
                                      a_server_that_hangs_is_left,
                                      a_deaf_subscription_is_renewed,
                                      heartbeats_are_not_messages,
                                      scripts_are_loaded_again,
                                      no_memory_left,
                                      a_master_that_became_a_replica_is_left,
                                      a_key_of_another_type_is_our_mistake,
                                      pop_gives_ids_while_it_is_wanted,
                                      pop_outlives_its_own_time_out,
                                      pop_may_be_freed_by_what_it_brings,
                                      everything_under_way_gets_its_error_once,
                                      the_broker_may_be_freed_in_any_callback,
                                      the_broker_may_be_freed_by_its_events,
                                      a_child_forgets};
        return rig_main("broker faults", tests, COUNT_OF(tests));
}
