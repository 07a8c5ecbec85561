/*
 * cli.h - what every command works with, and the exit codes.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/term.h"

/* README and the manual have them, too. */
enum exit_code {
        EXIT_DONE = 0,       /* and a wave that was followed is completed */
        EXIT_FAILED = 1,     /* the API refused, something went wrong, doctor found a fault */
        EXIT_USAGE = 2,      /* the command line, or a question that nobody could answer */
        EXIT_WAVE_ERROR = 3, /* a wave that was followed ended as error */
        EXIT_WAVE_STOPPED = 4,
        EXIT_WAVE_PAUSED = 5, /* with --until-pause */
        EXIT_TIME_UP = 6,     /* with --for */
        EXIT_AWAY = 7,        /* the API cannot be reached, or cannot answer now */
        EXIT_REFUSED = 8,     /* no credentials, or they do not suffice */
        EXIT_INTERRUPTED = 130,
};

enum output { OUTPUT_TABLE, OUTPUT_CSV, OUTPUT_JSON };

struct cli {
        struct args args;
        struct term term;
        enum output output;
        bool quiet;
        struct client *client; /* NULL for commands that call nobody (cli_connect) */
        struct buf problem; /* what the API said besides its sentence: lines for standard error */
};

/*
 * Makes the client, anew: with the session of a login, or with NULL with the token, if there is one. -1:
 * ERR_CONFIG. Main has called it for all commands but those that call nobody.
 */
int cli_connect(struct cli *c, const char *session, struct err *e);
/* The address as it was given. */
const char *cli_url(const struct cli *c);
/* What somebody should know, on standard error; nothing with --quiet. */
void cli_note(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What could be done next, for whoever sits there: the same, but to a terminal only. */
void cli_hint(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What an act did, one sentence on standard output; nothing with --quiet or --output json or csv. */
void cli_say(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* All of it to standard output. */
void cli_write(const struct buf *text);
/*
 * Asks whether to do what the sentence says, unless --yes. -1: ERR_CONFIG where nobody can be asked,
 * ERR_BAD_REQUEST where the answer was no.
 */
int cli_sure(struct cli *c, struct err *e, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

#endif
