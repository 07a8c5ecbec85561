/*
 * watch.h - following waves to their end. On a terminal a bar for each; elsewhere a line for each change, which
 * get rarer the longer it takes, so that a log stays readable.
 */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli/cli.h"

/* The exit code says how they ended: the worst of them. --until-pause and --for are minded. */
int watch_waves(struct cli *c, const char *const *ids, size_t n, struct err *e);

#endif
