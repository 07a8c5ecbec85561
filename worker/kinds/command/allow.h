/*
 * allow.h - which programs may run: those of command.allow, by path.
 *
 * The folder of a path is resolved on both sides, its last name is taken as it stands: /bin/sh is
 * /usr/bin/sh where /bin is a link. The last name is not resolved, because one file can be many
 * programs (busybox; Debian's wrapper behind psql, pg_dump and the others): to allow one of its names
 * is not to allow all.
 */
#ifndef WORKER_KINDS_COMMAND_ALLOW_H
#define WORKER_KINDS_COMMAND_ALLOW_H

#include "base/arena.h"
#include "base/err.h"

/* The path to run `program` by. NULL: it is not allowed, or its folder is not there (text says which). */
const char *allow_find(const char *list, const char *program, struct arena *a, struct err *e);

#endif
