/* args.c - see args.h. */
#include "cli/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* ---- what was meant ---- */

static size_t min3(size_t a, size_t b, size_t c)
{
        size_t least = a < b ? a : b;
        return least < c ? least : c;
}

enum { NAME_MAX_LEN = 40, CLOSE_ENOUGH = 2 };

/* How many characters have to be changed, put in or taken out to make b of a. */
static size_t distance(const char *a, const char *b)
{
        size_t row[NAME_MAX_LEN + 1], la = strlen(a), lb = strlen(b);
        if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
                return SIZE_MAX;
        for (size_t j = 0; j <= lb; j++)
                row[j] = j;
        for (size_t i = 1; i <= la; i++) {
                size_t before = row[0];
                row[0] = i;
                for (size_t j = 1; j <= lb; j++) {
                        size_t above = row[j];
                        row[j] = min3(row[j] + 1, row[j - 1] + 1, before + (a[i - 1] != b[j - 1]));
                        before = above;
                }
        }
        return row[lb];
}

static const char *closest_option(const char *name, const struct command *cmd)
{
        const char *found = NULL;
        size_t best = CLOSE_ENOUGH + 1;
        for (int o = 0; o < OPTION_COUNT; o++) {
                const char *known = option_row((enum option)o)->name;
                size_t d = distance(name, known);
                if (d < best && (!cmd || command_takes(cmd, (enum option)o))) {
                        best = d;
                        found = known;
                }
        }
        return found;
}

static const char *closest_verb(const char *noun, const char *verb)
{
        const struct command *cmd;
        for (size_t i = 0; (cmd = command_at(i)); i++) {
                if (strcmp(cmd->noun, noun) == 0 && distance(verb, cmd->verb) <= CLOSE_ENOUGH)
                        return cmd->verb;
        }
        return NULL;
}

static const char *closest_noun(const char *noun)
{
        const struct command *cmd;
        for (size_t i = 0; (cmd = command_at(i)); i++) {
                if (distance(noun, cmd->noun) <= CLOSE_ENOUGH)
                        return cmd->noun;
        }
        return NULL;
}

/* ---- taking it apart ---- */

static void give(struct args *a, enum option o, const char *value)
{
        a->given[a->ngiven++] = (struct given){o, value};
}

/* The value of an option that takes one: what stands in the same word, or the next word. */
static int add_value(struct args *a, enum option o, const char *inside, int *at, int argc,
                     char **argv, struct err *e)
{
        const struct option_row *row = option_row(o);
        if (!inside && *at + 1 >= argc)
                return err_set(e, ERR_CONFIG, "--%s wants a value: %s", row->name, row->value);
        give(a, o, inside ? inside : argv[++*at]);
        return 0;
}

static int read_long(struct args *a, int *at, int argc, char **argv, struct err *e)
{
        const char *name = argv[*at] + 2, *equals = strchr(name, '=');
        size_t len = equals ? (size_t)(equals - name) : strlen(name);
        enum option o = option_find(name, len);
        if (o == OPTION_COUNT) {
                autofree char *word = xstrndup(name, len);
                const char *meant = closest_option(word, NULL);
                return err_set(e, ERR_CONFIG, "there is no option --%s%s%s%s", word,
                               meant ? "; is --" : "", meant ? meant : "", meant ? " meant?" : "");
        }
        if (option_row(o)->value)
                return add_value(a, o, equals ? equals + 1 : NULL, at, argc, argv, e);
        if (equals)
                return err_set(e, ERR_CONFIG, "--%s takes no value", option_row(o)->name);
        give(a, o, "");
        return 0;
}

/* "-qy", "-n5", "-n 5". */
static int read_short(struct args *a, int *at, int argc, char **argv, struct err *e)
{
        for (const char *p = argv[*at] + 1; *p; p++) {
                enum option o = option_find_letter(*p);
                if (o == OPTION_COUNT)
                        return err_set(e, ERR_CONFIG, "there is no option -%c", *p);
                if (option_row(o)->value)
                        return add_value(a, o, p[1] ? p + 1 : NULL, at, argc, argv, e);
                give(a, o, "");
        }
        return 0;
}

static int read_words(struct args *a, int argc, char **argv, struct err *e)
{
        bool over = false;
        for (int at = 1; at < argc; at++) {
                const char *word = argv[at];
                int wrong = 0;
                if (over || word[0] != '-' || !word[1])
                        a->words[a->nwords++] = word;
                else if (strcmp(word, "--") == 0)
                        over = true;
                else if (word[1] == '-')
                        wrong = read_long(a, &at, argc, argv, e);
                else
                        wrong = read_short(a, &at, argc, argv, e);
                if (wrong < 0)
                        return -1;
        }
        return 0;
}

/* ---- the command ---- */

