/* speed.c - see speed.h. */
#include "cli/speed.h"

enum {
        STEP_MS = SPEED_WINDOW_MS / (SPEED_SAMPLES - 4),
        SOON_MS = 500,
        STALE_MS = 10 * 1000,
        LEFT_MAX_S = 1000 * 86400
};

static size_t at(const struct speed *p, size_t i)
{
        return (p->first + i) % SPEED_SAMPLES;
}

static void drop_first(struct speed *p)
{
        p->first = at(p, 1);
        p->n--;
}

void speed_note(struct speed *p, int64_t at_ms, int64_t done)
{
        if (p->n && done < p->samples[at(p, p->n - 1)].done)
                p->n = 0;
        /* The second of those that are there is old enough to measure from. */
        while (p->n > 1 && p->samples[at(p, 1)].at_ms <= at_ms - SPEED_WINDOW_MS)
                drop_first(p);
        /* The newest moves on, until it is a step away from the one before. */
        if (p->n > 1 && at_ms - p->samples[at(p, p->n - 2)].at_ms < STEP_MS)
                p->n--;
        if (p->n == SPEED_SAMPLES)
                drop_first(p);
        p->samples[at(p, p->n)].at_ms = at_ms;
        p->samples[at(p, p->n)].done = done;
        p->n++;
}

/*
 * Measured up to the last look, so that the rate does not sink between two of them; but when nobody has
 * looked for long, time goes on.
 */
double speed_rate(const struct speed *p, int64_t now_ms)
{
        if (p->n < 2)
                return 0;
        int64_t last_ms = p->samples[at(p, p->n - 1)].at_ms;
        int64_t end_ms = now_ms - last_ms > STALE_MS ? now_ms : last_ms;
        int64_t took = end_ms - p->samples[at(p, 0)].at_ms;
        int64_t done = p->samples[at(p, p->n - 1)].done - p->samples[at(p, 0)].done;
        return took < SOON_MS || done <= 0 ? 0 : (double)done * 1000 / (double)took;
}

int64_t speed_left(const struct speed *p, int64_t now_ms, int64_t rest)
{
        double rate = speed_rate(p, now_ms);
        if (rate <= 0)
                return -1;
        double left = (double)rest / rate;
        return left > LEFT_MAX_S ? -1 : (int64_t)(left + 0.5);
}
