#include "engine/pace.h"

#include <string.h>

#include "base/mem.h"

/* Weight of a body that took longer than the mean, and of one that took less: one part of so many. */
enum { UP = 4, DOWN = 32 };

/*
 * TOGETHER_US: waking a runner, and the switch to it, costs some tens of microseconds. BRIEF_US: outcomes wait
 * for one another about twice as long at most.
 */
enum { TOGETHER_US = 100, BRIEF_US = 1000 };

struct mean {
        int64_t wave_no;
        int64_t us;
        int64_t seen;
};
struct pace {
        int64_t ahead_us, depth_max;
        struct mean all;
        struct mean waves[PACE_WAVES_MAX]; /* the latest first */
        size_t count;
};

struct pace *pace_new(int64_t ahead_ms, int64_t depth_max)
{
        struct pace *p = xcalloc(1, sizeof(*p));
        p->ahead_us = ahead_ms * 1000;
        p->depth_max = depth_max;
        return p;
}

void pace_free(struct pace *p)
{
        free(p);
}

static void note(struct mean *m, int64_t us)
{
        if (m->seen++ == 0)
                m->us = us;
        else
                m->us += (us - m->us) / (us > m->us ? UP : DOWN);
}

/* That of the wave, moved to the front; the one that was not heard of for the longest time gives way. */
static struct mean *of_wave(struct pace *p, int64_t wave_no)
{
        size_t at = 0;
        while (at < p->count && p->waves[at].wave_no != wave_no)
                at++;
        struct mean m = {.wave_no = wave_no};
        if (at < p->count)
                m = p->waves[at];
        else if (p->count < PACE_WAVES_MAX)
                p->count++;
        else
                at--;
        memmove(p->waves + 1, p->waves, at * sizeof(m));
        p->waves[0] = m;
        return p->waves;
}

void pace_note(struct pace *p, int64_t wave_no, int64_t took_us)
{
        if (took_us <= 0)
                took_us = 1;
        note(&p->all, took_us);
        note(of_wave(p, wave_no), took_us);
}

static bool is_short(const struct pace *p, const struct mean *m)
{
        return m->seen >= PACE_KNOWN_AFTER && m->us < p->ahead_us;
}

static bool is_brief(const struct pace *p, const struct mean *m)
{
        return is_short(p, m) && m->us < BRIEF_US;
}

int64_t pace_short_us(const struct pace *p)
{
        return is_short(p, &p->all) ? p->all.us : 0;
}

unsigned pace_depth(const struct pace *p)
{
        if (!is_short(p, &p->all))
                return 0;
        int64_t depth = p->ahead_us / p->all.us; /* a mean is at least 1 */
        return (unsigned)(depth < p->depth_max ? depth : p->depth_max);
}

static const struct mean *find(const struct pace *p, int64_t wave_no)
{
        for (size_t i = 0; i < p->count; i++)
                if (p->waves[i].wave_no == wave_no)
                        return &p->waves[i];
        return NULL;
}

unsigned pace_together(const struct pace *p)
{
        if (!is_short(p, &p->all))
                return 0;
        int64_t n = TOGETHER_US / p->all.us;
        return (unsigned)(n < p->depth_max ? n : p->depth_max);
}

bool pace_is_short(const struct pace *p, int64_t wave_no)
{
        const struct mean *m = find(p, wave_no);
        return m && is_short(p, m);
}

bool pace_is_brief(const struct pace *p, int64_t wave_no)
{
        const struct mean *m = find(p, wave_no);
        return m && is_brief(p, m);
}

void pace_hear(struct pace *p, int64_t wave_no, int64_t mean_us)
{
        const struct mean *known = find(p, wave_no);
        if (!known || known->seen < PACE_KNOWN_AFTER)
                *of_wave(p, wave_no) =
                        (struct mean){.wave_no = wave_no, .us = mean_us, .seen = PACE_KNOWN_AFTER};
}

void pace_tell(const struct pace *p, struct pace_known *out)
{
        out->nshorts = out->nlongs = 0;
        out->below_us = p->ahead_us;
        out->tries = is_short(p, &p->all) ? PACE_KNOWN_AFTER : 0;
        for (size_t i = 0; i < p->count; i++) {
                const struct mean *m = &p->waves[i];
                if (is_short(p, m))
                        out->shorts[out->nshorts++] = m->wave_no;
                else if (m->seen >= PACE_KNOWN_AFTER)
                        out->longs[out->nlongs++] = m->wave_no;
        }
}