static int no_command(const char *noun, const char *verb, struct err *e)
{
        const char *meant;
        if (!command_is_noun(noun)) {
                meant = closest_noun(noun);
                return err_set(e, ERR_CONFIG, "there is no command \"%s\"%s%s%s", noun,
                               meant ? "; is \"" : ": see wavefleet help", meant ? meant : "",
                               meant ? "\" meant?" : "");
        }
        if (!verb)
                return err_set(e, ERR_CONFIG,
                               "\"%s\" wants to know what to do: see wavefleet help %s", noun,
                               noun);
        meant = closest_verb(noun, verb);
        return err_set(e, ERR_CONFIG, "there is no command \"%s %s\"%s%s%s", noun, verb,
                       meant ? "; is \"" : ": see wavefleet help", meant ? meant : "",
                       meant ? "\" meant?" : "");
}

static int find_command(struct args *a, struct err *e)
{
        size_t taken;
        if (!a->nwords)
                return err_set(e, ERR_CONFIG, "it wants a command: see wavefleet help");
        a->command = command_find(a->words[0], a->nwords > 1 ? a->words[1] : NULL);
        if (!a->command)
                return no_command(a->words[0], a->nwords > 1 ? a->words[1] : NULL, e);
        taken = *a->command->verb ? 2 : 1;
        a->nwords -= taken;
        memmove(a->words, a->words + taken, a->nwords * sizeof(*a->words));
        return 0;
}

static int check(const struct args *a, struct err *e)
{
        const struct command *cmd = a->command;
        char name[COMMAND_NAME_SIZE];
        command_name(cmd, name);
        for (size_t i = 0; i < a->ngiven; i++) {
                const char *option = option_row(a->given[i].option)->name;
                if (!command_takes(cmd, a->given[i].option)) {
                        const char *meant = closest_option(option, cmd);
                        return err_set(e, ERR_CONFIG, "\"%s\" takes no --%s%s%s%s", name, option,
                                       meant ? "; is --" : "", meant ? meant : "",
                                       meant ? " meant?" : "");
                }
        }
        if (a->nwords < cmd->least || a->nwords > cmd->most)
                return err_set(e, ERR_CONFIG, "usage: wavefleet %s%s%s", name,
                               *cmd->arguments ? " " : "", cmd->arguments);
        return 0;
}

int args_read(struct args *a, int argc, char **argv, struct err *e)
{
        struct err none = ERR_INIT;
        /* A word of short options holds as many of them as it has letters. */
        size_t most = (size_t)argc;
        for (int i = 0; i < argc; i++)
                most += strlen(argv[i]);
        *a = (struct args){.words = xcalloc((size_t)argc + 1, sizeof(*a->words)),
                           .given = xcalloc(most + 1, sizeof(*a->given))};
        if (read_words(a, argc, argv, e) < 0)
                return -1;
        if (args_has(a, OPT_help) || args_has(a, OPT_version)) {
                find_command(a, &none);
                return 0;
        }
        return find_command(a, e) < 0 ? -1 : check(a, e);
}

void args_fini(struct args *a)
{
        free(a->words);
        free(a->given);
        *a = (struct args){0};
}

/* ---- what was given ---- */

bool args_has(const struct args *a, enum option o)
{
        return args_value(a, o);
}

const char *args_value(const struct args *a, enum option o)
{
        for (size_t i = a->ngiven; i-- > 0;) {
                if (a->given[i].option == o)
                        return a->given[i].value;
        }
        return NULL;
}

const char *args_each(const struct args *a, enum option o, size_t *at)
{
        while (*at < a->ngiven) {
                const struct given *g = &a->given[(*at)++];
                if (g->option == o)
                        return g->value;
        }
        return NULL;
}

int args_int(const struct args *a, enum option o, int64_t min, int64_t max, int64_t *out,
             struct err *e)
{
        const char *text = args_value(a, o);
        char *end;
        if (!text)
                return 0;
        errno = 0;
        long long v = strtoll(text, &end, 10);
        if (end == text || *end || errno || v < min || v > max)
                return err_set(e, ERR_CONFIG, "--%s must be a number from %lld to %lld, not \"%s\"",
                               option_row(o)->name, (long long)min, (long long)max, text);
        *out = v;
        return 0;
}

/* ---- times ---- */

int duration_parse(const char *text, int64_t *out_ms)
{
        static const struct {
                char unit;
                int64_t ms;
        } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'\0', 1000}};
        enum { DIGITS_MAX = 9 };
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > DIGITS_MAX || (text[digits] && text[digits + 1]))
                return -1;
        for (size_t i = 0; i < COUNT_OF(units); i++) {
                if (text[digits] == units[i].unit) {
                        *out_ms = strtoll(text, NULL, 10) * units[i].ms;
                        return 0;
                }
        }
        return -1;
}

int args_time(const struct args *a, enum option o, char **out, struct err *e)
{
        const char *text = args_value(a, o);
        int64_t ms, far;
        if (!text)
                return 0;
        if ((text[0] == '+' || text[0] == '-') && duration_parse(text + 1, &far) == 0)
                ms = clock_wall_ms() + (text[0] == '+' ? far : -far);
        else if (clock_parse(text, &ms) < 0)
                return err_set(e, ERR_CONFIG,
                               "--%s must be a time as 2026-01-31T12:00:00Z, or so far from now as "
                               "+90m or -2h, not \"%s\"",
                               option_row(o)->name, text);
        *out = xmalloc(CLOCK_RFC3339_SIZE);
        clock_rfc3339(ms, *out);
        return 0;
}
