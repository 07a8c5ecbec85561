#include "engine/crowd.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

/* BUSY: per cent of the time; two workers on two processors leave three to ten idle. */
enum { FIRST_MS = 20, LOOK_MS = 100, BUSY = 75, FEWEST = 2 };

/* In clock ticks, of all processors together. */
struct ticks {
        int64_t idle, all;
};

struct crowd {
        const char *stat;
        size_t processors;
        size_t before;
        struct ticks last;
        int64_t last_ms;
        bool looked, busy;
};

/* Those that this process may use: a container or taskset may leave fewer than there are. */
static size_t processors(void)
{
        cpu_set_t set;

        return sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : SIZE_MAX;
}

/* The first line: user, nice, system, idle, iowait, irq, softirq, steal. */
static bool read_ticks(const char *path, struct ticks *t)
{
        FILE *f = fopen(path, "re");
        int64_t n[8] = {0};
        int got;

        if (!f)
                return false;
        got = fscanf(f,
                     "cpu %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
                     " %" SCNd64 " %" SCNd64,
                     &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7]);
        fclose(f);
        *t = (struct ticks){.idle = n[3] + n[4]};
        for (size_t i = 0; i < COUNT_OF(n); i++)
                t->all += n[i];
        return got >= 4;
}

struct crowd *crowd_new(const char *stat)
{
        struct crowd *c = xcalloc(1, sizeof(*c));

        c->stat = stat;
        c->processors = processors();
        c->last_ms = clock_mono_ms();
        if (!read_ticks(stat, &c->last))
                c->processors = SIZE_MAX;
        return c;
}

void crowd_free(struct crowd *c)
{
        free(c);
}

void crowd_before(struct crowd *c, size_t n)
{
        c->before = n;
}

static void look(struct crowd *c)
{
        int64_t now = clock_mono_ms();
        struct ticks t;

        if (now - c->last_ms < (c->looked ? LOOK_MS : FIRST_MS))
                return;
        c->looked = true;
        c->busy = read_ticks(c->stat, &t) && t.all > c->last.all &&
                  (t.idle - c->last.idle) * 100 <= (t.all - c->last.all) * (100 - BUSY);
        c->last = t;
        c->last_ms = now;
}

bool crowd_is_full(struct crowd *c)
{
        if (c->before < FEWEST || c->before < c->processors)
                return false;
        look(c);
        return c->busy;
}
