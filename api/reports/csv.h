/*
 * csv.h - rows of comma-separated values as RFC 4180 has them: lines end with CR LF, a field with a comma, a
 * quote or a line break stands in quotes.
 *
 * A text that a spreadsheet would take for a formula (it begins with =, +, -, @, a tab or a carriage return,
 * or with the full-width form of one of the four) gets an apostrophe before it: names of projects and texts of
 * errors come from outside. Numbers and times, which are ours, do not.
 */
#ifndef API_REPORTS_CSV_H
#define API_REPORTS_CSV_H

#include "base/buf.h"

struct csv {
        struct buf *out;
        size_t fields; /* of the row so far */
};

void csv_text(struct csv *c, const char *s); /* from outside; NULL: an empty field */
void csv_own(struct csv *c, const char *s);  /* a number, a time, a word of ours; likewise */
void csv_end_row(struct csv *c);

#endif
