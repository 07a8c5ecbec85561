/* command.c - see command.h. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* ---- options ---- */

#define OPTION(name_, letter_, value_, help_)                                                      \
        [OPT_##name_] = {.name = #name_, .letter = (letter_), .value = (value_), .help = (help_)},
static struct option_row options[OPTION_COUNT] = {
#include "cli/options.def"
};
#undef OPTION

/* The names of C have "_" where ours have "-". */
const struct option_row *option_row(enum option o)
{
        for (char *p = options[o].name; *p; p++) {
                if (*p == '_')
                        *p = '-';
        }
        return &options[o];
}

enum option option_find(const char *name, size_t len)
{
        for (int o = 0; o < OPTION_COUNT; o++) {
                const char *known = option_row((enum option)o)->name;
                if (strlen(known) == len && memcmp(known, name, len) == 0)
                        return (enum option)o;
        }
        return OPTION_COUNT;
}

enum option option_find_letter(char letter)
{
        for (int o = 0; letter && o < OPTION_COUNT; o++) {
                if (options[o].letter == letter)
                        return (enum option)o;
        }
        return OPTION_COUNT;
}

/* ---- commands ---- */

#define COMMAND(noun_, verb_, run_, least_, most_, arguments_, options_, help_)                    \
        {.noun = (noun_),                                                                          \
         .verb = (verb_),                                                                          \
         .run = (run_),                                                                            \
         .least = (least_),                                                                        \
         .most = (most_),                                                                          \
         .arguments = (arguments_),                                                                \
         .options = options_,                                                                      \
         .help = (help_)},
static const struct command commands[] = {
#include "cli/commands.def"
};
#undef COMMAND

const struct command *command_at(size_t n)
{
        return n < COUNT_OF(commands) ? &commands[n] : NULL;
}

const struct command *command_find(const char *noun, const char *verb)
{
        for (size_t i = 0; i < COUNT_OF(commands); i++) {
                const struct command *cmd = &commands[i];
                if (strcmp(cmd->noun, noun) == 0 &&
                    (!*cmd->verb || (verb && strcmp(cmd->verb, verb) == 0)))
                        return cmd;
        }
        return NULL;
}

bool command_is_noun(const char *noun)
{
        for (size_t i = 0; i < COUNT_OF(commands); i++) {
                if (strcmp(commands[i].noun, noun) == 0)
                        return true;
        }
        return false;
}

bool command_takes(const struct command *cmd, enum option o)
{
        const char *name = option_row(o)->name;
        size_t len = strlen(name);
        if (o < OPTIONS_OF_ALL)
                return true;
        for (const char *p = cmd->options; *p; p += strspn(p, " ")) {
                size_t word = strcspn(p, " ");
                if (word == len && memcmp(p, name, len) == 0)
                        return true;
                p += word;
        }
        return false;
}

const char *command_name(const struct command *cmd, char out[COMMAND_NAME_SIZE])
{
        snprintf(out, COMMAND_NAME_SIZE, "%s%s%s", cmd->noun, *cmd->verb ? " " : "", cmd->verb);
        return out;
}
