/*
 * fault.c - see fault.h. What is armed is read before main(), into memory that children share: a point
 * of the runners acts once in all of them together, not once in each that takes a dead one's place.
 */
#include "base/fault.h"

#ifdef WAVEFLEET_FAULTS

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

enum { EXIT_USAGE = 2 };
enum act { ACT_NONE, ACT_KILL, ACT_STOP, ACT_SLEEP };

static const char *const names[] = {
#define FAULT(name, where) #name,
#include "base/fault.def"
#undef FAULT
};

static const struct {
        const char *name;
        enum act act;
} acts[] = {{"kill", ACT_KILL}, {"stop", ACT_STOP}, {"sleep", ACT_SLEEP}};

/* One a point; `passed` is counted by every process of the family. */
struct armed {
        enum act act;
        unsigned long sleep_ms;
        unsigned at; /* acts at this passing */
        unsigned passed;
};

static struct armed *armed; /* NULL: none is */

/* ---- reading what is to be armed ---- */

__attribute__((noreturn)) static void refuse(const char *word, const char *why)
{
        fprintf(stderr, "WAVEFLEET_FAULTS: \"%s\": %s\n", word, why);
        _exit(EXIT_USAGE);
}

static unsigned long number(const char *word, const char *digits)
{
        char *end;
        errno = 0;
        unsigned long n = strtoul(digits, &end, 10);
        if (errno || end == digits || *end || n == 0 || n > 1000000)
                refuse(word, "a number from 1 to 1000000 is expected behind ':' and '@'");
        return n;
}

static struct armed *find(const char *word, const char *name)
{
        for (size_t i = 0; i < FAULT_COUNT; i++)
                if (!strcmp(names[i], name))
                        return &armed[i];
        refuse(word, "there is no such point");
}

/* word: name=act[:ms][@nth] */
static void arm(char *word)
{
        char whole[128], *name = word, *act = strchr(word, '='), *ms, *nth;
        snprintf(whole, sizeof(whole), "%s", word);
        if (!act)
                refuse(whole, "name=act is expected");
        *act++ = '\0';
        if ((nth = strchr(act, '@')))
                *nth++ = '\0';
        if ((ms = strchr(act, ':')))
                *ms++ = '\0';
        struct armed *a = find(whole, name);
        for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
                if (!strcmp(acts[i].name, act))
                        a->act = acts[i].act;
        if (a->act == ACT_NONE)
                refuse(whole, "the acts are kill, stop and sleep:MS");
        if ((a->act == ACT_SLEEP) != !!ms)
                refuse(whole, "sleep, and nothing else, takes milliseconds");
        a->sleep_ms = ms ? number(whole, ms) : 0;
        a->at = nth ? (unsigned)number(whole, nth) : 1;
}

__attribute__((constructor)) static void arm_all(void)
{
        const char *text = getenv("WAVEFLEET_FAULTS");
        char copy[4096], *save = NULL;
        if (!text || !*text)
                return;
        if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy))
                refuse("…", "it is too long");
        armed = mmap(NULL, FAULT_COUNT * sizeof(*armed), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (armed == MAP_FAILED)
                refuse("…", strerror(errno));
        for (char *w = strtok_r(copy, " ,", &save); w; w = strtok_r(NULL, " ,", &save))
                arm(w);
}

/* ---- passing ---- */

bool fault_armed(enum fault_point point)
{
        return armed && armed[point].act != ACT_NONE;
}

bool fault_due(enum fault_point point)
{
        if (!fault_armed(point))
                return false;
        return __atomic_add_fetch(&armed[point].passed, 1, __ATOMIC_SEQ_CST) == armed[point].at;
}

void fault_act(enum fault_point point)
{
        const struct armed *a = &armed[point];
        log_warn("fault.point", LS("point", names[point]));
        if (a->act == ACT_SLEEP) {
                struct timespec left = {(time_t)(a->sleep_ms / 1000),
                                        (long)(a->sleep_ms % 1000) * 1000000};
                while (nanosleep(&left, &left) < 0 && errno == EINTR)
                        ;
                return;
        }
        kill(getpid(), a->act == ACT_KILL ? SIGKILL : SIGSTOP);
}

#endif
