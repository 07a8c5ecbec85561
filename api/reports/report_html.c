/* report_html.c - the page: a heading, then sections, most of them tables that say which member stands where. */
#include "api/reports/report_html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static const char style[] =
        ":root{color-scheme:light "
        "dark;--ink:#1d2430;--soft:#5c6675;--line:#d9dee6;--paper:#fff;--band:#f5f7fa;"
        "--good:#2e8b57;--bad:#c8402f;--off:#98a2b0;--busy:#3672c9}"
        "@media "
        "(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#9aa5b4;--line:#333c49;--paper:#"
        "14181e;"
        "--band:#1c222b;--good:#4db07c;--bad:#e2695a;--off:#6b7686;--busy:#6a9fe8}}"
        "@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--band:#fff}"
        "section{break-inside:avoid}}"
        "*{box-sizing:border-box}"
        "body{margin:0 auto;padding:2rem "
        "1rem;max-width:60rem;background:var(--paper);color:var(--ink);"
        "font:15px/1.5 system-ui,sans-serif}"
        "h1{font-size:1.6rem;margin:0;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:2rem 0 "
        ".5rem}"
        "p{margin:.3rem 0}.soft{color:var(--soft)}.note{border-left:3px solid "
        "var(--busy);padding:.3rem .8rem;"
        "background:var(--band)}"
        "dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.7rem "
        "1.2rem;margin:1rem 0}"
        "dt{color:var(--soft);font-size:.85em}dd{margin:0;overflow-wrap:anywhere}"
        ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:"
        "tabular-nums}"
        "th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);"
        "vertical-align:top;overflow-wrap:break-word;max-width:32rem}"
        "th{color:var(--soft);font-weight:600;white-space:nowrap}"
        "td.n,th.n{text-align:right;white-space:nowrap}td.t{white-space:nowrap}"
        "ul{margin:.2rem 0 0;padding-left:1.1rem;color:var(--soft);font-size:.9em}"
        "svg{display:block;width:100%;height:auto;margin:.5rem 0;print-color-adjust:exact}"
        ".good{fill:var(--good)}.bad{fill:var(--bad)}.off{fill:var(--off)}.busy{fill:var(--busy)}"
        ".rest{fill:var(--line)}.axis{stroke:var(--line);fill:none}"
        "svg text{fill:var(--soft);font:12px system-ui,sans-serif}";

/* ---- texts ---- */

static void add_text(struct buf *out, const char *s)
{
        for (; *s; s++) {
                switch (*s) {
                case '<':
                        buf_adds(out, "&lt;");
                        break;
                case '>':
                        buf_adds(out, "&gt;");
                        break;
                case '&':
                        buf_adds(out, "&amp;");
                        break;
                case '"':
                        buf_adds(out, "&quot;");
                        break;
                case '\'':
                        buf_adds(out, "&#39;");
                        break;
                default:
                        buf_addc(out, *s);
                }
        }
}

/* 1234567 as 1,234,567. */
static void add_count(struct buf *out, int64_t n)
{
        char digits[24];
        int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);
        for (int i = 0; i < len; i++) {
                if (i && (len - i) % 3 == 0 && digits[i - 1] != '-')
                        buf_addc(out, ',');
                buf_addc(out, digits[i]);
        }
}

static void add_seconds(struct buf *out, double s)
{
        static const struct {
                long long unit, part;
                const char *name, *part_name;
        } units[] = {{86400, 3600, "d", "h"}, {3600, 60, "h", "min"}, {60, 1, "min", "s"}};
        for (size_t i = 0; i < COUNT_OF(units); i++) {
                long long whole = (long long)s, part;
                if (whole < units[i].unit)
                        continue;
                buf_addf(out, "%lld %s", whole / units[i].unit, units[i].name);
                part = whole % units[i].unit / units[i].part;
                if (part)
                        buf_addf(out, " %lld %s", part, units[i].part_name);
                return;
        }
        if (s >= 1)
                buf_addf(out, "%.1f s", s);
        else
                buf_addf(out, "%.0f ms", s * 1000);
}

