/* map.c - open addressing with linear probing; removal shifts back, so there are no tombstones. */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

enum { SLOTS_FIRST = 16 };

struct slot {
        int64_t id;
        void *value; /* NULL: free */
};

struct map {
        struct slot *slots;
        size_t mask; /* number of slots - 1, a power of two */
        size_t count;
};

/* The finaliser of splitmix64 (Sebastiano Vigna): ids that follow one another spread. */
static size_t hash(int64_t id)
{
        uint64_t x = (uint64_t)id + 0x9E3779B97F4A7C15u;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
        return (size_t)(x ^ (x >> 31));
}

/* Where id stands, or the free slot where it would. */
static struct slot *find(const struct map *m, int64_t id)
{
        size_t i = hash(id) & m->mask;
        while (m->slots[i].value && m->slots[i].id != id)
                i = (i + 1) & m->mask;
        return &m->slots[i];
}

struct map *map_new(void)
{
        struct map *m = xmalloc(sizeof(*m));
        *m = (struct map){.slots = xcalloc(SLOTS_FIRST, sizeof(struct slot)),
                          .mask = SLOTS_FIRST - 1};
        return m;
}

void map_free(struct map *m)
{
        if (!m)
                return;
        free(m->slots);
        free(m);
}

void *map_get(const struct map *m, int64_t id)
{
        return find(m, id)->value;
}

static void grow(struct map *m)
{
        struct slot *old = m->slots;
        size_t old_count = m->mask + 1;
        m->slots = xcalloc(old_count * 2, sizeof(struct slot));
        m->mask = old_count * 2 - 1;
        for (size_t i = 0; i < old_count; i++) {
                if (old[i].value)
                        *find(m, old[i].id) = old[i];
        }
        free(old);
}

void *map_put(struct map *m, int64_t id, void *value)
{
        assert(value);
        struct slot *s = find(m, id);
        void *before = s->value;
        if (!before && (m->count + 1) * 3 > (m->mask + 1) * 2) {
                grow(m);
                s = find(m, id);
        }
        m->count += before ? 0 : 1;
        *s = (struct slot){.id = id, .value = value};
        return before;
}

/* Moves back whatever stands behind a freed slot and could no longer be reached. */
static void close_gap(struct map *m, size_t gap)
{
        for (size_t i = (gap + 1) & m->mask; m->slots[i].value; i = (i + 1) & m->mask) {
                size_t home = hash(m->slots[i].id) & m->mask;
                if (((i - home) & m->mask) < ((i - gap) & m->mask))
                        continue;
                m->slots[gap] = m->slots[i];
                gap = i;
        }
        m->slots[gap].value = NULL;
}

void *map_remove(struct map *m, int64_t id)
{
        struct slot *s = find(m, id);
        void *value = s->value;
        if (!value)
                return NULL;
        close_gap(m, (size_t)(s - m->slots));
        m->count--;
        return value;
}

size_t map_count(const struct map *m)
{
        return m->count;
}

void *map_next(const struct map *m, size_t *at, int64_t *id)
{
        while (*at <= m->mask) {
                const struct slot *s = &m->slots[(*at)++];
                if (!s->value)
                        continue;
                if (id)
                        *id = s->id;
                return s->value;
        }
        return NULL;
}
