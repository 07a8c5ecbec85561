/* check.h - `wavefleet-api --check`: what the configuration leads to, and how to mend it. */
#ifndef API_DOCTOR_CHECK_H
#define API_DOCTOR_CHECK_H

#include "base/config.h"

/* Prints a line for each thing looked at. An exit code: 0 all well, 1 not. */
int check_command(const struct config *config);

#endif
