/*
 * config.c - reading the configuration from its three sources and collecting what is wrong in it.
 */
#include "base/config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/config_table.h"
#include "base/mem.h"
#include "base/rand.h"

enum { PATH_SIZE = 256, ROWS_MAX = 256 };

struct reading {
        struct config *config;
        enum config_program program;
        struct buf *report;
        size_t mistakes;
        const char *set[ROWS_MAX]; /* by row: the path that set its member in this source */
        /* command line */
        int argc;
        char **argv;
        enum config_action action;
        /* YAML */
        const char *file;
        yaml_parser_t yaml;
};

__attribute__((format(printf, 3, 4))) static void note(struct reading *r, const char *where,
                                                       const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        buf_addf(r->report, "%s: ", where);
        buf_addv(r->report, fmt, ap);
        buf_addc(r->report, '\n');
        va_end(ap);
        r->mistakes++;
}

static void begin_source(struct reading *r)
{
        memset(r->set, 0, sizeof(r->set));
}

/* A key and its alias in one source contradict each other, whichever of them came last. */
static int refuse_second_name(struct reading *r, const struct config_row *row, const char *where)
{
        size_t count;
        const struct config_row *rows = config_rows(&count);
        assert(count <= ROWS_MAX);
        const struct config_row *main_row = row;
        if (row->alias_of)
                main_row = config_row_by_path(row->alias_of);
        const char **set = &r->set[main_row - rows];
        if (*set && strcmp(*set, row->path) != 0) {
                note(r, where, "is the same as %s; only one of them may be given", *set);
                return -1;
        }
        *set = row->path;
        return 0;
}

static void set_value(struct reading *r, const struct config_row *row, const char *where,
                      const char *text)
{
        struct err e = ERR_INIT;
        if (refuse_second_name(r, row, where) < 0)
                return;
        if (config_store(r->config, row, text, &e) < 0)
                note(r, where, "%s", e.text);
}

/* ---- YAML ---- */

__attribute__((format(printf, 3, 4))) static void note_line(struct reading *r, yaml_mark_t mark,
                                                            const char *fmt, ...)
{
        autobuf text = BUF_INIT(4096);
        va_list ap;
        va_start(ap, fmt);
        buf_addv(&text, fmt, ap);
        va_end(ap);
        autofree char *where = xasprintf("%s:%zu", r->file, mark.line + 1);
        note(r, where, "%s", buf_str(&text));
}

/* -1 where the file is no YAML; that is noted. The event is to be deleted by the caller. */
static int next_event(struct reading *r, yaml_event_t *event)
{
        if (yaml_parser_parse(&r->yaml, event))
                return 0;
        yaml_mark_t mark = r->yaml.problem_mark;
        note_line(r, mark, "is no YAML: %s", r->yaml.problem ? r->yaml.problem : "out of memory");
        return -1;
}

/* Reads on to the end of a mapping or sequence that has just begun. */
static int skip_rest(struct reading *r)
{
        for (int depth = 1; depth > 0;) {
                yaml_event_t event;
                if (next_event(r, &event) < 0)
                        return -1;
                if (event.type == YAML_MAPPING_START_EVENT ||
                    event.type == YAML_SEQUENCE_START_EVENT)
                        depth++;
                else if (event.type == YAML_MAPPING_END_EVENT ||
                         event.type == YAML_SEQUENCE_END_EVENT)
                        depth--;
                yaml_event_delete(&event);
        }
        return 0;
}

static bool is_null(const yaml_event_t *event)
{
        const char *text = (const char *)event->data.scalar.value;
        return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
               (!*text || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0);
}

/* A single value for `path`. None at all is as if the key were not there. */
static void take_scalar(struct reading *r, const char *path, const yaml_event_t *event)
{
        const struct config_row *row = config_row_by_path(path);
        if (!row) {
                if (!config_is_group(path))
                        note_line(r, event->start_mark, "%s: is not a known key", path);
                else if (!is_null(event))
                        note_line(r, event->start_mark, "%s: must be a group of keys", path);
                return;
        }
        if (is_null(event))
                return;
        const char *text = (const char *)event->data.scalar.value;
        autofree char *where = xasprintf("%s:%zu: %s", r->file, event->start_mark.line + 1, path);
        if (strlen(text) != event->data.scalar.length)
                note(r, where, "must not contain a NUL");
        else
                set_value(r, row, where, text);
}

static int read_group(struct reading *r, const char *prefix);

