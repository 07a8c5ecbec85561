/* The names of keys, Redis URLs, commands on the wire, and what a server says of itself. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/cmd.h"
#include "broker/keys.h"
#include "broker/server.h"
#include "broker/url.h"

/* ---- keys ---- */

START_TEST(names)
{
        const char *p = "wavefleet:";
        ck_assert_str_eq(key_queue(p, "default").s, "wavefleet:queue:default");
        ck_assert_str_eq(key_depth(p, "default").s, "wavefleet:depth:default");
        ck_assert_str_eq(key_demand(p, "default").s, "wavefleet:demand:default");
        ck_assert_str_eq(key_turn(p, "default").s, "wavefleet:turn:default");
        ck_assert_str_eq(key_target(p, "default").s, "wavefleet:target:default");
        ck_assert_str_eq(key_wave(p, 12).s, "wavefleet:wave:12");
        ck_assert_str_eq(key_backlog(p, 12).s, "wavefleet:wave:12:backlog");
        ck_assert_str_eq(key_window(p, 12).s, "wavefleet:wave:12:window");
        ck_assert_str_eq(key_processing(p, 7).s, "wavefleet:processing:7");
        ck_assert_str_eq(key_delayed(p).s, "wavefleet:delayed");
        ck_assert_str_eq(key_guard(p).s, "wavefleet:guard");
        ck_assert_str_eq(key_control(p, 7).s, "wavefleet:control:7");
        ck_assert_str_eq(key_rate(p, "remote").s, "wavefleet:rate:remote");
        ck_assert_str_eq(key_events(p).s, "wavefleet:events");
        ck_assert_str_eq(key_events_lines(p).s, "wavefleet:events:lines");
        ck_assert_str_eq(key_queue("{wavefleet}:", "a").s, "{wavefleet}:queue:a");
}
END_TEST

START_TEST(the_longest_names_fit)
{
        char prefix[KEY_PREFIX_MAX + 1], queue[QUEUE_NAME_MAX + 1], name[400];
        memset(prefix, 'p', sizeof(prefix) - 1);
        memset(queue, 'q', sizeof(queue) - 1);
        memset(name, 'n', sizeof(name) - 1);
        prefix[sizeof(prefix) - 1] = queue[sizeof(queue) - 1] = name[sizeof(name) - 1] = '\0';
        ck_assert_uint_eq(strlen(key_demand(prefix, queue).s),
                          KEY_PREFIX_MAX + strlen("demand:") + QUEUE_NAME_MAX);
        struct key k = key_backlog(prefix, INT64_MAX);
        ck_assert_str_eq(k.s + KEY_PREFIX_MAX, "wave:9223372036854775807:backlog");
        ck_assert_uint_lt(strlen(key_rate(prefix, name).s), KEY_SIZE);
}
END_TEST

START_TEST(patterns_and_what_they_find)
{
        int64_t n = -1;
        ck_assert_str_eq(key_wave_pattern("wavefleet:").s, "wavefleet:wave:*");
        ck_assert_str_eq(key_processing_pattern("a*[b]?").s, "a\\*\\[b\\]\\?processing:*");
        ck_assert(key_is_wave("w:", "w:wave:77", &n) && n == 77);
        ck_assert(!key_is_wave("w:", "w:wave:77:backlog", &n));
        ck_assert(!key_is_wave("w:", "w:wave:", &n));
        ck_assert(!key_is_wave("w:", "w:wave:-3", &n));
        ck_assert(!key_is_wave("w:", "v:wave:3", &n));
        ck_assert(!key_is_wave("w:", "w", &n));
        ck_assert(key_is_processing("w:", "w:processing:5", &n) && n == 5);
}
END_TEST

START_TEST(names_of_queues)
{
        char longest[QUEUE_NAME_MAX + 2];
        memset(longest, 'q', sizeof(longest));
        longest[QUEUE_NAME_MAX + 1] = '\0';
        ck_assert(!queue_name_ok(longest));
        longest[QUEUE_NAME_MAX] = '\0';
        ck_assert(queue_name_ok(longest));
        ck_assert(queue_name_ok("a") && queue_name_ok("heavy-2_x"));
        static const char *const wrong[] = {"", "Upper", "a:b", "a b", "a/b", "\xC3\xBC", "a\n"};
        for (size_t i = 0; i < COUNT_OF(wrong); i++)
                ck_assert_msg(!queue_name_ok(wrong[i]), "\"%s\" was taken", wrong[i]);
}
END_TEST

