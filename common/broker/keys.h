/*
 * keys.h - the names of all keys and channels, one function each. What stands under them: README.md.
 *
 * A queue's name has no colon (turn:<queue>:<priority> would be ambiguous) and is no longer than
 * QUEUE_NAME_MAX; a longer name of a rate limit is cut, so that two of them might share a limit.
 */
#ifndef BROKER_KEYS_H
#define BROKER_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEY_PREFIX_MAX = 63, KEY_SIZE = 192 };

struct key {
        char s[KEY_SIZE];
};

struct key key_queue(const char *prefix, const char *queue);
struct key key_depth(const char *prefix, const char *queue);
struct key key_demand(const char *prefix, const char *queue);
struct key key_turn(const char *prefix, const char *queue); /* of priority 0; release adds ":<p>" */
struct key key_target(const char *prefix, const char *queue);
struct key key_wave(const char *prefix, int64_t wave_no);
struct key key_backlog(const char *prefix, int64_t wave_no);
struct key key_window(const char *prefix, int64_t wave_no);
struct key key_processing(const char *prefix, int64_t worker);
struct key key_delayed(const char *prefix);
struct key key_guard(const char *prefix);
struct key key_installations(const char *prefix);
struct key key_events(const char *prefix);
struct key key_events_lines(const char *prefix); /* is there while log lines are asked for */
struct key key_control(const char *prefix, int64_t worker); /* a channel */
struct key key_rate(const char *prefix, const char *name);
struct key key_polls(const char *prefix, const char *name);

/* Patterns for SCAN; what is special in the prefix is escaped. */
struct key key_wave_pattern(const char *prefix);
struct key key_processing_pattern(const char *prefix);
/* The number in a key that such a pattern found; false for wave:<n>:backlog and other keys. */
bool key_is_wave(const char *prefix, const char *key, int64_t *wave_no);
bool key_is_processing(const char *prefix, const char *key, int64_t *worker);

/* Decimal digits and nothing else, not negative, in the range of int64_t. */
bool id_parse(const char *s, size_t len, int64_t *out);

#endif
