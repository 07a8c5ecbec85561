/*
 * json_list.h - JSON objects with a list too long for a tree: the list is read from the text, element
 * by element, the rest is parsed as usual.
 *
 * A tree takes a hundred bytes and more for each value: a million projects would take 130 to 600 MiB.
 * The whole text is checked first (RFC 8259, UTF-8, depth), so that nothing here can meet bad JSON.
 */
#ifndef BASE_JSON_LIST_H
#define BASE_JSON_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

/* A value in the text: strings with their quotes, all without spaces around them. */
struct json_piece {
        enum json_type type;
        const char *text;
        size_t len;
};

/* An array in the text. at NULL: it is not there. */
struct json_list {
        const char *at, *end;
};

/*
 * Parses the object `text`. The members with these names are left out of the tree, where an empty
 * array stands for them, if they are arrays: lists[i] is then the one called names[i], and reads from
 * `text`, which must outlive it. What is left may have head_max bytes (ERR_TOO_LARGE).
 */
struct json *json_parse_head(const char *text, size_t len, const char *const *names, size_t count,
                             struct json_list *lists, size_t head_max, struct err *e);
/* The next element; false at the end. */
bool json_list_next(struct json_list *l, struct json_piece *out);
/* Writes the characters of a JSON_STRING, without a NUL: at most len - 2 bytes. Returns how many. */
size_t json_piece_string(const struct json_piece *p, char *out);

#endif
