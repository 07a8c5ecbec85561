/* exit.c - the table of exit statuses. */
#include "worker/kinds/command/exit.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/mem.h"

static const struct {
        int status;
        enum error_class class;
} known[] = {
        {EX_USAGE, CLASS_DATA},      {EX_DATAERR, CLASS_DATA},    {EX_NOINPUT, CLASS_DATA},
        {EX_NOUSER, CLASS_DATA},     {EX_NOHOST, CLASS_DATA},     {EX_NOPERM, CLASS_DATA},
        {EX_OSFILE, CLASS_CRITICAL}, {EX_CONFIG, CLASS_CRITICAL}, {126, CLASS_CRITICAL},
        {127, CLASS_CRITICAL},
};

struct command_verdict exit_judge(int status, const struct json *exit_codes)
{
        struct command_verdict verdict;
        if (!WIFEXITED(status))
                return (struct command_verdict){.class = CLASS_CRASHED};
        int code = WEXITSTATUS(status);
        char name[16];
        snprintf(name, sizeof(name), "%d", code);
        const char *rule = json_str(json_get(exit_codes, name));
        if (rule && command_verdict_parse(rule, &verdict) == 0)
                return verdict;
        if (code == 0)
                return (struct command_verdict){.completed = true};
        for (size_t i = 0; i < COUNT_OF(known); i++) {
                if (known[i].status == code)
                        return (struct command_verdict){.class = known[i].class};
        }
        return (struct command_verdict){.class = CLASS_TEMPORARY};
}

const char *exit_describe(int status, struct arena *a)
{
        if (WIFEXITED(status))
                return arena_printf(a, "exited with status %d", WEXITSTATUS(status));
        const char *name = sigabbrev_np(WTERMSIG(status));
        return arena_printf(a, "killed by signal %d (%s)", WTERMSIG(status), name ? name : "?");
}
