/* token.c - tokens from the command line, over a connection of its own. */
#include "api/token.h"

#include <stdio.h>
#include <string.h>

#include "api/app.h"
#include "base/mem.h"
#include "store/pg_sync.h"

CLEANUP_DEFINE(pg_sync, struct pg_sync *, pg_sync_close)

/* ---- the words ---- */

/* "--name=x" or "--name x" at argv[*i]; *i moves to the last word taken. 1: it was this flag. */
static int take_flag(int argc, char **argv, int *i, const char *flag, const char **out,
                     struct err *e)
{
        size_t len = strlen(flag);
        if (strncmp(argv[*i], flag, len) != 0)
                return 0;
        if (argv[*i][len] == '=') {
                *out = argv[*i] + len + 1;
                return 1;
        }
        if (argv[*i][len] != '\0')
                return 0;
        if (*i + 1 >= argc)
                return err_set(e, ERR_CONFIG, "%s: needs a value", flag);
        *out = argv[++*i];
        return 1;
}

int token_take_flags(int *argc, char **argv, struct token_flags *out, struct err *e)
{
        int kept = 1;
        *out = (struct token_flags){0};
        for (int i = 1; i < *argc; i++) {
                int taken = take_flag(*argc, argv, &i, "--role", &out->role, e);
                if (taken == 0)
                        taken = take_flag(*argc, argv, &i, "--name", &out->name, e);
                if (taken < 0)
                        return -1;
                if (taken == 0)
                        argv[kept++] = argv[i];
        }
        argv[ *argc = kept] = NULL;
        return 0;
}

/* ---- the commands ---- */

struct answer_rows {
        int rows;
        bool first; /* column 0 of the first row as a boolean */
};

static void on_rows(const struct pg_result *r, const struct err *e, void *arg)
{
        struct answer_rows *a = arg;
        if (e)
                return;
        a->rows = pg_rows(r, 0);
        a->first = a->rows > 0 && pg_bool(r, 0, 0, 0);
}

static int create(struct pg_sync *c, const struct token_flags *flags, struct err *e)
{
        char token[TOKEN_SIZE];
        unsigned char hash[HASH_BYTES];
        struct answer_rows a = {0};
        token_make(token, hash);
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_TOKEN_CREATE);
        pg_arg_text(tx, flags->name);
        pg_arg_text(tx, flags->role);
        pg_arg_bytes(tx, hash, sizeof(hash));
        int rc = pg_sync_run(c, tx, on_rows, &a, e);
        if (rc == 0 && a.rows == 0)
                rc = err_set(
                        e, ERR_CONFLICT,
                        "there is a token named '%s' already, or was: names are not used again",
                        flags->name);
        if (rc == 0) {
                puts(token);
                fprintf(stderr, "This is the only time it is shown. Role: %s.\n", flags->role);
        }
        mem_wipe(token, sizeof(token));
        return rc;
}

static void print_rows(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)arg;
        static const char format[] = "%-24s %-10s %-21s %-21s %s\n";
        if (e)
                return;
        printf(format, "NAME", "ROLE", "CREATED", "LAST USED", "REVOKED");
        for (int row = 0; row < pg_rows(r, 0); row++) {
                const char *used = pg_text(r, 0, row, 3), *revoked = pg_text(r, 0, row, 4);
                printf(format, pg_text(r, 0, row, 0), pg_text(r, 0, row, 1), pg_text(r, 0, row, 2),
                       used ? used : "-", revoked ? revoked : "-");
        }
}

static int list(struct pg_sync *c, const struct token_flags *flags, struct err *e)
{
        (void)flags;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_TOKEN_LIST);
        return pg_sync_run(c, tx, print_rows, NULL, e);
}

static int revoke(struct pg_sync *c, const struct token_flags *flags, struct err *e)
{
        struct answer_rows a = {0};
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_TOKEN_REVOKE);
        pg_arg_text(tx, flags->name);
        if (pg_sync_run(c, tx, on_rows, &a, e) < 0)
                return -1;
        if (a.rows == 0)
                return err_set(e, ERR_NOT_FOUND, "there is no token named '%s'", flags->name);
        printf("%s\n", a.first ? "It was revoked before." : "Revoked.");
        return 0;
}

static const struct command {
        const char *name;
        bool wants_name, wants_role;
        int (*run)(struct pg_sync *c, const struct token_flags *flags, struct err *e);
} commands[] = {
        {"create", true, true, create},
        {"list", false, false, list},
        {"revoke", true, false, revoke},
};

/* ---- the whole ---- */

static int usage(const char *what)
{
        fprintf(stderr,
                "wavefleet-api: %s\n"
                "usage: wavefleet-api token create --role viewer|operator|admin --name NAME\n"
                "       wavefleet-api token list\n"
                "       wavefleet-api token revoke --name NAME\n",
                what);
        return 2;
}

/* NULL: fine. */
static const char *mistake_in(const struct command *cmd, const struct token_flags *flags)
{
        enum role role;
        if (cmd->wants_name && !flags->name)
                return "--name is missing";
        if (cmd->wants_role && !flags->role)
                return "--role is missing";
        if (!cmd->wants_name && flags->name)
                return "--name does not belong here";
        if (!cmd->wants_role && flags->role)
                return "--role does not belong here";
        if (cmd->wants_name && !token_name_ok(flags->name))
                return "a name is a line of 1 to 64 bytes, without spaces at its ends, and is not "
                       "'bootstrap'";
        if (cmd->wants_role && role_parse(flags->role, &role) < 0)
                return "a role is viewer, operator or admin";
        return NULL;
}

static int run_command(const struct config *config, const struct command *cmd,
                       const struct token_flags *flags, struct err *e)
{
        struct pg_opts opts = app_pg_opts(config);
        struct pg_sync *c cleanup(pg_sync_cleanup) = pg_sync_open(&opts, e);
        if (!c || schema_apply(c, e) < 0)
                return -1;
        return cmd->run(c, flags, e);
}

int token_command(const struct config *config, int argc, char **argv,
                  const struct token_flags *flags)
{
        const struct command *cmd = NULL;
        for (size_t i = 0; argc == 3 && i < COUNT_OF(commands); i++) {
                if (strcmp(argv[2], commands[i].name) == 0)
                        cmd = &commands[i];
        }
        if (!cmd)
                return usage("want one of: token create, token list, token revoke");
        const char *mistake = mistake_in(cmd, flags);
        if (mistake)
                return usage(mistake);
        struct err e = ERR_INIT;
        if (run_command(config, cmd, flags, &e) == 0)
                return 0;
        fprintf(stderr, "wavefleet-api: %s\n", e.text);
        return 1;
}
