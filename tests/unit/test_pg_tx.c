/* test_pg_tx.c - parameters as PostgreSQL wants them, byte for byte; URLs; what SQLSTATEs mean. */
#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/pg_failure.h"
#include "store/pg_libpq.h"
#include "store/pg_params.h"
#include "store/pg_tx.h"

static struct pg_args args;

static const struct pg_args *args_of(const struct pg_tx *tx, size_t s)
{
        memset(&args, 0xee, sizeof(args));
        pg_tx_args(tx, &tx->statements[s], &args);
        return &args;
}

#define BYTES(i, literal)                                                                          \
        do {                                                                                       \
                ck_assert_int_eq(args.formats[i], 1);                                              \
                ck_assert_int_eq(args.lengths[i], (int)sizeof(literal) - 1);                       \
                ck_assert_mem_eq(args.values[i], literal, sizeof(literal) - 1);                    \
        } while (0)
#define TEXT(i, literal)                                                                           \
        do {                                                                                       \
                ck_assert_int_eq(args.formats[i], 0);                                              \
                ck_assert_str_eq(args.values[i], literal);                                         \
        } while (0)

START_TEST(scalars_are_text)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, "s", "SELECT 1");
        pg_arg_int(tx, INT64_MIN);
        pg_arg_int(tx, INT64_MAX);
        pg_arg_bool(tx, true);
        pg_arg_bool(tx, false);
        pg_arg_text(tx, "it's \"grün\"");
        pg_arg_text(tx, "");
        pg_arg_text(tx, NULL);
        pg_arg_textn(tx, "abc", 2);
        pg_arg_textn(tx, "a\0b\0", 4);
        pg_arg_bytes(tx, "\0\x01", 2);
        pg_arg_bytes(tx, NULL, 0);
        pg_arg_null(tx);
        args_of(tx, 0);
        ck_assert_uint_eq(tx->statements[0].params, 12);
        TEXT(0, "-9223372036854775808");
        TEXT(1, "9223372036854775807");
        TEXT(2, "t");
        TEXT(3, "f");
        TEXT(4, "it's \"grün\"");
        TEXT(5, "");
        ck_assert_ptr_null(args.values[6]);
        TEXT(7, "ab");
        TEXT(8, "a\xef\xbf\xbd"
                "b\xef\xbf\xbd");
        BYTES(9, "\0\x01");
        BYTES(10, "");
        ck_assert_ptr_nonnull(args.values[10]);
        ck_assert_ptr_null(args.values[11]);
        pg_tx_free(tx);
}
END_TEST

START_TEST(arrays_are_binary)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, "s", "SELECT 1");
        pg_arg_int8s(tx, (int64_t[]){-1, 258}, 2);
        pg_arg_int4s(tx, (int32_t[]){INT32_MIN}, 1);
        pg_arg_bools(tx, (bool[]){true, false}, 2);
        pg_arg_texts(tx, (const char *[]){"a", NULL, ""}, 3);
        pg_arg_texts(tx, (const char *[]){"{\"}"}, 1);
        args_of(tx, 0);
        BYTES(0, "\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\2\0\0\0\1"
                 "\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x08\0\0\0\0\0\0\1\2");
        BYTES(1, "\0\0\0\1\0\0\0\0\0\0\0\x17\0\0\0\1\0\0\0\1\0\0\0\4\x80\0\0\0");
        BYTES(2, "\0\0\0\1\0\0\0\0\0\0\0\x10\0\0\0\2\0\0\0\1\0\0\0\1\1\0\0\0\1\0");
        BYTES(3, "\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\3\0\0\0\1\0\0\0\1"
                 "a\xff\xff\xff\xff\0\0\0\0");
        BYTES(4, "\0\0\0\1\0\0\0\0\0\0\0\x19\0\0\0\1\0\0\0\1\0\0\0\3{\"}");
        pg_tx_free(tx);
}
END_TEST

