/* outline.c - see outline.h. */
#include "cli/outline.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/table.h"
#include "cli/text.h"

enum { DEPTH_MAX = 6, LABEL_MAX = 40, BARS_MAX = 60, STEP = 2, GAP = 2 };

/* ---- what a value is ---- */

static bool is_list_of(const struct json *v, enum json_type type)
{
        const struct json *first = json_type_of(v) == JSON_ARRAY ? json_first(v) : NULL;
        return first && json_type_of(first) == type;
}

static bool has_parts(const struct json *v)
{
        return json_type_of(v) == JSON_OBJECT || is_list_of(v, JSON_OBJECT);
}

static bool is_empty(const struct json *v)
{
        enum json_type type = json_type_of(v);
        return type == JSON_NULL || ((type == JSON_ARRAY || type == JSON_OBJECT) && !json_first(v));
}

static enum cell cell_of(const char *name, const struct json *v)
{
        int64_t ms;
        if (json_type_of(v) == JSON_NUMBER)
                return CELL_NUMBER;
        if (json_str(v) && strchr(json_str(v), 'T') && clock_parse(json_str(v), &ms) == 0)
                return CELL_TIME;
        return strcmp(name, "status") == 0 || strcmp(name, "state") == 0 ? CELL_STATE : CELL_TEXT;
}

/* "p95_ms" as "P95 ms", or in capitals for titles of columns. */
static char *label_of(const char *name, bool capitals)
{
        autobuf clean = BUF_INIT(SIZE_MAX);
        text_clean(&clean, name, strlen(name));
        char *label = xstrdup(buf_str(&clean));
        for (char *p = label; *p; p++) {
                if (*p == '_')
                        *p = ' ';
                else if (capitals || p == label)
                        *p = (char)toupper((unsigned char)*p);
        }
        return label;
}

/* ---- bars ---- */

static double mean_of(const double *v, size_t from, size_t to)
{
        double sum = 0;
        for (size_t i = from; i < to; i++)
                sum += v[i];
        return sum / (double)(to - from);
}

void outline_bars(const struct json *numbers, size_t width, bool utf8, struct buf *out)
{
        static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
        static const char *const plain[] = {" ", ".", ".", ":", ":", "+", "+", "#", "#"};
        size_t n = 0, count = json_count(numbers), columns = count < width ? count : width;
        autofree double *v = xcalloc(count + 1, sizeof(*v));
        double most = 0;
        for (const struct json *i = json_first(numbers); i; i = json_next(i))
                v[n++] = json_double(i);
        for (size_t i = 0; i < columns; i++) {
                double mean = mean_of(v, i * count / columns, (i + 1) * count / columns);
                most = mean > most ? mean : most;
        }
        for (size_t i = 0; i < columns; i++) {
                double mean = mean_of(v, i * count / columns, (i + 1) * count / columns);
                int height = most > 0 && mean > 0 ? 1 + (int)(mean / most * 7) : 0;
                buf_adds(out, (utf8 ? blocks : plain)[height]);
        }
}

/* ---- facts ---- */

static void add_value(const struct cli *c, const struct json *v, struct buf *out)
{
        if (!is_list_of(v, JSON_NUMBER) || json_count(v) == 1) {
                cell_text(v, cell_of(json_name(v), v), out);
                return;
        }
        double most = json_double(json_first(v));
        for (const struct json *i = json_first(v); i; i = json_next(i))
                most = json_double(i) > most ? json_double(i) : most;
        outline_bars(v, BARS_MAX, c->term.utf8, out);
        buf_addf(out, "  (%zu values, at most ", json_count(v));
        buf_addd(out, most);
        buf_addc(out, ')');
}

static void print_fact(const struct cli *c, const struct json *v, size_t indent, size_t label_width)
{
        autofree char *label = label_of(json_name(v), false);
        autobuf text = BUF_INIT(SIZE_MAX);
        autobuf out = BUF_INIT(SIZE_MAX);
        enum cell cell = cell_of(json_name(v), v);
        add_value(c, v, &text);
        enum colour colour = cell == CELL_STATE ? state_colour(buf_str(&text)) : COLOUR_NONE;
        text_spaces(&out, indent);
        text_fit(&out, label, label_width, ALIGN_LEFT, "");
        text_spaces(&out, GAP);
        buf_adds(&out, term_colour(&c->term, colour));
        /* Bars have spaces of their own, at which nothing may break. */
        if (is_list_of(v, JSON_NUMBER))
                buf_adds(&out, buf_str(&text));
        else
                text_wrap(&out, buf_str(&text), term_width(), indent + label_width + GAP,
                          indent + label_width + GAP);
        if (colour != COLOUR_NONE)
                buf_adds(&out, term_plain(&c->term));
        buf_addc(&out, '\n');
        cli_write(&out);
}

/* The widest label of the facts of an object. */
static size_t label_width_of(const struct json *v)
{
        size_t widest = 0;
        for (const struct json *i = json_first(v); i; i = json_next(i)) {
                autofree char *label = label_of(json_name(i), false);
                size_t width = has_parts(i) || is_empty(i) ? 0 : text_width(label);
                if (width > widest)
                        widest = width;
        }
        return widest < LABEL_MAX ? widest : LABEL_MAX;
}

/* ---- parts ---- */

/* A list of objects as a table, whose columns are the members of the first that are one value. */
static int print_list(struct cli *c, const struct json *list, struct err *e)
{
        struct column columns[COLUMNS_MAX];
        char *titles[COLUMNS_MAX];
        struct table t;
        size_t n = 0;
        for (const struct json *i = json_first(json_first(list)); i && n < COLUMNS_MAX;
             i = json_next(i)) {
                if (json_type_of(i) == JSON_OBJECT || json_type_of(i) == JSON_ARRAY)
                        continue;
                titles[n] = label_of(json_name(i), true);
                columns[n] = (struct column){json_name(i), titles[n], cell_of(json_name(i), i),
                                             json_str(i) ? COLUMN_ELASTIC : COLUMN_SPARE};
                n++;
        }
        int rc = n ? table_init(&t, c, columns, n, e) : 0;
        if (n && rc == 0) {
                t.only = true;
                table_rows(&t, list);
        }
        while (n > 0)
                free(titles[--n]);
        return rc;
}

static int print_members(struct cli *c, const struct json *v, unsigned depth, struct err *e);

static int print_part(struct cli *c, const struct json *v, unsigned depth, struct err *e)
{
        autofree char *label = label_of(json_name(v), false);
        printf("\n%*s%s%s%s\n", (int)(STEP * depth), "", term_colour(&c->term, COLOUR_BOLD), label,
               term_plain(&c->term));
        return json_type_of(v) == JSON_ARRAY ? print_list(c, v, e)
                                             : print_members(c, v, depth + 1, e);
}

/* What is one line first, then what has parts. */
static int print_members(struct cli *c, const struct json *v, unsigned depth, struct err *e)
{
        size_t label_width = label_width_of(v);
        for (const struct json *i = json_first(v); i; i = json_next(i)) {
                if (!has_parts(i) && !is_empty(i))
                        print_fact(c, i, (size_t)STEP * depth, label_width);
        }
        for (const struct json *i = json_first(v); i && depth < DEPTH_MAX; i = json_next(i)) {
                if (has_parts(i) && !is_empty(i) && print_part(c, i, depth, e) < 0)
                        return -1;
        }
        return 0;
}

int outline_print(struct cli *c, const struct json *v, struct err *e)
{
        return print_members(c, v, 0, e);
}
