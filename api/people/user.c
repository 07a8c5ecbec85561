/* user.c - users from the command line. */
#include "api/people/user.h"

#include <stdio.h>
#include <string.h>

#include "api/people/prompt.h"
#include "api/people/role.h"
#include "base/mem.h"
#include "base/rand.h"

enum { TEXT_MAX = 255 };

struct order {
        char name[USERNAME_MAX + 1];
        const char *role, *full_name, *email;
        char hash[PASSWORD_HASH_SIZE]; /* where the command wants a password */
};

/* ---- the commands: arg is a struct order ---- */

static int none(const struct order *o, struct err *e)
{
        return err_set(e, ERR_NOT_FOUND, "there is no user named '%s'", o->name);
}

static int create(struct pg_sync *c, void *arg, struct err *e)
{
        const struct order *o = arg;
        struct subcommand_rows a;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_USER_CREATE);
        pg_arg_text(tx, o->name);
        pg_arg_text(tx, o->role);
        pg_arg_text(tx, o->full_name ? o->full_name : "");
        pg_arg_text(tx, o->email ? o->email : "");
        pg_arg_text(tx, o->hash);
        if (subcommand_send(c, tx, 0, &a, e) < 0)
                return -1;
        if (a.rows == 0)
                return err_set(
                        e, ERR_CONFLICT,
                        "there is a user named '%s' already, or there is or was such a token",
                        o->name);
        printf("Created %s with the role %s.\n", o->name, o->role);
        return 0;
}

static const char *or_dash(const char *s)
{
        return s && *s ? s : "-";
}

static void print_rows(const struct pg_result *r, const struct err *e, void *arg)
{
        (void)arg;
        static const char format[] = "%-24s %-10s %-21s %-21s %-21s %s\n";
        if (e)
                return;
        printf(format, "NAME", "ROLE", "CREATED", "LAST LOGIN", "DISABLED", "FULL NAME");
        for (int row = 0; row < pg_rows(r, 0); row++)
                printf(format, pg_text(r, 0, row, 0), pg_text(r, 0, row, 1), pg_text(r, 0, row, 3),
                       or_dash(pg_text(r, 0, row, 4)), or_dash(pg_text(r, 0, row, 5)),
                       or_dash(pg_text(r, 0, row, 2)));
}

static int list(struct pg_sync *c, void *arg, struct err *e)
{
        (void)arg;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_USER_LIST);
        return pg_sync_run(c, tx, print_rows, NULL, e);
}

static struct pg_tx *locked(const struct order *o)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_USER_LOCK);
        pg_arg_text(tx, o->name);
        return tx;
}

static int password(struct pg_sync *c, void *arg, struct err *e)
{
        const struct order *o = arg;
        struct subcommand_rows a;
        struct pg_tx *tx = locked(o);
        pg_stmt(tx, SQL_USER_PASSWORD);
        pg_arg_text(tx, o->name);
        pg_arg_text(tx, o->hash);
        if (subcommand_send(c, tx, 1, &a, e) < 0)
                return -1;
        if (a.rows == 0)
                return none(o, e);
        printf("Changed; sessions that have ended: %lld.\n", (long long)a.number);
        return 0;
}

static int able(struct pg_sync *c, const struct order *o, bool may_log_in, struct err *e)
{
        struct subcommand_rows a;
        struct pg_tx *tx = locked(o);
        pg_stmt(tx, SQL_USER_ABLE);
        pg_arg_text(tx, o->name);
        pg_arg_bool(tx, may_log_in);
        if (subcommand_send(c, tx, 1, &a, e) < 0)
                return -1;
        if (a.rows == 0)
                return none(o, e);
        printf("%s\n", !a.first ? "It was so before." : may_log_in ? "Enabled." : "Disabled.");
        return 0;
}

static int disable(struct pg_sync *c, void *arg, struct err *e)
{
        return able(c, arg, false, e);
}

static int enable(struct pg_sync *c, void *arg, struct err *e)
{
        return able(c, arg, true, e);
}

