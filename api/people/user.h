/*
 * user.h - the subcommand `wavefleet-api user create|list|password|role|disable|enable`. A password comes
 * from the terminal or from the standard input, never from an argument, which every process can read.
 */
#ifndef API_PEOPLE_USER_H
#define API_PEOPLE_USER_H

#include "api/people/subcommand.h"

/* argv: the program, "user", and what follows. An exit code: 0, 1 failed, 2 usage. */
int user_command(const struct config *config, int argc, char **argv,
                 const struct subcommand_flags *flags);

#endif
