/* test_submission.c - reading waves: what is taken, what is refused and where, sealing, ids, lists. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_list.h"
#include "base/mem.h"
#include "base/rand.h"
#include "engine/submission.h"
#include "model/seal.h"

static const char key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static struct config cfg;
static struct submission s;
static struct mistakes m;
static struct err e;

static void set_up(void)
{
        rand_init();
        config_defaults(&cfg);
        m = (struct mistakes){.arena = arena_new(0)};
        e = ERR_INIT;
}

static void tear_down(void)
{
        submission_fini(&s);
        arena_free(m.arena);
        config_fini(&cfg);
}

static void set(char **member, const char *value)
{
        free(*member);
        *member = xstrdup(value);
}

static int read_text(const char *text)
{
        /* no NUL behind it: a body in a file has none */
        struct buf copy = BUF_INIT(SIZE_MAX);
        buf_add(&copy, text, strlen(text));
        if (copy.len)
                copy.data[copy.len] = '!';
        int good = submission_read(&s, buf_str(&copy), copy.len, &cfg, &m, &e);
        buf_fini(&copy);
        return good;
}

static bool blamed(const char *pointer)
{
        for (size_t i = 0; i < m.count; i++) {
                if (strcmp(m.list[i].pointer, pointer) == 0)
                        return true;
        }
        return false;
}

/* ---- what is taken ---- */

START_TEST(a_plain_wave)
{
        ck_assert_int_eq(
                read_text("{\"name\":\"n\",\"kind\":\"noop\",\"project_uuids\":[\"b\",\"a\"]}"), 0);
        ck_assert_str_eq(s.name, "n");
        ck_assert_str_eq(s.kind, "noop");
        ck_assert_str_eq(s.queue, "default");
        ck_assert_str_eq(s.params, "{}");
        ck_assert_int_eq(s.batch_size, cfg.batch_size);
        ck_assert_int_eq(s.max_attempts, cfg.retry_max_attempts);
        ck_assert_int_eq(s.timeout_ms, cfg.timeout_ms);
        ck_assert_uint_eq(s.count, 2);
        ck_assert_str_eq(s.projects[0].name, "b");
        ck_assert_str_eq(s.projects[1].name, "a");
        ck_assert(!s.has_params && !s.has_targets && !s.workspace_name && !s.workspace_id);
        ck_assert(wave_id_ok(s.wave_id));
}
END_TEST

START_TEST(every_field)
{
        ck_assert_int_eq(
                read_text(
                        "{\"projects\" : [ {\"project\":\" a \",\"brz_project_id\":\"7\"} , "
                        "{\"mb_project_uuid\":\"b/\\u00e4\\ud83d\\ude00\\n\\\\\",\"params\":{}} ],"
                        "\"name\":\"w\",\"kind\":\"noop\",\"params\":{\"sleep_ms\":5},"
                        "\"batch_size\":10,\"mgr_manual\":true,\"enable_cloning\":true,"
                        "\"workspace_id\":\"77\",\"workspace_name\":\"ws\",\"queue\":\"q-1_x\","
                        "\"priority\":9,\"max_attempts\":3,\"timeout_seconds\":0}"),
                0);
        ck_assert_uint_eq(s.count, 2);
        ck_assert_str_eq(s.projects[0].name, "a");
        ck_assert_int_eq(s.projects[0].target, 7);
        ck_assert_str_eq(s.projects[1].name, "b/\xC3\xA4\xF0\x9F\x98\x80\n\\");
        ck_assert_str_eq(s.projects[1].params, "{}");
        ck_assert(s.has_params && s.has_targets && s.mgr_manual && s.cloning);
        ck_assert_str_eq(s.params, "{\"sleep_ms\":5}");
        ck_assert_int_eq(s.workspace_id, 77);
        ck_assert_str_eq(s.queue, "q-1_x");
        ck_assert_int_eq(s.timeout_ms, 0);
}
END_TEST

START_TEST(names_are_trimmed_and_empties_dropped)
{
        ck_assert_int_eq(read_text("{\"name\":\"n\",\"kind\":\"noop\",\"project_uuids\":"
                                   "[\" a \",\"\",\"  \",\"\\tb\\n\",\"c\"]}"),
                         0);
        ck_assert_uint_eq(s.count, 3);
        ck_assert_str_eq(s.projects[1].name, "b");
}
END_TEST