static int change_role(struct pg_sync *c, void *arg, struct err *e)
{
        const struct order *o = arg;
        struct subcommand_rows a;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_USER_ROLE);
        pg_arg_text(tx, o->name);
        pg_arg_text(tx, o->role);
        if (subcommand_send(c, tx, 0, &a, e) < 0)
                return -1;
        if (a.rows == 0)
                return none(o, e);
        printf("Changed to %s.\n", o->role);
        return 0;
}

static const struct command {
        const char *name;
        int words; /* behind it: NAME, ROLE */
        bool is_create, wants_password;
        subcommand_fn run;
} commands[] = {
        {"create", 1, true, true, create},      {"list", 0, false, false, list},
        {"password", 1, false, true, password}, {"role", 2, false, false, change_role},
        {"disable", 1, false, false, disable},  {"enable", 1, false, false, enable},
};

/* ---- what was said ---- */

static int usage(const char *what)
{
        fprintf(stderr,
                "wavefleet-api: %s\n"
                "usage: wavefleet-api user create NAME --role viewer|operator|admin\n"
                "                          [--full-name TEXT] [--email TEXT] [--password-stdin]\n"
                "       wavefleet-api user password NAME [--password-stdin]\n"
                "       wavefleet-api user role NAME viewer|operator|admin\n"
                "       wavefleet-api user disable|enable NAME\n"
                "       wavefleet-api user list\n",
                what);
        return 2;
}

static bool text_ok(const char *s)
{
        for (const char *p = s; s && *p; p++) {
                if ((unsigned char)*p < ' ' || *p == 0x7f)
                        return false;
        }
        return !s || (strlen(s) <= TEXT_MAX && utf8_valid(s, strlen(s)));
}

/* NULL: fine, and the order is filled in but for the password. */
static const char *read_order(const struct command *cmd, char **words,
                              const struct subcommand_flags *flags, struct order *o)
{
        enum role role;
        *o = (struct order){.role = cmd->words == 2 ? words[1] : flags->role,
                            .full_name = flags->full_name,
                            .email = flags->email};
        if (flags->name)
                return "the name stands behind the command, without --name";
        if (!cmd->is_create && (flags->role || flags->full_name || flags->email))
                return "--role, --full-name and --email belong to 'user create'";
        if (!cmd->wants_password && flags->password_stdin)
                return "--password-stdin does not belong here";
        if (cmd->words && username_fold(words[0], o->name) < 0)
                return "a name has 1 to 64 of the characters A-Z a-z 0-9 . _ @ + -, and is not "
                       "'bootstrap'";
        if (cmd->is_create && !o->role)
                return "--role is missing";
        if ((cmd->is_create || cmd->words == 2) && role_parse(o->role, &role) < 0)
                return "a role is viewer, operator or admin";
        if (!text_ok(o->full_name) || !text_ok(o->email))
                return "--full-name and --email are lines of at most 255 bytes";
        return NULL;
}

static int take_password(struct order *o, bool from_stdin, struct err *e)
{
        char text[PASSWORD_MAX + 1];
        int rc = from_stdin ? prompt_read_line(text, e) : prompt_password(o->name, text, e);
        if (rc == 0)
                rc = password_check(o->name, text, e);
        if (rc == 0)
                rc = password_hash(text, o->hash, e);
        mem_wipe(text, sizeof(text));
        return rc;
}

int user_command(const struct config *config, int argc, char **argv,
                 const struct subcommand_flags *flags)
{
        const struct command *cmd = NULL;
        struct order o;
        struct err e = ERR_INIT;
        for (size_t i = 0; argc > 2 && i < COUNT_OF(commands); i++) {
                if (strcmp(argv[2], commands[i].name) == 0 && argc == 3 + commands[i].words)
                        cmd = &commands[i];
        }
        if (!cmd)
                return usage(
                        "that is no command about users, or its words are too few or too many");
        const char *mistake = read_order(cmd, argv + 3, flags, &o);
        if (mistake)
                return usage(mistake);
        if (cmd->wants_password && take_password(&o, flags->password_stdin != NULL, &e) < 0) {
                fprintf(stderr, "wavefleet-api: %s\n", e.text);
                return 1;
        }
        return subcommand_run(config, cmd->run, &o);
}
