/*
 * subcommand.h - what `wavefleet-api token …` and `wavefleet-api user …` share: flags beside those of the
 * configuration, and a connection of their own to a database whose schema is there.
 */
#ifndef API_PEOPLE_SUBCOMMAND_H
#define API_PEOPLE_SUBCOMMAND_H

#include "base/config.h"
#include "store/pg_sync.h"

/* NULL: not given. */
struct subcommand_flags {
        const char *role, *name, *full_name, *email;
        const char *password_stdin; /* not NULL: given */
};

/* Whether these words are such a command, so that its flags are to be taken out. */
bool subcommand_is(int argc, char **argv);
/* Takes the flags out of argv, before the configuration reads the rest. -1: a flag lacks its value. */
int subcommand_take_flags(int *argc, char **argv, struct subcommand_flags *out, struct err *e);

typedef int (*subcommand_fn)(struct pg_sync *c, void *arg, struct err *e);
/* The exit code. */
int subcommand_run(const struct config *config, subcommand_fn fn, void *arg);

/* What a statement answered: how many rows, and the first column of the first. */
struct subcommand_rows {
        int rows;
        bool first;
        int64_t number;
};
/* Runs a transaction; the answer is that of its last statement, `last`. */
int subcommand_send(struct pg_sync *c, struct pg_tx *tx, size_t last, struct subcommand_rows *out,
                    struct err *e);

#endif
