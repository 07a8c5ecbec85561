/* table.c - see table.h. */
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/api.h"
#include "cli/text.h"

enum { GAP = 2, CUT_FIRST_TO = 12, CUT_AT_LAST_TO = 4 };

/* ---- cells ---- */

static void plain_text(const struct json *v, enum cell cell, struct buf *out)
{
        if (cell == CELL_REF)
                buf_addc(out, 'm');
        if (json_type_of(v) == JSON_STRING)
                buf_adds(out, json_str(v));
        else
                json_print(v, out);
}

/* A list of texts, with commas. */
static void list_text(const struct json *v, struct buf *out)
{
        for (const struct json *i = json_first(v); i; i = json_next(i)) {
                plain_text(i, CELL_TEXT, out);
                if (json_next(i))
                        buf_adds(out, ", ");
        }
}

void cell_text(const struct json *v, enum cell cell, struct buf *out)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        int64_t n;
        if (!v || json_type_of(v) == JSON_NULL)
                return;
        if (json_type_of(v) == JSON_BOOL)
                buf_adds(&text, json_bool(v) ? "yes" : "no");
        else if (json_type_of(v) == JSON_ARRAY)
                list_text(v, &text);
        else if (cell == CELL_AGE && json_int(v, &n) == 0)
                text_duration(&text, n);
        else if (cell == CELL_TIME && json_str(v))
                text_time(&text, json_str(v));
        else
                plain_text(v, cell, &text);
        text_clean(out, buf_str(&text), text.len);
}

enum colour state_colour(const char *state)
{
        static const struct {
                const char *state;
                enum colour colour;
        } known[] = {{"completed", COLOUR_GREEN},  {"ok", COLOUR_GREEN},
                     {"error", COLOUR_RED},        {"failed", COLOUR_RED},
                     {"fail", COLOUR_RED},         {"paused", COLOUR_YELLOW},
                     {"stopped", COLOUR_YELLOW},   {"warn", COLOUR_YELLOW},
                     {"cancelled", COLOUR_YELLOW}, {"lost", COLOUR_RED},
                     {"in_progress", COLOUR_BLUE}, {"running", COLOUR_BLUE}};
        for (size_t i = 0; i < COUNT_OF(known); i++) {
                if (strcmp(known[i].state, state) == 0)
                        return known[i].colour;
        }
        return COLOUR_NONE;
}

/* ---- which columns ---- */

static void csv_name(const struct column *column, struct buf *out)
{
        for (const char *p = column->path; *p; p++)
                buf_addc(out, *p == '.' ? '_' : *p);
}

static const struct column *column_named(const struct column *columns, size_t n, const char *name,
                                         size_t len)
{
        for (size_t i = 0; i < n; i++) {
                autobuf known = BUF_INIT(SIZE_MAX);
                csv_name(&columns[i], &known);
                if (known.len == len && memcmp(buf_str(&known), name, len) == 0)
                        return &columns[i];
        }
        return NULL;
}

static int no_column(const struct column *columns, size_t n, const char *name, size_t len,
                     struct err *e)
{
        autobuf known = BUF_INIT(SIZE_MAX);
        for (size_t i = 0; i < n; i++) {
                buf_adds(&known, i ? ", " : "");
                csv_name(&columns[i], &known);
        }
        return err_set(e, ERR_CONFIG, "there is no column \"%.*s\"; there are %s", (int)len, name,
                       buf_str(&known));
}

static int choose(struct table *t, const struct column *columns, size_t n, const char *names,
                  struct err *e)
{
        while (*names && t->n < COLUMNS_MAX) {
                size_t len = strcspn(names, ",");
                const struct column *found = column_named(columns, n, names, len);
                if (!found)
                        return no_column(columns, n, names, len, e);
                t->columns[t->n++] = found;
                names += len + (names[len] == ',');
        }
        return 0;
}

int table_init(struct table *t, struct cli *c, const struct column *columns, size_t n, struct err *e)
{
        const char *names = args_value(&c->args, OPT_columns);
        *t = (struct table){.c = c, .id = &columns[0]};
        t->spreadsheet = args_has(&c->args, OPT_spreadsheet);
        if (names)
                return choose(t, columns, n, names, e);
        for (size_t i = 0; i < n && i < COLUMNS_MAX; i++) {
                if (c->output == OUTPUT_CSV || !(columns[i].flags & COLUMN_CSV))
                        t->columns[t->n++] = &columns[i];
        }
        return 0;
}

/* ---- CSV ---- */