START_TEST(empty_arrays_have_no_dimension)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, "s", "SELECT 1");
        pg_arg_int8s(tx, NULL, 0);
        pg_arg_int4s(tx, NULL, 0);
        pg_arg_bools(tx, NULL, 0);
        pg_arg_texts(tx, NULL, 0);
        args_of(tx, 0);
        BYTES(0, "\0\0\0\0\0\0\0\0\0\0\0\x14");
        BYTES(1, "\0\0\0\0\0\0\0\0\0\0\0\x17");
        BYTES(2, "\0\0\0\0\0\0\0\0\0\0\0\x10");
        BYTES(3, "\0\0\0\0\0\0\0\0\0\0\0\x19");
        pg_tx_free(tx);
}
END_TEST

START_TEST(many_statements_keep_their_parameters)
{
        struct pg_tx *tx = pg_tx_new();
        for (int i = 0; i < 1000; i++) {
                pg_stmt_text(tx, "s", "SELECT 1");
                for (int k = 0; k < i % 5; k++)
                        pg_arg_int(tx, i * 10 + k);
        }
        ck_assert_uint_eq(pg_tx_statements(tx), 1000);
        for (size_t i = 0; i < 1000; i++) {
                args_of(tx, i);
                ck_assert_uint_eq(tx->statements[i].params, i % 5);
                for (size_t k = 0; k < i % 5; k++)
                        ck_assert_int_eq(strtol(args.values[k], NULL, 10), (long)(i * 10 + k));
        }
        pg_tx_free(tx);
}
END_TEST

START_TEST(memory_is_used_again_and_clean)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt_text(tx, "s", "SELECT 1");
        pg_arg_text(tx, "secret");
        ck_assert_uint_eq(pg_tx_bytes(tx), 7);
        struct pg_failure f = {.set = true};
        pg_tx_fail(tx, &f);
        pg_tx_free(tx);
        struct pg_tx *again = pg_tx_new();
        ck_assert_ptr_eq(again, tx);
        ck_assert_uint_eq(pg_tx_bytes(again), 0);
        ck_assert_uint_eq(pg_tx_statements(again), 0);
        ck_assert_int_eq(again->outcome, PG_DONE);
        ck_assert_ptr_null(again->failure);
        pg_tx_free(again);
        pg_tx_free(NULL);
        struct pg_tx *many[100];
        for (size_t i = 0; i < COUNT_OF(many); i++)
                many[i] = pg_tx_new();
        for (size_t i = 0; i < COUNT_OF(many); i++)
                pg_tx_free(many[i]);
}
END_TEST

START_TEST(too_large_sticks)
{
        struct pg_tx *tx = pg_tx_new();
        tx->data.max = 100;
        pg_stmt_text(tx, "s", "SELECT 1");
        int64_t ids[20] = {0};
        pg_arg_int8s(tx, ids, COUNT_OF(ids));
        ck_assert(!buf_ok(&tx->data));
        pg_arg_texts(tx, (const char *[]){"a"}, 1);
        pg_arg_int(tx, 1);
        pg_arg_int4s(tx, NULL, SIZE_MAX / 4);
        ck_assert(!buf_ok(&tx->data));
        tx->data.max = PG_TX_BYTES_MAX;
        pg_tx_free(tx);
}
END_TEST

/* ---- URLs ---- */

static const char *keyword_value(const struct pg_params *p, const struct pg_host *h,
                                 const char *keyword)
{
        const char *keywords[PG_KEYWORDS_MAX], *values[PG_KEYWORDS_MAX], *found = NULL;
        pg_params_fill(p, h, keywords, values);
        for (size_t i = 0; keywords[i]; i++) {
                if (strcmp(keywords[i], keyword) == 0)
                        found = values[i];
        }
        return found;
}