/* "2026-01-31T12:00:00.123+00:00", which is UTC always, to the second. */
static void add_time(struct buf *out, const char *s)
{
        buf_addf(out, "%.10s", s);
        if (strlen(s) >= 19)
                buf_addf(out, " %.8s UTC", s + 11);
}

enum how { TEXT, COUNT, SECONDS, TIME, PERCENT };

static bool is_number(const struct json *v)
{
        return v && json_type_of(v) == JSON_NUMBER;
}

static void add_value(struct buf *out, const struct json *v, enum how how)
{
        if (is_number(v) && how == SECONDS)
                add_seconds(out, json_double(v));
        else if (is_number(v) && how == PERCENT)
                buf_addf(out, "%g %%", json_double(v));
        else if (is_number(v))
                add_count(out, llround(json_double(v)));
        else if (json_str(v) && how == TIME)
                add_time(out, json_str(v));
        else if (json_str(v) && *json_str(v))
                add_text(out, json_str(v));
        else
                buf_adds(out, "–");
}

static int64_t count_of(const struct json *v, const char *name)
{
        return llround(json_double(json_get(v, name)));
}

/* ---- lists of facts, tables ---- */

struct field {
        const char *title, *member;
        enum how how;
};

static bool is_empty(const struct json *v)
{
        return !v || json_type_of(v) == JSON_NULL || (json_str(v) && !*json_str(v));
}

/* What is not known is left out. */
static void add_facts(struct buf *out, const struct field *f, size_t n, const struct json *of)
{
        buf_adds(out, "<dl>");
        for (size_t i = 0; i < n; i++) {
                const struct json *v = json_get(of, f[i].member);
                if (is_empty(v))
                        continue;
                buf_addf(out, "<div><dt>%s</dt><dd>", f[i].title);
                add_value(out, v, f[i].how);
                buf_adds(out, "</dd></div>");
        }
        buf_adds(out, "</dl>");
}

static const char *cell_class(enum how how)
{
        return how == TEXT ? "" : how == TIME ? " class=\"t\"" : " class=\"n\"";
}

static void begin_table(struct buf *out, const struct field *f, size_t n)
{
        buf_adds(out, "<div class=\"wide\"><table><thead><tr>");
        for (size_t i = 0; i < n; i++)
                buf_addf(out, "<th scope=\"col\"%s>%s</th>", cell_class(f[i].how), f[i].title);
        buf_adds(out, "</tr></thead><tbody>");
}

static void end_table(struct buf *out)
{
        buf_adds(out, "</tbody></table></div>");
}

static void add_table(struct buf *out, const struct field *f, size_t n, const struct json *rows)
{
        if (json_count(rows) == 0) {
                buf_adds(out, "<p class=\"soft\">None.</p>");
                return;
        }
        begin_table(out, f, n);
        for (const struct json *row = json_first(rows); row; row = json_next(row)) {
                buf_adds(out, "<tr>");
                for (size_t i = 0; i < n; i++) {
                        buf_addf(out, "<td%s>", cell_class(f[i].how));
                        add_value(out, json_get(row, f[i].member), f[i].how);
                        buf_adds(out, "</td>");
                }
                buf_adds(out, "</tr>");
        }
        end_table(out);
}

/* ---- what became of it ---- */

enum { BAR_WIDTH = 720 };

static const struct outcome {
        const char *member, *title, *fill;
} outcomes[] = {
        {"completed", "completed", "good"}, {"failed", "failed", "bad"},
        {"cancelled", "cancelled", "off"},  {"in_progress", "in progress", "busy"},
        {"pending", "pending", "rest"},
};

