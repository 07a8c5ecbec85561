/* config_show.c - the configuration for people: help, print-config, the sample, the manual. */
#include <ctype.h>
#include <string.h>

#include "base/config.h"
#include "base/config_table.h"
#include "base/json.h"

#define MASK "********"

/* ---- masking ---- */

/*
 * "postgresql://user:password@host/db?password=...": two places. A password that should have been
 * escaped may contain anything, so the last @ counts: rather too much is masked than too little.
 */
static void mask_uri(const char *url, struct buf *out)
{
        const char *host = strstr(url, "://") + 3;
        const char *at = strrchr(host, '@');
        const char *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
        if (colon && colon + 1 < at) {
                buf_add(out, url, (size_t)(colon + 1 - url));
                buf_adds(out, MASK);
                url = at;
        }
        const char *value;
        while ((value = strcasestr(url, "password="))) {
                value += strlen("password=");
                buf_add(out, url, (size_t)(value - url));
                buf_adds(out, MASK);
                url = value + strcspn(value, "&#");
        }
        buf_adds(out, url);
}

/* The end of a keyword's value: quoted with ' or up to white space, \ escaping in both. */
static const char *keyword_end(const char *p)
{
        bool quoted = *p == '\'';
        for (p += quoted; *p; p++) {
                if (*p == '\\' && p[1])
                        p++;
                else if (quoted ? *p == '\'' : isspace((unsigned char)*p))
                        return p + (quoted ? 1 : 0);
        }
        return p;
}

/* "host=... password='...' dbname=..." */
static void mask_keywords(const char *text, struct buf *out)
{
        const char *value;
        while ((value = strcasestr(text, "password"))) {
                value += strlen("password");
                const char *equals = value + strspn(value, " \t");
                if (*equals == '=') {
                        value = equals + 1 + strspn(equals + 1, " \t");
                        buf_add(out, text, (size_t)(value - text));
                        buf_adds(out, MASK);
                        text = keyword_end(value);
                } else {
                        buf_add(out, text, (size_t)(value - text));
                        text = value;
                }
        }
        buf_adds(out, text);
}

void config_mask(const char *url, struct buf *out)
{
        const char *scheme_end = strstr(url, "://");
        const char *equals = strchr(url, '=');
        if (scheme_end && (!equals || scheme_end < equals))
                mask_uri(url, out);
        else
                mask_keywords(url, out);
}

/* ---- values and defaults ---- */

/* Of the n bytes of a UTF-8 character. */
static unsigned code_point(const char *s, size_t n)
{
        unsigned c = (unsigned char)*s;
        if (n > 1)
                c &= 0x7Fu >> n;
        for (size_t i = 1; i < n; i++)
                c = c << 6 | ((unsigned char)s[i] & 0x3Fu);
        return c;
}

/* YAML 1.1, 5.1 and 5.4: what may not stand in a stream, and what would be read as the end of a line. */
static bool must_be_escaped(unsigned c)
{
        return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF ||
               c == 0xFFFE || c == 0xFFFF;
}

/* s is UTF-8. */
static void add_yaml_string(struct buf *out, const char *s)
{
        buf_addc(out, '"');
        for (size_t n; (n = utf8_step(s, strnlen(s, 4))) > 0 && *s; s += n) {
                unsigned c = code_point(s, n);
                if (c == '"' || c == '\\')
                        buf_addf(out, "\\%c", (char)c);
                else if (must_be_escaped(c))
                        buf_addf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
                else
                        buf_add(out, s, n);
        }
        buf_addc(out, '"');
}

static void add_default(struct buf *out, const struct config_row *row)
{
        if (row->type == CONFIG_STR)
                add_yaml_string(out, row->text);
        else if (row->type == CONFIG_INT)
                buf_addi(out, row->number);
        else
                buf_adds(out, row->number ? "true" : "false");
}

static const char *last_part(const char *path)
{
        return strrchr(path, '.') + 1;
}

static size_t group_len(const char *path)
{
        return (size_t)(last_part(path) - 1 - path);
}

static bool same_group(const struct config_row *a, const struct config_row *b)
{
        size_t len = group_len(a->path);
        return len == group_len(b->path) && strncmp(a->path, b->path, len) == 0;
}

/* Whether a row before it opened its group, among those of the same program. */
static bool group_was_before(const struct config_row *rows, const struct config_row *row,
                             unsigned programs)
{
        for (const struct config_row *r = rows; r < row; r++) {
                if ((r->flags & programs) && same_group(r, row))
                        return true;
        }
        return false;
}

typedef void (*print_fn)(struct buf *out, const struct config_row *row, const void *arg);

/* Groups in the table's order, each once, with all its rows wherever they stand in the table. */
static void each_group(struct buf *out, unsigned programs, print_fn print, const void *arg)
{
        size_t count;
        const struct config_row *rows = config_rows(&count), *end = rows + count;
        for (const struct config_row *head = rows; head < end; head++) {
                if (!(head->flags & programs) || group_was_before(rows, head, programs))
                        continue;
                buf_addf(out, "%.*s:\n", (int)group_len(head->path), head->path);
                for (const struct config_row *row = head; row < end; row++) {
                        if ((row->flags & programs) && same_group(head, row))
                                print(out, row, arg);
                }
        }
}

