/* check.h - `wavefleet-worker --check`: what is wrong and how to mend it, without running anything. */
#ifndef WORKER_CHECK_H
#define WORKER_CHECK_H

#include <stdio.h>

#include "base/config.h"

/* Writes a line for each thing that was looked at. How many of them are wrong. */
int check_all(const struct config *cfg, FILE *out);

#endif
