/* test_worker_remote_brizy.c - workspace and project of Brizy: found, or created exactly once. */
#include <dirent.h>

#include "remote_tools.h"

static char *server, *brizy;

static void control(const char *fields)
{
        fake_call(brizy, "/_control", fields);
}

static void setup(void)
{
        tools_setup();
        control("{\"reset\":true}");
}

static const struct json *ledger(void)
{
        const struct json *l = fake_call(brizy, "/_ledger", NULL);
        ck_assert_uint_eq(json_count(json_get(l, "duplicates")), 0);
        return l;
}

static size_t count(const char *what)
{
        return json_count(json_get(ledger(), what));
}

static int64_t id_of_first(const char *what)
{
        int64_t id = 0;
        json_int(json_get(json_first(json_get(ledger(), what)), "id"), &id);
        return id;
}

static void begin(struct run *r, const char *project)
{
        run_init(r, project, server, brizy);
        run_start(r);
}

START_TEST(both_are_created_and_noted)
{
        struct run r;
        begin(&r, "never--both");
        expect_parked(&r);
        ck_assert_str_eq(buf_str(&r.asked),
                         "lock workspace unlock lock target unlock rate rate memo ");
        ck_assert_str_eq(r.workspace,
                         arena_printf(arena, "%lld Волна 1", (long long)id_of_first("workspaces")));
        ck_assert_int_eq(r.target, id_of_first("projects"));
        ck_assert_int_eq(r.out.brz_project_id, r.target);
        ck_assert_uint_eq(count("creates"), 2);
        const struct json *l = fake_call(server, "/_ledger?mb_project_uuid=never--both", NULL);
        const struct json *p = json_get(json_first(json_get(l, "starts")), "params");
        ck_assert_str_eq(json_str(json_get(p, "brz_project_id")),
                         arena_printf(arena, "%lld", (long long)r.target));
        ck_assert_str_eq(json_str(json_get(p, "brz_workspaces_id")),
                         arena_printf(arena, "%lld", (long long)id_of_first("workspaces")));
        run_fini(&r);
}
END_TEST

START_TEST(both_are_found_on_later_pages)
{
        autobuf names = BUF_INIT(1 << 20);
        buf_adds(&names, "{\"workspaces\":[\"Волна 1\"");
        for (int i = 0; i < 249; i++)
                buf_addf(&names, ",\"Волна 1%d\"", i);
        buf_adds(&names, "],\"projects\":[");
        for (int i = 0; i < 120; i++)
                buf_addf(&names, "[\"Волна 1\",\"never--pages%d\"],", i);
        buf_adds(&names, "[\"Волна 1\",\"never--pages\"]]}");
        control(buf_str(&names));
        struct run r;
        begin(&r, "never--pages");
        expect_parked(&r);
        ck_assert_uint_eq(count("creates"), 0);
        ck_assert_int_eq(r.target, 1000 + 250 + 121);
        run_fini(&r);
}
END_TEST

START_TEST(the_last_page_is_looked_at)
{
        autobuf names = BUF_INIT(1 << 20);
        buf_adds(&names, "{\"workspaces\":[");
        for (int i = 0; i < 249; i++)
                buf_addf(&names, "\"w%d\",", i);
        buf_adds(&names, "\"Волна 1\"]}");
        control(buf_str(&names));
        struct run r;
        begin(&r, "never--lastpage");
        expect_parked(&r);
        expect_text(r.workspace, "1250 ");
        run_fini(&r);
}
END_TEST

START_TEST(a_workspace_that_is_known_is_not_looked_for)
{
        struct run r;
        control("{\"workspaces\":[\"w\"]}");
        run_init(&r, "never--known", server, brizy);
        r.job.workspace_id = "1001";
        run_start(&r);
        expect_parked(&r);
        ck_assert_ptr_null(r.workspace);
        ck_assert_str_eq(buf_str(&r.asked), "lock target unlock rate rate memo ");
        run_claim(&r, 0);
        control("{\"reset\":true}");
        run_start(&r); /* and with a known target nothing is called at all */
        expect_parked(&r);
        ck_assert_uint_eq(count("calls"), 0);
        run_fini(&r);
}
END_TEST

/* ---- creates that go wrong ---- */

