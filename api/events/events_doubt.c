/*
 * events_doubt.c - rows of which two processes may tell at once. An act on a migration, or on a wave, is told by the API,
 * what a body has become by its worker, a moment after its commit, and the words may stand in the stream in the other
 * order than the commits: "retrying" behind "cancelled". So what is said of such a row shortly after an act
 * is not believed: PostgreSQL is asked.
 */
#include "api/events/events_inside.h"
#include "base/clock.h"
#include "base/map.h"

/*
 * A worker says its news within five milliseconds, or when Redis can be reached again; ROW_MS: it may be slow. Of a whole
 * wave there may be very many rows.
 */
enum { ROW_MS = 2000, WAVE_MS = 250 };

void doubt_init(struct doubt *d)
{
        for (int i = 0; i < DOUBT_AGES; i++) {
                d->rows[i] = map_new();
                d->waves[i] = map_new();
        }
}

void doubt_fini(struct doubt *d)
{
        for (int i = 0; i < DOUBT_AGES; i++) {
                map_free(d->rows[i]);
                map_free(d->waves[i]);
        }
}

static void age(struct map **maps)
{
        map_free(maps[DOUBT_AGES - 1]);
        for (int i = DOUBT_AGES - 1; i > 0; i--)
                maps[i] = maps[i - 1];
        maps[0] = map_new();
}

static void note(struct map *m, int64_t id, int64_t now_ms)
{
        map_put(m, id, (void *)(uintptr_t)now_ms);
}

static bool noted(struct map *const *maps, int64_t id, int64_t since_ms)
{
        for (int i = 0; i < DOUBT_AGES; i++)
                if (map_count(maps[i]) && (int64_t)(uintptr_t)map_get(maps[i], id) >= since_ms)
                        return true;
        return false;
}

bool doubtful(struct doubt *d, const struct news_item *it)
{
        int64_t now_ms = clock_mono_ms();

        if (now_ms - d->aged_ms > ROW_MS) {
                age(d->rows);
                age(d->waves);
                d->aged_ms = now_ms;
        }
        if (it->kind == NEWS_WAVE_ROWS)
                note(d->waves[0], it->wave_no, now_ms);
        if (it->kind != NEWS_ROW)
                return false;
        if (!it->known)
                note(d->rows[0], it->id, now_ms);
        return !it->known || noted(d->rows, it->id, now_ms - ROW_MS) ||
               noted(d->waves, it->wave_no, now_ms - WAVE_MS);
}
