/*
 * metrics.c - series by metric and label values, printed as Prometheus wants them
 * (https://prometheus.io/docs/instrumenting/exposition_formats/, text format 0.0.4).
 */
#include "base/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

enum metric_type { COUNTER, GAUGE, HISTOGRAM };
enum { LABELS_MAX = 4, SERIES_MAX = 1000, SLOTS = 256 };

static const struct row {
        const char *name;
        enum metric_type type;
        const char *labels; /* names, comma-separated */
        const char *help;
} rows[] = {
#define METRIC(id, name, type, labels, help) [id] = {name, type, labels, help},
#include "base/metrics.def"
#undef METRIC
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == METRIC_COUNT, "each metric has a row");

static const char *const type_names[] = {
        [COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};

/* Upper bounds in seconds. */
static const double buckets[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                 0.5,    1,     2.5,    5,     10,   20,    30,   60};
enum { BUCKETS = sizeof(buckets) / sizeof(buckets[0]) };

struct histogram {
        uint64_t counts[BUCKETS + 1]; /* the last: over all bounds */
        double sum;
};

struct series {
        struct series *next_in_slot;
        struct series *next; /* in order of first use */
        char *values;        /* of its labels, each with its NUL */
        char *labels;        /* as printed: name="value",…; "" without */
        double value;
        struct histogram *histogram; /* NULL unless it is one */
};

static struct family {
        struct series **slots; /* by hash of values; NULL until the first series */
        struct series *first, **last;
        size_t count;
} families[METRIC_COUNT];

/* ---- labels ---- */

static void add_label_value(struct buf *out, const char *value)
{
        for (; *value; value++) {
                if (*value == '\\')
                        buf_adds(out, "\\\\");
                else if (*value == '"')
                        buf_adds(out, "\\\"");
                else if (*value == '\n')
                        buf_adds(out, "\\n");
                else
                        buf_addc(out, *value);
        }
}

/* How many values the row wants; their names one after the other in `names`. */
static size_t label_names(const struct row *row, char space[128], const char *names[LABELS_MAX])
{
        int len = snprintf(space, 128, "%s", row->labels);
        assert(len < 128);
        size_t n = 0;
        char *rest = space, *name;
        while ((name = strsep(&rest, ",")) && *name) {
                assert(n < LABELS_MAX);
                names[n++] = name;
        }
        return n;
}

static void format_labels(struct buf *out, const struct row *row, const char *const *values,
                          size_t n)
{
        char space[128];
        const char *names[LABELS_MAX];
        size_t named = label_names(row, space, names);
        assert(named == n);
        for (size_t i = 0; i < n; i++) {
                buf_addf(out, "%s%s=\"", i ? "," : "", names[i]);
                add_label_value(out, values[i]);
                buf_addc(out, '"');
        }
}

/* The values behind the number, which are as many as the row names, then NULL. */
static size_t collect(const struct row *row, va_list ap, const char *values[LABELS_MAX])
{
        size_t want = 0;
        if (row->labels[0])
                want = 1;
        for (const char *p = row->labels; *p; p++)
                want += *p == ',';
        assert(want <= LABELS_MAX);
        for (size_t i = 0; i < want; i++) {
                values[i] = va_arg(ap, const char *);
                assert(values[i]); /* fewer label values than label names */
        }
        const char *end = va_arg(ap, const char *);
        assert(!end); /* more label values than label names */
        return want;
}

/* ---- series ---- */

static size_t slot_of(const char *const *values, size_t n)
{
        uint32_t h = 2166136261u; /* FNV-1a */
        for (size_t i = 0; i < n; i++) {
                for (const char *c = values[i]; *c; c++)
                        h = (h ^ (unsigned char)*c) * 16777619u;
                h *= 16777619u;
        }
        return h % SLOTS;
}

static bool has_values(const struct series *s, const char *const *values, size_t n)
{
        const char *at = s->values;
        for (size_t i = 0; i < n; i++, at += strlen(at) + 1) {
                if (strcmp(at, values[i]) != 0)
                        return false;
        }
        return true;
}

/* Each thing that happens looks for its series: nothing is put together for it. */
static struct series *find(const struct family *f, const char *const *values, size_t n)
{
        struct series *s = f->slots ? f->slots[slot_of(values, n)] : NULL;
        while (s && !has_values(s, values, n))
                s = s->next_in_slot;
        return s;
}

static struct series *create(enum metric_id id, const char *const *values, size_t n)
{
        autobuf labels = BUF_INIT(SIZE_MAX), own = BUF_INIT(SIZE_MAX);
        struct family *f = &families[id];
        if (!f->slots) {
                f->slots = xcalloc(SLOTS, sizeof(struct series *));
                f->last = &f->first;
        }
        struct series **slot = &f->slots[slot_of(values, n)];
        struct series *s = xcalloc(1, sizeof(*s));
        format_labels(&labels, &rows[id], values, n);
        for (size_t i = 0; i < n; i++)
                buf_add(&own, values[i], strlen(values[i]) + 1);
        s->labels = buf_take(&labels);
        s->values = buf_take(&own);
        s->next_in_slot = *slot;
        if (rows[id].type == HISTOGRAM)
                s->histogram = xcalloc(1, sizeof(*s->histogram));
        *slot = s;
        *f->last = s;
        f->last = &s->next;
        f->count++;
        return s;
}

static struct series *series_of(enum metric_id id, va_list ap)
{
        static const char *const others[LABELS_MAX] = {"other", "other", "other", "other"};
        const char *values[LABELS_MAX] = {NULL};
        size_t n = collect(&rows[id], ap, values);
        struct series *s = find(&families[id], values, n);
        if (s)
                return s;
        if (families[id].count < SERIES_MAX)
                return create(id, values, n);
        s = find(&families[id], others, n); /* what comes too late to have its own */
        return s ? s : create(id, others, n);
}

void metric_add(enum metric_id id, double value, ...)
{
        assert(rows[id].type != HISTOGRAM);
        assert(value >= 0 || rows[id].type == GAUGE);
        va_list ap;
        va_start(ap, value);
        series_of(id, ap)->value += value;
        va_end(ap);
}

void metric_set(enum metric_id id, double value, ...)
{
        assert(rows[id].type == GAUGE);
        va_list ap;
        va_start(ap, value);
        series_of(id, ap)->value = value;
        va_end(ap);
}

void metric_observe(enum metric_id id, double seconds, ...)
{
        assert(rows[id].type == HISTOGRAM);
        va_list ap;
        va_start(ap, seconds);
        struct histogram *h = series_of(id, ap)->histogram;
        va_end(ap);
        size_t i = 0;
        while (i < BUCKETS && seconds > buckets[i])
                i++;
        h->counts[i]++;
        h->sum += seconds;
}

void metric_clear(enum metric_id id)
{
        struct family *f = &families[id];
        for (struct series *s = f->first, *next; s; s = next) {
                next = s->next;
                free(s->values);
                free(s->labels);
                free(s->histogram);
                free(s);
        }
        free(f->slots);
        *f = (struct family){0};
}

/* ---- printing ---- */

static void print_number(struct buf *out, double v)
{
        if (isfinite(v))
                buf_addd(out, v);
        else
                buf_adds(out, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
}

static void print_simple(struct buf *out, const struct row *row, const struct series *s)
{
        buf_adds(out, row->name);
        if (s->labels[0])
                buf_addf(out, "{%s}", s->labels);
        buf_addc(out, ' ');
        print_number(out, s->value);
        buf_addc(out, '\n');
}

static void print_histogram(struct buf *out, const struct row *row, const struct series *s)
{
        const char *comma = s->labels[0] ? "," : "";
        uint64_t total = 0;
        for (size_t i = 0; i <= BUCKETS; i++) {
                total += s->histogram->counts[i];
                buf_addf(out, "%s_bucket{%s%sle=\"", row->name, s->labels, comma);
                print_number(out, i < BUCKETS ? buckets[i] : (double)INFINITY);
                buf_addf(out, "\"} %llu\n", (unsigned long long)total);
        }
        const char *open = s->labels[0] ? "{" : "", *close = s->labels[0] ? "}" : "";
        buf_addf(out, "%s_sum%s%s%s ", row->name, open, s->labels, close);
        print_number(out, s->histogram->sum);
        buf_addf(out, "\n%s_count%s%s%s %llu\n", row->name, open, s->labels, close,
                 (unsigned long long)total);
}

/* A counter without labels is there from the start, so that its first increase can be seen. */
static void create_unlabelled(void)
{
        for (size_t id = 0; id < METRIC_COUNT; id++) {
                if (rows[id].type != GAUGE && !rows[id].labels[0] && !families[id].first)
                        create((enum metric_id)id, NULL, 0);
        }
}

void metrics_print(struct buf *out)
{
        create_unlabelled();
        families[METRIC_LOGS_DROPPED].first->value = (double)log_lines_dropped();
        for (size_t id = 0; id < METRIC_COUNT; id++) {
                const struct row *row = &rows[id];
                buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
                         type_names[row->type]);
                for (const struct series *s = families[id].first; s; s = s->next) {
                        if (row->type == HISTOGRAM)
                                print_histogram(out, row, s);
                        else
                                print_simple(out, row, s);
                }
        }
}

void metrics_markdown(struct buf *out)
{
        for (size_t id = 0; id < METRIC_COUNT; id++) {
                const struct row *row = &rows[id];
                buf_addf(out, "| `%s` | %s | %s | %s |\n", row->name, type_names[row->type],
                         row->labels, row->help);
        }
}
