/* arena.c - a list of blocks, filled from the first on. */
#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { BLOCK_FIRST = 4096, BLOCK_LARGEST = 256 * 1024 };

struct block {
        struct block *next; /* the one before it in time */
        size_t size;        /* of data */
        size_t used;
        max_align_t data[];
};

struct arena {
        size_t max;
        size_t taken;
        size_t next_size;
        bool failed;
        bool starved;          /* by the memory, not by the limit */
        struct block *current; /* the others hang behind it; the first block is the last */
};

struct arena *arena_new(size_t max_bytes)
{
        struct arena *a = xmalloc(sizeof(*a));
        *a = (struct arena){.max = max_bytes, .next_size = BLOCK_FIRST};
        return a;
}

static void free_blocks(struct block *b)
{
        while (b) {
                struct block *next = b->next;
                free(b);
                b = next;
        }
}

void arena_free(struct arena *a)
{
        if (!a)
                return;
        free_blocks(a->current);
        free(a);
}

void arena_reset(struct arena *a)
{
        a->failed = a->starved = false;
        a->next_size = BLOCK_FIRST;
        struct block *first = a->current;
        while (first && first->next) {
                struct block *next = first->next;
                a->taken -= sizeof(*first) + first->size;
                free(first);
                first = next;
        }
        if (first)
                first->used = 0;
        a->current = first;
}

/* A large block where there is memory for one, else just what is needed. NULL only where it may fail. */
static struct block *block_alloc(struct arena *a, size_t need, size_t *size, bool may_fail)
{
        struct block *b = mem_try(NULL, sizeof(*b) + *size);
        if (!b && (!may_fail || need + sizeof(*b) <= MEM_SMALL_BYTES))
                b = xmalloc(sizeof(*b) + (*size = need));
        a->starved |= !b;
        return b;
}

/* A block for at least `need` bytes, or NULL where the limit or the memory has no room for it. */
static struct block *block_new(struct arena *a, size_t need, bool may_fail)
{
        size_t size = a->next_size > need ? a->next_size : need;
        if (a->max) {
                size_t left = a->max > a->taken ? a->max - a->taken : 0;
                if (left < sizeof(struct block) || left - sizeof(struct block) < need)
                        return NULL;
                if (size > left - sizeof(struct block))
                        size = left - sizeof(struct block);
        } else if (need > SIZE_MAX - sizeof(struct block)) {
                size = need = SIZE_MAX - sizeof(struct block); /* there is no such memory */
        }
        struct block *b = block_alloc(a, need, &size, may_fail || a->max);
        if (!b)
                return NULL;
        *b = (struct block){.size = size};
        a->taken += sizeof(*b) + size;
        if (a->next_size < BLOCK_LARGEST)
                a->next_size *= 2;
        return b;
}

/* A large piece goes behind the current block, so that the rest of that one is not given up. */
static void block_link(struct arena *a, struct block *b)
{
        struct block *cur = a->current;
        if (cur && cur->size - cur->used > b->size - b->used) {
                b->next = cur->next;
                cur->next = b;
        } else {
                b->next = cur;
                a->current = b;
        }
}

static void *alloc(struct arena *a, size_t size_bytes, bool may_fail)
{
        const size_t align = _Alignof(max_align_t);
        size_t need = size_bytes ? size_bytes : 1;
        if (need > SIZE_MAX - align) {
                a->failed = true;
                assert(a->max); /* such a size is a bug unless a limit catches it */
                return NULL;
        }
        need = (need + align - 1) / align * align;
        struct block *b = a->current;
        if (b && b->size - b->used >= need) {
                void *p = (char *)b->data + b->used;
                b->used += need;
                return p;
        }
        b = block_new(a, need, may_fail);
        if (!b) {
                a->failed = true;
                return NULL;
        }
        b->used = need;
        block_link(a, b);
        return b->data;
}

void *arena_alloc(struct arena *a, size_t size_bytes)
{
        return alloc(a, size_bytes, false);
}

void *arena_try(struct arena *a, size_t size_bytes)
{
        return alloc(a, size_bytes, true);
}

void *arena_zalloc(struct arena *a, size_t size_bytes)
{
        void *p = arena_alloc(a, size_bytes);
        return p ? memset(p, 0, size_bytes) : NULL;
}

static char *copy(char *to, const char *s, size_t len)
{
        if (!to)
                return NULL;
        memcpy(to, s, len);
        to[len] = '\0';
        return to;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
        size_t n = strnlen(s, len);
        return copy(arena_alloc(a, n + 1), s, n);
}

char *arena_try_strndup(struct arena *a, const char *s, size_t len)
{
        size_t n = strnlen(s, len);
        return copy(arena_try(a, n + 1), s, n);
}

char *arena_strdup(struct arena *a, const char *s)
{
        return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
        va_list ap, again;
        va_start(ap, fmt);
        va_copy(again, ap);
        int n = vsnprintf(NULL, 0, fmt, ap);
        va_end(ap);
        assert(n >= 0);
        char *s = arena_alloc(a, (size_t)n + 1);
        if (s)
                vsnprintf(s, (size_t)n + 1, fmt, again);
        va_end(again);
        return s;
}

char *arena_text(struct arena *a, const struct buf *b)
{
        if (buf_ok(b))
                return arena_try_strndup(a, buf_str(b), b->len);
        a->failed = true;
        a->starved |= b->starved;
        return NULL;
}

bool arena_failed(const struct arena *a)
{
        return a->failed;
}

int arena_check(const struct arena *a, const char *what, struct err *e)
{
        if (!a->failed)
                return 0;
        if (a->starved)
                return err_set(e, ERR_UNAVAILABLE, "could not hold %s: out of memory", what);
        return err_set(e, ERR_TOO_LARGE, "%s would be larger than %zu bytes", what, a->max);
}

size_t arena_used(const struct arena *a)
{
        return a->taken;
}
