/*
 * bar.h - a wave in one line: name, bar, numbers, rate and time left, as much of it as fits.
 */
#ifndef CLI_BAR_H
#define CLI_BAR_H

#include "cli/term.h"

struct bar {
        const char *name;  /* clean */
        const char *state; /* the wave's state, or its status */
        int64_t total, completed, failed, cancelled;
        int64_t running, parked; /* -1: not known */
        double rate;             /* 0: not known */
        int64_t left_s;          /* -1: not known */
        size_t name_width;       /* names of all bars are that wide */
        size_t bar_width;        /* most columns of the bar itself; 0: as many as are good */
};

/* Columns that the bar itself would have. */
size_t bar_fit(const struct bar *b, size_t width);

/* Appends it, without a line end; width 0: no limit. In colours where t has them. */
void bar_print(const struct bar *b, const struct term *t, size_t width, struct buf *out);
/* The same in words, for where nothing can be drawn. */
void bar_say(const struct bar *b, struct buf *out);

#endif
