/*
 * program.h - runs one program to its end: starts it in the runner's own process group, hands out what
 * it says line by line, and ends it when its time is over.
 *
 * The program inherits nothing but its standard streams, has every signal at its default, and gets
 * SIGKILL when the runner dies. Its end is noticed through a pidfd, so that a descendant which keeps its
 * output open holds up nothing: half a second later it is over, and what lives on of its group is the
 * supervisor's to kill (struct message_outcome, leftovers).
 */
#ifndef WORKER_KINDS_COMMAND_PROGRAM_H
#define WORKER_KINDS_COMMAND_PROGRAM_H

#include "base/err.h"
#include "worker/kinds/command/lines.h"

struct program {
        const char *path; /* what is executed; argv[0] is what it sees */
        char *const *argv;
        char *const *envp;
        const char *cwd;
        const char *input;  /* standard input, or NULL: /dev/null */
        int64_t timeout_ms; /* 0: none but the attempt's */
        int64_t memory_max; /* bytes of data of each of its processes; 0: no limit */
        struct lines *out, *err;
};
struct program_end {
        int status; /* of waitpid() */
        bool timed_out;
};
/* What could not be done, where the program did not start. */
enum program_failure { PROGRAM_OK, PROGRAM_NO_RESOURCES, PROGRAM_NO_CWD, PROGRAM_NO_EXEC };

/* PROGRAM_OK once it has run and ended; else e says why, and e's errno is in *error. */
enum program_failure program_run(struct body *b, const struct program *p, struct program_end *end,
                                 int *error, struct err *e);

#endif
