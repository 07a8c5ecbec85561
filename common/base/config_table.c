/* config_table.c - the rows of config.def, their names, and what a text must look like. */
#include "base/config_table.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"

#define MEMBER(member) offsetof(struct config, member)

static struct config_row rows[] = {
#define CFG_STR(member, path_, def, flags_, help_)                                                 \
        {.path = path_,                                                                            \
         .type = CONFIG_STR,                                                                       \
         .offset = MEMBER(member),                                                                 \
         .text = def,                                                                              \
         .flags = flags_,                                                                          \
         .help = help_},
#define CFG_INT(member, path_, def, min_, max_, flags_, help_)                                     \
        {.path = path_,                                                                            \
         .type = CONFIG_INT,                                                                       \
         .offset = MEMBER(member),                                                                 \
         .number = def,                                                                            \
         .min = min_,                                                                              \
         .max = max_,                                                                              \
         .flags = flags_,                                                                          \
         .help = help_},
#define CFG_BOOL(member, path_, def, flags_, help_)                                                \
        {.path = path_,                                                                            \
         .type = CONFIG_BOOL,                                                                      \
         .offset = MEMBER(member),                                                                 \
         .number = def,                                                                            \
         .flags = flags_,                                                                          \
         .help = help_},
#define CFG_ALIAS(path_, member, mul, help_)                                                       \
        {.path = path_,                                                                            \
         .type = CONFIG_INT,                                                                       \
         .offset = MEMBER(member),                                                                 \
         .multiplier = mul,                                                                        \
         .help = help_},
#define CFG_ENV(path, name)
#define CFG_FLAG(path, flag)
#include "base/config.def"
#undef CFG_STR
#undef CFG_INT
#undef CFG_BOOL
#undef CFG_ALIAS
#undef CFG_ENV
#undef CFG_FLAG
};

struct name {
        const char *path, *name;
};

#define CFG_STR(member, path, def, flags, help)
#define CFG_INT(member, path, def, min, max, flags, help)
#define CFG_BOOL(member, path, def, flags, help)
#define CFG_ALIAS(path, member, mul, help)

static const struct name env_names[] = {
#define CFG_ENV(path, name) {path, name},
#define CFG_FLAG(path, flag)
#include "base/config.def"
#undef CFG_ENV
#undef CFG_FLAG
};

static const struct name flag_names[] = {
#define CFG_ENV(path, name)
#define CFG_FLAG(path, flag) {path, flag},
#include "base/config.def"
};

/* ---- what a text must look like ---- */

static bool begins(const char *text, const char *with)
{
        return strncmp(text, with, strlen(with)) == 0;
}

static bool valid_log_level(const char *text)
{
        enum log_level level;
        return log_level_parse(text, &level) == 0;
}

static bool valid_secret_key(const char *text)
{
        size_t digits = strspn(text, "0123456789abcdefABCDEF");
        return !text[digits] && (digits == 0 || digits == 64);
}

static bool valid_token(const char *text)
{
        return !*text || strlen(text) >= 16;
}

static bool valid_http_url(const char *text)
{
        const char *host = begins(text, "http://")    ? text + 7
                           : begins(text, "https://") ? text + 8
                                                      : "";
        return *host && *host != '/' && !strpbrk(text, " \t\r\n");
}

static bool valid_http_url_or_none(const char *text)
{
        return !*text || valid_http_url(text);
}

static bool valid_redis_url(const char *text)
{
        return begins(text, "redis://") || begins(text, "rediss://") || begins(text, "unix:///");
}

/* Either a URI of libpq's or its keywords: host=... dbname=... */
static bool valid_database_url(const char *text)
{
        const char *scheme_end = strstr(text, "://");
        const char *equals = strchr(text, '=');
        if (scheme_end && (!equals || scheme_end < equals))
                return begins(text, "postgresql://") || begins(text, "postgres://");
        return equals;
}