static struct pg_params *params_of(const char *url, struct err *e)
{
        const struct pg_opts opts = {.url = url, .name = "test", .query_timeout_ms = 7000};
        return pg_params_new(&opts, e);
}

START_TEST(several_hosts_are_taken_apart)
{
        struct err e = ERR_INIT;
        struct pg_params *p = params_of("postgresql://u:p%40w@db1:5433,[::1],db2:5434/x"
                                        "?target_session_attrs=read-write&keepalives_idle=99",
                                        &e);
        ck_assert_msg(p != NULL, "%s", e.text);
        ck_assert_uint_eq(pg_params_hosts(p), 3);
        ck_assert(pg_host_needs_lookup(pg_params_host(p, 0)));
        ck_assert(!pg_host_needs_lookup(pg_params_host(p, 1)));
        struct pg_host h = *pg_params_host(p, 2);
        h.address = "192.0.2.1";
        ck_assert_str_eq(keyword_value(p, &h, "host"), "db2");
        ck_assert_str_eq(keyword_value(p, &h, "hostaddr"), "192.0.2.1");
        ck_assert_str_eq(keyword_value(p, &h, "port"), "5434");
        ck_assert_str_eq(keyword_value(p, &h, "password"), "p@w");
        ck_assert_str_eq(keyword_value(p, &h, "target_session_attrs"), "read-write");
        ck_assert_str_eq(keyword_value(p, &h, "keepalives_idle"), "99");
        ck_assert_str_eq(keyword_value(p, &h, "tcp_user_timeout"), "30000");
        ck_assert_ptr_null(keyword_value(p, pg_params_host(p, 1), "hostaddr"));
        ck_assert_str_eq(keyword_value(p, NULL, "host"), "db1,::1,db2");
        pg_params_free(p);
}
END_TEST

START_TEST(sockets_and_addresses_need_no_lookup)
{
        static const char *const urls[] = {"postgresql:///x",
                                           "host=/run/postgresql dbname=x",
                                           "postgresql://%2Frun%2Fpostgresql/x",
                                           "postgresql://127.0.0.1/x",
                                           "host=name hostaddr=10.0.0.1",
                                           "host=@abstract"};
        struct err e = ERR_INIT;
        for (size_t i = 0; i < COUNT_OF(urls); i++) {
                struct pg_params *p = params_of(urls[i], &e);
                ck_assert_msg(p != NULL, "%s: %s", urls[i], e.text);
                ck_assert_uint_eq(pg_params_hosts(p), 1);
                ck_assert_msg(!pg_host_needs_lookup(pg_params_host(p, 0)), "%s", urls[i]);
                pg_params_free(p);
        }
}
END_TEST

START_TEST(our_settings_come_after_theirs)
{
        struct err e = ERR_INIT;
        struct pg_params *p = params_of("postgresql:///x?options=-c%20work_mem%3D1MB", &e);
        ck_assert_ptr_nonnull(p);
        const char *options = keyword_value(p, NULL, "options");
        ck_assert_ptr_eq(strstr(options, "-c work_mem=1MB "), options);
        ck_assert_ptr_nonnull(strstr(options, " -c statement_timeout=7000 "));
        ck_assert_ptr_nonnull(strstr(options, " -c search_path=wavefleet,public "));
        pg_params_free(p);
}
END_TEST

START_TEST(bad_urls_are_refused_without_quoting_them)
{
        static const char *const urls[] = {"postgresql://u:SECRET@h:SECRET/x",
                                           "postgresql://u:a@SECRET@h/x",
                                           "postgresql://u:SECRET@h/x?nonsense=SECRET",
                                           "postgresql://u:SECRET@h:0/x",
                                           "SECRET",
                                           "host=a,b port=1,2,3 password=SECRET",
                                           "host=a,b hostaddr=10.0.0.1 password=SECRET"};
        for (size_t i = 0; i < COUNT_OF(urls); i++) {
                struct err e = ERR_INIT;
                ck_assert_ptr_null(params_of(urls[i], &e));
                ck_assert_int_eq(e.code, ERR_CONFIG);
                ck_assert_msg(!strstr(e.text, "SECRET"), "%s", e.text);
        }
}
END_TEST

