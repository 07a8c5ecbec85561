/*
 * steering.h - the fields by which a wave is steered: planned start and deadline, canary, limit of failures,
 * the waves that it depends on. Read alike where a wave is submitted and where it is changed.
 */
#ifndef ENGINE_STEERING_H
#define ENGINE_STEERING_H

#include "base/arena.h"
#include "base/json.h"

enum { WAVE_DEPENDENCIES_MAX = 100 };

struct steering {                           /* texts live in the arena of whoever reads */
        const char *start_at, *deadline_at; /* RFC 3339 in UTC; NULL: none */
        bool planned;         /* starts by itself later: at a time to come, or after other waves */
        int64_t canary;       /* 0: none */
        int64_t max_failures; /* 0: none */
        double max_failures_percent; /* of all migrations; 0: none */
        const char **depends_on;     /* wave ids */
        size_t ndepends_on;
};

/* Whether anything is set. */
bool steering_any(const struct steering *s);

/* A point in time, with its zone; null: none (*out NULL). Mistakes go into m. */
void steering_read_time(const struct json *v, const char *pointer, struct arena *a,
                        struct mistakes *m, const char **out);
/* A number of at least 1, or a share such as "5%"; null: none. */
void steering_read_limit(const struct json *v, const char *pointer, struct mistakes *m,
                         int64_t *count, double *percent);
/* An array of wave ids, each once. */
void steering_read_waves(const struct json *v, const char *pointer, struct arena *a,
                         struct mistakes *m, struct steering *out);

#endif