START_TEST(remote_with_targets)
{
        ck_assert_int_eq(read_text("{\"name\":\"n\",\"workspace_id\":5,\"projects\":"
                                   "[{\"project\":\"a\",\"brz_project_id\":1}]}"),
                         0);
        ck_assert_str_eq(s.kind, "remote");
}
END_TEST

START_TEST(remote_with_brizy)
{
        set(&cfg.brizy_token, "t");
        ck_assert_int_eq(read_text("{\"name\":\"n\",\"project_uuids\":[\"a\"]}"), 0);
}
END_TEST

/* ---- what is refused ---- */

static const struct {
        const char *body; /* {"name":"n","kind":"noop","project_uuids":["a"] and this } */
        const char *pointer;
        enum err_code code;
} refused[] = {
        {",\"name\":\"m\"", NULL, ERR_MALFORMED},
        {",\"project_uuids\":[\"b\"]", NULL, ERR_MALFORMED},
        {",\"pro\\u006aect_uuids\":[\"b\"]", NULL, ERR_MALFORMED},
        {",\"projects\":[{\"project\":\"b\"}]", "#/projects", ERR_INVALID},
        {",\"projects\":7", "#/projects", ERR_WRONG_TYPE},
        {",\"colour\":1", "#/colour", ERR_INVALID},
        {",\"batch_size\":0", "#/batch_size", ERR_INVALID},
        {",\"batch_size\":10001", "#/batch_size", ERR_INVALID},
        {",\"batch_size\":\"3\"", "#/batch_size", ERR_WRONG_TYPE},
        {",\"queue\":\"a:b\"", "#/queue", ERR_INVALID},
        {",\"queue\":\"\"", "#/queue", ERR_INVALID},
        {",\"priority\":10", "#/priority", ERR_INVALID},
        {",\"max_attempts\":0", "#/max_attempts", ERR_INVALID},
        {",\"timeout_seconds\":-1", "#/timeout_seconds", ERR_INVALID},
        {",\"workspace_id\":0", "#/workspace_id", ERR_INVALID},
        {",\"workspace_id\":\"x\"", "#/workspace_id", ERR_WRONG_TYPE},
        {",\"params\":[]", "#/params", ERR_WRONG_TYPE},
        {",\"params\":{\"sleepms\":1}", "#/params/sleepms", ERR_INVALID},
        {",\"start_at\":\"2030-01-01T00:00:00\"", "#/start_at", ERR_INVALID},
        {",\"start_at\":1900000000", "#/start_at", ERR_WRONG_TYPE},
        {",\"deadline_at\":\"soon\"", "#/deadline_at", ERR_INVALID},
        {",\"canary\":0", "#/canary", ERR_INVALID},
        {",\"depends_on\":[\"x\"]", "#/depends_on/0", ERR_INVALID},
        {",\"depends_on\":[7]", "#/depends_on/0", ERR_WRONG_TYPE},
        {",\"max_failures\":0", "#/max_failures", ERR_INVALID},
        {",\"max_failures\":\"5\"", "#/max_failures", ERR_INVALID},
        {",\"max_failures\":\"nan%\"", "#/max_failures", ERR_INVALID},
        {",\"max_failures\":true", "#/max_failures", ERR_WRONG_TYPE},
};

START_TEST(bad_fields)
{
        autofree char *body = xasprintf(
                "{\"name\":\"n\",\"kind\":\"noop\",\"project_uuids\":[\"a\"]%s}", refused[_i].body);
        ck_assert_int_eq(read_text(body), -1);
        ck_assert_msg(e.code == refused[_i].code, "%s: %s, %s", body, err_name(e.code), e.text);
        ck_assert_msg(!refused[_i].pointer || blamed(refused[_i].pointer), "%s: %s", body, e.text);
}
END_TEST

