/* identity.c - a process by id and start time, within one boot and one process-id namespace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/worker_internal.h"

static void read_line(const char *path, char *out, size_t size)
{
        FILE *f = fopen(path, "re");

        out[0] = '\0';
        if (!f)
                return;
        if (fgets(out, (int)size, f))
                out[strcspn(out, "\n")] = '\0';
        fclose(f);
}

/* Field 22 of /proc/<pid>/stat, in clock ticks after boot (proc(5)); 0: no such process. The name in
 * field 2 may hold anything, so fields are counted after its closing parenthesis. */
static int64_t process_started(int pid)
{
        char path[64], line[1024];
        const char *p;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        read_line(path, line, sizeof(line));
        p = strrchr(line, ')');
        if (!p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X')
                return 0;
        p += 2;
        for (int field = 3; field < 22 && p; field++) {
                p = strchr(p, ' ');
                if (p)
                        p++;
        }
        return p ? strtoll(p, NULL, 10) : 0;
}

void identity_read(struct identity *me)
{
        char link[64];
        ssize_t n;

        memset(me, 0, sizeof(*me));
        if (gethostname(me->host, sizeof(me->host) - 1))
                snprintf(me->host, sizeof(me->host), "unknown");
        read_line("/proc/sys/kernel/random/boot_id", me->boot_id, sizeof(me->boot_id));
        n = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);
        if (n > 0) {
                link[n] = '\0';
                snprintf(me->pid_ns, sizeof(me->pid_ns), "%s", link);
        }
        me->pid = getpid();
        me->pid_started = process_started(me->pid);
}

bool identity_process_exists(int pid, int64_t started)
{
        return started && process_started(pid) == started;
}

bool identity_same_table(const struct identity *me, const char *boot_id, const char *pid_ns)
{
        return me->boot_id[0] && me->pid_ns[0] && !strcmp(me->boot_id, boot_id ? boot_id : "") &&
               !strcmp(me->pid_ns, pid_ns ? pid_ns : "");
}
