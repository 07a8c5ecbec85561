/*
 * command.h - the tables of options.def and commands.def, and what is asked of them.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct cli;

enum option {
#define OPTION(name, letter, value, help) OPT_##name,
#include "cli/options.def"
#undef OPTION
        OPTION_COUNT,
        OPTIONS_OF_ALL = OPT_version + 1, /* those before belong to every command */
};

struct option_row {
        char name[32]; /* "batch-size" */
        char letter;   /* 0: none */
        const char *value, *help;
};
const struct option_row *option_row(enum option o);
/* By the name without dashes, len bytes of it; OPTION_COUNT: none. */
enum option option_find(const char *name, size_t len);
enum option option_find_letter(char letter);

enum { MANY = 1 << 20 };

struct command {
        const char *noun, *verb; /* verb "": there is none */
        /* The exit code; or -1, and main says what is in e. */
        int (*run)(struct cli *c, struct err *e);
        unsigned least, most; /* arguments */
        const char *arguments;
        const char *options; /* its own, by name, with spaces between them */
        const char *help;
};
/* In the order of the table; NULL after the last. */
const struct command *command_at(size_t n);
/* verb NULL or of no matter for a noun that has none; NULL: no such command. */
const struct command *command_find(const char *noun, const char *verb);
/* Whether commands begin with this word. */
bool command_is_noun(const char *noun);
bool command_takes(const struct command *cmd, enum option o);
/* "wave list", or "login". */
enum { COMMAND_NAME_SIZE = 64 };
const char *command_name(const struct command *cmd, char out[COMMAND_NAME_SIZE]);

#define COMMAND(noun, verb, function, least, most, arguments, options, help)                       \
        int function(struct cli *c, struct err *e);
#include "cli/commands.def"
#undef COMMAND

#endif