void csv_cell(struct buf *out, const char *s, size_t len, bool spreadsheet)
{
        bool formula = spreadsheet && len && strchr("=+-@\t\r", *s);
        bool quote = false;
        for (size_t i = 0; i < len && !quote; i++)
                quote = strchr(",\"\r\n", s[i]);
        if (len && (*s == ' ' || s[len - 1] == ' '))
                quote = true;
        if (quote)
                buf_addc(out, '"');
        if (formula)
                buf_addc(out, '\'');
        for (size_t i = 0; i < len; i++) {
                if (s[i] == '"')
                        buf_addc(out, '"');
                buf_addc(out, s[i]);
        }
        if (quote)
                buf_addc(out, '"');
}

void csv_value(const struct cli *c, const struct json *v, enum cell cell, bool spreadsheet,
               struct buf *out)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        autobuf clean = BUF_INIT(SIZE_MAX);
        bool number = json_type_of(v) == JSON_NUMBER;
        if (!v || json_type_of(v) == JSON_NULL)
                return;
        plain_text(v, cell, &text);
        if (c->term.safe)
                text_clean(&clean, buf_str(&text), text.len);
        else
                buf_add(&clean, text.data, text.len);
        csv_cell(out, buf_str(&clean), clean.len, spreadsheet && !number);
}

static void csv_titles(const struct table *t, struct buf *out)
{
        for (size_t i = 0; i < t->n; i++) {
                csv_name(t->columns[i], out);
                buf_adds(out, i + 1 < t->n ? "," : "\r\n");
        }
}

static void csv_row(const struct table *t, const struct json *row, struct buf *out)
{
        for (size_t i = 0; i < t->n; i++) {
                const struct column *column = t->columns[i];
                csv_value(t->c, json_at(row, column->path), column->cell, t->spreadsheet, out);
                buf_adds(out, i + 1 < t->n ? "," : "\r\n");
        }
}

static void csv_rows(struct table *t, const struct json *first)
{
        autobuf out = BUF_INIT(SIZE_MAX);
        if (!t->begun)
                csv_titles(t, &out);
        t->begun = true;
        for (const struct json *row = first; row; row = json_next(row))
                csv_row(t, row, &out);
        cli_write(&out);
}

/* ---- tables ---- */

static size_t total_width(const struct table *t)
{
        size_t total = t->n ? (t->n - 1) * GAP : 0;
        for (size_t i = 0; i < t->n; i++)
                total += t->width[i];
        return total;
}

/* Takes from the widest column that may be cut, down to `least`. False: there is none. */
static bool cut_widest(struct table *t, size_t excess, size_t least)
{
        size_t widest = t->n;
        for (size_t i = 0; i < t->n; i++) {
                bool may = t->n == 1 || t->columns[i]->flags & COLUMN_ELASTIC;
                if (may && t->width[i] > least && (widest == t->n || t->width[i] > t->width[widest]))
                        widest = i;
        }
        if (widest == t->n)
                return false;
        size_t spare = t->width[widest] - least;
        t->width[widest] -= excess < spare ? excess : spare;
        return true;
}

static void leave_out(struct table *t, size_t i)
{
        size_t behind = t->n - i - 1;
        memmove(&t->columns[i], &t->columns[i + 1], behind * sizeof(t->columns[0]));
        memmove(&t->width[i], &t->width[i + 1], behind * sizeof(t->width[0]));
        memmove(&t->whole[i], &t->whole[i + 1], behind * sizeof(t->whole[0]));
        t->n--;
}

/* The last one that can be missed. False: there is none. */
static bool leave_one_out(struct table *t)
{
        for (size_t i = t->n; i-- > 1;) {
                if (t->columns[i]->flags & COLUMN_SPARE) {
                        leave_out(t, i);
                        return true;
                }
        }
        return false;
}

/* What leaving out gained goes to those that were cut. */
static void give_back(struct table *t, size_t limit)
{
        for (size_t i = 0; i < t->n && limit; i++) {
                size_t total = total_width(t), room = limit > total ? limit - total : 0;
                size_t missing = t->whole[i] - t->width[i];
                t->width[i] += missing < room ? missing : room;
        }
}

/* The last one, whatever it is, but never the first. */
static bool leave_last_out(struct table *t)
{
        if (t->n > 1)
                leave_out(t, t->n - 1);
        return t->n > 1;
}

/* In this order: what can be cut a little, what can be missed, what can be cut, the end of the row. */
static void fit(struct table *t, size_t limit)
{
        size_t total;
        while (limit && (total = total_width(t)) > limit) {
                size_t excess = total - limit;
                if (!cut_widest(t, excess, CUT_FIRST_TO) && !leave_one_out(t) &&
                    !cut_widest(t, excess, CUT_AT_LAST_TO) && !leave_last_out(t) &&
                    !cut_widest(t, excess, 1))
                        break;
        }
}

/* The widest cell of column i; 0: all are empty. */
static size_t widest_cell(const struct table *t, size_t i, const struct json *first)
{
        size_t widest = 0;
        for (const struct json *row = first; row; row = json_next(row)) {
                autobuf text = BUF_INIT(SIZE_MAX);
                cell_text(json_at(row, t->columns[i]->path), t->columns[i]->cell, &text);
                size_t width = text_width(buf_str(&text));
                if (width > widest)
                        widest = width;
        }
        return widest;
}

