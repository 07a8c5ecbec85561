/* What is read from outside, while memory runs out: JSON, waves, answers of the migration server. */
#include "base/buf.h"
#include "base/json_list.h"
#include "base/rand.h"
#include "engine/submission.h"
#include "model/remote_answer.h"
#include "tests/scarce/scarce.h"

enum { PROJECTS = 200, DEPENDENCIES = 8, MEMBERS = 700, TEXT_MOST = 1 << 20, LONG = 9000 };

/* ---- JSON ---- */

static void add_long(struct buf *out, char c)
{
        for (int i = 0; i < LONG; i++)
                buf_addc(out, c);
}

static bool parse_json(bool well, void *arg)
{
        const struct buf *text = arg;
        struct err e = ERR_INIT;
        struct json *v = json_parse(text->data, text->len, &e);
        if (!v) {
                ck_assert(!well);
                must_be_scarce(&e);
                return true;
        }
        struct buf printed = BUF_INIT(TEXT_MOST);
        json_print(v, &printed);
        bool refused = !buf_ok(&printed);
        if (refused)
                ck_assert(printed.starved);
        else
                ck_assert_str_eq(printed.data, text->data);
        buf_fini(&printed);
        json_free(v);
        return refused;
}

START_TEST(json)
{
        autobuf text = BUF_INIT(TEXT_MOST);
        buf_addc(&text, '{');
        for (int i = 0; i < MEMBERS; i++)
                buf_addf(&text, "\"member-%d\":[%d,null],", i, i);
        buf_adds(&text, "\"long\":\"");
        add_long(&text, 'x');
        buf_adds(&text, "\"}");
        scarce(parse_json, &text, MEMBERS);
}
END_TEST

/* ---- waves ---- */

static struct config cfg;

static bool submit(bool well, void *arg)
{
        const struct buf *text = arg;
        struct arena *a = arena_new(0);
        struct mistakes *m = ARENA_NEW(a, struct mistakes);
        struct submission s;
        struct err e = ERR_INIT;
        m->arena = a;
        bool refused = submission_read(&s, text->data, text->len, &cfg, m, &e) < 0;
        if (refused) {
                ck_assert(!well);
                must_be_scarce(&e);
                ck_assert_uint_eq(m->total, 0);
        } else {
                ck_assert_uint_eq(s.count, PROJECTS);
                for (size_t i = 0; i < s.count; i++) {
                        ck_assert_int_eq(strncmp(s.projects[i].name, "project-", 8), 0);
                        ck_assert(!s.has_params || strlen(s.projects[i].params) > 10);
                }
                ck_assert_uint_gt(strlen(s.params), LONG);
                ck_assert(s.edges == 0 || s.edges == PROJECTS * DEPENDENCIES - 36);
        }
        submission_fini(&s);
        arena_free(a);
        return refused;
}

static void begin_wave(struct buf *out)
{
        rand_init();
        config_defaults(&cfg);
        buf_adds(out, "{\"name\":\"w\",\"kind\":\"noop\",\"params\":{\"result\":{\"text\":\"");
        add_long(out, 't');
        buf_adds(out, "\"}},");
}

START_TEST(a_wave_of_names)
{
        autobuf text = BUF_INIT(TEXT_MOST);
        begin_wave(&text);
        buf_adds(&text, "\"project_uuids\":[\"project-0\"");
        for (int i = 1; i < PROJECTS; i++)
                buf_addf(&text, ",\"project-%d-of-a-long-name-that-takes-some-room\"", i);
        buf_adds(&text, "]}");
        scarce(submit, &text, 10);
        config_fini(&cfg);
}
END_TEST