/* ---- --print-config ---- */

static void print_string(struct buf *out, const struct config_row *row, const char *value)
{
        bool url = strcmp(last_part(row->path), "url") == 0;
        if ((row->flags & SECRET) && !url && *value) {
                buf_addf(out, "  # %s: \"" MASK "\"\n", last_part(row->path));
                return;
        }
        autobuf shown = BUF_INIT(SIZE_MAX);
        if (row->flags & SECRET)
                config_mask(value, &shown);
        else
                buf_adds(&shown, value);
        buf_addf(out, "  %s: ", last_part(row->path));
        add_yaml_string(out, buf_str(&shown));
        buf_addc(out, '\n');
}

static void print_value(struct buf *out, const struct config_row *row, const void *arg)
{
        const void *member = (const char *)arg + row->offset;
        if (row->alias_of)
                return;
        if (row->type == CONFIG_STR)
                print_string(out, row, *(char *const *)member);
        else if (row->type == CONFIG_INT)
                buf_addf(out, "  %s: %lld\n", last_part(row->path),
                         (long long)*(const int64_t *)member);
        else
                buf_addf(out, "  %s: %s\n", last_part(row->path),
                         *(const bool *)member ? "true" : "false");
}

void config_print(const struct config *c, enum config_program program, struct buf *out)
{
        each_group(out, program, print_value, c);
}

/* ---- the sample file ---- */

static void add_range(struct buf *out, const struct config_row *row)
{
        if (row->type == CONFIG_INT)
                buf_addf(out, " (%lld to %lld)", (long long)row->min, (long long)row->max);
}

static void add_help(struct buf *out, const struct config_row *row)
{
        buf_adds(out, row->help);
        if (row->alias_of)
                buf_addf(out, " as %s", row->alias_of);
}

static void print_sample(struct buf *out, const struct config_row *row, const void *arg)
{
        (void)arg;
        buf_adds(out, "  # ");
        add_help(out, row);
        add_range(out, row);
        buf_addf(out, "\n  #%s: ", last_part(row->path));
        add_default(out, row);
        buf_addc(out, '\n');
}

void config_sample(struct buf *out)
{
        buf_adds(out,
                 "# Configuration of wavefleet-api and wavefleet-worker: every key, its default.\n"
                 "# Remove the # before a key to set it. The environment wins over this file, and\n"
                 "# flags win over both; the README lists their names.\n"
                 "# wavefleet-api --config FILE --check says what is wrong with it.\n\n");
        each_group(out, API | WORKER, print_sample, NULL);
}

/* ---- the manual ---- */

void config_markdown(struct buf *out)
{
        size_t count;
        const struct config_row *rows = config_rows(&count);
        buf_adds(out, "| Key | Environment | Flag | Program | Default (range) | Meaning |\n"
                      "|---|---|---|---|---|---|\n");
        for (const struct config_row *row = rows; row < rows + count; row++) {
                unsigned programs = row->flags & (API | WORKER);
                buf_addf(out, "| `%s` | `%s` | `%s` | %s | `", row->path, row->env, row->flag,
                         programs == API      ? "api"
                         : programs == WORKER ? "worker"
                                              : "both");
                add_default(out, row);
                buf_addc(out, '`');
                add_range(out, row);
                buf_adds(out, " | ");
                add_help(out, row);
                buf_adds(out, " |\n");
        }
}

/* ---- --help ---- */

static void help_row(FILE *out, const struct config_row *row)
{
        static const char *const placeholders[] = {
                [CONFIG_STR] = " TEXT", [CONFIG_INT] = " N", [CONFIG_BOOL] = "[=false]"};
        autobuf text = BUF_INIT(4096);
        buf_addf(&text, "  %s%s, %s\n      ", row->flag, placeholders[row->type], row->env);
        add_help(&text, row);
        buf_adds(&text, "; default ");
        add_default(&text, row);
        add_range(&text, row);
        fprintf(out, "%s\n", buf_str(&text));
}

void config_help(enum config_program program, const char *usage, FILE *out)
{
        size_t count;
        const struct config_row *rows = config_rows(&count);
        fprintf(out,
                "%s\n\n"
                "  --config FILE\n      read this YAML file first\n"
                "  --check\n      check the configuration and what it leads to, then end\n"
                "  --print-config\n      print the configuration that would be used, then end\n"
                "  --version, --help\n\n"
                "Each key as a flag, as an environment variable, and in the file by its path.\n"
                "The environment wins over the file, flags win over both.\n\n",
                usage);
        for (const struct config_row *row = rows; row < rows + count; row++) {
                if ((row->flags & (unsigned)program) && !row->alias_of)
                        help_row(out, row);
        }
}
