/* test_metrics.c - the text format, escapes, the bound on series, the table's document. */
#include <check.h>
#include <ctype.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/metrics.h"

#ifndef HARNESS_ROOT
#define HARNESS_ROOT "."
#endif

static struct buf out = {.max = SIZE_MAX};

static void assert_printed(const char *line)
{
        buf_reset(&out);
        metrics_print(&out);
        autofree char *whole = xasprintf("\n%s\n", line);
        ck_assert_msg(strstr(buf_str(&out), whole) != NULL, "%s", line);
}

static void assert_not_printed(const char *text)
{
        buf_reset(&out);
        metrics_print(&out);
        ck_assert_msg(strstr(buf_str(&out), text) == NULL, "%s", text);
}

static void teardown(void)
{
        for (int id = 0; id < METRIC_COUNT; id++)
                metric_clear((enum metric_id)id);
        buf_fini(&out);
}

START_TEST(counters_and_gauges)
{
        assert_printed("wavefleet_waves_submitted_total 0"); /* there before its first use */
        metric_add(METRIC_WAVES_SUBMITTED, 1, NULL);
        metric_add(METRIC_WAVES_SUBMITTED, 2, NULL);
        metric_add(METRIC_CLAIMS, 3, "claimed", NULL);
        metric_add(METRIC_CLAIMS, 1, "refused", NULL);
        metric_add(METRIC_HTTP_REQUESTS, 1, "/api/waves", "POST", "201", NULL);
        metric_set(METRIC_QUEUE_DEPTH, 1e15, "default", NULL);
        metric_set(METRIC_HTTP_CONNECTIONS, 2.5, NULL);
        metric_add(METRIC_HTTP_CONNECTIONS, -1, NULL);
        assert_printed("wavefleet_waves_submitted_total 3");
        assert_printed("wavefleet_claims_total{result=\"claimed\"} 3\n"
                       "wavefleet_claims_total{result=\"refused\"} 1");
        assert_printed("wavefleet_http_requests_total{route=\"/api/waves\",method=\"POST\","
                       "status=\"201\"} 1");
        assert_printed("wavefleet_queue_depth{queue=\"default\"} 1000000000000000");
        assert_printed("wavefleet_http_connections 1.5");
        assert_printed("# HELP wavefleet_claims_total Ids claimed or refused\n"
                       "# TYPE wavefleet_claims_total counter");
}
END_TEST

START_TEST(odd_numbers)
{
        metric_set(METRIC_WORKERS, NAN, NULL);
        assert_printed("wavefleet_workers NaN");
        metric_set(METRIC_WORKERS, INFINITY, NULL);
        assert_printed("wavefleet_workers +Inf");
        metric_set(METRIC_WORKERS, -INFINITY, NULL);
        assert_printed("wavefleet_workers -Inf");
}
END_TEST

START_TEST(label_values_are_escaped)
{
        metric_set(METRIC_QUEUE_DEPTH, 1, "a\"b\\c\nd", NULL);
        assert_printed("wavefleet_queue_depth{queue=\"a\\\"b\\\\c\\nd\"} 1");
}
END_TEST

START_TEST(histograms)
{
        metric_observe(METRIC_HTTP_SECONDS, 0.0005, "/", NULL); /* bounds are inclusive */
        metric_observe(METRIC_HTTP_SECONDS, 0.003, "/", NULL);
        metric_observe(METRIC_HTTP_SECONDS, 100, "/", NULL);
        assert_printed(
                "wavefleet_http_request_duration_seconds_bucket{route=\"/\",le=\"0.0005\"} 1");
        assert_printed(
                "wavefleet_http_request_duration_seconds_bucket{route=\"/\",le=\"0.0025\"} 1");
        assert_printed(
                "wavefleet_http_request_duration_seconds_bucket{route=\"/\",le=\"0.005\"} 2");
        assert_printed("wavefleet_http_request_duration_seconds_bucket{route=\"/\",le=\"60\"} 2");
        assert_printed("wavefleet_http_request_duration_seconds_bucket{route=\"/\",le=\"+Inf\"} 3");
        assert_printed("wavefleet_http_request_duration_seconds_sum{route=\"/\"} 100.0035");
        assert_printed("wavefleet_http_request_duration_seconds_count{route=\"/\"} 3");
        metric_observe(METRIC_PG_SECONDS, 1, NULL);
        assert_printed("wavefleet_postgres_transaction_duration_seconds_bucket{le=\"1\"} 1");
        assert_printed("wavefleet_postgres_transaction_duration_seconds_count 1");
}
END_TEST