START_TEST(a_wave_of_objects)
{
        autobuf text = BUF_INIT(TEXT_MOST);
        begin_wave(&text);
        buf_adds(&text, "\"projects\":[");
        for (int i = 0; i < PROJECTS; i++) {
                buf_addf(&text, "%s{\"depends_on\":[", i ? "," : "");
                for (int k = 1; k <= DEPENDENCIES && k <= i; k++)
                        buf_addf(&text, "%s\"project-%d\"", k > 1 ? "," : "", i - k);
                buf_addf(&text,
                         "],\"project\":\"project-%d\",\"brz_project_id\":%d,"
                         "\"params\":{\"log_lines\":3}}",
                         i, i + 1);
        }
        buf_adds(&text, "]}");
        scarce(submit, &text, PROJECTS);
        config_fini(&cfg);
}
END_TEST

/* One secret in it, and sealed. */
static bool seal_params(bool well, void *arg)
{
        const struct json *params = arg;
        struct arena *a = arena_new(0);
        struct err e = ERR_INIT;
        const char *text = NULL;
        bool refused = params_seal(params, &cfg, a, &text, &e) < 0;
        if (refused) {
                ck_assert(!well && !text);
                must_be_scarce(&e);
        } else {
                ck_assert_uint_gt(strlen(text), 2 * LONG);
        }
        arena_free(a);
        return refused;
}

START_TEST(a_secret)
{
        autobuf text = BUF_INIT(TEXT_MOST);
        rand_init();
        config_defaults(&cfg);
        free(cfg.secret_key);
        cfg.secret_key =
                xstrdup("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
        buf_adds(&text, "{\"mb_secret\":\"");
        add_long(&text, 's');
        buf_adds(&text, "\",\"other\":\"");
        add_long(&text, 'o');
        buf_adds(&text, "\"}");
        struct json *params = json_parse(text.data, text.len, NULL);
        scarce(seal_params, params, 3);
        json_free(params);
        config_fini(&cfg);
}
END_TEST

/* ---- the migration server ---- */

static bool take_webhook(bool well, void *arg)
{
        const struct buf *text = arg;
        struct arena *a = arena_new(0);
        struct remote_webhook w;
        struct err e = ERR_INIT;
        bool refused = remote_webhook_parse(text->data, text->len, a, &w, &e) < 0;
        if (refused) {
                ck_assert(!well);
                must_be_scarce(&e);
        } else {
                ck_assert_uint_eq(strlen(w.project), LOOSE_TEXT_MAX);
                ck_assert_uint_eq(strlen(w.answer.body), text->len);
                ck_assert_uint_gt(strlen(w.warnings), LONG);
        }
        arena_free(a);
        return refused;
}

static bool take_answer(bool well, void *arg)
{
        const struct buf *text = arg;
        struct arena *a = arena_new(0);
        struct remote_answer r;
        struct err e = ERR_INIT;
        bool refused = remote_answer_parse(text->data, text->len, a, &r, &e) < 0;
        if (refused)
                ck_assert(!well && e.code == ERR_UPSTREAM); /* nothing follows from it */
        else
                ck_assert_uint_eq(strlen(r.body), text->len);
        arena_free(a);
        return refused;
}

START_TEST(answers_of_the_migration_server)
{
        autobuf text = BUF_INIT(TEXT_MOST);
        buf_adds(&text, "{\"mb_project_uuid\":\"");
        add_long(&text, 'u');
        buf_adds(&text, "\",\"brz_project_id\":7,\"status\":\"completed\",\"warnings\":[\"");
        add_long(&text, 'w');
        buf_adds(&text, "\"]}");
        scarce(take_webhook, &text, 10);
        scarce(take_answer, &text, 10);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("scarce input");
        TCase *t = tcase_create("input");
        tcase_set_timeout(t, 120);
        tcase_add_test(t, json);
        tcase_add_test(t, a_wave_of_names);
        tcase_add_test(t, a_wave_of_objects);
        tcase_add_test(t, a_secret);
        tcase_add_test(t, answers_of_the_migration_server);
        suite_add_tcase(s, t);
        return scarce_main(s);
}
