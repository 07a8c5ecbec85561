#include "engine/crowd.h"

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The first line: "cpu", then user, nice, system, idle, iowait, irq, softirq, steal. */
static bool read_ticks(const char *path, struct ticks *t)
{
        enum { IDLE = 3, IOWAIT, FIELDS = 8 };
        char line[256], *at = line, *end;
        FILE *f = fopen(path, "re");
        int n;

        if (!f)
                return false;
        *line = '\0';
        if (fgets(line, sizeof(line), f) && strncmp(line, "cpu ", 4) == 0)
                at += 4;
        fclose(f);
        *t = (struct ticks){0};
        for (n = 0; n < FIELDS; n++, at = end) {
                int64_t ticks = strtoll(at, &end, 10);
                if (end == at)
                        break;
                t->all += ticks;
                t->idle += n == IDLE || n == IOWAIT ? ticks : 0;
        }
        return n > IDLE;
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