/* host:port or [address]:port; the host may be empty: all addresses. */
static bool valid_listen(const char *text)
{
        const char *colon = strrchr(text, ':');
        if (!colon || !isdigit((unsigned char)colon[1]) || strlen(colon) > 6)
                return false;
        if (memchr(text, ':', (size_t)(colon - text)) && (text[0] != '[' || colon[-1] != ']'))
                return false;
        char *end;
        long port = strtol(colon + 1, &end, 10);
        return !*end && port <= 65535;
}

static bool valid_path(const char *text)
{
        return text[0] == '/';
}

/* Calls `item` for each piece between commas; none at all is up to the caller. */
static bool all_items(const char *text, bool (*item)(const char *text, size_t len))
{
        for (;;) {
                size_t len = strcspn(text, ",");
                if (!item(text, len))
                        return false;
                if (!text[len])
                        return true;
                text += len + 1;
        }
}

static bool item_is_path(const char *text, size_t len)
{
        return len > 1 && text[0] == '/';
}

static bool item_is_queue(const char *text, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                if (!isalnum((unsigned char)text[i]) && !strchr("_.-", text[i]))
                        return false;
        }
        return len >= 1 && len <= 64;
}

static bool valid_paths(const char *text)
{
        return !*text || all_items(text, item_is_path);
}

static bool valid_queues(const char *text)
{
        return all_items(text, item_is_queue);
}

static const struct text_rule {
        const char *path;
        bool (*valid)(const char *text);
        const char *mistaken;
} text_rules[] = {
        {"database.url", valid_database_url,
         "must begin with postgresql:// or be libpq keywords such as \"host=... dbname=...\""},
        {"redis.url", valid_redis_url, "must begin with redis://, rediss:// or unix:///"},
        {"http.listen", valid_listen, "must be an address and a port such as 127.0.0.1:8088"},
        {"http.public_url", valid_http_url_or_none,
         "must be empty or begin with http:// or https:// and name a host"},
        {"http.spool_dir", valid_path, "must be an absolute path"},
        {"auth.api_token", valid_token, "must be empty or have at least 16 characters"},
        {"auth.secret_key", valid_secret_key, "must be empty or 64 hexadecimal digits"},
        {"migration_server.url", valid_http_url,
         "must begin with http:// or https:// and name a host"},
        {"brizy.url", valid_http_url, "must begin with http:// or https:// and name a host"},
        {"command.allow", valid_paths, "must be absolute paths, separated by commas"},
        {"worker.queues", valid_queues,
         "must be names of letters, digits, \"_\", \".\" and \"-\", separated by commas"},
        {"log.level", valid_log_level, "must be error, warn, info or debug"},
};

/* ---- filling in ---- */

static struct config_row *row_by_path(const char *path)
{
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                if (strcmp(rows[i].path, path) == 0)
                        return &rows[i];
        }
        return NULL;
}

static void derive_names(struct config_row *r)
{
        size_t len = strlen(r->path);
        assert(len + sizeof("WAVEFLEET_") <= sizeof(r->env));
        snprintf(r->env, sizeof(r->env), "WAVEFLEET_%s", r->path);
        snprintf(r->flag, sizeof(r->flag), "--%s", r->path);
        for (char *c = r->env + strlen(r->env) - len; *c; c++)
                *c = (char)(*c == '.' ? '_' : toupper((unsigned char)*c));
        for (char *c = r->flag; *c; c++)
                *c = (char)(*c == '.' || *c == '_' ? '-' : *c);
}

static int64_t divide_up(int64_t a, int64_t b)
{
        return (a + b - 1) / b;
}

/* An alias has the range, default and flags of its row, in its own unit. */
static void resolve_alias(struct config_row *alias)
{
        const struct config_row *r = rows;
        while (r->offset != alias->offset || r->multiplier)
                r++;
        assert(r < rows + COUNT_OF(rows) && r->type == CONFIG_INT);
        alias->alias_of = r->path;
        alias->number = r->number / alias->multiplier;
        alias->min = divide_up(r->min, alias->multiplier);
        alias->max = r->max / alias->multiplier;
        alias->flags = r->flags;
}

