/*
 * fault.h - named places between two steps, at which a test lets a process die, stand still or be slow.
 *
 *     FAULT_POINT(settle_committed);
 *
 * It is nothing at all unless the build says FAULTS=1 (which defines WAVEFLEET_FAULTS); a build for use
 * holds neither code nor names of it. The names, and where each lies, are in fault.def; a name that is
 * not there does not compile. In a build with faults the environment arms points, before main():
 *
 *     WAVEFLEET_FAULTS="settle_committed=kill wave_end_committed=stop@3 claim_sent=sleep:200"
 *
 *     kill       SIGKILL to itself
 *     stop       SIGSTOP to itself; whoever sends SIGCONT lets it go on
 *     sleep:MS   does nothing for so long
 *     @N         at the N-th passing (else the first), counted over the process and its children
 *
 * An armed point acts once, and says so in the log first (event "fault.point"). What cannot be read
 * ends the program with exit code 2.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#ifdef WAVEFLEET_FAULTS

#include <stdbool.h>

enum fault_point {
#define FAULT(name, where) FAULT_##name,
#include "base/fault.def"
#undef FAULT
        FAULT_COUNT
};

bool fault_armed(enum fault_point point);
/* Whether this passing of the point is the one that acts. */
bool fault_due(enum fault_point point);
void fault_act(enum fault_point point);

/* The first does something before it acts: what was said to a server is sent, for example. */
#define FAULT_POINT_AFTER(name, before)                                                            \
        do {                                                                                       \
                if (fault_due(FAULT_##name)) {                                                     \
                        before;                                                                    \
                        fault_act(FAULT_##name);                                                   \
                }                                                                                  \
        } while (0)
#define FAULT_POINT(name) FAULT_POINT_AFTER(name, (void)0)

#else

#define FAULT_POINT_AFTER(name, before) ((void)0)
#define FAULT_POINT(name) ((void)0)

#endif

#endif
