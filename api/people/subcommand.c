/* subcommand.c - see the header. */
#include "api/people/subcommand.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "api/app.h"
#include "base/mem.h"

CLEANUP_DEFINE(pg_sync, struct pg_sync *, pg_sync_close)

/* ---- the words ---- */

static const struct flag {
        const char *name;
        bool has_value;
        size_t offset;
} flags[] = {
        {"--role", true, offsetof(struct subcommand_flags, role)},
        {"--name", true, offsetof(struct subcommand_flags, name)},
        {"--full-name", true, offsetof(struct subcommand_flags, full_name)},
        {"--email", true, offsetof(struct subcommand_flags, email)},
        {"--password-stdin", false, offsetof(struct subcommand_flags, password_stdin)},
};

bool subcommand_is(int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "token") == 0 || strcmp(argv[i], "user") == 0)
                        return true;
        }
        return false;
}

/* "--name=x" or "--name x" at argv[*i]; *i moves to the last word taken. 1: it was this flag. */
static int take_flag(int argc, char **argv, int *i, const struct flag *f, const char **out,
                     struct err *e)
{
        size_t len = strlen(f->name);
        if (strncmp(argv[*i], f->name, len) != 0)
                return 0;
        if (argv[*i][len] == '=' && f->has_value) {
                *out = argv[*i] + len + 1;
                return 1;
        }
        if (argv[*i][len] != '\0')
                return 0;
        if (!f->has_value) {
                *out = argv[*i];
                return 1;
        }
        if (*i + 1 >= argc)
                return err_set(e, ERR_CONFIG, "%s: needs a value", f->name);
        *out = argv[++*i];
        return 1;
}

int subcommand_take_flags(int *argc, char **argv, struct subcommand_flags *out, struct err *e)
{
        int kept = 1;
        *out = (struct subcommand_flags){0};
        for (int i = 1; i < *argc; i++) {
                int taken = 0;
                for (size_t k = 0; k < COUNT_OF(flags) && taken == 0; k++)
                        taken = take_flag(*argc, argv, &i, &flags[k],
                                          (const char **)(void *)((char *)out + flags[k].offset),
                                          e);
                if (taken < 0)
                        return -1;
                if (taken == 0)
                        argv[kept++] = argv[i];
        }
        argv[ *argc = kept] = NULL;
        return 0;
}

/* ---- running ---- */

static int run(const struct config *config, subcommand_fn fn, void *arg, struct err *e)
{
        struct pg_opts opts = app_pg_opts(config);
        struct pg_sync *c cleanup(pg_sync_cleanup) = pg_sync_open(&opts, e);
        if (!c || schema_apply(c, e) < 0)
                return -1;
        return fn(c, arg, e);
}

int subcommand_run(const struct config *config, subcommand_fn fn, void *arg)
{
        struct err e = ERR_INIT;
        if (run(config, fn, arg, &e) == 0)
                return 0;
        fprintf(stderr, "wavefleet-api: %s\n", e.text);
        return 1;
}

struct question {
        size_t statement;
        struct subcommand_rows *out;
};

static void on_rows(const struct pg_result *r, const struct err *e, void *arg)
{
        const struct question *q = arg;
        if (e)
                return;
        *q->out = (struct subcommand_rows){.rows = pg_rows(r, q->statement)};
        if (q->out->rows == 0)
                return;
        q->out->first = pg_bool(r, q->statement, 0, 0);
        q->out->number = pg_int(r, q->statement, 0, 0);
}

int subcommand_send(struct pg_sync *c, struct pg_tx *tx, size_t last, struct subcommand_rows *out,
                    struct err *e)
{
        struct question q = {.statement = last, .out = out};
        *out = (struct subcommand_rows){0};
        return pg_sync_run(c, tx, on_rows, &q, e);
}
