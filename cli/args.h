/*
 * args.h - a command line taken apart by the tables of command.h: the command, its arguments, and the
 * options, wherever they stand. Long options may be written "--name value" or "--name=value", short ones
 * "-n 5" or "-n5"; "--" ends them.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/command.h"

struct given {
        enum option option;
        const char *value; /* "" where the option takes none */
};
struct args {
        const struct command *command; /* NULL: none was named */
        const char **words;            /* the arguments of the command */
        size_t nwords;
        struct given *given; /* in the order they came */
        size_t ngiven;
};

/*
 * The texts stay where they are, in argv. -1: ERR_CONFIG, what is wrong with it. With --help or --version
 * nothing else is minded, and the command may be missing.
 */
int args_read(struct args *a, int argc, char **argv, struct err *e);
void args_fini(struct args *a);

bool args_has(const struct args *a, enum option o);
/* The last one given, or NULL. */
const char *args_value(const struct args *a, enum option o);
/* The next one given: *at starts at 0. NULL after the last. */
const char *args_each(const struct args *a, enum option o, size_t *at);
/* An integer; where the option is not given, *out stays. -1: ERR_CONFIG. */
int args_int(const struct args *a, enum option o, int64_t min, int64_t max, int64_t *out,
             struct err *e);
/*
 * A time: RFC 3339, or so long from now: "+90m", "-2h" (s, m, h, d). *out, where it was given, is RFC 3339
 * in memory of the caller's.
 */
int args_time(const struct args *a, enum option o, char **out, struct err *e);
/* "90s", "10m", "2h", "1d", or seconds. -1: it is none. */
int duration_parse(const char *text, int64_t *out_ms);

#endif
