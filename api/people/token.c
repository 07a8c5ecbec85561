/* token.c - tokens from the command line. */
#include "api/people/token.h"

#include <stdio.h>
#include <string.h>

#include "api/people/auth.h"
#include "api/people/role.h"
#include "base/mem.h"
#include "base/rand.h"

bool token_name_ok(const char *name)
{
        size_t len = strlen(name);
        if (len == 0 || len > AUTH_NAME_MAX || name[0] == ' ' || name[len - 1] == ' ')
                return false;
        for (const char *p = name; *p; p++) {
                if ((unsigned char)*p < ' ' || *p == 0x7f)
                        return false;
        }
        return utf8_valid(name, len) && strcmp(name, "bootstrap") != 0;
}

/* ---- the commands: arg is a struct subcommand_flags ---- */

static int create(struct pg_sync *c, void *arg, struct err *e)
{
        const struct subcommand_flags *flags = arg;
        char token[SECRET_SIZE];
        unsigned char hash[HASH_BYTES];
        struct subcommand_rows a;
        token_make(token, hash);
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_TOKEN_CREATE);
        pg_arg_text(tx, flags->name);
        pg_arg_text(tx, flags->role);
        pg_arg_bytes(tx, hash, sizeof(hash));
        int rc = subcommand_send(c, tx, 0, &a, e);
        if (rc == 0 && a.rows == 0)
                rc = err_set(e, ERR_CONFLICT,
                             "there is a token or a user named '%s' already, or a token was: names "
                             "are not used again",
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

static int list(struct pg_sync *c, void *arg, struct err *e)
{
        (void)arg;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_TOKEN_LIST);
        return pg_sync_run(c, tx, print_rows, NULL, e);
}

static int revoke(struct pg_sync *c, void *arg, struct err *e)
{
        const struct subcommand_flags *flags = arg;
        struct subcommand_rows a;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_TOKEN_REVOKE);
        pg_arg_text(tx, flags->name);
        if (subcommand_send(c, tx, 0, &a, e) < 0)
                return -1;
        if (a.rows == 0)
                return err_set(e, ERR_NOT_FOUND, "there is no token named '%s'", flags->name);
        printf("%s\n", a.first ? "It was revoked before." : "Revoked.");
        return 0;
}

static const struct command {
        const char *name;
        bool wants_name, wants_role;
        subcommand_fn run;
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
static const char *mistake_in(const struct command *cmd, const struct subcommand_flags *flags)
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
        if (flags->full_name || flags->email || flags->password_stdin)
                return "--full-name, --email and --password-stdin are of users";
        if (cmd->wants_name && !token_name_ok(flags->name))
                return "a name is a line of 1 to 64 bytes, without spaces at its ends, and is not "
                       "'bootstrap'";
        if (cmd->wants_role && role_parse(flags->role, &role) < 0)
                return "a role is viewer, operator or admin";
        return NULL;
}

int token_command(const struct config *config, int argc, char **argv,
                  const struct subcommand_flags *flags)
{
        const struct command *cmd = NULL;
        struct subcommand_flags given = *flags;
        for (size_t i = 0; argc == 3 && i < COUNT_OF(commands); i++) {
                if (strcmp(argv[2], commands[i].name) == 0)
                        cmd = &commands[i];
        }
        if (!cmd)
                return usage("want one of: token create, token list, token revoke");
        const char *mistake = mistake_in(cmd, flags);
        if (mistake)
                return usage(mistake);
        return subcommand_run(config, cmd->run, &given);
}
