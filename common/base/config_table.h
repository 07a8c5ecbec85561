/*
 * config_table.h - config.def as an array, and what is asked of it. Private to the config files.
 */
#ifndef BASE_CONFIG_TABLE_H
#define BASE_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/config.h"

enum config_flags { API = CONFIG_API, WORKER = CONFIG_WORKER, SECRET = 4, RELOAD = 8 };
enum config_type { CONFIG_STR, CONFIG_INT, CONFIG_BOOL };

struct config_row {
        const char *path;
        enum config_type type;
        size_t offset;        /* of the member in struct config */
        const char *text;     /* default of a string */
        int64_t number;       /* default of an integer or boolean */
        int64_t min, max;     /* of an alias: in its own unit */
        unsigned flags;       /* enum config_flags */
        const char *help;     /* one sentence */
        int64_t multiplier;   /* 0: no alias */
        const char *alias_of; /* path, or NULL */
        char env[96];         /* "WAVEFLEET_RETRY_BASE_MS" */
        char flag[96];        /* "--retry-base-ms" */
        const char *mistaken; /* says what a value must be; NULL: ranges and types say enough */
        bool (*valid)(const char *text); /* NULL: any text */
};

/* The table, filled in at the first call. */
const struct config_row *config_rows(size_t *count);
/* NULL where there is none. */
const struct config_row *config_row_by_path(const char *path);
const struct config_row *config_row_by_flag(const char *flag, size_t len);
/* Whether keys begin with `path` and a dot. */
bool config_is_group(const char *path);

/* Parses and checks `text` for the row and stores it in c. -1: what is wrong, in e. */
int config_store(struct config *c, const struct config_row *row, const char *text, struct err *e);

#endif
