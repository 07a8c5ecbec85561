/* help.h - what there is, from the tables of command.h: for people, for the manual, for shells. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "base/buf.h"
#include "cli/cli.h"

/* One command; the commands of a noun; with both NULL all of it. The exit code. */
int help_print(const struct command *cmd, const char *noun);
/* The parts of wavefleet.1 (mdoc) that list commands and options. */
void help_manual(struct buf *out);
/* What bash and zsh source. */
void complete_bash(struct buf *out);
void complete_zsh(struct buf *out);

#endif
