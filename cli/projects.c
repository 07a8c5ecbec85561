/* projects.c - see projects.h. */
#include "cli/projects.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { COLUMNS_MAX = 64 };

CLEANUP_DEFINE(json, struct json *, json_free)

int projects_read(const char *path, struct buf *out, struct err *e)
{
        char piece[64 << 10];
        size_t n;
        bool bad;
        FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
        if (!f)
                return err_errno(e, ERR_CONFIG, "could not open %s", path);
        while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
                buf_add(out, piece, n);
        bad = ferror(f);
        if (f != stdin)
                fclose(f);
        if (bad)
                return err_errno(e, ERR_CONFIG, "could not read %s", path);
        return buf_check(out, "the projects", e);
}

void projects_value(struct json_out *o, const char *name, const char *text)
{
        struct json *v cleanup(json_cleanup) = json_parse(text, strlen(text), NULL);
        if (v)
                json_out_raw(o, name, text);
        else
                json_out_str(o, name, text);
}

static void skip_mark(const char **text, size_t *len)
{
        static const char mark[] = "\xEF\xBB\xBF"; /* of byte order */
        if (*len >= 3 && memcmp(*text, mark, 3) == 0) {
                *text += 3;
                *len -= 3;
        }
}

/* All of it is UTF-8 without NUL, so that nothing after this has to mind. */
static int check_text(const char *text, size_t len, const char *file, struct err *e)
{
        const char *end = text + len;
        for (size_t line = 1; text < end; line++) {
                const char *eol = memchr(text, '\n', (size_t)(end - text));
                size_t n = (size_t)((eol ? eol : end) - text);
                if (!utf8_valid(text, n) || memchr(text, '\0', n))
                        return err_set(e, ERR_CONFIG, "line %zu of %s is no UTF-8 text", line, file);
                text += n + 1;
        }
        return 0;
}

/* ---- lines ---- */

static void trim(const char **s, size_t *len)
{
        while (*len && strchr(" \t\r", **s) && **s) {
                ++*s;
                --*len;
        }
        while (*len && strchr(" \t\r", (*s)[*len - 1]) && (*s)[*len - 1])
                --*len;
}

int projects_lines(struct json_out *o, const char *text, size_t len, const char *name, struct err *e)
{
        size_t count = 0;
        skip_mark(&text, &len);
        const char *end = text + len;
        if (check_text(text, len, name, e) < 0)
                return -1;
        json_out_array(o, "project_uuids");
        while (text < end) {
                const char *eol = memchr(text, '\n', (size_t)(end - text)), *s = text;
                size_t n = (size_t)((eol ? eol : end) - text);
                text += n + 1;
                trim(&s, &n);
                if (n) {
                        json_out_strn(o, NULL, s, n);
                        count++;
                }
        }
        json_out_array_end(o);
        return count ? 0 : err_set(e, ERR_CONFIG, "there is no project in %s", name);
}

/* ---- CSV ---- */

struct csv {
        const char *at, *end, *file;
        size_t line;
        struct buf row;            /* the cells, each ended by a NUL */
        size_t cells[COLUMNS_MAX]; /* where they begin in it */
        size_t n;
};

static int quoted_cell(struct csv *c, struct err *e)
{
        size_t begun = c->line;
        for (c->at++; c->at < c->end; c->at++) {
                if (*c->at != '"') {
                        c->line += *c->at == '\n';
                        buf_addc(&c->row, *c->at);
                } else if (c->at + 1 < c->end && c->at[1] == '"') {
                        buf_addc(&c->row, *c->at++);
                } else {
                        c->at++;
                        return 0;
                }
        }
        return err_set(e, ERR_CONFIG, "the quotation mark in line %zu of %s is not closed", begun,
                       c->file);
}

static int read_cell(struct csv *c, struct err *e)
{
        if (c->n == COLUMNS_MAX)
                return err_set(e, ERR_CONFIG, "line %zu of %s has more than %d cells", c->line,
                               c->file, COLUMNS_MAX);
        c->cells[c->n++] = c->row.len;
        if (c->at < c->end && *c->at == '"' && quoted_cell(c, e) < 0)
                return -1;
        while (c->at < c->end && !strchr(",\r\n", *c->at))
                buf_addc(&c->row, *c->at++);
        buf_addc(&c->row, '\0');
        return 0;
}

/* 1: a row; 0: the end. Empty lines are no rows. */
static int read_row(struct csv *c, struct err *e)
{
        do {
                while (c->at < c->end && (*c->at == '\n' || *c->at == '\r'))
                        c->line += *c->at++ == '\n';
                if (c->at >= c->end)
                        return 0;
                buf_reset(&c->row);
                c->n = 0;
                if (read_cell(c, e) < 0)
                        return -1;
                while (c->at < c->end && *c->at == ',') {
                        c->at++;
                        if (read_cell(c, e) < 0)
                                return -1;
                }
        } while (c->n == 1 && !*(c->row.data + c->cells[0]));
        if (buf_check(&c->row, "a line of the projects", e) < 0)
                return -1;
        return 1;
}

