/*
 * map.h - a hash table from a 64-bit id to a pointer. Callbacks hold ids, not pointers, to what may
 * be gone: this is where they look.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map;

struct map *map_new(void);
void map_free(struct map *m); /* not what it points to */
void *map_get(const struct map *m, int64_t id);
/* Returns what stood there before, or NULL. value is not NULL. */
void *map_put(struct map *m, int64_t id, void *value);
void *map_remove(struct map *m, int64_t id);
size_t map_count(const struct map *m);
/* Iteration: *at starts at 0. NULL at the end. The map may not change meanwhile. */
void *map_next(const struct map *m, size_t *at, int64_t *id);

#endif