static void fill_in(void)
{
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                derive_names(&rows[i]);
                if (rows[i].multiplier)
                        resolve_alias(&rows[i]);
        }
        for (size_t i = 0; i < COUNT_OF(env_names); i++) {
                struct config_row *r = row_by_path(env_names[i].path);
                assert(r && strlen(env_names[i].name) < sizeof(r->env));
                snprintf(r->env, sizeof(r->env), "%s", env_names[i].name);
        }
        for (size_t i = 0; i < COUNT_OF(flag_names); i++) {
                struct config_row *r = row_by_path(flag_names[i].path);
                assert(r && strlen(flag_names[i].name) + 2 < sizeof(r->flag));
                snprintf(r->flag, sizeof(r->flag), "--%s", flag_names[i].name);
        }
        for (size_t i = 0; i < COUNT_OF(text_rules); i++) {
                struct config_row *r = row_by_path(text_rules[i].path);
                assert(r && r->type == CONFIG_STR);
                r->valid = text_rules[i].valid;
                r->mistaken = text_rules[i].mistaken;
        }
}

const struct config_row *config_rows(size_t *count)
{
        if (!rows[0].env[0])
                fill_in();
        *count = COUNT_OF(rows);
        return rows;
}

const struct config_row *config_row_by_path(const char *path)
{
        size_t count;
        config_rows(&count);
        return row_by_path(path);
}

const struct config_row *config_row_by_flag(const char *flag, size_t len)
{
        size_t count;
        config_rows(&count);
        for (size_t i = 0; i < count; i++) {
                if (strlen(rows[i].flag) == len && strncmp(rows[i].flag, flag, len) == 0)
                        return &rows[i];
        }
        return NULL;
}

bool config_is_group(const char *path)
{
        size_t len = strlen(path);
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                if (begins(rows[i].path, path) && rows[i].path[len] == '.')
                        return true;
        }
        return false;
}

/* ---- storing ---- */

static void *member(struct config *c, const struct config_row *row)
{
        return (char *)c + row->offset;
}

static int store_int(struct config *c, const struct config_row *row, const char *s, struct err *e)
{
        char *end;
        errno = 0;
        long long v = strtoll(s, &end, 10);
        bool digits = isdigit((unsigned char)s[0]) || (s[0] == '-' && isdigit((unsigned char)s[1]));
        if (!digits || *end || errno || v < row->min || v > row->max)
                return err_set(e, ERR_CONFIG, "must be an integer from %lld to %lld, not \"%s\"",
                               (long long)row->min, (long long)row->max, s);
        *(int64_t *)member(c, row) = v * (row->multiplier ? row->multiplier : 1);
        return 0;
}

static int store_bool(struct config *c, const struct config_row *row, const char *s, struct err *e)
{
        static const char *const yes[] = {"true", "yes", "on", "1"};
        static const char *const no[] = {"false", "no", "off", "0"};
        for (size_t i = 0; i < COUNT_OF(yes); i++) {
                bool is_yes = strcasecmp(s, yes[i]) == 0;
                if (is_yes || strcasecmp(s, no[i]) == 0) {
                        *(bool *)member(c, row) = is_yes;
                        return 0;
                }
        }
        return err_set(e, ERR_CONFIG, "must be true or false, not \"%s\"", s);
}

/* The text is not repeated: it may be a secret. */
static int store_str(struct config *c, const struct config_row *row, const char *s, struct err *e)
{
        if (row->valid && !row->valid(s))
                return err_set(e, ERR_CONFIG, "%s", row->mistaken);
        char **kept = member(c, row);
        if (*kept && (row->flags & SECRET))
                mem_wipe(*kept, strlen(*kept));
        free(*kept);
        *kept = xstrdup(s);
        return 0;
}

int config_store(struct config *c, const struct config_row *row, const char *text, struct err *e)
{
        /* It is printed as YAML, logged as JSON, and given to PostgreSQL. */
        if (!utf8_valid(text, strlen(text)))
                return err_set(e, ERR_CONFIG, "must be UTF-8");
        switch (row->type) {
        case CONFIG_STR:
                return store_str(c, row, text, e);
        case CONFIG_INT:
                return store_int(c, row, text, e);
        case CONFIG_BOOL:
                return store_bool(c, row, text, e);
        }
        return -1;
}
