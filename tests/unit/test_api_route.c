/* The table of routes: what fits, what is allowed, what it must look like. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/routes.h"

static void nothing(struct request *rq)
{
        (void)rq;
}

static const struct route table[] = {
        {"GET", "/api/waves", ROLE_VIEWER, BODY_NONE, nothing},
        {"POST", "/api/waves", ROLE_OPERATOR, BODY_WAVE, nothing},
        {"GET", "/api/waves/:id", ROLE_VIEWER, BODY_NONE, nothing},
        {"POST", "/api/waves/:id/migrations/:mb_uuid/restart", ROLE_OPERATOR, BODY_JSON, nothing},
        {"DELETE", "/api/migrations/:id/lock", ROLE_OPERATOR, BODY_NONE, nothing},
        {"*", "/api/users*", ROLE_OPEN, BODY_NONE, NULL},
        {"*", "/api/waves/:id/review-token*", ROLE_OPEN, BODY_NONE, NULL},
};
enum { ROWS = sizeof(table) / sizeof(table[0]) };

static struct route_match find(const char *method, const char *path)
{
        struct route_match m;
        route_find_in(table, ROWS, method, path, strlen(path), &m);
        return m;
}

static void expect_param(const struct route_match *m, size_t i, const char *name, const char *value)
{
        ck_assert_uint_lt(i, m->params);
        ck_assert_uint_eq(m->param[i].name_len, strlen(name));
        ck_assert_mem_eq(m->param[i].name, name, strlen(name));
        ck_assert_uint_eq(m->param[i].value_len, strlen(value));
        ck_assert_mem_eq(m->param[i].value, value, strlen(value));
}

START_TEST(finds_by_method_and_path)
{
        ck_assert_ptr_eq(find("GET", "/api/waves").route, &table[0]);
        ck_assert_ptr_eq(find("POST", "/api/waves").route, &table[1]);
        ck_assert_ptr_eq(find("GET", "/api/waves/17_1").route, &table[2]);
        ck_assert_ptr_null(find("GET", "/api/wave").route);
        ck_assert_ptr_null(find("GET", "/api/wavesx").route);
        ck_assert_ptr_null(find("GET", "/api/waves/").route);
        ck_assert_ptr_null(find("GET", "/").route);
        ck_assert_ptr_null(find("GET", "").route);
        ck_assert_ptr_null(find("OPTIONS", "*").route);
        ck_assert_str_eq(find("GET", "/nowhere").allow, "");
}
END_TEST

START_TEST(head_goes_where_get_goes)
{
        ck_assert_ptr_eq(find("HEAD", "/api/waves").route, &table[0]);
        ck_assert_ptr_null(find("HEAD", "/api/migrations/1/lock").route);
}
END_TEST

START_TEST(a_param_takes_one_encoded_segment)
{
        struct route_match m = find("POST", "/api/waves/1_2/migrations/a%2Fb%20c/restart");
        ck_assert_ptr_eq(m.route, &table[3]);
        ck_assert_uint_eq(m.params, 2);
        expect_param(&m, 0, "id", "1_2");
        expect_param(&m, 1, "mb_uuid", "a%2Fb%20c");
        ck_assert_ptr_null(find("POST", "/api/waves/1_2/migrations/a/b/restart").route);
        ck_assert_ptr_null(find("POST", "/api/waves/1_2/migrations//restart").route);
}
END_TEST

START_TEST(another_method_says_what_is_allowed)
{
        struct route_match m = find("PUT", "/api/waves");
        ck_assert_ptr_null(m.route);
        ck_assert_str_eq(m.allow, "GET, HEAD, POST");
        ck_assert_str_eq(find("GET", "/api/migrations/1/lock").allow, "DELETE");
        ck_assert_uint_eq(m.params, 0);
}
END_TEST

START_TEST(a_star_takes_whatever_follows)
{
        ck_assert_ptr_eq(find("GET", "/api/users").route, &table[5]);
        ck_assert_ptr_eq(find("PATCH", "/api/users/5/roles").route, &table[5]);
        ck_assert_ptr_eq(find("POST", "/api/waves/1/review-tokens/9").route, &table[6]);
        ck_assert_ptr_null(find("GET", "/api/use").route);
}
END_TEST

/* The real table. */

static bool known_method(const char *method)
{
        static const char *const known[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "*"};
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                if (strcmp(method, known[i]) == 0)
                        return true;
        }
        return false;
}

START_TEST(every_row_is_well_formed)
{
        const struct route *r = &routes[_i];
        ck_assert_msg(known_method(r->method), "%s", r->method);
        ck_assert_int_eq(r->path[0], '/');
        size_t params = 0;
        for (const char *p = r->path; *p; p++) {
                if (*p == ':') {
                        params++;
                        ck_assert_int_eq(p[-1], '/');
                        ck_assert(p[1] != '/' && p[1] != '\0');
                }
                ck_assert_msg(*p != '*' || p[1] == '\0', "%s", r->path);
        }
        ck_assert_uint_le(params, ROUTE_PARAMS_MAX);
        if (strcmp(r->method, "GET") == 0 || strcmp(r->method, "DELETE") == 0)
                ck_assert_int_ne(r->body, BODY_WAVE);
}
END_TEST

/* A row that an earlier one hides is never reached. */
START_TEST(no_row_hides_another)
{
        const struct route *r = &routes[_i];
        char path[256];
        size_t len = 0;
        for (const char *p = r->path; *p; p++) {
                if (*p == '*')
                        continue;
                if (*p == ':') {
                        path[len++] = 'x';
                        p += strcspn(p, "/") - 1;
                } else {
                        path[len++] = *p;
                }
        }
        path[len] = '\0';
        struct route_match m;
        route_find(strcmp(r->method, "*") == 0 ? "GET" : r->method, path, len, &m);
        ck_assert_msg(m.route == r, "%s %s is hidden by %s", r->method, r->path,
                      m.route ? m.route->path : "nothing");
}
END_TEST

START_TEST(who_may_call_what_is_open)
{
        const struct route *r = &routes[_i];
        bool open = strcmp(r->path, "/api/health") == 0 || strcmp(r->path, "/livez") == 0 ||
                    strcmp(r->path, "/readyz") == 0 || !r->handler ||
                    strcmp(r->path, "/api/auth/login") == 0 ||
                    strcmp(r->path, "/api/openapi.json") == 0 ||
                    strncmp(r->path, "/api/webhooks/", 14) == 0;
        bool anyone =
                strcmp(r->path, "/api/auth/logout") == 0 || strcmp(r->path, "/api/auth/check") == 0;
        ck_assert_msg((r->role == ROLE_OPEN) == open, "%s %s", r->method, r->path);
        ck_assert_msg((r->role == ROLE_ANYONE) == anyone, "%s %s", r->method, r->path);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("api_route");
        TCase *t = tcase_create("find");
        int n = (int)routes_count;
        tcase_add_test(t, finds_by_method_and_path);
        tcase_add_test(t, head_goes_where_get_goes);
        tcase_add_test(t, a_param_takes_one_encoded_segment);
        tcase_add_test(t, another_method_says_what_is_allowed);
        tcase_add_test(t, a_star_takes_whatever_follows);
        tcase_add_loop_test(t, every_row_is_well_formed, 0, n);
        tcase_add_loop_test(t, no_row_hides_another, 0, n);
        tcase_add_loop_test(t, who_may_call_what_is_open, 0, n);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_ENV);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
