/* kind_command.c - reading and checking the parameters of the kind `command`. */
#include "model/kind_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/placeholder.h"

enum {
        FIELDS_MAX = 64,
        TIMEOUT_MAX_S = 7 * 24 * 3600,
        PATH_BYTES_MAX = 4095,
        STATUS_MAX = 255,
        SHOWN_MAX = 64
};

static const char params_prefix[] = "params.";

struct raw {
        struct command_params p;
        const struct json *result;
        const struct json *value; /* of a further member: looked at one by one */
};

static const struct json_field declared[] = {
        {"argv", WANT_ARRAY, true, 1, COMMAND_ARGS_MAX, offsetof(struct raw, p.argv), NO_PRESENT},
        {"env", WANT_OBJECT, false, 0, 0, offsetof(struct raw, p.env), NO_PRESENT},
        {"cwd", WANT_STRING, false, 1, PATH_BYTES_MAX, offsetof(struct raw, p.cwd), NO_PRESENT},
        {"stdin", WANT_STRING, false, 0, COMMAND_STDIN_BYTES_MAX, offsetof(struct raw, p.input),
         NO_PRESENT},
        {"timeout_seconds", WANT_INT, false, 1, TIMEOUT_MAX_S, offsetof(struct raw, p.timeout_s),
         NO_PRESENT},
        {"exit_codes", WANT_OBJECT, false, 0, 0, offsetof(struct raw, p.exit_codes), NO_PRESENT},
        {"result", WANT_OBJECT, false, 0, 0, offsetof(struct raw, result), NO_PRESENT},
};

/* ---- placeholders ---- */

static bool is_known(const char *name, size_t len)
{
        static const char *const names[] = {"project", "attempt", "wave_id", "migration_id"};
        size_t prefix = strlen(params_prefix);
        if (len > prefix && memcmp(name, params_prefix, prefix) == 0)
                return true;
        for (size_t i = 0; i < COUNT_OF(names); i++) {
                if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
                        return true;
        }
        return false;
}

static void check_template(const char *text, const char *pointer, struct mistakes *m)
{
        struct placeholder_piece piece;
        while (placeholder_next(&text, &piece)) {
                if (piece.name && !is_known(piece.text, piece.len))
                        mistake_add(m, ERR_INVALID, pointer,
                                    "has the unknown placeholder {%.*s}; there are {project}, "
                                    "{attempt}, {wave_id}, {migration_id}, {params.NAME}; a brace "
                                    "itself is {{",
                                    (int)(piece.len > SHOWN_MAX ? SHOWN_MAX : piece.len),
                                    piece.text);
        }
}

/* ---- further members of the wave's params: each must be what some placeholder uses ---- */

struct extras {
        const struct json *params;
        struct json_field fields[FIELDS_MAX];
        size_t count;
};

static bool has_field(const struct extras *x, const char *name)
{
        for (size_t i = 0; i < x->count; i++) {
                if (strcmp(x->fields[i].name, name) == 0)
                        return true;
        }
        return false;
}

static void note_uses(struct extras *x, const char *text)
{
        struct placeholder_piece piece;
        size_t prefix = strlen(params_prefix);
        while (text && placeholder_next(&text, &piece)) {
                if (!piece.name || piece.len <= prefix ||
                    memcmp(piece.text, params_prefix, prefix) != 0)
                        continue;
                autofree char *name = xstrndup(piece.text + prefix, piece.len - prefix);
                const struct json *v = json_get(x->params, name);
                if (v && x->count < FIELDS_MAX && !has_field(x, name))
                        x->fields[x->count++] = (struct json_field){
                                json_name(v), WANT_ANY, false, 0, 0, offsetof(struct raw, value),
                                NO_PRESENT};
        }
}

static void find_extras(struct extras *x, const struct json *params)
{
        x->params = params;
        for (x->count = 0; x->count < COUNT_OF(declared); x->count++)
                x->fields[x->count] = declared[x->count];
        const struct json *argv = json_get(params, "argv"), *env = json_get(params, "env");
        for (const struct json *i = json_first(argv); i; i = json_next(i))
                note_uses(x, json_str(i));
        for (const struct json *i = json_first(env); i; i = json_next(i))
                note_uses(x, json_str(i));
        note_uses(x, json_str(json_get(params, "cwd")));
}

static void check_scalar(const struct json *v, const char *pointer, struct mistakes *m)
{
        enum json_type type = json_type_of(v);
        if (type == JSON_OBJECT || type == JSON_ARRAY)
                mistake_add(m, ERR_WRONG_TYPE, json_pointer(m->arena, pointer, json_name(v)),
                            "must be a text, a number or true or false");
}

/* ---- the members ---- */

static void check_argument(const struct json *v, size_t at, const char *pointer, struct mistakes *m)
{
        const char *text = json_str(v);
        const char *where = json_pointer_at(m->arena, pointer, at);
        if (!text)
                mistake_add(m, ERR_WRONG_TYPE, where, "must be a string");
        else if (strlen(text) > COMMAND_ARG_BYTES_MAX)
                mistake_add(m, ERR_INVALID, where, "must be at most %d bytes long",
                            COMMAND_ARG_BYTES_MAX);
        else if (at > 0)
                check_template(text, where, m);
        else if (text[0] != '/')
                mistake_add(m, ERR_INVALID, where, "must be the absolute path of a program");
        else if (strchr(text, '{'))
                mistake_add(m, ERR_INVALID, where,
                            "must not have placeholders: a program is named, not put together");
}