static void add_bar(struct buf *out, const struct json *summary)
{
        double total = json_double(json_get(summary, "total")), at = 0;
        buf_addf(out, "<svg viewBox=\"0 0 %d 18\" role=\"img\" aria-label=\"Outcome\">", BAR_WIDTH);
        for (size_t i = 0; i < COUNT_OF(outcomes) && total > 0; i++) {
                int64_t n = count_of(summary, outcomes[i].member);
                double width = (double)n / total * BAR_WIDTH;
                if (!n)
                        continue;
                buf_addf(out,
                         "<rect class=\"%s\" x=\"%.2f\" width=\"%.2f\" height=\"18\"><title>%s: ",
                         outcomes[i].fill, at, width, outcomes[i].title);
                add_count(out, n);
                buf_adds(out, "</title></rect>");
                at += width;
        }
        buf_adds(out, "</svg>");
}

static void add_summary(struct buf *out, const struct json *report)
{
        static const struct field counts[] = {
                {"Migrations", "total", COUNT},
                {"Completed", "completed", COUNT},
                {"Failed", "failed", COUNT},
                {"Cancelled", "cancelled", COUNT},
                {"In progress", "in_progress", COUNT},
                {"Pending", "pending", COUNT},
                {"Share completed", "completed_percent", PERCENT},
                {"Duration", "duration_seconds", SECONDS},
                {"Attempts that were lost with their worker", "lost", COUNT},
                {"Attempts that crashed", "crashed", COUNT},
                {"Attempts that timed out", "timed_out", COUNT},
        };
        const struct json *summary = json_get(report, "summary");
        buf_adds(out, "<section><h2>Outcome</h2>");
        add_bar(out, summary);
        add_facts(out, counts, COUNT_OF(counts), summary);
        buf_adds(out, "</section>");
}

/* ---- the chart ---- */

enum { CHART_HEIGHT = 140, CHART_FOOT = 24, SERIES = 3 };

static const struct outcome series[SERIES] = {
        {"completed", "completed", "good"},
        {"failed", "failed", "bad"},
        {"cancelled", "cancelled", "off"},
};

struct chart {
        size_t n;    /* spans of time */
        double most; /* in one of them */
};

/* The values of one span, from the arrays walked side by side. */
static double read_span(const struct json *at[SERIES], double values[SERIES])
{
        double sum = 0;
        for (size_t i = 0; i < SERIES; i++) {
                values[i] = json_double(at[i]);
                sum += values[i];
                at[i] = at[i] ? json_next(at[i]) : NULL;
        }
        return sum;
}

static void begin_series(const struct json *throughput, const struct json *at[SERIES])
{
        for (size_t i = 0; i < SERIES; i++)
                at[i] = json_first(json_get(throughput, series[i].member));
}

static struct chart measure(const struct json *throughput)
{
        const struct json *at[SERIES];
        double values[SERIES];
        struct chart c = {0};
        begin_series(throughput, at);
        for (; at[0]; c.n++) {
                double sum = read_span(at, values);
                c.most = sum > c.most ? sum : c.most;
        }
        return c;
}

static void add_column(struct buf *out, const struct chart *c, size_t i, const double values[SERIES])
{
        double width = (double)BAR_WIDTH / (double)c->n, y = CHART_HEIGHT;
        for (size_t s = 0; s < SERIES; s++) {
                double height = values[s] / c->most * (CHART_HEIGHT - 16);
                if (values[s] <= 0)
                        continue;
                y -= height;
                buf_addf(out,
                         "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\">"
                         "<title>%s: ",
                         series[s].fill, (double)i * width, y, width > 3 ? width - 1 : width,
                         height, series[s].title);
                add_count(out, llround(values[s]));
                buf_adds(out, "</title></rect>");
        }
}

static void add_chart(struct buf *out, const struct json *throughput)
{
        const struct json *at[SERIES];
        double values[SERIES];
        struct chart c = measure(throughput);
        buf_addf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Finished over time\">",
                 BAR_WIDTH, CHART_HEIGHT + CHART_FOOT);
        begin_series(throughput, at);
        for (size_t i = 0; i < c.n; i++) {
                read_span(at, values);
                add_column(out, &c, i, values);
        }
        buf_addf(out, "<path class=\"axis\" d=\"M0 %d.5H%d\"/><text x=\"0\" y=\"11\">",
                 CHART_HEIGHT, BAR_WIDTH);
        add_count(out, llround(c.most));
        buf_addf(out, "</text><text x=\"0\" y=\"%d\">", CHART_HEIGHT + 17);
        add_value(out, json_get(throughput, "from"), TIME);
        buf_addf(out, "</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">+", BAR_WIDTH,
                 CHART_HEIGHT + 17);
        add_seconds(out, (double)c.n * json_double(json_get(throughput, "step_seconds")));
        buf_adds(out, "</text></svg>");
}

