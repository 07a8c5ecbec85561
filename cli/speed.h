/*
 * speed.h - how fast something gets on, from what was done when, and how long the rest will take. Time is
 * given in, so that nothing here waits.
 */
#ifndef CLI_SPEED_H
#define CLI_SPEED_H

#include <stddef.h>
#include <stdint.h>

enum { SPEED_SAMPLES = 64, SPEED_WINDOW_MS = 60 * 1000 };

struct speed {
        struct {
                int64_t at_ms, done;
        } samples[SPEED_SAMPLES]; /* a ring, oldest first from `first` */
        size_t first, n;
};

/* Notes what is done now. Less than before (a restart) begins anew. */
void speed_note(struct speed *p, int64_t at_ms, int64_t done);
/* In a second, over the last minute; 0: not known, or nothing moves. */
double speed_rate(const struct speed *p, int64_t now_ms);
/* Seconds for `rest` more at this speed; -1: not known. */
int64_t speed_left(const struct speed *p, int64_t now_ms, int64_t rest);

#endif
