/*
 * text.h - text as a terminal shows it: how wide it is, cut and filled to a width, wrapped, and without
 * what would steer the terminal; durations, rates and times for people.
 *
 * Widths are columns, as wcwidth() counts them: needs a UTF-8 locale (term_init).
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * Appends s without escape sequences; other control characters, marks that turn the direction of writing,
 * and bytes that are not UTF-8 become U+FFFD, white space one space each.
 */
void text_clean(struct buf *out, const char *s, size_t len);
/*
 * Bytes of the character that s begins with, and which it is, where it must not reach a terminal: a control
 * character, or one that turns the direction of writing. Else 0.
 */
size_t text_steers(const char *s, size_t len, uint32_t *character);
void text_spaces(struct buf *out, size_t n);
/* Columns of a clean text. */
size_t text_width(const char *s);
enum text_align { ALIGN_LEFT, ALIGN_RIGHT };
/* Appends a clean text in exactly `width` columns: filled with spaces, or cut, `ellipsis` at its end. */
void text_fit(struct buf *out, const char *s, size_t width, enum text_align align,
              const char *ellipsis);
/* The same without filling it. */
void text_cut(struct buf *out, const char *s, size_t width, const char *ellipsis);
/*
 * Appends a clean text broken at spaces into lines of at most `width` columns (0: no limit), the second and
 * further ones behind `indent` spaces; no line end after the last. `at`: the column where it begins.
 */
void text_wrap(struct buf *out, const char *s, size_t width, size_t indent, size_t at);

/* "4s", "3m 20s", "1h 05m", "2d 04h". */
void text_duration(struct buf *out, int64_t seconds);
/* "12.3/s", "4.2/min", "7.0/h". */
void text_rate(struct buf *out, double per_second);
/* RFC 3339 as local time, "2026-01-31 12:00:00"; s itself where it is none. */
void text_time(struct buf *out, const char *s);

#endif
