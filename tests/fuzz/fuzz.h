/*
 * fuzz.h - what the targets share: an input taken apart, and must().
 *
 * Inputs are text where what they stand for is text: a target reads a choice as a character and a
 * value as a line, so that a corpus can be read and written by people. Every piece is handed out in
 * memory of its own size, so that AddressSanitizer sees a read past its end.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

/* The one function of a target. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, which is a find, with the condition and where it stands. */
#define must(condition)                                                                            \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition); \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

struct input {
        const char *at;
        size_t left;
};

static inline struct input input_of(const uint8_t *data, size_t size)
{
        return (struct input){(const char *)data, size};
}

/* 0 to count - 1, from the next byte; 0 at the end. */
static inline unsigned input_choice(struct input *in, unsigned count)
{
        if (in->left == 0)
                return 0;
        in->left--;
        return (unsigned char)*in->at++ % count;
}

/* The next `len` bytes, or what is left of them, and a NUL behind. The memory is the caller's. */
static inline char *input_bytes(struct input *in, size_t len, size_t *got)
{
        size_t n = len < in->left ? len : in->left;
        char *out = xmalloc(n + 1);
        if (n)
                memcpy(out, in->at, n);
        out[n] = '\0';
        in->at += n;
        in->left -= n;
        if (got)
                *got = n;
        return out;
}

/* Up to the end of the line, which is dropped. */
static inline char *input_line(struct input *in, size_t *len)
{
        const char *end = in->left ? memchr(in->at, '\n', in->left) : NULL;
        char *out = input_bytes(in, end ? (size_t)(end - in->at) : in->left, len);
        if (end) {
                in->at++;
                in->left--;
        }
        return out;
}

static inline char *input_rest(struct input *in, size_t *len)
{
        return input_bytes(in, in->left, len);
}

/* An error says what is wrong: a code, and a text. */
static inline void must_explain(const struct err *e)
{
        must(e->code != ERR_OK && (unsigned)e->code < ERR_COUNT);
        must(e->text[0] && strlen(e->text) < ERR_TEXT_MAX);
}

/* Whether a struct was touched at all, its holes included. */
static inline bool same_bytes(const void *a, const void *b, size_t size)
{
        return memcmp(a, b, size) == 0;
}

/* Log lines go nowhere, but are made. */
static inline void fuzz_quiet(void)
{
        static int fd = -1;
        if (fd < 0) {
                fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
                log_set_fd(fd);
        }
}

/* Whether two values are the same, members in the same order. */
static inline bool json_same(const struct json *a, const struct json *b)
{
        if (!a || !b)
                return a == b;
        enum json_type type = json_type_of(a);
        if (type != json_type_of(b))
                return false;
        if (type == JSON_STRING)
                return strcmp(json_str(a), json_str(b)) == 0;
        if (type == JSON_NUMBER)
                return json_double(a) == json_double(b); /* -0 is 0 */
        if (type == JSON_BOOL)
                return json_bool(a) == json_bool(b);
        const struct json *i = json_first(a), *k = json_first(b);
        for (; i && k; i = json_next(i), k = json_next(k)) {
                if (type == JSON_OBJECT && strcmp(json_name(i), json_name(k)) != 0)
                        return false;
                if (!json_same(i, k))
                        return false;
        }
        return !i && !k;
}

#endif