START_TEST(ids)
{
        int64_t n = -1;
        ck_assert(id_parse("0", 1, &n) && n == 0);
        ck_assert(id_parse("9223372036854775807", 19, &n) && n == INT64_MAX);
        ck_assert(id_parse("12x", 2, &n) && n == 12);
        static const char *const wrong[] = {"",
                                            "x",
                                            "1x",
                                            " 1",
                                            "-1",
                                            "+1",
                                            "1.5",
                                            "9223372036854775808",
                                            "99999999999999999999"};
        for (size_t i = 0; i < COUNT_OF(wrong); i++)
                ck_assert_msg(!id_parse(wrong[i], strlen(wrong[i]), &n), "'%s'", wrong[i]);
}
END_TEST

/* ---- URLs ---- */

struct url_case {
        const char *text, *host, *path, *user, *password, *shown;
        int port, db;
};

static const struct url_case urls[] = {
        {"redis://h", "h", NULL, NULL, NULL, "h:6379", 6379, 0},
        {"redis://h:1", "h", NULL, NULL, NULL, "h:1", 1, 0},
        {"redis://h:65535/", "h", NULL, NULL, NULL, "h:65535", 65535, 0},
        {"redis://h/3", "h", NULL, NULL, NULL, "h:6379", 6379, 3},
        {"redis://h/?db=4", "h", NULL, NULL, NULL, "h:6379", 6379, 4},
        {"redis://:secret@h", "h", NULL, NULL, "secret", "h:6379", 6379, 0},
        {"redis://secret@h", "h", NULL, NULL, "secret", "h:6379", 6379, 0},
        {"redis://u:p%40%2f%3Aq@h:7/1", "h", NULL, "u", "p@/:q", "h:7", 7, 1},
        {"redis://u:a@b:c@h", "h", NULL, "u", "a@b:c", "h:6379", 6379, 0},
        {"redis://[::1]", "::1", NULL, NULL, NULL, "[::1]:6379", 6379, 0},
        {"redis://[::1]:7/2", "::1", NULL, NULL, NULL, "[::1]:7", 7, 2},
        {"unix:///run/r.sock", NULL, "/run/r.sock", NULL, NULL, "/run/r.sock", 0, 0},
        {"unix://u:p@/run/r%20s?db=5", NULL, "/run/r s", "u", "p", "/run/r s", 0, 5},
};

static void same(const char *a, const char *b, const char *text)
{
        ck_assert_msg((!a && !b) || (a && b && strcmp(a, b) == 0), "%s: '%s', not '%s'", text,
                      a ? a : "(none)", b ? b : "(none)");
}

START_TEST(urls_that_are_right)
{
        const struct url_case *c = &urls[_i];
        struct redis_url u;
        struct err e = ERR_INIT;
        ck_assert_msg(redis_url_parse(c->text, &u, &e) == 0, "%s: %s", c->text, e.text);
        same(u.host, c->host, c->text);
        same(u.path, c->path, c->text);
        same(u.user, c->user, c->text);
        same(u.password, c->password, c->text);
        same(u.shown, c->shown, c->text);
        ck_assert_int_eq(u.port, c->port);
        ck_assert_int_eq(u.db, c->db);
        redis_url_fini(&u);
        ck_assert_int_eq(broker_url_check(c->text, &e), 0);
}
END_TEST

static const char *const wrong_urls[] = {"",
                                         "h:6379",
                                         "http://h",
                                         "redis:h",
                                         "redis://",
                                         "redis://:secret@",
                                         "redis://h:",
                                         "redis://h:0",
                                         "redis://h:65536",
                                         "redis://h:x",
                                         "redis://h/x",
                                         "redis://h/-1",
                                         "redis://h/99999999999",
                                         "redis://h?x=1",
                                         "redis://[::1",
                                         "redis://[::1]x",
                                         "redis://u:secret%4@h",
                                         "redis://u:secret%00@h",
                                         "redis://u:secret%zz@h",
                                         "unix://relative/secret",
                                         "unix://",
                                         "unix:///s?db=x",
                                         "unix:///s?secret",
                                         "rediss://u:secret@h"};

START_TEST(urls_that_are_wrong)
{
        struct err e = ERR_INIT;
        ck_assert_msg(broker_url_check(wrong_urls[_i], &e) == -1, "%s", wrong_urls[_i]);
        ck_assert_int_eq(e.code, ERR_CONFIG);
        ck_assert_msg(!strstr(e.text, "secret"), "%s", e.text);
}
END_TEST

START_TEST(tls_is_refused_with_a_reason)
{
        struct err e = ERR_INIT;
        ck_assert_int_eq(broker_url_check("rediss://h", &e), -1);
        ck_assert_ptr_nonnull(strstr(e.text, "TLS"));
}
END_TEST

START_TEST(a_path_too_long_for_a_socket)
{
        char text[300] = "unix:///";
        struct err e = ERR_INIT;
        memset(text + 8, 'a', 200);
        ck_assert_int_eq(broker_url_check(text, &e), -1);
        ck_assert_ptr_nonnull(strstr(e.text, "107 bytes"));
}
END_TEST

