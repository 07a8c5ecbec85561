/*
 * mem.h - allocation that does not fail, typed cleanup, and handing ownership on.
 *
 * Small allocations that fail abort the process: there is nothing sensible that a daemon could do
 * with a few bytes less, and its supervisor starts it again. Whatever input can make large goes
 * through a capped buffer (buf.h), an arena (arena.h) or mem_try() instead: more than MEM_SMALL_BYTES
 * at once may fail there, and whoever asked says so in a clear error.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* Never NULL. The memory is the caller's, freed with free(). */
void *xmalloc(size_t size_bytes);
void *xcalloc(size_t count, size_t size_bytes);
void *xrealloc(void *p, size_t size_bytes);
/* Aborts when count * size_bytes overflows. */
void *xreallocarray(void *p, size_t count, size_t size_bytes);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

enum { MEM_SMALL_BYTES = 4096 };
/* As xrealloc and the others, but NULL where there is no memory for more than MEM_SMALL_BYTES. */
void *mem_try(void *p, size_t size_bytes);
void *mem_try_array(void *p, size_t count, size_t size_bytes);
void *mem_try_zeroed(size_t count, size_t size_bytes);
char *mem_try_strdup(const char *s);

/*
 * From now on this process ends rather than to be told that there is no memory: for bodies, which have a
 * process of their own for that.
 */
void mem_insist(void);

#ifdef WAVEFLEET_FAULTS
/* Tests: the n-th of the allocations from now on that may fail does (1: the next one); 0: none. */
void mem_fail(unsigned n);
/* Whether that one has been met. */
bool mem_has_failed(void);
/* For foreign allocators: whether it is met here and now. */
bool mem_denied(void);
#else
static inline bool mem_denied(void)
{
        return false;
}
#endif

/* `cleanup(fn)` on a local variable calls `fn(&variable)` when it goes out of scope. */
#define cleanup(fn) __attribute__((__cleanup__(fn)))
/* Declares `NAME_cleanup` for a type whose free function takes NULL. */
#define CLEANUP_DEFINE(name, type, free_fn)                                                        \
        static inline void name##_cleanup(type *p)                                                 \
        {                                                                                          \
                if (*p)                                                                            \
                        free_fn(*p);                                                               \
        }

static inline void mem_free_cleanup(void *pp)
{
        free(*(void **)pp);
}
#define autofree cleanup(mem_free_cleanup)

/* Hands a pointer's ownership on: its value, leaving NULL behind. */
#define take(p)                                                                                    \
        ({                                                                                         \
                __typeof__(p) taken_ = (p);                                                        \
                (p) = NULL;                                                                        \
                taken_;                                                                            \
        })

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

#endif