static const struct {
        const char *body;
        const char *pointer;
        enum err_code code;
} bad[] = {
        {"", NULL, ERR_MALFORMED},
        {"[]", NULL, ERR_WRONG_TYPE},
        {"null", NULL, ERR_WRONG_TYPE},
        {"{}", "#/name", ERR_INVALID},
        {"{}", "#/project_uuids", ERR_INVALID},
        {"{\"name\":\" \",\"project_uuids\":[\"a\"]}", "#/name", ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"x\",\"project_uuids\":[\"a\"]}", "#/kind", ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"project_uuids\":[]}", "#/project_uuids", ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"project_uuids\":null}", "#/project_uuids",
         ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"project_uuids\":[\" \"]}", "#/project_uuids",
         ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"project_uuids\":\"a\"}", "#/project_uuids",
         ERR_WRONG_TYPE},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"project_uuids\":[\"a\",7,null]}", "#/project_uuids/2",
         ERR_WRONG_TYPE},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"project_uuids\":[\"b\",\"\",\"t\",\" t\"]}",
         "#/project_uuids/3", ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"projects\":[\"a\"]}", "#/projects/0", ERR_WRONG_TYPE},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"projects\":[{\"brz_project_id\":1}]}",
         "#/projects/0/project", ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"projects\":[{\"project\":\" \"}]}",
         "#/projects/0/project", ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"projects\":[{\"project\":\"a\",\"mb_project_uuid\":"
         "\"a\"}]}",
         "#/projects/0/mb_project_uuid", ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"projects\":[{\"project\":\"a\",\"colour\":1}]}",
         "#/projects/0/colour", ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"projects\":[{\"project\":\"a\",\"project\":\"b\"}]}",
         "#/projects/0", ERR_WRONG_TYPE},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"projects\":[{\"project\":\"a\",\"brz_project_id\":0}]"
         "}",
         "#/projects/0/brz_project_id", ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"projects\":[{\"project\":\"a\",\"params\":{\"x\":1}}]"
         "}",
         "#/projects/0/params/x", ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"projects\":[{\"project\":\"a\",\"depends_on\":[\"b\"]"
         "}]}",
         "#/projects/0/depends_on", ERR_INVALID},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"projects\":[{\"project\":\"a\",\"depends_on\":[5]"
         "}]}",
         "#/projects/0/depends_on", ERR_WRONG_TYPE},
        {"{\"name\":\"n\",\"kind\":\"noop\",\"projects\":[{\"project\":\"t\"},{\"mb_project_uuid\":"
         "\"t\"}]}",
         "#/projects/1", ERR_INVALID},
        {"{\"name\":\"n\",\"workspace_id\":5,\"project_uuids\":[\"a\"]}", "#/project_uuids",
         ERR_INVALID},
        {"{\"name\":\"n\",\"workspace_id\":5,\"projects\":[{\"project\":\"a\"}]}",
         "#/projects/0/brz_project_id", ERR_INVALID},
        {"{\"name\":\"n\",\"projects\":[{\"project\":\"a\",\"brz_project_id\":5}]}",
         "#/workspace_id", ERR_INVALID},
};

START_TEST(bad_bodies)
{
        ck_assert_int_eq(read_text(bad[_i].body), -1);
        ck_assert_msg(e.code == bad[_i].code, "%s: %s, %s", bad[_i].body, err_name(e.code), e.text);
        ck_assert_msg(!bad[_i].pointer || blamed(bad[_i].pointer), "%s: %s", bad[_i].body, e.text);
}
END_TEST

START_TEST(names_of_255_characters)
{
        char name[2 * 256 + 1] = "";
        for (int i = 0; i < 255; i++)
                memcpy(name + 2 * i, "\xC3\xA4", 3);
        autofree char *good =
                xasprintf("{\"name\":\"%s\",\"kind\":\"noop\",\"project_uuids\":[\"a\"]}", name);
        ck_assert_int_eq(read_text(good), 0);
        submission_fini(&s);
        autofree char *bad_name =
                xasprintf("{\"name\":\"%sx\",\"kind\":\"noop\",\"project_uuids\":[\"a\"]}", name);
        ck_assert_int_eq(read_text(bad_name), -1);
        ck_assert(blamed("#/name"));
}
END_TEST

/* A body of `count` projects; the last one is called `last`. */
static char *large(size_t count, const char *last, size_t *len)
{
        struct buf b = BUF_INIT(SIZE_MAX);
        buf_adds(&b, "{\"project_uuids\":[");
        for (size_t i = 0; i + 1 < count; i++)
                buf_addf(&b, "\"p%zu\",", i);
        buf_addf(&b, "\"%s\"],\"name\":\"n\",\"kind\":\"noop\"}", last);
        *len = b.len;
        return buf_take(&b);
}

