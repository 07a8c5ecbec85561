/*
 * token.h - the subcommand `wavefleet-api token create|list|revoke`. A token is printed once, when it
 * is made; the database knows its hash only.
 */
#ifndef API_PEOPLE_TOKEN_H
#define API_PEOPLE_TOKEN_H

#include "api/people/subcommand.h"

/* 1 to 64 bytes of text in one line, no spaces at its ends, and not "bootstrap". */
bool token_name_ok(const char *name);
/* argv: the program, "token", and what follows. An exit code: 0, 1 failed, 2 usage. */
int token_command(const struct config *config, int argc, char **argv,
                  const struct subcommand_flags *flags);

#endif
