/* complete.c - the command completion, and what it prints: functions for bash and zsh (help.h). */
#include <string.h>

#include "cli/help.h"

/* ---- from the tables ---- */

/* What an option's value, or an argument, is completed by: a shell's words. NULL: nothing is known. */
static const char *source_of(const char *value)
{
        static const struct {
                const char *word, *command;
        } sources[] = {{"WAVE", "wavefleet wave list -q -n 50 --timeout 2"},
                       {"MIGRATION", "wavefleet dead list -q -n 50 --timeout 2"},
                       {"QUEUE", "wavefleet queue list -q --timeout 2"},
                       {"WORKER", "wavefleet worker list -q --timeout 2"}};
        for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
                if (strstr(value, sources[i].word))
                        return sources[i].command;
        }
        return NULL;
}

static bool is_choice(const char *value)
{
        return strchr(value, '|') && value[0] >= 'a' && value[0] <= 'z';
}

static void add_choices(struct buf *out, const char *value)
{
        for (; *value; value++)
                buf_addc(out, *value == '|' ? ' ' : *value);
}

static bool is_first_of_noun(size_t at)
{
        return at == 0 || strcmp(command_at(at)->noun, command_at(at - 1)->noun) != 0;
}

static void add_nouns(struct buf *out)
{
        for (size_t i = 0; command_at(i); i++) {
                if (is_first_of_noun(i))
                        buf_addf(out, "%s%s", i ? " " : "", command_at(i)->noun);
        }
}

static void add_option_pattern(struct buf *out, enum option o)
{
        const struct option_row *row = option_row(o);
        buf_addf(out, "--%s", row->name);
        if (row->letter)
                buf_addf(out, " | -%c", row->letter);
}

/* The options that take a value, as the pattern of a case. */
static void add_valued(struct buf *out)
{
        bool any = false;
        for (int o = 0; o < OPTION_COUNT; o++) {
                if (!option_row((enum option)o)->value)
                        continue;
                buf_adds(out, any ? " | " : "");
                add_option_pattern(out, (enum option)o);
                any = true;
        }
}

/* ---- bash ---- */

static void add_bash_values(struct buf *out)
{
        for (int o = 0; o < OPTION_COUNT; o++) {
                const struct option_row *row = option_row((enum option)o);
                if (!row->value)
                        continue;
                buf_adds(out, "        ");
                add_option_pattern(out, (enum option)o);
                buf_adds(out, ") ");
                if (is_choice(row->value)) {
                        buf_adds(out, "words=\"");
                        add_choices(out, row->value);
                        buf_adds(out, "\"");
                } else if (strcmp(row->value, "FILE") == 0) {
                        buf_adds(out, "COMPREPLY=($(compgen -f -- \"$cur\")); return");
                } else if (source_of(row->value)) {
                        buf_addf(out, "words=$(%s 2>/dev/null)", source_of(row->value));
                } else {
                        buf_adds(out, "return");
                }
                buf_adds(out, " ;;\n");
        }
}

static void add_bash_command(struct buf *out, const struct command *cmd)
{
        const char *source = source_of(cmd->arguments);
        char name[COMMAND_NAME_SIZE];
        buf_addf(out, "        \"%s\") options=\"", command_name(cmd, name));
        for (int o = 0; o < OPTION_COUNT; o++) {
                if (command_takes(cmd, (enum option)o))
                        buf_addf(out, "%s--%s", o ? " " : "", option_row((enum option)o)->name);
        }
        buf_adds(out, "\"");
        if (is_choice(cmd->arguments)) {
                buf_adds(out, "; words=\"");
                add_choices(out, cmd->arguments);
                buf_adds(out, "\"");
        } else if (strcmp(cmd->arguments, "[COMMAND]") == 0) {
                buf_adds(out, "; words=\"");
                add_nouns(out);
                buf_adds(out, "\"");
        } else if (source) {
                buf_addf(out, "; [[ $cur == -* ]] || words=$(%s 2>/dev/null)", source);
        }
        buf_adds(out, " ;;\n");
}

static void add_bash_verbs(struct buf *out)
{
        for (size_t i = 0; command_at(i); i++) {
                const struct command *cmd = command_at(i);
                if (!*cmd->verb)
                        continue;
                if (is_first_of_noun(i))
                        buf_addf(out, "        \"%s\") words=\"", cmd->noun);
                buf_addf(out, "%s%s", is_first_of_noun(i) ? "" : " ", cmd->verb);
                if (!command_at(i + 1) || is_first_of_noun(i + 1))
                        buf_adds(out, "\" ;;\n");
        }
}

