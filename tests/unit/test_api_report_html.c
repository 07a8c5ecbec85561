/* The report as a page: everything escaped, nothing missing where little is known. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/doctor/findings.h"
#include "api/reports/report_html.h"
#include "base/mem.h"

static struct buf page;

static void begin(void)
{
        buf_init(&page, SIZE_MAX);
}

static void finish(void)
{
        buf_fini(&page);
}

static const char *page_of(const char *json)
{
        struct err e = ERR_INIT;
        struct json *v = json_parse(json, strlen(json), &e);
        ck_assert_msg(v != NULL, "%s", e.text);
        buf_reset(&page);
        report_html(v, &page);
        json_free(v);
        ck_assert(buf_ok(&page));
        return buf_str(&page);
}

static bool has(const char *part)
{
        return strstr(buf_str(&page), part) != NULL;
}

START_TEST(texts_are_escaped)
{
        page_of("{\"wave\":{\"name\":\"<b>&\\\"'\",\"note\":\"a<c\"},"
                "\"failures\":{\"total\":1,\"looked_at\":1,\"groups\":[{\"class\":\"data\","
                "\"count\":1,"
                "\"message\":\"<script>alert(1)</"
                "script>\",\"examples\":[{\"mb_project_uuid\":\"p\\\"><img>\","
                "\"error\":\"<i>\"}]}]}}");
        ck_assert(has("<h1>&lt;b&gt;&amp;&quot;&#39;</h1>"));
        ck_assert(has("&lt;script&gt;alert(1)&lt;/script&gt;"));
        ck_assert(has("p&quot;&gt;&lt;img&gt;: &lt;i&gt;"));
        ck_assert(!has("<script") && !has("<img") && !has("<i>") && !has("<b>"));
}
END_TEST

START_TEST(an_empty_report_is_a_page_too)
{
        page_of("{}");
        ck_assert(has("<!doctype html>") && has("Nothing has finished.") && has("</body></html>"));
        ck_assert(!has("nan") && !has("inf") && !has("(null)"));
}
END_TEST

START_TEST(partial_reports_say_so)
{
        page_of("{\"partial\":true}");
        ck_assert(has("The wave has not ended"));
        page_of("{\"partial\":false}");
        ck_assert(!has("The wave has not ended"));
}
END_TEST

START_TEST(numbers_are_for_people)
{
        page_of("{\"summary\":{\"total\":1234567,\"completed\":999,\"failed\":1000,\"duration_"
                "seconds\":93784.2,"
                "\"completed_percent\":95.01},"
                "\"durations\":{\"p50_seconds\":0.25,\"p90_seconds\":38.84,\"p95_seconds\":60,"
                "\"p99_seconds\":3661},"
                "\"wave\":{\"created_at\":\"2026-01-31T12:00:01.5+00:00\"}}");
        ck_assert(has("<dd>1,234,567</dd>") && has("<dd>999</dd>") && has("<dd>1,000</dd>"));
        ck_assert(has("<dd>1 d 2 h</dd>") && has("<dd>95.01 %</dd>"));
        ck_assert(has("<dd>250 ms</dd>") && has("<dd>38.8 s</dd>") && has("<dd>1 min</dd>") &&
                  has("<dd>1 h 1 min</dd>"));
        ck_assert(has("<dd>2026-01-31 12:00:01 UTC</dd>"));
}
END_TEST

START_TEST(the_chart_has_a_column_for_each_span)
{
        page_of("{\"throughput\":{\"step_seconds\":60,\"from\":\"2026-01-31T12:00:00+00:00\","
                "\"completed\":[10,0,5],\"failed\":[0,0,5],\"cancelled\":[0,0,0]}}");
        ck_assert(has(
                "<rect class=\"good\" x=\"0.00\" y=\"16.00\" width=\"239.00\" height=\"124.00\">"
                "<title>completed: 10</title>"));
        ck_assert(has("<rect class=\"good\" x=\"480.00\" y=\"78.00\" width=\"239.00\" "
                      "height=\"62.00\">"));
        ck_assert(has("<rect class=\"bad\" x=\"480.00\" y=\"16.00\""));
        ck_assert(has(">+3 min</text>"));
}
END_TEST

START_TEST(findings_are_json)
{
        struct findings f;
        findings_begin(&f, &page);
        found(&f, FOUND_OK, "a", "not told", "it is \"%s\"", "well");
        found(&f, FOUND_WARN, "b", "mend it", "so so");
        findings_end(&f);
        ck_assert_str_eq(
                buf_str(&page),
                "{\"checks\":[{\"name\":\"a\",\"status\":\"ok\",\"detail\":\"it is \\\"well\\\"\","
                "\"mend\":null},{\"name\":\"b\",\"status\":\"warn\",\"detail\":\"so so\","
                "\"mend\":\"mend it\"}],\"ok\":true}");
        buf_reset(&page);
        findings_begin(&f, &page);
        found(&f, FOUND_FAIL, "c", "", "bad");
        findings_end(&f);
        ck_assert(has("\"ok\":false"));
}
END_TEST

int main(void)
{
        Suite *s = suite_create("api report");
        TCase *t = tcase_create("all");
        tcase_add_checked_fixture(t, begin, finish);
        tcase_add_test(t, texts_are_escaped);
        tcase_add_test(t, an_empty_report_is_a_page_too);
        tcase_add_test(t, partial_reports_say_so);
        tcase_add_test(t, numbers_are_for_people);
        tcase_add_test(t, the_chart_has_a_column_for_each_span);
        tcase_add_test(t, findings_are_json);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
