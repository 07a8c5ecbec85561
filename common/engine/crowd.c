#include "engine/crowd.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"

/*
 * BUSY: per cent of the time; two workers on two processors leave three to ten idle. CALM: looks in a row, since one alone may
 * meet a moment at which all wait for the disk. STALE_MS: what was seen before says nothing of now.
 */
enum {
        FIRST_MS = 20,
        LOOK_MS = 100,
        STALE_MS = 250,
        BUSY = 75,
        CALM = 2,
        FEWEST = 2,
        SEATS = 4096,
        WHOSE_BYTES = 8
};

/* In clock ticks, of all processors together. */
struct ticks {
        int64_t idle, all;
};

struct crowd {
        const char *stat;
        char whose[2 * WHOSE_BYTES + 1]; /* a hash: the name of a socket is short */
        int fd;                          /* its socket; -1: it has none */
        unsigned seat;                   /* from 0 */
        unsigned first;                  /* so many are the first ones */
        struct ticks last;
        int64_t last_ms;
        bool looked;
        unsigned calm; /* so many looks in a row; CALM, too, where nobody can know */
};

/* Those that this process may use: a container or taskset may leave fewer than there are. */
static unsigned processors(void)
{
        cpu_set_t set;

        return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : SEATS;
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

/* ---- seats ---- */

static int take_seat(int fd, const char *whose, unsigned seat)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "wavefleet-worker %s %u", whose,
                         seat);

        return bind(fd, (struct sockaddr *)&a,
                    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n));
}

/* The first that is free of those before `end`. Where there is none, or no such sockets, it keeps what it has. */
static void seek(struct crowd *c, unsigned end)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        for (unsigned seat = 0; fd >= 0 && seat < end; seat++) {
                if (take_seat(fd, c->whose, seat) == 0) {
                        crowd_leave(c);
                        c->fd = fd;
                        c->seat = seat;
                        return;
                }
                if (errno != EADDRINUSE)
                        break;
        }
        if (fd >= 0)
                close(fd);
}

static bool is_first(const struct crowd *c)
{
        return c->fd < 0 || c->seat < c->first;
}

struct crowd *crowd_new(const char *stat, const char *whose)
{
        struct crowd *c = xcalloc(1, sizeof(*c));
        unsigned char hash[HASH_BYTES];

        c->stat = stat;
        hash_sha256(whose, strlen(whose), hash);
        hash_hex(hash, WHOSE_BYTES, c->whose);
        c->fd = -1;
        c->first = processors();
        if (c->first < FEWEST)
                c->first = FEWEST;
        c->last_ms = clock_mono_ms();
        if (!read_ticks(stat, &c->last))
                c->first = SEATS;
        seek(c, SEATS);
        return c;
}

void crowd_free(struct crowd *c)
{
        if (!c)
                return;
        crowd_leave(c);
        free(c);
}

void crowd_move_up(struct crowd *c)
{
        if (c && !is_first(c))
                seek(c, c->seat);
}

void crowd_leave(struct crowd *c)
{
        if (!c)
                return;
        if (c->fd >= 0)
                close(c->fd);
        c->fd = -1;
}

/* ---- processors ---- */

/* The first look, and that which tells whether one more is calm, are soon. */
static int64_t until_next_ms(const struct crowd *c)
{
        return !c->looked || (c->calm && c->calm < CALM) ? FIRST_MS : LOOK_MS;
}

/* Unless it is too early for another. */
static void look(struct crowd *c)
{
        int64_t now = clock_mono_ms();
        struct ticks t = {0};

        if (now - c->last_ms < until_next_ms(c))
                return;
        c->looked = true;
        if (!read_ticks(c->stat, &t) || t.all <= c->last.all)
                c->calm = CALM;
        else if ((t.idle - c->last.idle) * 100 <= (t.all - c->last.all) * (100 - BUSY))
                c->calm = 0;
        else
                c->calm++;
        c->last = t;
        c->last_ms = now;
}

static void look_anew(struct crowd *c)
{
        c->looked = false;
        c->calm = read_ticks(c->stat, &c->last) ? 0 : CALM;
        c->last_ms = clock_mono_ms();
}

enum crowding crowd_now(struct crowd *c)
{
        if (!c || is_first(c))
                return CROWD_FINE;
        if (clock_mono_ms() - c->last_ms > STALE_MS)
                look_anew(c);
        look(c);
        if (c->calm >= CALM)
                return CROWD_FINE;
        return c->looked ? CROWD_FULL : CROWD_UNKNOWN;
}

int64_t crowd_wait(struct crowd *c, int64_t most_ms)
{
        int64_t slept = 0;

        while (!is_first(c) && slept < most_ms && c->calm < CALM) {
                /* 20 ms after a calm look all may wait for the disk still */
                int64_t usual = c->looked ? LOOK_MS : FIRST_MS, left = most_ms - slept;
                int64_t nap = usual < left ? usual : left;
                clock_sleep_ms(nap);
                slept += nap;
                look(c);
        }
        return slept;
}