/* What follows the key `path`. */
static int take_value(struct reading *r, const char *path)
{
        yaml_event_t event;
        if (next_event(r, &event) < 0)
                return -1;
        int result = 0;
        switch (event.type) {
        case YAML_SCALAR_EVENT:
                take_scalar(r, path, &event);
                break;
        case YAML_ALIAS_EVENT:
                note_line(r, event.start_mark, "%s: must not refer to another value", path);
                break;
        default:
                if (event.type == YAML_MAPPING_START_EVENT && config_is_group(path)) {
                        result = read_group(r, path);
                        break;
                }
                note_line(r, event.start_mark, "%s: %s", path,
                          config_is_group(path)      ? "must be a group of keys"
                          : config_row_by_path(path) ? "must be a single value"
                                                     : "is not a known key");
                result = skip_rest(r);
        }
        yaml_event_delete(&event);
        return result;
}

struct keys {
        char **names;
        size_t count;
};

static void keys_cleanup(struct keys *k)
{
        for (size_t i = 0; i < k->count; i++)
                free(k->names[i]);
        free(k->names);
}

/* Whether the group has had the key before. */
static bool key_again(struct keys *k, const char *name)
{
        for (size_t i = 0; i < k->count; i++) {
                if (strcmp(k->names[i], name) == 0)
                        return true;
        }
        k->names = xreallocarray(k->names, k->count + 1, sizeof(char *));
        k->names[k->count++] = xstrdup(name);
        return false;
}

static int take_key(struct reading *r, const char *prefix, const yaml_event_t *event,
                    struct keys *keys)
{
        const char *name = (const char *)event->data.scalar.value;
        char path[PATH_SIZE];
        snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", name);
        if (key_again(keys, name))
                note_line(r, event->start_mark, "%s: stands here a second time", path);
        return take_value(r, path);
}

/* The members of a mapping that has just begun. Groups nest as deep as the table's paths. */
static int read_group(struct reading *r, const char *prefix)
{
        cleanup(keys_cleanup) struct keys keys = {0};
        for (;;) {
                yaml_event_t event;
                if (next_event(r, &event) < 0)
                        return -1;
                int result = 1;
                if (event.type == YAML_MAPPING_END_EVENT) {
                        result = 0;
                } else if (event.type == YAML_SCALAR_EVENT) {
                        result = take_key(r, prefix, &event, &keys) < 0 ? -1 : 1;
                } else {
                        note_line(r, event.start_mark, "a key must be a single word");
                        result = -1;
                }
                yaml_event_delete(&event);
                if (result <= 0)
                        return result;
        }
}

/* stream start, document start, mapping ..., document end, stream end; or nothing at all. */
static void read_document(struct reading *r)
{
        int documents = 0;
        for (bool more = true; more;) {
                yaml_event_t event;
                if (next_event(r, &event) < 0)
                        return;
                if (event.type == YAML_DOCUMENT_START_EVENT && documents++) {
                        note_line(r, event.start_mark, "a second document begins here");
                        more = false;
                } else if (event.type == YAML_MAPPING_START_EVENT) {
                        more = read_group(r, "") == 0;
                } else if (event.type == YAML_SEQUENCE_START_EVENT ||
                           (event.type == YAML_SCALAR_EVENT && !is_null(&event))) {
                        note_line(r, event.start_mark, "must be groups of keys");
                        more = false;
                } else if (event.type == YAML_STREAM_END_EVENT) {
                        more = false;
                }
                yaml_event_delete(&event);
        }
}

static void read_file(struct reading *r)
{
        FILE *f = fopen(r->file, "re");
        if (!f) {
                note(r, r->file, "could not be opened: %s", strerror(errno));
                return;
        }
        begin_source(r);
        int ready = yaml_parser_initialize(&r->yaml);
        assert(ready);
        yaml_parser_set_input_file(&r->yaml, f);
        read_document(r);
        yaml_parser_delete(&r->yaml);
        if (ferror(f))
                note(r, r->file, "could not be read: %s", strerror(errno));
        fclose(f);
}

/* ---- environment ---- */

static void read_environment(struct reading *r)
{
        size_t count;
        const struct config_row *rows = config_rows(&count);
        begin_source(r);
        for (size_t i = 0; i < count; i++) {
                const char *text = getenv(rows[i].env);
                if (text && *text)
                        set_value(r, &rows[i], rows[i].env, text);
        }
}

/* ---- flags ---- */

static const struct {
        const char *flag;
        enum config_action action;
} actions[] = {
        {"--help", CONFIG_HELP},
        {"--version", CONFIG_VERSION},
        {"--print-config", CONFIG_PRINT},
        {"--check", CONFIG_CHECK},
};

struct flag {
        const char *word;  /* "--x" or "--x=value" */
        size_t len;        /* of "--x" */
        const char *value; /* behind "=", or NULL */
};

static bool is_flag(const char *word)
{
        return word[0] == '-' && word[1] == '-' && word[2];
}