void complete_bash(struct buf *out)
{
        buf_adds(out,
                 "# Completion of wavefleet for bash, as \"wavefleet completion bash\" prints it.\n"
                 "# compgen -W would expand the words, and run what an API has written into them.\n"
                 "_wavefleet_offer() {\n"
                 "    local word all\n"
                 "    COMPREPLY=()\n"
                 "    read -r -d '' -a all <<< \"$1\"\n"
                 "    for word in \"${all[@]}\"; do\n"
                 "        if [[ $word == \"$cur\"* ]]; then COMPREPLY+=(\"$word\"); fi\n"
                 "    done\n"
                 "}\n"
                 "_wavefleet() {\n"
                 "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
                 "    local noun='' verb='' command='' options='' words='' i\n"
                 "    if [[ $cur == = ]]; then cur=''; fi\n"
                 "    if [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
                 "    if [[ ${COMP_WORDS[COMP_CWORD]} == = ]]; then prev=${COMP_WORDS[COMP_CWORD - "
                 "1]}; fi\n"
                 "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                 "        case ${COMP_WORDS[i]} in\n"
                 "        ");
        add_valued(out);
        buf_adds(out, ") ((i++)); if [[ ${COMP_WORDS[i]} == = ]]; then ((i++)); fi ;;\n"
                      "        -*) ;;\n"
                      "        *) if [[ ! $noun ]]; then noun=${COMP_WORDS[i]}\n"
                      "           elif [[ ! $verb ]]; then verb=${COMP_WORDS[i]}; fi ;;\n"
                      "        esac\n"
                      "    done\n"
                      "    case $prev in\n");
        add_bash_values(out);
        buf_adds(out, "    esac\n"
                      "    if [[ $words ]]; then\n"
                      "        _wavefleet_offer \"$words\"\n"
                      "        return\n"
                      "    fi\n"
                      "    case $noun in\n"
                      "    '') words=\"");
        add_nouns(out);
        buf_adds(out, "\" ;;\n    *)\n        case $noun in\n");
        add_bash_verbs(out);
        buf_adds(out, "        *) command=$noun ;;\n        esac\n"
                      "        if [[ $verb ]]; then command=\"$noun $verb\"; fi\n"
                      "        if [[ $words && $verb ]]; then words=''; fi\n"
                      "        ;;\n    esac\n"
                      "    case $command in\n");
        for (size_t i = 0; command_at(i); i++)
                add_bash_command(out, command_at(i));
        buf_adds(out, "    esac\n"
                      "    if [[ $cur == -* ]]; then words=${options:-\"");
        for (int o = 0; o < OPTIONS_OF_ALL; o++)
                buf_addf(out, "%s--%s", o ? " " : "", option_row((enum option)o)->name);
        buf_adds(out, "\"}; fi\n"
                      "    _wavefleet_offer \"$words\"\n"
                      "}\n"
                      "complete -F _wavefleet wavefleet\n");
}

/* ---- zsh ---- */

/* Inside '…': a quotation mark ends it, stands escaped, and begins it again. */
static void add_quoted(struct buf *out, const char *text)
{
        for (; *text; text++) {
                if (*text == '\'')
                        buf_adds(out, "'\\''");
                else if (*text == ':')
                        buf_adds(out, "\\:");
                else
                        buf_addc(out, *text);
        }
}

static void add_described(struct buf *out, const char *before, const char *word, const char *help)
{
        buf_addf(out, "'%s%s:", before, word);
        add_quoted(out, help);
        buf_adds(out, "' ");
}

static void add_zsh_values(struct buf *out)
{
        for (int o = 0; o < OPTION_COUNT; o++) {
                const struct option_row *row = option_row((enum option)o);
                if (!row->value)
                        continue;
                buf_adds(out, "        (");
                add_option_pattern(out, (enum option)o);
                buf_adds(out, ") ");
                if (is_choice(row->value)) {
                        buf_adds(out, "compadd -- ");
                        add_choices(out, row->value);
                } else if (strcmp(row->value, "FILE") == 0) {
                        buf_adds(out, "_files");
                } else if (source_of(row->value)) {
                        buf_addf(out, "compadd -- $(%s 2>/dev/null)", source_of(row->value));
                }
                buf_adds(out, "; return ;;\n");
        }
}

