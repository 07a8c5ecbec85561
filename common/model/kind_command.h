/*
 * kind_command.h - the parameters of the kind `command`, as the API checks them and a runner reads
 * them: a program with its arguments, never a shell line.
 *
 *   argv        1 to 256 strings; the first is the program's absolute path, literally
 *   env         object of strings, added to the clean environment of the program
 *   cwd         absolute path of its working directory; "/" where none is given
 *   stdin       text that it reads; without it, its input is empty
 *   timeout_seconds  1 to 604800: ends the program earlier than the attempt's own time-out would
 *   exit_codes  {"75": "temporary", "3": "completed", …}: rules before the usual ones
 *   result      {"format": "json_last_line" | "none"}: whether the last line of the standard output
 *               becomes the result where it is a JSON object (default: it does)
 *
 * Arguments after the first, values of env and cwd may hold placeholders: {project}, {attempt},
 * {wave_id}, {migration_id} and {params.x}, which is member x of the project's params or else of the
 * wave's (see placeholder.h). Each is filled alone and never split. So a wave's params may have further
 * members, texts, numbers and booleans, as long as a placeholder uses them; a project's may have any
 * of those.
 */
#ifndef MODEL_KIND_COMMAND_H
#define MODEL_KIND_COMMAND_H

#include "base/json.h"
#include "model/state.h"

enum {
        COMMAND_ARGS_MAX = 256,
        COMMAND_ENV_MAX = 256,
        COMMAND_ARG_BYTES_MAX = 131071, /* MAX_ARG_STRLEN of Linux, with its NUL */
        COMMAND_STDIN_BYTES_MAX = 1048576,
};

struct command_params {
        const struct json *argv;
        const struct json *env;        /* or NULL */
        const struct json *exit_codes; /* or NULL */
        const char *cwd;               /* or NULL */
        const char *input;             /* or NULL */
        int64_t timeout_s;             /* 0: none */
        bool want_result;
};

/* Fills *out from a wave's params; mistakes go into m. The values point into params. */
void kind_command_read(const struct json *params, const char *pointer, struct command_params *out,
                       struct mistakes *m);
void kind_command_check_params(const struct json *params, const char *pointer, struct mistakes *m);
void kind_command_check_project(const struct json *params, const char *pointer, struct mistakes *m);

/* What an exit status is to mean, as exit_codes say it. */
struct command_verdict {
        bool completed;
        enum error_class class; /* where it is not completed */
};
/* "completed", "temporary", "dependency", "data" or "critical"; -1: none of them. */
int command_verdict_parse(const char *name, struct command_verdict *out);

#endif