/* The value behind "=" or in the next word, *i moving on. */
static const char *flag_value(struct reading *r, const struct flag *f, int *i)
{
        if (f->value)
                return f->value;
        if (*i + 1 < r->argc && !is_flag(r->argv[*i + 1]) && strcmp(r->argv[*i + 1], "--") != 0)
                return r->argv[++*i];
        return NULL;
}

static bool take_action(struct reading *r, const char *word)
{
        for (size_t k = 0; k < COUNT_OF(actions); k++) {
                if (strcmp(word, actions[k].flag) == 0) {
                        r->action = actions[k].action;
                        return true;
                }
        }
        return false;
}

/* The value may be a secret, so it is not repeated. */
static void refuse_flag(struct reading *r, const struct flag *f, const char *why)
{
        autofree char *name = xstrndup(f->word, f->len);
        note(r, name, "%s", why);
}

static void apply_flag(struct reading *r, const struct flag *f, const struct config_row *row,
                       const char *value)
{
        autofree char *name = xstrndup(f->word, f->len);
        set_value(r, row, name, value);
}

/* The flag in argv[*i]; *i moves on to the last word that belongs to it. */
static void take_flag(struct reading *r, int *i, bool first_round)
{
        struct flag f = {.word = r->argv[*i], .len = strcspn(r->argv[*i], "=")};
        if (f.word[f.len])
                f.value = f.word + f.len + 1;
        if (take_action(r, f.word))
                return;
        bool is_config = f.len == strlen("--config") && strncmp(f.word, "--config", f.len) == 0;
        const struct config_row *row = config_row_by_flag(f.word, f.len);
        if (!is_config && (!row || !(row->flags & (unsigned)r->program))) {
                if (!first_round)
                        refuse_flag(r, &f, "is not a known flag; see --help");
                return;
        }
        const char *value = f.value;
        if (row && row->type == CONFIG_BOOL)
                value = value ? value : "true";
        else
                value = flag_value(r, &f, i);
        if (!value) {
                if (!first_round)
                        refuse_flag(r, &f, "needs a value");
        } else if (is_config) {
                r->file = value;
        } else if (!first_round) {
                apply_flag(r, &f, row, value);
        }
}

/*
 * Twice over the words: first for what to do and for the name of the file, which weighs less than
 * the flags and so is read before them; then for the rest, leaving the operands in argv.
 */
static void read_flags(struct reading *r, bool first_round)
{
        int kept = 1;
        bool flags = true;
        for (int i = 1; i < r->argc; i++) {
                if (flags && strcmp(r->argv[i], "--") == 0)
                        flags = false;
                else if (flags && is_flag(r->argv[i]))
                        take_flag(r, &i, first_round);
                else if (!first_round)
                        r->argv[kept++] = r->argv[i];
        }
        if (!first_round)
                r->argv[r->argc = kept] = NULL;
}

/* ---- the whole ---- */

void config_defaults(struct config *c)
{
        size_t count;
        const struct config_row *rows = config_rows(&count);
        *c = (struct config){0};
        for (size_t i = 0; i < count; i++) {
                void *member = (char *)c + rows[i].offset;
                if (rows[i].multiplier)
                        continue;
                if (rows[i].type == CONFIG_STR)
                        *(char **)member = xstrdup(rows[i].text);
                else if (rows[i].type == CONFIG_INT)
                        *(int64_t *)member = rows[i].number;
                else
                        *(bool *)member = rows[i].number != 0;
        }
}

void config_fini(struct config *c)
{
        size_t count;
        const struct config_row *rows = config_rows(&count);
        for (size_t i = 0; i < count; i++) {
                if (rows[i].type != CONFIG_STR)
                        continue;
                char **s = (char **)(void *)((char *)c + rows[i].offset);
                if (*s && (rows[i].flags & SECRET))
                        mem_wipe(*s, strlen(*s));
                free(*s);
                *s = NULL;
        }
        free(c->file);
        c->file = NULL;
}

int config_load(struct config *c, enum config_program program, int *argc, char **argv,
                enum config_action *action, struct buf *report, struct err *e)
{
        config_defaults(c);
        struct reading r = {.config = c,
                            .program = program,
                            .report = report,
                            .argc = *argc,
                            .argv = argv,
                            .action = CONFIG_RUN};
        read_flags(&r, true);
        *action = r.action;
        if (r.action == CONFIG_HELP || r.action == CONFIG_VERSION)
                return 0;
        if (r.file)
                read_file(&r);
        read_environment(&r);
        begin_source(&r);
        read_flags(&r, false);
        if (r.mistakes) {
                config_fini(c);
                *c = (struct config){0};
                return err_set(e, ERR_CONFIG, "%zu mistake%s in the configuration", r.mistakes,
                               r.mistakes == 1 ? "" : "s");
        }
        c->file = r.file ? xstrdup(r.file) : NULL;
        *argc = r.argc;
        return 0;
}
