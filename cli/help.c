/* help.c - see help.h. */
#include "cli/help.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/text.h"

enum { TEXT_COLUMN = 30, NARROW = 50, WIDE = 110 };

static size_t width_of_help(void)
{
        size_t width = term_width();
        if (!width || width > WIDE)
                return WIDE;
        return width;
}

/* "  left      right", the right part wrapped; below it where the left is long or the terminal narrow. */
static void add_pair(struct buf *out, const char *left, const char *right)
{
        size_t width = width_of_help(), column = width < NARROW ? 6 : TEXT_COLUMN;
        buf_adds(out, "  ");
        text_wrap(out, left, width, 4, 2);
        size_t at = 2 + text_width(left);
        if (at + 2 > column) {
                buf_addc(out, '\n');
                at = 0;
        }
        if (at < column)
                text_spaces(out, column - at);
        text_wrap(out, right, width, column, column);
        buf_addc(out, '\n');
}

static void add_option(struct buf *out, enum option o)
{
        const struct option_row *row = option_row(o);
        autobuf left = BUF_INIT(SIZE_MAX);
        if (row->letter)
                buf_addf(&left, "-%c, ", row->letter);
        buf_addf(&left, "--%s", row->name);
        if (row->value)
                buf_addf(&left, " %s", row->value);
        add_pair(out, buf_str(&left), row->help);
}

static void add_command(struct buf *out, const struct command *cmd)
{
        char name[COMMAND_NAME_SIZE];
        autobuf left = BUF_INIT(SIZE_MAX);
        buf_addf(&left, "%s%s%s", command_name(cmd, name), *cmd->arguments ? " " : "",
                 cmd->arguments);
        add_pair(out, buf_str(&left), cmd->help);
}

static void add_commands(struct buf *out, const char *noun)
{
        const struct command *cmd;
        for (size_t i = 0; (cmd = command_at(i)); i++) {
                if (!noun || strcmp(noun, cmd->noun) == 0)
                        add_command(out, cmd);
        }
}

static void add_options(struct buf *out, const struct command *cmd)
{
        for (int o = OPTIONS_OF_ALL; o < OPTION_COUNT; o++) {
                if (command_takes(cmd, (enum option)o))
                        add_option(out, (enum option)o);
        }
}

static void add_general(struct buf *out)
{
        static const char codes[] =
                "0 done; a followed wave is completed. 1 refused, or failed. 2 the command line, "
                "or "
                "a question that nobody could be asked. A followed wave: 3 ended as error, 4 was "
                "stopped, 5 paused (--until-pause), 6 was not over in time (--for). 7 the API "
                "cannot "
                "be reached or cannot answer now. 8 no credentials, or not enough.";
        buf_adds(out, "\nOptions of all commands:\n");
        for (int o = 0; o < OPTIONS_OF_ALL; o++)
                add_option(out, (enum option)o);
        buf_adds(out, "\nExit codes: ");
        text_wrap(out, codes, width_of_help(), 2, 12);
        buf_addc(out, '\n');
}

static void describe(struct buf *out, const struct command *cmd)
{
        char name[COMMAND_NAME_SIZE];
        command_name(cmd, name);
        buf_addf(out, "usage: wavefleet %s%s%s%s\n\n", name, *cmd->options ? " [OPTIONS]" : "",
                 *cmd->arguments ? " " : "", cmd->arguments);
        autobuf text = BUF_INIT(SIZE_MAX);
        buf_addc(&text, (char)toupper((unsigned char)cmd->help[0]));
        buf_addf(&text, "%s.", cmd->help + 1);
        text_wrap(out, buf_str(&text), width_of_help(), 0, 0);
        buf_addc(out, '\n');
        if (strstr(cmd->arguments, "WAVE"))
                buf_adds(out, "WAVE is the id of a wave, or \"last\" for the newest.\n");
        if (strstr(cmd->arguments, "MIGRATION"))
                buf_adds(out, "MIGRATION is an id such as m12, or a brz_project_id.\n");
        if (*cmd->options)
                buf_adds(out, "\nOptions:\n");
        add_options(out, cmd);
}