/* ---- what failures mean ---- */

static const struct {
        const char *sqlstate;
        enum err_code code;
} meanings[] = {
        {"WF404", ERR_NOT_FOUND},   {"WF409", ERR_CONFLICT},    {"WF4KE", ERR_IN_PROGRESS},
        {"WF422", ERR_INVALID},     {"08006", ERR_UNAVAILABLE}, {"25006", ERR_UNAVAILABLE},
        {"53100", ERR_UNAVAILABLE}, {"53300", ERR_UNAVAILABLE}, {"55P03", ERR_UNAVAILABLE},
        {"57014", ERR_UNAVAILABLE}, {"57P01", ERR_UNAVAILABLE}, {"57P03", ERR_UNAVAILABLE},
        {"58030", ERR_UNAVAILABLE}, {"40P01", ERR_UNAVAILABLE}, {"23505", ERR_INTERNAL},
        {"42703", ERR_INTERNAL},    {"25P02", ERR_INTERNAL},    {"XX000", ERR_INTERNAL},
        {"WF999", ERR_INTERNAL},    {"55000", ERR_INTERNAL},    {"", ERR_INTERNAL},
};

START_TEST(sqlstates_become_codes)
{
        struct pg_failure f;
        pg_failure_set(&f, meanings[_i].sqlstate, "the sentence", "stmt", false);
        ck_assert_int_eq(f.err.code, meanings[_i].code);
        ck_assert_ptr_nonnull(strstr(f.err.text, "the sentence"));
        ck_assert_int_eq(pg_failure_is_conflict(&f), strcmp(f.sqlstate, "40P01") == 0);
        if (strncmp(f.sqlstate, "WF4", 3) == 0)
                ck_assert_str_eq(f.err.text, "the sentence");
}
END_TEST

START_TEST(reasons_are_one_line)
{
        char out[PG_REASON_MAX];
        pg_reason(out, "connection to server failed: FATAL:  sorry\n\tand more\n");
        ck_assert_str_eq(out, "connection to server failed: FATAL: sorry");
        pg_reason(out, "\n");
        ck_assert_str_eq(out, "no reason given");
        char *long_text = xmalloc(10000);
        memset(long_text, 'x', 9999);
        long_text[9999] = '\0';
        pg_reason(out, long_text);
        ck_assert_uint_eq(strlen(out), PG_REASON_MAX - 1);
        free(long_text);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("pg_tx");
        TCase *t = tcase_create("all");
        unsetenv("PGHOST");
        unsetenv("PGHOSTADDR");
        unsetenv("PGPORT");
        unsetenv("PGOPTIONS");
        tcase_add_test(t, scalars_are_text);
        tcase_add_test(t, arrays_are_binary);
        tcase_add_test(t, empty_arrays_have_no_dimension);
        tcase_add_test(t, many_statements_keep_their_parameters);
        tcase_add_test(t, memory_is_used_again_and_clean);
        tcase_add_test(t, too_large_sticks);
        tcase_add_test(t, several_hosts_are_taken_apart);
        tcase_add_test(t, sockets_and_addresses_need_no_lookup);
        tcase_add_test(t, our_settings_come_after_theirs);
        tcase_add_test(t, bad_urls_are_refused_without_quoting_them);
        tcase_add_loop_test(t, sqlstates_become_codes, 0, COUNT_OF(meanings));
        tcase_add_test(t, reasons_are_one_line);
        suite_add_tcase(s, t);
        SRunner *sr = srunner_create(s);
        srunner_run_all(sr, CK_ENV);
        int failed = srunner_ntests_failed(sr);
        srunner_free(sr);
        return failed ? 1 : 0;
}