static const char *cell(const struct csv *c, size_t i)
{
        return i < c->n ? c->row.data + c->cells[i] : "";
}

enum column_kind { COLUMN_PROJECT, COLUMN_TARGET, COLUMN_DEPENDS, COLUMN_PARAM };

struct csv_column {
        enum column_kind kind;
        char param[64];
};

static int read_title(const char *title, const struct csv *c, struct csv_column *out, struct err *e)
{
        if (strcmp(title, "project") == 0 || strcmp(title, "mb_project_uuid") == 0) {
                out->kind = COLUMN_PROJECT;
        } else if (strcmp(title, "brz_project_id") == 0) {
                out->kind = COLUMN_TARGET;
        } else if (strcmp(title, "depends_on") == 0) {
                out->kind = COLUMN_DEPENDS;
        } else if (strncmp(title, "params.", 7) == 0 && title[7] &&
                   strlen(title) < sizeof(out->param)) {
                out->kind = COLUMN_PARAM;
                snprintf(out->param, sizeof(out->param), "%s", title + 7);
        } else {
                return err_set(
                        e, ERR_CONFIG,
                        "%s has a column \"%s\"; columns are project, brz_project_id, depends_on "
                        "and params.NAME%s",
                        c->file, title, strpbrk(title, ";\t") ? ", with commas between them" : "");
        }
        return 0;
}

static int read_titles(struct csv *c, struct csv_column *columns, size_t *n, struct err *e)
{
        size_t projects = 0;
        int rc = read_row(c, e);
        if (rc < 0)
                return -1;
        for (*n = 0; rc && *n < c->n; ++*n) {
                if (read_title(cell(c, *n), c, &columns[*n], e) < 0)
                        return -1;
                projects += columns[*n].kind == COLUMN_PROJECT;
        }
        return projects == 1
                       ? 0
                       : err_set(e, ERR_CONFIG,
                                 "the first line of %s must have one column \"project\"", c->file);
}

static void add_names(struct json_out *o, const char *name, const char *text)
{
        json_out_array(o, name);
        for (size_t len; *(text += strspn(text, " ")); text += len) {
                len = strcspn(text, " ");
                json_out_strn(o, NULL, text, len);
        }
        json_out_array_end(o);
}

static void add_params(struct json_out *o, const struct csv *c, const struct csv_column *columns,
                       size_t n)
{
        bool any = false;
        for (size_t i = 0; i < n; i++) {
                if (columns[i].kind != COLUMN_PARAM || !*cell(c, i))
                        continue;
                if (!any)
                        json_out_object(o, "params");
                any = true;
                projects_value(o, columns[i].param, cell(c, i));
        }
        if (any)
                json_out_object_end(o);
}

static int add_project(struct json_out *o, const struct csv *c, const struct csv_column *columns,
                       size_t n, struct err *e)
{
        if (c->n > n)
                return err_set(e, ERR_CONFIG, "line %zu of %s has %zu cells, its first line %zu",
                               c->line, c->file, c->n, n);
        json_out_object(o, NULL);
        for (size_t i = 0; i < n; i++) {
                const char *text = cell(c, i);
                if (columns[i].kind == COLUMN_PROJECT)
                        json_out_str(o, "project", text);
                else if (columns[i].kind == COLUMN_TARGET && *text)
                        json_out_str(o, "brz_project_id", text);
                else if (columns[i].kind == COLUMN_DEPENDS && *text)
                        add_names(o, "depends_on", text);
        }
        add_params(o, c, columns, n);
        json_out_object_end(o);
        return 0;
}

static int csv_projects(struct json_out *o, struct csv *c, struct err *e)
{
        struct csv_column columns[COLUMNS_MAX] = {0};
        size_t n, count = 0;
        int rc;
        if (read_titles(c, columns, &n, e) < 0)
                return -1;
        json_out_array(o, "projects");
        for (; (rc = read_row(c, e)) > 0; count++) {
                if (add_project(o, c, columns, n, e) < 0)
                        return -1;
        }
        json_out_array_end(o);
        if (rc == 0 && !count)
                return err_set(e, ERR_CONFIG, "there is no project in %s", c->file);
        return rc;
}

int projects_csv(struct json_out *o, const char *text, size_t len, const char *name, struct err *e)
{
        struct csv c = {.file = name, .line = 1, .row = BUF_INIT(16 << 20)};
        skip_mark(&text, &len);
        c.at = text;
        c.end = text + len;
        if (check_text(text, len, name, e) < 0)
                return -1;
        int rc = csv_projects(o, &c, e);
        buf_fini(&c.row);
        return rc;
}