static const struct {
        const char *faults; /* of the first create, that of the workspace */
        bool parked;        /* else failed, temporary */
        int64_t due;
} create_cases[] = {
        {"[{\"status\":502,\"created\":true}]", true, 0},
        {"[{\"status\":502,\"created\":false}]", false, -1},
        {"[{\"status\":503,\"created\":false,\"retry_after\":\"3\"}]", false, 3000},
        {"[{\"status\":429,\"created\":true}]", true, 0},
        {"[{\"status\":429,\"created\":false,\"retry_after\":\"2\"}]", false, 2000},
        {"[{\"status\":\"reset\",\"created\":true}]", true, 0},
        {"[{\"status\":\"reset\",\"created\":false}]", false, -1},
        {"[{\"status\":200,\"created\":true}]", true, 0}, /* no JSON */
        {"[{\"status\":409,\"created\":true}]", true, 0},
};

START_TEST(a_create_that_went_wrong_is_looked_for)
{
        struct run r;
        control(arena_printf(arena, "{\"create_faults\":%s}", create_cases[_i].faults));
        begin(&r, arena_printf(arena, "never--create%d", _i));
        if (create_cases[_i].parked) {
                expect_parked(&r);
                expect_text(buf_str(&r.log), "was created all the same");
        } else {
                expect_failed(&r, CLASS_TEMPORARY);
                ck_assert_int_eq(r.out.due_in_ms, create_cases[_i].due);
                run_claim(&r, 1);
                run_start(&r);
                expect_parked(&r);
        }
        ck_assert_uint_eq(count("workspaces"), 1);
        ck_assert_uint_eq(count("projects"), 1);
        run_fini(&r);
}
END_TEST

START_TEST(a_create_that_is_still_under_way_is_waited_for)
{
        struct run r;
        control("{\"delay_ms\":1500,\"workspaces\":[\"Волна 1\"]}");
        run_init(&r, "never--slow", server, brizy);
        r.cfg.remote_start_timeout_ms = 500;
        run_start(&r);
        expect_parked(&r);
        ck_assert_uint_eq(count("projects"), 1);
        run_fini(&r);
}
END_TEST

START_TEST(ids_come_in_an_array_too)
{
        struct run r;
        control("{\"create_array\":true}");
        begin(&r, "never--array");
        expect_parked(&r);
        ck_assert_int_eq(r.target, id_of_first("projects"));
        run_fini(&r);
}
END_TEST

/* ---- lists that go wrong ---- */

static const struct {
        const char *faults;
        enum error_class class;
        int64_t due;
} list_cases[] = {
        {"[{\"status\":500}]", CLASS_TEMPORARY, -1},
        {"[{\"status\":200}]", CLASS_TEMPORARY, -1},
        /* twice: what is reset on a connection kept from an earlier call is asked again on a new one */
        {"[{\"status\":\"reset\"},{\"status\":\"reset\"}]", CLASS_TEMPORARY, -1},
        {"[{\"status\":429,\"retry_after\":\"4\"}]", CLASS_TEMPORARY, 4000},
        {"[{\"status\":400}]", CLASS_CRITICAL, -1},
        {"[{\"status\":302}]", CLASS_CRITICAL, -1},
};

START_TEST(without_a_list_nothing_is_created)
{
        struct run r;
        control(arena_printf(arena, "{\"list_faults\":%s}", list_cases[_i].faults));
        begin(&r, "never--list");
        expect_failed(&r, list_cases[_i].class);
        ck_assert_int_eq(r.out.due_in_ms, list_cases[_i].due);
        ck_assert_uint_eq(count("creates"), 0);
        ck_assert_ptr_null(r.memo);
        run_fini(&r);
}
END_TEST

START_TEST(a_refused_token_hits_all)
{
        struct run r;
        control("{\"token\":\"another\"}");
        begin(&r, "never--token");
        expect_failed(&r, CLASS_CRITICAL);
        expect_text(r.out.error, "Brizy answers 401");
        run_fini(&r);
}
END_TEST

START_TEST(a_project_that_is_refused_is_this_migrations_matter)
{
        struct run r;
        control("{\"workspaces\":[\"Волна 1\"],\"create_faults\":[{\"status\":400}]}");
        begin(&r, "never--refused");
        expect_failed(&r, CLASS_DATA);
        run_fini(&r);
}
END_TEST