START_TEST(a_million_and_one_more)
{
        size_t len;
        autofree char *most = large(WAVE_PROJECTS_MAX, "last", &len);
        ck_assert_int_eq(submission_read(&s, most, len, &cfg, &m, &e), 0);
        ck_assert_uint_eq(s.count, WAVE_PROJECTS_MAX);
        ck_assert_str_eq(s.projects[WAVE_PROJECTS_MAX - 1].name, "last");
        submission_fini(&s);
        autofree char *over = large(WAVE_PROJECTS_MAX + 1, "last", &len);
        ck_assert_int_eq(submission_read(&s, over, len, &cfg, &m, &e), -1);
        ck_assert_int_eq(e.code, ERR_INVALID);
        ck_assert(blamed("#/project_uuids"));
}
END_TEST

START_TEST(a_twin_among_many_is_named)
{
        size_t len;
        autofree char *text = large(50000, "p7", &len);
        ck_assert_int_eq(submission_read(&s, text, len, &cfg, &m, &e), -1);
        ck_assert_uint_eq(m.total, 1);
        ck_assert(blamed("#/project_uuids/49999"));
        ck_assert_msg(strstr(e.text, "\"p7\"") && strstr(e.text, "at 7 "), "%s", e.text);
}
END_TEST

START_TEST(what_stands_beside_the_list_is_limited)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        buf_adds(&text, "{\"name\":\"");
        for (int i = 0; i < SUBMISSION_HEAD_MAX; i++)
                buf_addc(&text, 'x');
        buf_adds(&text, "\"}");
        ck_assert_int_eq(submission_read(&s, text.data, text.len, &cfg, &m, &e), -1);
        ck_assert_int_eq(e.code, ERR_TOO_LARGE);
}
END_TEST

START_TEST(endless_mistakes_end)
{
        struct buf b = BUF_INIT(SIZE_MAX);
        buf_adds(&b, "{\"name\":\"n\",\"kind\":\"noop\",\"project_uuids\":[0");
        for (int i = 0; i < 1000000; i++)
                buf_adds(&b, ",0");
        buf_adds(&b, "]}");
        ck_assert_int_eq(submission_read(&s, b.data, b.len, &cfg, &m, &e), -1);
        ck_assert_int_eq(e.code, ERR_WRONG_TYPE);
        ck_assert_uint_lt(m.total, 2000);
        buf_fini(&b);
}
END_TEST

/* ---- secrets ---- */

#define WITH_SECRET(secret)                                                                        \
        "{\"name\":\"n\",\"workspace_id\":5,\"params\":{\"mb_site_id\":1,\"mb_secret\":" secret    \
        "},\"projects\":[{\"project\":\"a\",\"brz_project_id\":1,\"params\":{\"mb_"                \
        "secret\":" secret "}}]}"

START_TEST(secrets_are_sealed)
{
        set(&cfg.secret_key, key);
        ck_assert_int_eq(read_text(WITH_SECRET("\"s3cret\"")), 0);
        ck_assert(!strstr(s.params, "s3cret") && !strstr(s.projects[0].params, "s3cret"));
        struct json *v = json_parse(s.params, strlen(s.params), NULL);
        autofree char *plain = NULL;
        ck_assert_int_eq(unseal(key, json_str(json_get(v, "mb_secret")), &plain, &e), 0);
        ck_assert_str_eq(plain, "s3cret");
        ck_assert(json_get(v, "mb_site_id") != NULL);
        json_free(v);
}
END_TEST

START_TEST(a_mask_means_the_stored_one)
{
        ck_assert_int_eq(read_text(WITH_SECRET("\"" SEAL_MASK "\"")), 0);
        ck_assert_str_eq(s.params, "{\"mb_site_id\":1}");
        ck_assert_str_eq(s.projects[0].params, "{}");
}
END_TEST

START_TEST(no_key_no_secret)
{
        ck_assert_int_eq(read_text(WITH_SECRET("\"s3cret\"")), -1);
        ck_assert_int_eq(e.code, ERR_UNAVAILABLE);
        ck_assert(strstr(e.text, "auth.secret_key") != NULL);
}
END_TEST

START_TEST(sealing)
{
        autofree char *a = NULL, *b = NULL, *plain = NULL;
        ck_assert_int_eq(seal(key, "", &a, &e), 0);
        ck_assert_int_eq(seal(key, "", &b, &e), 0);
        ck_assert(seal_is(a) && strcmp(a, b) != 0);
        ck_assert_int_eq(unseal(key, a, &plain, &e), 0);
        ck_assert_str_eq(plain, "");
        a[strlen(a) - 3] ^= 1;
        ck_assert_int_eq(unseal(key, a, &plain, &e), -1);
        ck_assert_int_eq(unseal(key, "sealed:v1:", &plain, &e), -1);
        ck_assert_int_eq(unseal(key, "plain", &plain, &e), -1);
        ck_assert_int_eq(unseal("", b, &plain, &e), -1);
        ck_assert_int_eq(seal("abc", "x", &plain, &e), -1);
        ck_assert_int_eq(e.code, ERR_CONFIG);
}
END_TEST