START_TEST(clearing_a_gauge)
{
        metric_set(METRIC_QUEUE_DEPTH, 1, "old", NULL);
        metric_clear(METRIC_QUEUE_DEPTH);
        metric_clear(METRIC_QUEUE_DEPTH);
        metric_set(METRIC_QUEUE_DEPTH, 2, "new", NULL);
        assert_not_printed("queue=\"old\"");
        assert_printed("wavefleet_queue_depth{queue=\"new\"} 2");
}
END_TEST

START_TEST(too_many_series_share_one)
{
        for (int i = 0; i < 1500; i++) {
                autofree char *queue = xasprintf("q%d", i);
                metric_add(METRIC_QUEUE_DEPTH, 1, queue, NULL);
        }
        assert_printed("wavefleet_queue_depth{queue=\"q999\"} 1");
        assert_not_printed("queue=\"q1000\"");
        assert_printed("wavefleet_queue_depth{queue=\"other\"} 500");
        metric_add(METRIC_QUEUE_DEPTH, 1, "q5", NULL); /* those that are there go on */
        assert_printed("wavefleet_queue_depth{queue=\"q5\"} 2");
}
END_TEST

START_TEST(too_few_labels_abort)
{
        metric_add(METRIC_HTTP_REQUESTS, 1, "/", NULL);
}
END_TEST

START_TEST(too_many_labels_abort)
{
        metric_add(METRIC_WAVES_SUBMITTED, 1, "x", NULL);
}
END_TEST

static const struct {
        const char *name, *type, *labels, *help;
} rows[] = {
#define COUNTER "counter"
#define GAUGE "gauge"
#define HISTOGRAM "histogram"
#define METRIC(id, name, type, labels, help) {name, type, labels, help},
#include "base/metrics.def"
#undef METRIC
};

/* https://prometheus.io/docs/practices/naming/ */
START_TEST(names_follow_the_rules)
{
        const char *name = rows[_i].name;
        ck_assert_int_eq(strncmp(name, "wavefleet_", 10), 0);
        ck_assert_uint_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        size_t len = strlen(name);
        bool total = len > 6 && strcmp(name + len - 6, "_total") == 0;
        bool seconds = len > 8 && strcmp(name + len - 8, "_seconds") == 0;
        ck_assert_int_eq(total, strcmp(rows[_i].type, COUNTER) == 0);
        if (strcmp(rows[_i].type, HISTOGRAM) == 0)
                ck_assert(seconds);
        ck_assert(isupper((unsigned char)rows[_i].help[0]));
        ck_assert_ptr_null(strpbrk(rows[_i].help, "\n\\|"));
        for (int other = 0; other < _i; other++)
                ck_assert_str_ne(rows[other].name, name);
}
END_TEST

static const char document[] = HARNESS_ROOT "/deploy/metrics.md";

static void print_document(void)
{
        buf_adds(&out, "# Metrics\n\n"
                       "`GET /metrics` of wavefleet-api answers them in Prometheus text format. "
                       "This table is\ncommon/base/metrics.def, and a test compares the two.\n\n"
                       "| Name | Type | Labels | Meaning |\n|---|---|---|---|\n");
        metrics_markdown(&out);
}

/* With UPDATE=1 in the environment the document is written instead. */
START_TEST(the_document_is_the_table)
{
        print_document();
        if (getenv("UPDATE")) {
                FILE *f = fopen(document, "w");
                ck_assert_ptr_nonnull(f);
                fputs(buf_str(&out), f);
                fclose(f);
        }
        FILE *f = fopen(document, "r");
        ck_assert_msg(f != NULL, "%s is missing: run this test with UPDATE=1", document);
        char text[65536];
        size_t n = fread(text, 1, sizeof(text) - 1, f);
        text[n] = '\0';
        fclose(f);
        ck_assert_msg(strcmp(text, buf_str(&out)) == 0,
                      "%s is not what metrics.def says: run this test with UPDATE=1", document);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("metrics");
        TCase *t = tcase_create("metrics");
        suite_add_tcase(s, t);
        tcase_add_checked_fixture(t, NULL, teardown);
        tcase_add_test(t, counters_and_gauges);
        tcase_add_test(t, odd_numbers);
        tcase_add_test(t, label_values_are_escaped);
        tcase_add_test(t, histograms);
        tcase_add_test(t, clearing_a_gauge);
        tcase_add_test(t, too_many_series_share_one);
        tcase_add_test_raise_signal(t, too_few_labels_abort, SIGABRT);
        tcase_add_test_raise_signal(t, too_many_labels_abort, SIGABRT);
        tcase_add_loop_test(t, names_follow_the_rules, 0, (int)COUNT_OF(rows));
        tcase_add_test(t, the_document_is_the_table);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
