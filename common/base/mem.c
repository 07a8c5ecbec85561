/* mem.c - allocation that ends the process instead of failing. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The log needs memory itself, so this goes straight to the descriptor. */
static _Noreturn void out_of_memory(void)
{
        static const char text[] = "{\"level\":\"error\",\"event\":\"process.out_of_memory\"}\n";
        ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
        (void)ignored;
        abort();
}

void *xmalloc(size_t size_bytes)
{
        void *p = malloc(size_bytes ? size_bytes : 1);
        if (!p)
                out_of_memory();
        return p;
}

void *xcalloc(size_t count, size_t size_bytes)
{
        if (count == 0 || size_bytes == 0)
                count = size_bytes = 1;
        void *p = calloc(count, size_bytes);
        if (!p)
                out_of_memory();
        return p;
}

void *xrealloc(void *p, size_t size_bytes)
{
        void *q = realloc(p, size_bytes ? size_bytes : 1);
        if (!q)
                out_of_memory();
        return q;
}

void *xreallocarray(void *p, size_t count, size_t size_bytes)
{
        size_t total;
        if (__builtin_mul_overflow(count, size_bytes, &total))
                out_of_memory();
        return xrealloc(p, total);
}

#ifdef WAVEFLEET_FAULTS
static struct {
        unsigned left; /* until the one that fails */
        bool met;
} failing;

void mem_fail(unsigned n)
{
        failing.left = n;
        failing.met = false;
}

bool mem_has_failed(void)
{
        return failing.met;
}

bool mem_denied(void)
{
        if (failing.left == 0 || --failing.left > 0)
                return false;
        failing.met = true;
        return true;
}
#endif

static bool insisting;

void mem_insist(void)
{
        insisting = true;
}

void *mem_try(void *p, size_t size_bytes)
{
        if (size_bytes <= MEM_SMALL_BYTES)
                return xrealloc(p, size_bytes);
        void *q = mem_denied() ? NULL : realloc(p, size_bytes);
        if (!q && insisting)
                out_of_memory();
        return q;
}

void *mem_try_array(void *p, size_t count, size_t size_bytes)
{
        size_t total;
        return __builtin_mul_overflow(count, size_bytes, &total) ? NULL : mem_try(p, total);
}

void *mem_try_zeroed(size_t count, size_t size_bytes)
{
        size_t total;
        if (__builtin_mul_overflow(count, size_bytes, &total))
                return NULL;
        void *p = mem_try(NULL, total);
        return p ? memset(p, 0, total) : NULL;
}

char *mem_try_strdup(const char *s)
{
        size_t size = strlen(s) + 1;
        char *copy = mem_try(NULL, size);
        return copy ? memcpy(copy, s, size) : NULL;
}

char *xstrdup(const char *s)
{
        size_t size = strlen(s) + 1;
        return memcpy(xmalloc(size), s, size);
}

char *xstrndup(const char *s, size_t len)
{
        size_t n = strnlen(s, len);
        char *copy = xmalloc(n + 1);
        memcpy(copy, s, n);
        copy[n] = '\0';
        return copy;
}

char *xasprintf(const char *fmt, ...)
{
        char *s = NULL;
        va_list ap;
        va_start(ap, fmt);
        int n = vasprintf(&s, fmt, ap);
        va_end(ap);
        if (n < 0)
                out_of_memory();
        return s;
}