START_TEST(brizy_is_away)
{
        struct run r;
        run_init(&r, "never--away", server, "http://127.0.0.1:1");
        run_start(&r);
        expect_failed(&r, CLASS_TEMPORARY);
        expect_text(r.out.error, "could not connect to http://127.0.0.1:1/api/2.0/workspaces");
        run_fini(&r);
}
END_TEST

START_TEST(a_target_in_use_waits_and_keeps_the_project)
{
        struct run r;
        run_init(&r, "never--inuse", server, brizy);
        r.target_answer = "0";
        run_start(&r);
        expect_failed(&r, CLASS_DEPENDENCY);
        r.target_answer = "1";
        run_start(&r);
        expect_parked(&r);
        ck_assert_uint_eq(count("projects"), 1);
        run_fini(&r);
}
END_TEST

/* ---- many at once ---- */

/* One worker: tries until it is parked; its exit code says how that went. */
static void work(int number, const char *locks)
{
        struct run r;
        run_init(&r, arena_printf(arena, "never--many%d", number / 2), server, brizy);
        r.lock_dir = locks;
        for (int i = 0; i < 200; i++) {
                run_start(&r);
                /* Two have the same project: one gets the target. */
                if (r.out.kind == OUTCOME_PARKED)
                        _exit(0);
                if (r.target)
                        _exit(r.out.class == CLASS_DEPENDENCY ? 0 : 1);
                if (r.out.class != CLASS_DEPENDENCY && r.out.class != CLASS_TEMPORARY)
                        _exit(2);
                usleep(100000);
        }
        _exit(3);
}

static void remove_locks(const char *dir)
{
        DIR *d = opendir(dir);
        for (struct dirent *e; (e = readdir(d));)
                unlinkat(dirfd(d), e->d_name, 0);
        closedir(d);
        rmdir(dir);
}

START_TEST(ten_workers_at_once_make_one_of_each)
{
        char locks[] = "/tmp/wavefleet-locks.XXXXXX";
        pid_t workers[10];
        ck_assert_ptr_nonnull(mkdtemp(locks));
        control("{\"delay_ms\":50,\"create_faults\":[{\"status\":502,\"created\":true},"
                "{\"status\":429},{\"status\":\"reset\",\"created\":true},{\"status\":502}],"
                "\"list_faults\":[{\"status\":429},{\"status\":502},{\"status\":\"reset\"}]}");
        for (int i = 0; i < 10; i++) {
                workers[i] = fork();
                if (workers[i] == 0)
                        work(i, locks);
        }
        for (int i = 0; i < 10; i++) {
                int status;
                waitpid(workers[i], &status, 0);
                ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "worker %d: %d", i,
                              status);
        }
        ck_assert_uint_eq(count("workspaces"), 1);
        ck_assert_uint_eq(count("projects"), 5);
        for (int i = 0; i < 5; i++) {
                const char *path = arena_printf(arena, "/_ledger?mb_project_uuid=never--many%d", i);
                const struct json *l = fake_call(server, path, NULL);
                ck_assert_uint_eq(json_count(json_get(l, "double_starts")), 0);
        }
        remove_locks(locks);
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("worker_remote_brizy");
        TCase *t = tcase_create("all");
        suite_add_tcase(s, t);
        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, setup, tools_teardown);
        tcase_add_test(t, both_are_created_and_noted);
        tcase_add_test(t, both_are_found_on_later_pages);
        tcase_add_test(t, the_last_page_is_looked_at);
        tcase_add_test(t, a_workspace_that_is_known_is_not_looked_for);
        tcase_add_loop_test(t, a_create_that_went_wrong_is_looked_for, 0, COUNT_OF(create_cases));
        tcase_add_test(t, a_create_that_is_still_under_way_is_waited_for);
        tcase_add_test(t, ids_come_in_an_array_too);
        tcase_add_loop_test(t, without_a_list_nothing_is_created, 0, COUNT_OF(list_cases));
        tcase_add_test(t, a_refused_token_hits_all);
        tcase_add_test(t, a_project_that_is_refused_is_this_migrations_matter);
        tcase_add_test(t, brizy_is_away);
        tcase_add_test(t, a_target_in_use_waits_and_keeps_the_project);
        tcase_add_test(t, ten_workers_at_once_make_one_of_each);
        return s;
}

int main(void)
{
        rand_init();
        server = fake_start("migration_server.py");
        brizy = fake_start("brizy.py");
        SRunner *r = srunner_create(suite());
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        free(server);
        free(brizy);
        return failed ? 1 : 0;
}
