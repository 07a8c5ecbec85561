/* ended_filter.c - the same fields in a query and in a body. */
#include "api/ended_filter.h"

#include <string.h>

#include "base/mem.h"
#include "model/state.h"
#include "model/wave_id.h"

enum { TEXT_MAX = 1024 };
/* The year 9999's end: what PostgreSQL and we write alike. */
#define TIME_MAX_MS INT64_C(253402300799999)

#define FIELD(name_)                                                                               \
        {                                                                                          \
                .name = #name_, .want = WANT_STRING, .min = 1, .max = TEXT_MAX,                    \
                .offset = offsetof(struct ended_filter, name_), .present = NO_PRESENT              \
        }

/* The order is that of enum ended_field, then those that are always known. */
static const struct json_field fields[] = {FIELD(wave), FIELD(status), FIELD(class),
                                           FIELD(text), FIELD(since),  FIELD(until)};
enum { FIELD_WAVE, FIELD_STATUS, FIELDS_OPTIONAL };

static void check_class(struct request *rq, const char *pointer, const char *class)
{
        enum error_class c;
        if (class && error_class_parse(class, &c) < 0)
                mistake_add(request_mistakes(rq), ERR_INVALID,
                            json_pointer(request_arena(rq), pointer, "class"),
                            "is none of temporary, dependency, data, critical, crashed, timed_out, "
                            "lost");
}

static void check_status(struct request *rq, const char *pointer, const char *status)
{
        if (status && strcmp(status, "error") != 0 && strcmp(status, "cancelled") != 0)
                mistake_add(request_mistakes(rq), ERR_INVALID,
                            json_pointer(request_arena(rq), pointer, "status"),
                            "is neither error nor cancelled");
}

/* Of a body; a list of what is in no wave is empty. */
static void check_wave(struct request *rq, const char *pointer, const char *wave)
{
        if (wave && !wave_id_ok(wave))
                mistake_add(request_mistakes(rq), ERR_INVALID,
                            json_pointer(request_arena(rq), pointer, "wave"), "is no id of a wave");
}

/* As PostgreSQL is given it; NULL where it is none. */
static const char *check_time(struct request *rq, const char *pointer, const char *name,
                              const char *text)
{
        int64_t ms;
        char out[CLOCK_RFC3339_SIZE];
        if (!text)
                return NULL;
        if (clock_parse(text, &ms) < 0 || ms < 0 || ms > TIME_MAX_MS) {
                mistake_add(request_mistakes(rq), ERR_INVALID,
                            json_pointer(request_arena(rq), pointer, name),
                            "is no time such as 2026-01-31T12:00:00Z");
                return NULL;
        }
        clock_rfc3339(ms, out);
        return arena_strdup(request_arena(rq), out);
}

static void check(struct request *rq, const char *pointer, struct ended_filter *f)
{
        check_status(rq, pointer, f->status);
        check_class(rq, pointer, f->class);
        f->since = check_time(rq, pointer, "since", f->since);
        f->until = check_time(rq, pointer, "until", f->until);
}

void ended_filter_read(struct request *rq, const struct json *v, unsigned wanted,
                       struct ended_filter *out)
{
        struct json_field known[COUNT_OF(fields)];
        size_t n = 0;
        for (size_t i = 0; i < COUNT_OF(fields); i++) {
                if (i >= FIELDS_OPTIONAL || wanted & 1u << i)
                        known[n++] = fields[i];
        }
        *out = (struct ended_filter){0};
        json_read(v, known, n, out, "#/filter", request_mistakes(rq));
        check_wave(rq, "#/filter", out->wave);
        check(rq, "#/filter", out);
}

static const char *query(struct request *rq, const char *name)
{
        const char *value = request_query(rq, name);
        return value && *value ? value : NULL;
}

void ended_filter_query(struct request *rq, struct ended_filter *out)
{
        *out = (struct ended_filter){.wave = query(rq, "wave"),
                                     .class = query(rq, "class"),
                                     .text = query(rq, "text"),
                                     .since = query(rq, "since"),
                                     .until = query(rq, "until")};
        check(rq, "#", out);
}

void ended_filter_add(struct pg_tx *tx, const struct ended_filter *f)
{
        pg_arg_text(tx, f->class);
        pg_arg_text(tx, f->text);
        pg_arg_text(tx, f->since);
        pg_arg_text(tx, f->until);
}
