/*
 * outline.h - any JSON object as an outline for people: facts by name, lists of objects as tables, lists of
 * numbers as a line of bars, what is inside under a title of its own. What is null or empty is left out.
 */
#ifndef CLI_OUTLINE_H
#define CLI_OUTLINE_H

#include "base/json.h"
#include "cli/cli.h"

int outline_print(struct cli *c, const struct json *v, struct err *e);
/* Numbers as bars, in at most `width` columns: each shows the mean of its part. */
void outline_bars(const struct json *numbers, size_t width, bool utf8, struct buf *out);

#endif
