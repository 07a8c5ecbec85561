/* kind_noop.c - reading and checking the parameters of the kind `noop`. */
#include "model/kind_noop.h"

#include "base/mem.h"

enum { SLEEP_MAX_MS = 86400000, LINES_MAX = 1000000, TIMES_MAX = 1000000 };

struct raw {
        struct noop_params p;
        const struct json *fail;
};

static const struct json_field fields[] = {
        {"sleep_ms", WANT_INT, false, 0, SLEEP_MAX_MS, offsetof(struct raw, p.sleep_ms), NO_PRESENT},
        {"log_lines", WANT_INT, false, 0, LINES_MAX, offsetof(struct raw, p.log_lines), NO_PRESENT},
        {"fail", WANT_OBJECT, false, 0, 0, offsetof(struct raw, fail), NO_PRESENT},
        {"result", WANT_OBJECT, false, 0, 0, offsetof(struct raw, p.result), NO_PRESENT},
        {"stamp", WANT_BOOL, false, 0, 0, offsetof(struct raw, p.stamp), NO_PRESENT},
};

struct fail {
        int64_t times;
        const char *class;
};

static const struct json_field fail_fields[] = {
        {"times", WANT_INT, false, 1, TIMES_MAX, offsetof(struct fail, times), NO_PRESENT},
        {"class", WANT_STRING, false, 1, 32, offsetof(struct fail, class), NO_PRESENT},
};

static void read_fail(const struct json *fail, const char *pointer, struct noop_params *p,
                      struct mistakes *m)
{
        struct fail f = {.times = 1};
        enum error_class class = CLASS_TEMPORARY;
        json_read(fail, fail_fields, COUNT_OF(fail_fields), &f, pointer, m);
        if (f.class && (error_class_parse(f.class, &class) < 0 || class == CLASS_LOST))
                mistake_add(m, ERR_INVALID, json_pointer(m->arena, pointer, "class"),
                            "must be temporary, dependency, data, critical, crashed or timed_out");
        p->fail_times = f.times;
        p->fail_class = class;
}

void kind_noop_read(const struct json *params, const char *pointer, struct noop_params *out,
                    struct mistakes *m)
{
        struct raw raw = {.p = *out};
        if (!params)
                return;
        json_read(params, fields, COUNT_OF(fields), &raw, pointer, m);
        if (raw.fail)
                read_fail(raw.fail, json_pointer(m->arena, pointer, "fail"), &raw.p, m);
        *out = raw.p;
}

void kind_noop_check_params(const struct json *params, const char *pointer, struct mistakes *m)
{
        struct noop_params unused = {0};
        kind_noop_read(params, pointer, &unused, m);
}

void kind_noop_check_project(const struct json *params, const char *pointer, struct mistakes *m)
{
        kind_noop_check_params(params, pointer, m);
}