static void add_throughput(struct buf *out, const struct json *report)
{
        static const struct field facts[] = {{"Most in a minute", "most_a_minute", COUNT},
                                             {"Mean in a minute", "mean_a_minute", COUNT},
                                             {"A column stands for", "step_seconds", SECONDS}};
        const struct json *t = json_get(report, "throughput");
        buf_adds(out, "<section><h2>Finished over time</h2>");
        if (json_count(json_get(t, "completed"))) {
                add_chart(out, t);
                add_facts(out, facts, COUNT_OF(facts), t);
        } else {
                buf_adds(out, "<p class=\"soft\">Nothing has finished.</p>");
        }
        buf_adds(out, "</section>");
}

/* ---- the rest ---- */

static void add_durations(struct buf *out, const struct json *report)
{
        static const struct field facts[] = {
                {"Half took at most", "p50_seconds", SECONDS},
                {"90 % at most", "p90_seconds", SECONDS},
                {"95 % at most", "p95_seconds", SECONDS},
                {"99 % at most", "p99_seconds", SECONDS},
                {"The slowest", "max_seconds", SECONDS},
                {"Mean", "mean_seconds", SECONDS},
        };
        static const struct field slowest[] = {
                {"Migration", "mb_project_uuid", TEXT}, {"Id", "ref", TEXT},
                {"Took", "seconds", SECONDS},           {"Attempts", "attempts", COUNT},
                {"Completed", "completed_at", TIME},
        };
        const struct json *d = json_get(report, "durations");
        buf_adds(out, "<section><h2>How long they took</h2><p class=\"soft\">Of what is completed, "
                      "from the begin of the first attempt to the end of the last.</p>");
        add_facts(out, facts, COUNT_OF(facts), d);
        buf_adds(out, "</section><section><h2>The slowest</h2>");
        add_table(out, slowest, COUNT_OF(slowest), json_get(d, "slowest"));
        buf_adds(out, "</section>");
}

static void add_examples(struct buf *out, const struct json *examples)
{
        buf_adds(out, "<ul>");
        for (const struct json *x = json_first(examples); x; x = json_next(x)) {
                buf_adds(out, "<li>");
                add_value(out, json_get(x, "mb_project_uuid"), TEXT);
                buf_adds(out, ": ");
                add_value(out, json_get(x, "error"), TEXT);
                buf_adds(out, "</li>");
        }
        buf_adds(out, "</ul>");
}

static void add_failure_groups(struct buf *out, const struct json *groups)
{
        static const struct field columns[] = {
                {"Count", "count", COUNT}, {"Class", "class", TEXT}, {"Message", "message", TEXT}};
        begin_table(out, columns, COUNT_OF(columns));
        for (const struct json *g = json_first(groups); g; g = json_next(g)) {
                buf_adds(out, "<tr><td class=\"n\">");
                add_value(out, json_get(g, "count"), COUNT);
                buf_adds(out, "</td><td>");
                add_value(out, json_get(g, "class"), TEXT);
                buf_adds(out, "</td><td>");
                add_value(out, json_get(g, "message"), TEXT);
                add_examples(out, json_get(g, "examples"));
                buf_adds(out, "</td></tr>");
        }
        end_table(out);
}

static void add_failures(struct buf *out, const struct json *report)
{
        const struct json *f = json_get(report, "failures");
        int64_t total = count_of(f, "total"), looked_at = count_of(f, "looked_at");
        int64_t others = count_of(f, "other_groups");
        buf_adds(out, "<section><h2>Failures</h2>");
        if (total == 0)
                buf_adds(out, "<p class=\"soft\">None.</p>");
        if (looked_at < total)
                buf_addf(out, "<p class=\"soft\">Grouped are %lld of %lld.</p>",
                         (long long)looked_at, (long long)total);
        if (json_count(json_get(f, "groups")))
                add_failure_groups(out, json_get(f, "groups"));
        if (others)
                buf_addf(out, "<p class=\"soft\">And %lld more kinds of message.</p>",
                         (long long)others);
        buf_adds(out, "</section>");
}

