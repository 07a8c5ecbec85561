/*
 * projects.h - the projects of a wave from a file or standard input, as the members of POST /api/waves.
 *
 * Lines: a name each; white space around it and empty lines are dropped. CSV (RFC 4180): the first row
 * names the columns: `project` (or `mb_project_uuid`), and `brz_project_id`, `depends_on` (names with
 * spaces between them) and `params.NAME` (JSON, or else text).
 */
#ifndef CLI_PROJECTS_H
#define CLI_PROJECTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"

/* Adds `project_uuids`, or `projects`, to the object. `name`: of the file, for errors. -1: ERR_CONFIG. */
int projects_lines(struct json_out *o, const char *text, size_t len, const char *name,
                   struct err *e);
int projects_csv(struct json_out *o, const char *text, size_t len, const char *name, struct err *e);
/* All of a file, or with "-" of standard input. */
int projects_read(const char *path, struct buf *out, struct err *e);
/* Adds a value that may be JSON, or else is text. */
void projects_value(struct json_out *o, const char *name, const char *text);

#endif