static void measure(struct table *t, const struct json *first)
{
        size_t limit = term_width();
        for (size_t i = t->n; i-- > 0;) {
                size_t title = text_width(t->columns[i]->title);
                size_t widest = widest_cell(t, i, first);
                t->width[i] = t->whole[i] = widest > title ? widest : title;
                if (t->only && !widest && t->columns[i]->flags & COLUMN_SPARE)
                        leave_out(t, i);
        }
        fit(t, limit);
        give_back(t, limit);
}

static const char *ellipsis(const struct table *t)
{
        return t->c->term.utf8 ? "…" : ".";
}

/* The last cell is not filled, so that no line ends in spaces. */
static void add_cell(const struct table *t, size_t i, const char *text, enum colour colour,
                     struct buf *out)
{
        const struct column *column = t->columns[i];
        bool last = i + 1 == t->n;
        bool right = column->cell == CELL_NUMBER || column->cell == CELL_AGE;
        buf_adds(out, term_colour(&t->c->term, colour));
        if (last && !right)
                text_cut(out, text, t->width[i], ellipsis(t));
        else
                text_fit(out, text, t->width[i], right ? ALIGN_RIGHT : ALIGN_LEFT, ellipsis(t));
        if (colour != COLOUR_NONE)
                buf_adds(out, term_plain(&t->c->term));
        buf_adds(out, last ? "" : "  ");
}

/* No line ends in the spaces of empty cells. */
static void end_row(struct buf *out)
{
        while (out->len && out->data[out->len - 1] == ' ')
                out->len--;
        buf_addc(out, '\n');
}

static void add_row(const struct table *t, const struct json *row, struct buf *out)
{
        for (size_t i = 0; i < t->n; i++) {
                autobuf text = BUF_INIT(SIZE_MAX);
                enum cell cell = t->columns[i]->cell;
                cell_text(json_at(row, t->columns[i]->path), cell, &text);
                add_cell(t, i, buf_str(&text),
                         cell == CELL_STATE ? state_colour(buf_str(&text)) : COLOUR_NONE, out);
        }
        end_row(out);
}

static void plain_rows(struct table *t, const struct json *first)
{
        autobuf out = BUF_INIT(SIZE_MAX);
        if (!t->begun && first) {
                measure(t, first);
                for (size_t i = 0; i < t->n; i++)
                        add_cell(t, i, t->columns[i]->title, COLOUR_BOLD, &out);
                end_row(&out);
                t->begun = true;
        }
        for (const struct json *row = first; row; row = json_next(row))
                add_row(t, row, &out);
        cli_write(&out);
}

static void id_rows(const struct table *t, const struct json *first)
{
        autobuf out = BUF_INIT(SIZE_MAX);
        for (const struct json *row = first; row; row = json_next(row)) {
                cell_text(json_at(row, t->id->path), t->id->cell, &out);
                buf_addc(&out, '\n');
        }
        cli_write(&out);
}

void table_rows(struct table *t, const struct json *rows)
{
        const struct json *first = json_first(rows);
        if (t->c->quiet)
                id_rows(t, first);
        else if (t->c->output == OUTPUT_CSV)
                csv_rows(t, first);
        else
                plain_rows(t, first);
}

/* ---- one object ---- */

static void record_line(const struct table *t, const struct column *column, const struct json *v,
                        size_t label, struct buf *out)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        enum colour colour = COLOUR_NONE;
        cell_text(v, column->cell, &text);
        if (!text.len)
                return;
        if (column->cell == CELL_STATE)
                colour = state_colour(buf_str(&text));
        text_fit(out, column->title, label, ALIGN_LEFT, "");
        buf_adds(out, "  ");
        buf_adds(out, term_colour(&t->c->term, colour));
        text_wrap(out, buf_str(&text), term_width(), label + GAP, label + GAP);
        if (colour != COLOUR_NONE)
                buf_adds(out, term_plain(&t->c->term));
        buf_addc(out, '\n');
}

static size_t label_width(const struct table *t)
{
        size_t label = 0;
        for (size_t i = 0; i < t->n; i++) {
                size_t width = text_width(t->columns[i]->title);
                if (width > label)
                        label = width;
        }
        return label;
}

void table_record(struct table *t, const struct json *row)
{
        autobuf out = BUF_INIT(SIZE_MAX);
        if (t->c->output == OUTPUT_CSV) {
                csv_titles(t, &out);
                csv_row(t, row, &out);
        } else {
                size_t label = label_width(t);
                for (size_t i = 0; i < t->n; i++)
                        record_line(t, t->columns[i], json_at(row, t->columns[i]->path), label,
                                    &out);
        }
        cli_write(&out);
}
