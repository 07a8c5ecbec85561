/*
 * arena.h - memory of one request or one attempt, freed in one go.
 *
 * Allocations are aligned for any type and never returned singly. With a limit, an allocation past
 * it gives NULL and the arena is failed; without one (max 0) allocation never fails, but for those that
 * are tried: what input can make large.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct arena;

/* max_bytes 0: no limit. */
struct arena *arena_new(size_t max_bytes);
void arena_free(struct arena *a);
/* Frees everything but the first block, for the next use. */
void arena_reset(struct arena *a);
void *arena_alloc(struct arena *a, size_t size_bytes); /* not cleared */
void *arena_zalloc(struct arena *a, size_t size_bytes);
/* NULL, and the arena is failed, where there is no memory for more than MEM_SMALL_BYTES. */
void *arena_try(struct arena *a, size_t size_bytes);
char *arena_try_strndup(struct arena *a, const char *s, size_t len);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * A text of a buffer that was filled for it. NULL, and the arena is failed, where there was no memory for
 * the one or the other.
 */
char *arena_text(struct arena *a, const struct buf *b);
bool arena_failed(const struct arena *a);
/* 0, or -1 where the arena is failed: ERR_UNAVAILABLE, or ERR_TOO_LARGE where that was its limit. */
int arena_check(const struct arena *a, const char *what, struct err *e);
size_t arena_used(const struct arena *a); /* bytes taken from the system */

#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_zalloc((a), sizeof(type) * (n)))

#endif