static void add_attempts(struct buf *out, const struct json *report)
{
        static const struct field facts[] = {
                {"Attempts", "count", COUNT},
                {"Beyond the first of each", "beyond_the_first", COUNT},
                {"Migrations tried again", "migrations_tried_again", COUNT},
                {"Of them completed", "completed_after_more_than_one", COUNT},
                {"Time of all attempts", "seconds", SECONDS},
                {"Of those that did not complete", "not_completed_seconds", SECONDS},
        };
        static const struct field distribution[] = {{"Attempts", "attempts", COUNT},
                                                    {"Migrations", "migrations", COUNT}};
        static const struct field ends[] = {{"Outcome", "outcome", TEXT},
                                            {"Class", "class", TEXT},
                                            {"Count", "count", COUNT},
                                            {"Time", "seconds", SECONDS}};
        const struct json *a = json_get(report, "attempts");
        buf_adds(out, "<section><h2>Attempts</h2>");
        add_facts(out, facts, COUNT_OF(facts), a);
        add_table(out, ends, COUNT_OF(ends), json_get(a, "outcomes"));
        buf_adds(out, "<p class=\"soft\">How many migrations needed how many (20: or more):</p>");
        add_table(out, distribution, COUNT_OF(distribution), json_get(a, "distribution"));
        buf_adds(out, "</section>");
}

static void add_log(struct buf *out, const struct json *report)
{
        static const struct field columns[] = {{"When", "at", TIME}, {"What", "line", TEXT}};
        buf_adds(out, "<section><h2>What happened to the wave</h2>");
        add_table(out, columns, COUNT_OF(columns), json_get(report, "log"));
        buf_adds(out, "</section>");
}

static void add_heading(struct buf *out, const struct json *report)
{
        static const struct field facts[] = {
                {"Id", "id", TEXT},
                {"Status", "status", TEXT},
                {"Note", "note", TEXT},
                {"Workspace", "workspace_name", TEXT},
                {"Kind", "kind", TEXT},
                {"Queue", "queue", TEXT},
                {"At once", "batch_size", COUNT},
                {"Attempts at most", "max_attempts", COUNT},
                {"Run", "run_no", COUNT},
                {"By", "created_by", TEXT},
                {"Created", "created_at", TIME},
                {"Planned for", "start_at", TIME},
                {"First began", "started_at", TIME},
                {"Ended", "completed_at", TIME},
        };
        const struct json *wave = json_get(report, "wave");
        buf_adds(out, "<header><p class=\"soft\">Report of a wave, as of ");
        add_value(out, json_get(report, "as_of"), TIME);
        buf_adds(out, "</p><h1>");
        add_value(out, json_get(wave, "name"), TEXT);
        buf_adds(out, "</h1>");
        if (json_bool(json_get(report, "partial")))
                buf_adds(out, "<p class=\"note\">The wave has not ended: this is a report of what "
                              "has happened so far.</p>");
        add_facts(out, facts, COUNT_OF(facts), wave);
        buf_adds(out, "</header>");
}

void report_html(const struct json *report, struct buf *out)
{
        static void (*const sections[])(struct buf *, const struct json *) = {
                add_heading,  add_summary,  add_throughput, add_durations,
                add_failures, add_attempts, add_log,
        };
        buf_adds(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                      "<meta name=\"referrer\" content=\"no-referrer\"><title>");
        add_value(out, json_get(json_get(report, "wave"), "name"), TEXT);
        buf_addf(out, " – report</title><style>%s</style></head><body>", style);
        for (size_t i = 0; i < COUNT_OF(sections); i++)
                sections[i](out, report);
        buf_adds(out, "</body></html>");
}