/* ---- lists ---- */

START_TEST(lists_are_read_from_the_text)
{
        static const char text[] =
                " { \"a\" : [ 1 , \"x]\\\"\" , [ [ ] , { \"b\" : \"]\" } ] , true,-2e3 ] , "
                "\"c\" : { \"a\" : [ 9 ] } } ";
        static const char *const names[] = {"a"};
        static const char *const want[] = {"1", "\"x]\\\"\"", "[ [ ] , { \"b\" : \"]\" } ]", "true",
                                           "-2e3"};
        struct json_list list;
        struct json_piece p;
        struct json *v = json_parse_head(text, sizeof(text) - 1, names, 1, &list, 100, &e);
        ck_assert_msg(v != NULL, "%s", e.text);
        ck_assert_uint_eq(json_count(json_get(v, "a")), 0);
        ck_assert_uint_eq(json_count(json_get(json_get(v, "c"), "a")), 1);
        for (size_t i = 0; i < COUNT_OF(want); i++) {
                ck_assert(json_list_next(&list, &p));
                ck_assert_uint_eq(p.len, strlen(want[i]));
                ck_assert_int_eq(memcmp(p.text, want[i], p.len), 0);
        }
        ck_assert(!json_list_next(&list, &p));
        ck_assert(!json_list_next(&list, &p));
        json_free(v);
}
END_TEST

START_TEST(escapes_of_pieces)
{
        static const char text[] =
                "{\"a\":[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00E9\\u20ac\\uD83D\\uDE00z\"]}";
        static const char *const names[] = {"a"};
        struct json_list list;
        struct json_piece p;
        char out[64];
        struct json *v = json_parse_head(text, sizeof(text) - 1, names, 1, &list, 100, &e);
        ck_assert(v && json_list_next(&list, &p) && p.type == JSON_STRING);
        out[json_piece_string(&p, out)] = '\0';
        ck_assert_str_eq(out, "\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
        json_free(v);
}
END_TEST

/* ---- ids ---- */

START_TEST(ids_of_waves)
{
        static const char *const none[] = {"",
                                           "_",
                                           "1",
                                           "zzz",
                                           "1_12345678901",
                                           "1_1234567890123",
                                           "x_123456789012",
                                           "1_12345678901x",
                                           "1 _123456789012"};
        char a[WAVE_ID_SIZE], b[WAVE_ID_SIZE];
        wave_id_new(a);
        wave_id_new(b);
        ck_assert(wave_id_ok(a) && wave_id_ok(b) && strcmp(a, b) != 0);
        for (size_t i = 0; i < COUNT_OF(none); i++)
                ck_assert(!wave_id_ok(none[i]));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("submission");
        TCase *t = tcase_create("submission");
        suite_add_tcase(suite, t);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_set_timeout(t, 60); /* sanitizers are slow */
        tcase_add_test(t, a_plain_wave);
        tcase_add_test(t, every_field);
        tcase_add_test(t, names_are_trimmed_and_empties_dropped);
        tcase_add_test(t, remote_with_targets);
        tcase_add_test(t, remote_with_brizy);
        tcase_add_loop_test(t, bad_fields, 0, (int)COUNT_OF(refused));
        tcase_add_loop_test(t, bad_bodies, 0, (int)COUNT_OF(bad));
        tcase_add_test(t, names_of_255_characters);
        tcase_add_test(t, a_million_and_one_more);
        tcase_add_test(t, a_twin_among_many_is_named);
        tcase_add_test(t, what_stands_beside_the_list_is_limited);
        tcase_add_test(t, endless_mistakes_end);
        tcase_add_test(t, secrets_are_sealed);
        tcase_add_test(t, a_mask_means_the_stored_one);
        tcase_add_test(t, no_key_no_secret);
        tcase_add_test(t, sealing);
        tcase_add_test(t, lists_are_read_from_the_text);
        tcase_add_test(t, escapes_of_pieces);
        tcase_add_test(t, ids_of_waves);
        SRunner *r = srunner_create(suite);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
