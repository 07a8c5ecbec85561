/*
 * exit.h - what the end of a program means.
 *
 *   0                          completed
 *   64 usage, 65 data, 66 no input, 67 no such user, 68 no such host, 77 not permitted
 *                              data: this migration will fail again, others need not
 *   72 a file of the system is missing, 78 configuration, 126 cannot be run, 127 not found
 *                              critical: likely to hit the others as well
 *   75 "try again", and all others (69 unavailable, 70 software, 71 operating system, 73 cannot create,
 *   74 input or output, 76 protocol among them)
 *                              temporary
 *   death by a signal          crashed
 *
 * 64 to 78 are those of <sysexits.h>; 126 and 127 are what shells say. params.exit_codes goes before.
 */
#ifndef WORKER_KINDS_COMMAND_EXIT_H
#define WORKER_KINDS_COMMAND_EXIT_H

#include "model/kind_command.h"

/* exit_codes: the object of the params, or NULL. status: as waitpid() gave it. */
struct command_verdict exit_judge(int status, const struct json *exit_codes);
/* "exited with status 3", "killed by signal 11 (SEGV)". */
const char *exit_describe(int status, struct arena *a);

#endif
