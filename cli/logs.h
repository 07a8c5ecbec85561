/*
 * logs.h - log lines of a wave or a migration, and following them to its end. Events only say that there is
 * something; lines are read by their ids, so that none is missed or comes twice.
 */
#ifndef CLI_LOGS_H
#define CLI_LOGS_H

#include "cli/cli.h"

struct log_source {
        const char *wave;      /* id; NULL: unknown, events cannot be asked for */
        const char *migration; /* "m12"; NULL: the wave's own log */
        const char *logs;      /* path of its lines, which takes ?after= */
        const char *state;     /* path of what has its `state` */
};
/* --follow and --attempt are minded. */
int logs_show(struct cli *c, const struct log_source *s, struct err *e);

#endif
