/*
 * log.h - JSON lines on standard error: {"at":…,"level":…,"program":…,"event":"wave.submitted",…}.
 *
 * An event's name is fixed; its data stands in fields. error = somebody must act, warn = went on
 * without it, info = a state changed, debug. A line is written with one write(2), so that processes
 * that share a descriptor do not mix theirs; a line that cannot be written is counted and dropped,
 * the program never waits for its log.
 *
 *     log_info("wave.submitted", LS("wave", wave_id), LI("total", n));
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_field {
        const char *name; /* NULL ends the list */
        enum { LOG_STR, LOG_INT, LOG_DOUBLE, LOG_BOOL } type;
        union {
                const char *s; /* NULL is written as null */
                long long i;
                double d;
                bool b;
        } v;
};

#define LS(name_, value) ((struct log_field){.name = (name_), .type = LOG_STR, .v.s = (value)})
#define LI(name_, value)                                                                           \
        ((struct log_field){.name = (name_), .type = LOG_INT, .v.i = (long long)(value)})
#define LD(name_, value) ((struct log_field){.name = (name_), .type = LOG_DOUBLE, .v.d = (value)})
#define LB(name_, value) ((struct log_field){.name = (name_), .type = LOG_BOOL, .v.b = (value)})
/* The two fields of an error: "error" (its code's name) and "reason" (its text). */
#define LE(e) LS("error", err_name((e)->code)), LS("reason", (e)->text)

/* program: "wavefleet-api"… (kept by reference). Before it is called, lines go out at level info. */
void log_init(const char *program, enum log_level level);
void log_set_level(enum log_level level);
/* 0, or -1 where it is none of error, warn, info, debug. */
int log_level_parse(const char *name, enum log_level *out);
/* Tests: where lines go instead of descriptor 2. */
void log_set_fd(int fd);
uint64_t log_lines_dropped(void);

void log_write(enum log_level level, const char *event, const struct log_field *fields);
bool log_enabled(enum log_level level);

#define LOG_END ((struct log_field){.name = NULL})
#define LOG_AT(level, ...) LOG_AT_(level, __VA_ARGS__, LOG_END)
#define LOG_AT_(level, event, ...)                                                                 \
        do {                                                                                       \
                if (log_enabled(level))                                                            \
                        log_write((level), (event), (const struct log_field[]){__VA_ARGS__});      \
        } while (0)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)

#endif