int help_print(const struct command *cmd, const char *noun)
{
        autobuf out = BUF_INIT(SIZE_MAX);
        if (cmd) {
                describe(&out, cmd);
                buf_adds(&out, "\nOptions of all commands, and exit codes: wavefleet help\n");
        } else {
                buf_addf(&out, "usage: wavefleet COMMAND [OPTIONS]\n\nCommands:\n");
                add_commands(&out, noun);
                if (noun)
                        buf_addf(&out, "\nOptions of one of them: wavefleet help %s VERB\n", noun);
                else
                        add_general(&out);
        }
        cli_write(&out);
        return EXIT_DONE;
}

int help(struct cli *c, struct err *e)
{
        const char *noun = c->args.nwords > 0 ? c->args.words[0] : NULL;
        const char *verb = c->args.nwords > 1 ? c->args.words[1] : NULL;
        const struct command *cmd = noun ? command_find(noun, verb) : NULL;
        if (noun && !cmd && (verb || !command_is_noun(noun)))
                return err_set(e, ERR_CONFIG, "there is no command \"%s%s%s\": see wavefleet help",
                               noun, verb ? " " : "", verb ? verb : "");
        return help_print(cmd, noun);
}

/* ---- the manual: mdoc(7) ---- */

/* A line of text: what a reader of mdoc would take for markup is escaped. */
static void add_roff(struct buf *out, const char *text)
{
        if (*text == '.' || *text == '\'')
                buf_adds(out, "\\&");
        for (; *text; text++) {
                if (*text == '\\')
                        buf_adds(out, "\\e");
                else if (*text == '-')
                        buf_adds(out, "\\-");
                else
                        buf_addc(out, *text);
        }
}

static void add_manual_option(struct buf *out, enum option o)
{
        const struct option_row *row = option_row(o);
        buf_adds(out, ".It ");
        if (row->letter)
                buf_addf(out, "Fl %c , ", row->letter);
        buf_addf(out, "Fl \\-%s", row->name);
        if (row->value)
                buf_addf(out, " Ar %s", row->value);
        buf_addc(out, '\n');
        add_roff(out, row->help);
        buf_addc(out, '\n');
}

static void add_manual_command(struct buf *out, const struct command *cmd)
{
        char name[COMMAND_NAME_SIZE];
        buf_addf(out, ".It Cm %s", command_name(cmd, name));
        if (*cmd->arguments)
                buf_addf(out, " Ar %s", cmd->arguments);
        buf_addc(out, '\n');
        add_roff(out, cmd->help);
        buf_addc(out, '\n');
        if (!*cmd->options)
                return;
        buf_adds(out, ".br\nOptions:\n");
        for (int o = OPTIONS_OF_ALL; o < OPTION_COUNT; o++) {
                if (command_takes(cmd, (enum option)o))
                        buf_addf(out, ".Fl \\-%s\n", option_row((enum option)o)->name);
        }
}

void help_manual(struct buf *out)
{
        const struct command *cmd;
        buf_adds(out, ".Sh COMMANDS\n.Bl -tag -width Ds\n");
        for (size_t i = 0; (cmd = command_at(i)); i++)
                add_manual_command(out, cmd);
        buf_adds(out, ".El\n.Sh OPTIONS\nThese belong to every command:\n.Bl -tag -width Ds\n");
        for (int o = 0; o < OPTIONS_OF_ALL; o++)
                add_manual_option(out, (enum option)o);
        buf_adds(out, ".El\n.Pp\nThese belong to the commands that name them above:\n"
                      ".Bl -tag -width Ds\n");
        for (int o = OPTIONS_OF_ALL; o < OPTION_COUNT; o++)
                add_manual_option(out, (enum option)o);
        buf_adds(out, ".El\n");
}
