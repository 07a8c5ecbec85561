/*
 * kind_noop.h - the parameters of the kind `noop`, which migrates nothing. It is for benchmarks and
 * tests, of wavefleet itself and of what is built on it; so are its parameters.
 *
 *   sleep_ms   0 to 86400000: takes so long
 *   log_lines  0 to 1000000: writes so many log lines first
 *   fail       {"times": N, "class": "temporary"}: attempts 1 to N fail with that class; with
 *              "crashed" the runner kills itself, with "timed_out" it never ends by itself
 *   result     the result object
 *   stamp      true: the result object is {"from": T, "to": T} instead, the seconds since 1970 at which the
 *              body began and ended, to the microsecond
 *
 * A project's params override the wave's, one by one.
 */
#ifndef MODEL_KIND_NOOP_H
#define MODEL_KIND_NOOP_H

#include "base/json.h"
#include "model/state.h"

struct noop_params {
        int64_t sleep_ms;
        int64_t log_lines;
        int64_t fail_times;
        enum error_class fail_class;
        const struct json *result; /* or NULL */
        bool stamp;
};

/* Fills what is given and leaves the rest of *out alone; the values point into params. */
void kind_noop_read(const struct json *params, const char *pointer, struct noop_params *out,
                    struct mistakes *m);
void kind_noop_check_params(const struct json *params, const char *pointer, struct mistakes *m);
void kind_noop_check_project(const struct json *params, const char *pointer, struct mistakes *m);

#endif