static void check_argv(const struct json *argv, const char *pointer, struct mistakes *m)
{
        size_t at = 0;
        for (const struct json *i = json_first(argv); i; i = json_next(i))
                check_argument(i, at++, pointer, m);
}

static void check_variable(const struct json *v, const char *pointer, struct mistakes *m)
{
        const char *name = json_name(v), *text = json_str(v);
        const char *where = json_pointer(m->arena, pointer, name);
        if (!name[0] || strchr(name, '='))
                mistake_add(m, ERR_INVALID, where, "is no name of a variable");
        else if (strncmp(name, "WAVEFLEET_", strlen("WAVEFLEET_")) == 0)
                mistake_add(m, ERR_INVALID, where, "is set by wavefleet itself");
        if (!text)
                mistake_add(m, ERR_WRONG_TYPE, where, "must be a string");
        else if (strlen(name) + 1 + strlen(text) > COMMAND_ARG_BYTES_MAX)
                mistake_add(m, ERR_INVALID, where, "must be at most %d bytes long with its name",
                            COMMAND_ARG_BYTES_MAX);
        else
                check_template(text, where, m);
}

static void check_env(const struct json *env, const char *pointer, struct mistakes *m)
{
        if (json_count(env) > COMMAND_ENV_MAX)
                mistake_add(m, ERR_INVALID, pointer, "must have at most %d variables",
                            COMMAND_ENV_MAX);
        for (const struct json *i = json_first(env); i; i = json_next(i))
                check_variable(i, pointer, m);
}

int command_verdict_parse(const char *name, struct command_verdict *out)
{
        if (strcmp(name, "completed") == 0) {
                *out = (struct command_verdict){.completed = true};
                return 0;
        }
        enum error_class class;
        if (error_class_parse(name, &class) < 0 || class == CLASS_CRASHED ||
            class == CLASS_TIMED_OUT || class == CLASS_LOST)
                return -1;
        *out = (struct command_verdict){.class = class};
        return 0;
}

static bool is_status(const char *name)
{
        size_t len = strlen(name);
        if (len == 0 || len > 3 || strspn(name, "0123456789") != len || (len > 1 && name[0] == '0'))
                return false;
        return strtol(name, NULL, 10) <= STATUS_MAX;
}

static void check_exit_codes(const struct json *codes, const char *pointer, struct mistakes *m)
{
        for (const struct json *i = json_first(codes); i; i = json_next(i)) {
                struct command_verdict verdict;
                const char *where = json_pointer(m->arena, pointer, json_name(i));
                if (!is_status(json_name(i)))
                        mistake_add(m, ERR_INVALID, where, "is no exit status from 0 to 255");
                if (!json_str(i))
                        mistake_add(m, ERR_WRONG_TYPE, where, "must be a string");
                else if (command_verdict_parse(json_str(i), &verdict) < 0)
                        mistake_add(m, ERR_INVALID, where,
                                    "must be completed, temporary, dependency, data or critical");
        }
}

static bool read_result(const struct json *result, const char *pointer, struct mistakes *m)
{
        struct {
                const char *format;
        } r = {.format = "json_last_line"};
        static const struct json_field fields[] = {
                {"format", WANT_STRING, true, 0, 0, 0, NO_PRESENT}};
        json_read(result, fields, COUNT_OF(fields), &r, pointer, m);
        if (strcmp(r.format, "none") == 0)
                return false;
        if (strcmp(r.format, "json_last_line") != 0)
                mistake_add(m, ERR_INVALID, json_pointer(m->arena, pointer, "format"),
                            "must be json_last_line or none");
        return true;
}

/* ---- faces ---- */

void kind_command_read(const struct json *params, const char *pointer, struct command_params *out,
                       struct mistakes *m)
{
        struct raw raw = {.p.want_result = true};
        struct extras x;
        *out = raw.p;
        if (!params) {
                mistake_add(m, ERR_INVALID, json_pointer(m->arena, pointer, "argv"), "is required");
                return;
        }
        find_extras(&x, params);
        json_read(params, x.fields, x.count, &raw, pointer, m);
        for (size_t i = COUNT_OF(declared); i < x.count; i++)
                check_scalar(json_get(params, x.fields[i].name), pointer, m);
        check_argv(raw.p.argv, json_pointer(m->arena, pointer, "argv"), m);
        if (raw.p.env)
                check_env(raw.p.env, json_pointer(m->arena, pointer, "env"), m);
        if (raw.p.exit_codes)
                check_exit_codes(raw.p.exit_codes, json_pointer(m->arena, pointer, "exit_codes"), m);
        if (raw.p.cwd) {
                const char *where = json_pointer(m->arena, pointer, "cwd");
                if (raw.p.cwd[0] != '/')
                        mistake_add(m, ERR_INVALID, where, "must be an absolute path");
                check_template(raw.p.cwd, where, m);
        }
        if (raw.result)
                raw.p.want_result =
                        read_result(raw.result, json_pointer(m->arena, pointer, "result"), m);
        *out = raw.p;
}

void kind_command_check_params(const struct json *params, const char *pointer, struct mistakes *m)
{
        struct command_params unused;
        kind_command_read(params, pointer, &unused, m);
}

void kind_command_check_project(const struct json *params, const char *pointer, struct mistakes *m)
{
        if (json_type_of(params) != JSON_OBJECT) {
                mistake_add(m, ERR_WRONG_TYPE, pointer, "must be an object");
                return;
        }
        for (const struct json *i = json_first(params); i; i = json_next(i))
                check_scalar(i, pointer, m);
}