/* ---- commands ---- */

START_TEST(commands_on_the_wire)
{
        struct cmd c;
        cmd_init(&c);
        cmd_words(&c, "SET", "k", NULL);
        cmd_int(&c, 0);
        cmd_int(&c, -42);
        cmd_int(&c, INT64_MIN);
        cmd_mem(&c, "a\0b", 3);
        cmd_str(&c, "");
        static const char wire[] = "$3\r\nSET\r\n$1\r\nk\r\n$1\r\n0\r\n$3\r\n-42\r\n"
                                   "$20\r\n-9223372036854775808\r\n$3\r\na\0b\r\n$0\r\n\r\n";
        ck_assert_uint_eq(c.argc, 7);
        ck_assert_uint_eq(c.body.len, sizeof(wire) - 1);
        ck_assert_int_eq(memcmp(c.body.data, wire, sizeof(wire) - 1), 0);
        cmd_fini(&c);
}
END_TEST

/* ---- servers ---- */

static struct server_facts facts_of(const char *info)
{
        struct server_facts f = {0};
        server_read_info(&f, info, strlen(info));
        return f;
}

START_TEST(info_is_read)
{
        struct server_facts f = facts_of("# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n"
                                         "xrole:slave\r\nrole:master\r\nloading:0\r\n"
                                         "maxmemory_policy:noeviction\r\naof_enabled:1");
        ck_assert_str_eq(f.version, "7.0.15");
        ck_assert_str_eq(f.run_id, "abc");
        ck_assert_str_eq(f.policy, "noeviction");
        ck_assert(f.appendonly && !f.loading && !f.replica);
        ck_assert_ptr_null(server_problem(&f));
        server_complain(&f);
        ck_assert_ptr_null(f.complaints[0]);
}
END_TEST

START_TEST(servers_that_cannot_be_used)
{
        static const char *const infos[] = {"redis_version:6.0.16\r\n", "redis_version:5\r\n",
                                            "redis_version:7.0.0\r\nrole:slave\r\n",
                                            "redis_version:7.0.0\r\nloading:1\r\n"};
        static const char *const reasons[] = {"too old", "too old", "replica", "loading"};
        for (size_t i = 0; i < COUNT_OF(infos); i++) {
                struct server_facts f = facts_of(infos[i]);
                ck_assert_ptr_nonnull(server_problem(&f));
                ck_assert_ptr_nonnull(strstr(server_problem(&f), reasons[i]));
        }
        struct server_facts f = facts_of("redis_version:6.2.0\r\n");
        ck_assert_ptr_null(server_problem(&f));
        f = facts_of("redis_version:10.1\r\n");
        ck_assert_ptr_null(server_problem(&f));
}
END_TEST

START_TEST(complaints)
{
        struct server_facts f = facts_of(
                "redis_version:7.0.0\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:0\r\n");
        server_complain(&f);
        ck_assert_ptr_nonnull(strstr(f.complaints[0], "allkeys-lru"));
        ck_assert_ptr_nonnull(strstr(f.complaints[1], "appendonly is off"));
        ck_assert_ptr_null(f.complaints[2]);
        f.save_known = true; /* and there are none */
        server_complain(&f);
        ck_assert_ptr_nonnull(strstr(f.complaints[1], "keeps nothing on disk"));
        f.save = true;
        server_complain(&f);
        ck_assert_ptr_nonnull(strstr(f.complaints[1], "appendonly is off"));
        struct server_facts unknown = {0};
        server_complain(&unknown);
        ck_assert_ptr_nonnull(strstr(unknown.complaints[0], "forbids INFO"));
        ck_assert_ptr_null(unknown.complaints[1]);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("broker keys");
        TCase *t = tcase_create("core");
        tcase_add_test(t, names);
        tcase_add_test(t, the_longest_names_fit);
        tcase_add_test(t, patterns_and_what_they_find);
        tcase_add_test(t, names_of_queues);
        tcase_add_test(t, ids);
        tcase_add_loop_test(t, urls_that_are_right, 0, (int)COUNT_OF(urls));
        tcase_add_loop_test(t, urls_that_are_wrong, 0, (int)COUNT_OF(wrong_urls));
        tcase_add_test(t, tls_is_refused_with_a_reason);
        tcase_add_test(t, a_path_too_long_for_a_socket);
        tcase_add_test(t, commands_on_the_wire);
        tcase_add_test(t, info_is_read);
        tcase_add_test(t, servers_that_cannot_be_used);
        tcase_add_test(t, complaints);
        suite_add_tcase(s, t);
        SRunner *runner = srunner_create(s);
        srunner_run_all(runner, CK_NORMAL);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
