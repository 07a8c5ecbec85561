/* keys.c - see keys.h. */
#include "broker/keys.h"

#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "broker/broker.h"

enum { NAME_MAX_USED = 96 };

static char *put(char *at, const char *text, size_t most)
{
        size_t n = strnlen(text, most);
        memcpy(at, text, n);
        return at + n;
}

/* The widest key is the prefix, a word and a queue's name or a number: it always fits. A batch has dozens. */
static struct key text_key(const char *prefix, const char *word, const char *name)
{
        struct key k = {""};
        char *at = put(k.s, prefix, KEY_PREFIX_MAX);
        at = put(at, word, strlen(word));
        *put(at, name, NAME_MAX_USED) = '\0';
        return k;
}

static struct key number_key(const char *prefix, const char *word, int64_t n, const char *end)
{
        char digits[DECIMAL_SIZE], *last = digits + sizeof(digits);
        const char *first = decimal_before(last, n);
        struct key k = {""};
        char *at = put(k.s, prefix, KEY_PREFIX_MAX);
        at = put(at, word, strlen(word));
        at = put(at, first, (size_t)(last - first));
        *put(at, end, strlen(end)) = '\0';
        return k;
}

struct key key_queue(const char *prefix, const char *queue)
{
        return text_key(prefix, "queue:", queue);
}

struct key key_depth(const char *prefix, const char *queue)
{
        return text_key(prefix, "depth:", queue);
}

struct key key_demand(const char *prefix, const char *queue)
{
        return text_key(prefix, "demand:", queue);
}

struct key key_turn(const char *prefix, const char *queue)
{
        return text_key(prefix, "turn:", queue);
}

struct key key_target(const char *prefix, const char *queue)
{
        return text_key(prefix, "target:", queue);
}

struct key key_wave(const char *prefix, int64_t wave_no)
{
        return number_key(prefix, "wave:", wave_no, "");
}

struct key key_backlog(const char *prefix, int64_t wave_no)
{
        return number_key(prefix, "wave:", wave_no, ":backlog");
}

struct key key_window(const char *prefix, int64_t wave_no)
{
        return number_key(prefix, "wave:", wave_no, ":window");
}

struct key key_processing(const char *prefix, int64_t worker)
{
        return number_key(prefix, "processing:", worker, "");
}

struct key key_delayed(const char *prefix)
{
        return text_key(prefix, "delayed", "");
}

struct key key_guard(const char *prefix)
{
        return text_key(prefix, "guard", "");
}

struct key key_installations(const char *prefix)
{
        return text_key(prefix, "installations", "");
}

struct key key_events(const char *prefix)
{
        return text_key(prefix, "events", "");
}

struct key key_events_lines(const char *prefix)
{
        return text_key(prefix, "events:", "lines");
}

struct key key_control(const char *prefix, int64_t worker)
{
        return number_key(prefix, "control:", worker, "");
}

struct key key_rate(const char *prefix, const char *name)
{
        return text_key(prefix, "rate:", name);
}

struct key key_polls(const char *prefix, const char *name)
{
        return text_key(prefix, "polls:", name);
}

static struct key pattern(const char *prefix, const char *word)
{
        char escaped[2 * KEY_PREFIX_MAX + 1];
        size_t n = 0;
        for (size_t i = 0; i < KEY_PREFIX_MAX && prefix[i]; i++) {
                if (strchr("*?[]\\^-", prefix[i]))
                        escaped[n++] = '\\';
                escaped[n++] = prefix[i];
        }
        escaped[n] = '\0';
        struct key k;
        snprintf(k.s, sizeof(k.s), "%s%s*", escaped, word);
        return k;
}

struct key key_wave_pattern(const char *prefix)
{
        return pattern(prefix, "wave:");
}

struct key key_processing_pattern(const char *prefix)
{
        return pattern(prefix, "processing:");
}

bool queue_name_ok(const char *name)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
        size_t len = strspn(name, allowed);
        return len > 0 && len <= QUEUE_NAME_MAX && !name[len];
}

bool id_parse(const char *s, size_t len, int64_t *out)
{
        int64_t n = 0;
        if (len == 0)
                return false;
        for (size_t i = 0; i < len; i++) {
                if (s[i] < '0' || s[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
                    __builtin_add_overflow(n, s[i] - '0', &n))
                        return false;
        }
        *out = n;
        return true;
}

static bool numbered(const char *prefix, const char *word, const char *key, int64_t *out)
{
        size_t a = strlen(prefix), b = strlen(word);
        if (strncmp(key, prefix, a) != 0 || strncmp(key + a, word, b) != 0)
                return false;
        return id_parse(key + a + b, strlen(key + a + b), out);
}

bool key_is_wave(const char *prefix, const char *key, int64_t *wave_no)
{
        return numbered(prefix, "wave:", key, wave_no);
}

bool key_is_processing(const char *prefix, const char *key, int64_t *worker)
{
        return numbered(prefix, "processing:", key, worker);
}
