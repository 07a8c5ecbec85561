/*
 * config.h - the configuration: YAML, overridden by environment, overridden by flags; one table.
 *
 * config.def is the table; `struct config` has one member per row. All mistakes (unknown keys,
 * values out of range) are reported together, each with where it stands. Strings are owned by the
 * struct; config_fini() wipes the secret ones.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

struct config {
#define CFG_STR(member, path, def, flags, help) char *member;
#define CFG_INT(member, path, def, min, max, flags, help) int64_t member;
#define CFG_BOOL(member, path, def, flags, help) bool member;
#define CFG_ALIAS(path, member, mul, help)
#define CFG_ENV(path, name)
#define CFG_FLAG(path, flag)
#include "base/config.def"
#undef CFG_STR
#undef CFG_INT
#undef CFG_BOOL
#undef CFG_ALIAS
#undef CFG_ENV
#undef CFG_FLAG
        char *file; /* --config, or NULL */
};

enum config_program { CONFIG_API = 1, CONFIG_WORKER = 2 };

/* What the command line asks for besides running. */
enum config_action { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION, CONFIG_PRINT, CONFIG_CHECK };

/*
 * Reads --config FILE (YAML), the environment and the flags, in this order of rising weight.
 * Operands that are no flags (subcommands) are left in argv and counted in *argc: argv[0], then
 * those; only words before "--" that begin with "--" are flags. Keys that only the other program
 * knows are accepted in YAML and environment, so that one file serves both.
 * -1: ERR_CONFIG, all mistakes in `report`, one a line, and *c is empty.
 */
int config_load(struct config *c, enum config_program program, int *argc, char **argv,
                enum config_action *action, struct buf *report, struct err *e);
void config_defaults(struct config *c);
void config_fini(struct config *c);
/* --help: usage line, flags with environment name, default, range and sentence. */
void config_help(enum config_program program, const char *usage, FILE *out);
/*
 * --print-config: YAML that can be loaded again. Secrets as "********": a URL's password within the
 * URL, other secrets in a comment.
 */
void config_print(const struct config *c, enum config_program program, struct buf *out);
/* A URL (or libpq's keywords) so. */
void config_mask(const char *url, struct buf *out);
/* Every key as a Markdown table, for the README (checked by a test). */
void config_markdown(struct buf *out);
/* deploy/wavefleet.yaml: every key with its default, commented out (checked by a test). */
void config_sample(struct buf *out);

#endif
