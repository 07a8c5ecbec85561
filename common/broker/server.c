/* server.c - see server.h. */
#include "broker/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "name:value\r\n" at the begin of a line; out is "" where there is none. */
static void read_line(const char *text, size_t len, const char *name, char *out, size_t size)
{
        size_t name_len = strlen(name);
        const char *at = text, *end = text + len;
        out[0] = '\0';
        while (at < end) {
                const char *stop = memchr(at, '\n', (size_t)(end - at));
                size_t line = (size_t)((stop ? stop : end) - at);
                if (line > name_len && memcmp(at, name, name_len) == 0 && at[name_len] == ':') {
                        size_t n = line - name_len - 1;
                        while (n > 0 && at[name_len + n] == '\r')
                                n--;
                        snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1),
                                 at + name_len + 1);
                        return;
                }
                at += line + 1;
        }
}

void server_read_info(struct server_facts *f, const char *text, size_t len)
{
        char value[32];
        f->known = true;
        read_line(text, len, "run_id", f->run_id, sizeof(f->run_id));
        read_line(text, len, "redis_version", f->version, sizeof(f->version));
        read_line(text, len, "maxmemory_policy", f->policy, sizeof(f->policy));
        read_line(text, len, "loading", value, sizeof(value));
        f->loading = strcmp(value, "1") == 0;
        read_line(text, len, "role", value, sizeof(value));
        f->replica = strcmp(value, "slave") == 0;
        read_line(text, len, "aof_enabled", value, sizeof(value));
        f->appendonly = strcmp(value, "1") == 0;
}

static bool too_old(const char *version)
{
        char *end;
        long major = strtol(version, &end, 10);
        long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
        return major < 6 || (major == 6 && minor < 2);
}

const char *server_problem(const struct server_facts *f)
{
        if (!f->known)
                return NULL;
        if (f->loading)
                return "redis is still loading its data";
        if (f->replica)
                return "this redis is a read-only replica";
        if (f->version[0] && too_old(f->version))
                return "this redis is too old: 6.2 or later is needed (LMOVE, LPOP with a count)";
        return NULL;
}

void server_complain(struct server_facts *f)
{
        size_t n = 0;
        if (!f->known)
                snprintf(f->complaint[n++], SERVER_COMPLAINT_SIZE,
                         "redis forbids INFO to this user: whether it evicts keys or keeps its "
                         "data is "
                         "not known");
        if (f->policy[0] && strcmp(f->policy, "noeviction") != 0)
                snprintf(f->complaint[n++], SERVER_COMPLAINT_SIZE,
                         "maxmemory-policy is '%s': short of memory, redis deletes queues; set it "
                         "to "
                         "noeviction",
                         f->policy);
        if (f->known && !f->appendonly && f->save_known && !f->save)
                snprintf(f->complaint[n++], SERVER_COMPLAINT_SIZE,
                         "redis keeps nothing on disk (appendonly no, no save points): after its "
                         "restart "
                         "all queues must be rebuilt; set appendonly yes");
        else if (f->known && !f->appendonly)
                snprintf(f->complaint[n++], SERVER_COMPLAINT_SIZE,
                         "appendonly is off: redis comes back from a crash with an older state, "
                         "which "
                         "must be put right; set appendonly yes");
        for (size_t i = 0; i < n; i++)
                f->complaints[i] = f->complaint[i];
        f->complaints[n] = NULL;
}
