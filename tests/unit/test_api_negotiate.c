/* What a client will take: Accept-Encoding with its weights, If-None-Match with its tags. */
#include <check.h>
#include <stdlib.h>

#include "api/http/negotiate.h"

START_TEST(codings_have_the_weights_that_the_header_gives)
{
        static const struct {
                const char *header, *coding;
                int weight;
        } cases[] = {
                {NULL, "gzip", 0},
                {NULL, "identity", 1000},
                {"", "gzip", 0},
                {"", "identity", 1},
                {"gzip", "gzip", 1000},
                {"gzip", "br", 0},
                {"gzip, deflate, br", "br", 1000},
                {" \tGZIP ", "gzip", 1000},
                {"gzip;q=0.5,br;q=0.25", "gzip", 500},
                {"gzip;q=0.5,br;q=0.25", "br", 250},
                {"gzip ; q=0.123", "gzip", 123},
                {"gzip;Q=1.000", "gzip", 1000},
                {"gzip;q=0", "gzip", 0},
                {"gzip;q=1", "identity", 1},
                {"*", "br", 1000},
                {"*;q=0.3", "br", 300},
                {"br;q=0,*", "br", 0},
                {"*;q=0", "identity", 0},
                {"identity;q=0, *;q=0.1", "identity", 0},
                {"identity;q=0.2", "identity", 200},
                {"xgzip, gzipx", "gzip", 0},
                {",,gzip,,", "gzip", 1000},
        };
        ck_assert_msg(negotiate_coding(cases[_i].header, cases[_i].coding) == cases[_i].weight,
                      "'%s', %s: %d", cases[_i].header ? cases[_i].header : "none",
                      cases[_i].coding, negotiate_coding(cases[_i].header, cases[_i].coding));
}
END_TEST
enum { CODINGS = 22 };

START_TEST(what_is_no_weight_weighs_nothing)
{
        static const char *const headers[] = {"gzip;q=",       "gzip;q=2",     "gzip;q=1.001",
                                              "gzip;q=0.1234", "gzip;q=-1",    "gzip;q=.5",
                                              "gzip;q=0,5",    "gzip;level=9", "gzip;",
                                              "gzip;q=1x",     "gzip;q=1.x",   "gzip;q=0.5;q=1"};
        ck_assert_int_eq(negotiate_coding(headers[_i], "gzip"), 0);
}
END_TEST
enum { BAD = 12 };

START_TEST(tags_are_compared_weakly)
{
        ck_assert(negotiate_has_etag("\"a\"", "\"a\""));
        ck_assert(negotiate_has_etag("W/\"a\"", "\"a\""));
        ck_assert(negotiate_has_etag("\"x\", \"a\"", "\"a\""));
        ck_assert(negotiate_has_etag(" \"x\" ,W/\"a\" ", "\"a\""));
        ck_assert(negotiate_has_etag("*", "\"a\""));
        ck_assert(!negotiate_has_etag(NULL, "\"a\""));
        ck_assert(!negotiate_has_etag("", "\"a\""));
        ck_assert(!negotiate_has_etag("\"ab\"", "\"a\""));
        ck_assert(!negotiate_has_etag("a", "\"a\""));
        ck_assert(!negotiate_has_etag("W/", "\"a\""));
        ck_assert(!negotiate_has_etag("\"a", "\"a\""));
        ck_assert(!negotiate_has_etag(",,", "\"a\""));
}
END_TEST

START_TEST(tags_are_of_the_bytes)
{
        char etag[ETAG_SIZE];
        negotiate_make_etag("abc", 3, etag); /* as FIPS 180-2, B.1 has it */
        ck_assert_str_eq(etag, "\"ba7816bf8f01cfea414140de5dae2223\"");
}
END_TEST

int main(void)
{
        Suite *s = suite_create("api_negotiate");
        TCase *t = tcase_create("negotiate");
        tcase_add_loop_test(t, codings_have_the_weights_that_the_header_gives, 0, CODINGS);
        tcase_add_loop_test(t, what_is_no_weight_weighs_nothing, 0, BAD);
        tcase_add_test(t, tags_are_compared_weakly);
        tcase_add_test(t, tags_are_of_the_bytes);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
