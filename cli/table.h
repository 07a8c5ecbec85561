/*
 * table.h - rows of JSON as a table that fits the terminal, as CSV (RFC 4180), or as bare ids.
 *
 * In a table, cells are clean (text.h), columns that may be cut are, and columns that can be missed are left
 * out where they do not fit or are empty; widths are those of the first page. In CSV every column is there
 * and every value whole.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/json.h"
#include "cli/cli.h"

enum cell {
        CELL_TEXT,
        CELL_NUMBER, /* to the right */
        CELL_TIME,   /* local in a table, as it came in CSV */
        CELL_STATE,  /* in its colour */
        CELL_AGE,    /* seconds: "3m 20s" in a table */
        CELL_REF,    /* the number of a migration as commands take it: "m12" */
};
enum {
        COLUMN_ELASTIC = 1, /* may be cut */
        COLUMN_SPARE = 2,   /* may be left out */
        COLUMN_CSV = 4,     /* in CSV and with --columns only */
};
struct column {
        const char *path; /* "progress.total"; its name in CSV, "." as "_" */
        const char *title;
        enum cell cell;
        unsigned flags;
};

enum { COLUMNS_MAX = 32 };

struct table {
        struct cli *c;
        const struct column *columns[COLUMNS_MAX];     /* those that are shown */
        size_t width[COLUMNS_MAX], whole[COLUMNS_MAX]; /* as shown; as wide as the widest cell */
        size_t n;
        const struct column *id; /* what --quiet prints */
        bool begun;              /* widths are known, the titles are there */
        bool spreadsheet;
        bool only; /* the rows that come first are all of them */
};

/* columns[0] is the id. -1: ERR_CONFIG, --columns names one that there is not. */
int table_init(struct table *t, struct cli *c, const struct column *columns, size_t n,
               struct err *e);
/* An array of rows. */
void table_rows(struct table *t, const struct json *rows);
/* One object: a line for each column, "title  value"; nulls are left out. CSV: one row. */
void table_record(struct table *t, const struct json *row);

/* The text of v as people read it, clean. */
void cell_text(const struct json *v, enum cell cell, struct buf *out);
/* A CSV cell: quoted where it must be. */
void csv_cell(struct buf *out, const char *s, size_t len, bool spreadsheet);
/* v as a CSV cell, whole; on a terminal without what would steer it. */
void csv_value(const struct cli *c, const struct json *v, enum cell cell, bool spreadsheet,
               struct buf *out);
enum colour state_colour(const char *state);

/*
 * A whole list: page by page up to --limit or --all, in the form of --output. `none`: what an empty one
 * means, and what to do.
 */
int list_show(struct cli *c, const char *path, const struct column *columns, size_t n,
              const char *none, struct err *e);

#endif
