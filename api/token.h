/*
 * token.h - the subcommand `wavefleet-api token create|list|revoke`. A token is printed once, when it
 * is made; the database knows its hash only.
 */
#ifndef API_TOKEN_H
#define API_TOKEN_H

#include "base/config.h"

/* What --role and --name say; they are taken out of argv before the configuration reads it. */
struct token_flags {
        const char *role, *name; /* NULL: not given */
};
/* -1: a flag without a value. */
int token_take_flags(int *argc, char **argv, struct token_flags *out, struct err *e);
/* argv: the program, "token", and what follows. An exit code: 0, 1 failed, 2 usage. */
int token_command(const struct config *config, int argc, char **argv,
                  const struct token_flags *flags);

#endif
