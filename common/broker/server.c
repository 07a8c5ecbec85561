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

static int64_t read_number(const char *text, size_t len, const char *name)
{
        char value[32];
        read_line(text, len, name, value, sizeof(value));
        return strtoll(value, NULL, 10);
}

static bool says(const char *text, size_t len, const char *name, const char *wanted)
{
        char value[32];
        read_line(text, len, name, value, sizeof(value));
        return strcmp(value, wanted) == 0;
}

void server_read_info(struct server_facts *f, const char *text, size_t len)
{
        f->known = true;
        read_line(text, len, "run_id", f->run_id, sizeof(f->run_id));
        read_line(text, len, "redis_version", f->version, sizeof(f->version));
        read_line(text, len, "maxmemory_policy", f->policy, sizeof(f->policy));
        f->loading = says(text, len, "loading", "1");
        f->replica = says(text, len, "role", "slave");
        f->appendonly = says(text, len, "aof_enabled", "1");
        f->used_bytes = read_number(text, len, "used_memory");
        f->most_bytes = read_number(text, len, "maxmemory");
        f->machine_bytes = read_number(text, len, "total_system_memory");
        f->clients = read_number(text, len, "connected_clients");
        f->clients_most = read_number(text, len, "maxclients");
        f->snapshot_failed = says(text, len, "rdb_last_bgsave_status", "err");
        f->log_failed = says(text, len, "aof_last_write_status", "err");
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

/* The next fault, its `what` still to be written. */
static struct server_fault *add_fault(struct server_facts *f, const char *about, const char *mend)
{
        struct server_fault *fault = &f->faults[f->faults_count++];
        fault->about = about;
        fault->mend = mend;
        return fault;
}

static void find_faults(struct server_facts *f)
{
        struct server_fault *fault;
        f->faults_count = 0;
        if (!f->known) {
                fault = add_fault(f, "rights", "let it (ACL SETUSER … +info)");
                snprintf(
                        fault->what, sizeof(fault->what),
                        "redis forbids INFO to this user: whether it evicts keys or keeps its data "
                        "is not known");
                return;
        }
        if (f->policy[0] && strcmp(f->policy, "noeviction") != 0) {
                fault = add_fault(f, "eviction", "set it to noeviction");
                snprintf(fault->what, sizeof(fault->what),
                         "maxmemory-policy is '%s': short of memory, redis deletes queues",
                         f->policy);
        }
        if (f->appendonly)
                return;
        fault = add_fault(f, "persistence", "set appendonly yes");
        snprintf(fault->what, sizeof(fault->what), "%s",
                 f->save_known && !f->save
                         ? "redis keeps nothing on disk (appendonly no, no save points): after its "
                           "restart all queues must be rebuilt"
                         : "appendonly is off: redis comes back from a crash with an older state, "
                           "which must be put right");
}

void server_complain(struct server_facts *f)
{
        find_faults(f);
        for (size_t i = 0; i < f->faults_count; i++) {
                snprintf(f->complaint[i], SERVER_COMPLAINT_SIZE, "%s; %s", f->faults[i].what,
                         f->faults[i].mend);
                f->complaints[i] = f->complaint[i];
        }
        f->complaints[f->faults_count] = NULL;
}
