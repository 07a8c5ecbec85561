/* checks.h - a list of checks, as doctor and readiness have them: what is well, what is not, how to mend it. */
#ifndef CLI_CHECKS_H
#define CLI_CHECKS_H

#include "base/json.h"
#include "cli/cli.h"

/* data: {"ok", "checks": [{"name", "status": "ok|warn|fail", "detail", "mend"}]}. The exit code: 1 where one failed. */
int checks_show(struct cli *c, const struct json *data, const char *json, size_t len, struct err *e);

#endif