static void add_zsh_command(struct buf *out, const struct command *cmd)
{
        const char *source = source_of(cmd->arguments);
        char name[COMMAND_NAME_SIZE];
        buf_addf(out, "        (\"%s\") options=(", command_name(cmd, name));
        for (int o = 0; o < OPTION_COUNT; o++) {
                if (command_takes(cmd, (enum option)o))
                        add_described(out, "--", option_row((enum option)o)->name,
                                      option_row((enum option)o)->help);
        }
        buf_adds(out, ")\n            ");
        if (is_choice(cmd->arguments)) {
                buf_adds(out, "words_=(");
                add_choices(out, cmd->arguments);
                buf_adds(out, ") ");
        } else if (source) {
                buf_addf(out, "[[ $cur == -* ]] || words_=($(%s 2>/dev/null)) ", source);
        }
        buf_adds(out, ";;\n");
}

static void add_zsh_verbs(struct buf *out)
{
        for (size_t i = 0; command_at(i); i++) {
                const struct command *cmd = command_at(i);
                if (!*cmd->verb)
                        continue;
                if (is_first_of_noun(i))
                        buf_addf(out, "        (%s) verbs=(", cmd->noun);
                add_described(out, "", cmd->verb, cmd->help);
                if (!command_at(i + 1) || is_first_of_noun(i + 1))
                        buf_adds(out, ") ;;\n");
        }
}

void complete_zsh(struct buf *out)
{
        buf_adds(out,
                 "#compdef wavefleet\n"
                 "# Completion of wavefleet for zsh, as \"wavefleet completion zsh\" prints it.\n"
                 "_wavefleet() {\n"
                 "    local cur=$words[CURRENT] prev=$words[CURRENT-1] noun= verb= command= i\n"
                 "    local -a nouns verbs options words_\n"
                 "    for ((i = 2; i < CURRENT; i++)); do\n"
                 "        case $words[i] in\n        (");
        add_valued(out);
        buf_adds(out, ") ((i++)) ;;\n"
                      "        (-*) ;;\n"
                      "        (*) if [[ -z $noun ]]; then noun=$words[i]\n"
                      "            elif [[ -z $verb ]]; then verb=$words[i]; fi ;;\n"
                      "        esac\n    done\n"
                      "    case $prev in\n");
        add_zsh_values(out);
        buf_adds(out, "    esac\n    nouns=(");
        for (size_t i = 0; command_at(i); i++) {
                if (is_first_of_noun(i))
                        buf_addf(out, "%s ", command_at(i)->noun);
        }
        buf_adds(out, ")\n    case $noun in\n");
        add_zsh_verbs(out);
        buf_adds(out, "    esac\n"
                      "    command=$noun\n"
                      "    if [[ -n $verb && ${#verbs} -gt 0 ]]; then command=\"$noun $verb\"; fi\n"
                      "    case $command in\n");
        for (size_t i = 0; command_at(i); i++)
                add_zsh_command(out, command_at(i));
        buf_adds(out, "    esac\n"
                      "    if [[ $cur == -* ]]; then _describe -o option options\n"
                      "    elif [[ -z $noun ]]; then compadd -- $nouns\n"
                      "    elif [[ -z $verb && ${#verbs} -gt 0 ]]; then _describe command verbs\n"
                      "    else compadd -- $words_; fi\n"
                      "}\n"
                      "if [[ $funcstack[1] == _wavefleet ]]; then _wavefleet \"$@\"\n"
                      "else compdef _wavefleet wavefleet; fi\n");
}

/* ---- the command ---- */

int completion(struct cli *c, struct err *e)
{
        static const struct {
                const char *shell;
                void (*print)(struct buf *out);
        } shells[] = {{"bash", complete_bash}, {"zsh", complete_zsh}};
        autobuf out = BUF_INIT(SIZE_MAX);
        for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
                if (strcmp(c->args.words[0], shells[i].shell) != 0)
                        continue;
                shells[i].print(&out);
                cli_write(&out);
                return EXIT_DONE;
        }
        return err_set(e, ERR_CONFIG, "there is completion for bash and zsh, not for \"%s\"",
                       c->args.words[0]);
}
