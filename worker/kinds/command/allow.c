/* allow.c - the list of programs. */
#include "worker/kinds/command/allow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The path with its folder resolved, or NULL with errno. */
static const char *normal(const char *path, struct arena *a)
{
        const char *slash = strrchr(path, '/');
        if (path[0] != '/' || !slash[1] || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0) {
                errno = EINVAL;
                return NULL;
        }
        const char *folder = slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
        autofree char *real = realpath(folder, NULL);
        if (!real)
                return NULL;
        return arena_printf(a, "%s%s", strcmp(real, "/") == 0 ? "" : real, slash);
}

static char *trim(char *s)
{
        s += strspn(s, " \t");
        size_t len = strlen(s);
        while (len > 0 && strchr(" \t", s[len - 1]))
                s[--len] = '\0';
        return s;
}

const char *allow_find(const char *list, const char *program, struct arena *a, struct err *e)
{
        const char *wanted = normal(program, a);
        if (!wanted) {
                err_errno(e, ERR_FORBIDDEN, "cannot run %s", program);
                return NULL;
        }
        char *rest = arena_strdup(a, list), *entry;
        while ((entry = strsep(&rest, ","))) {
                const char *allowed = normal(trim(entry), a);
                if (allowed && strcmp(allowed, wanted) == 0)
                        return wanted;
        }
        err_set(e, ERR_FORBIDDEN,
                "%s may not run here: it is not in command.allow of this worker's configuration",
                program);
        return NULL;
}
