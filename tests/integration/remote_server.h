/* remote_server.h - what tests ask of the fake migration server, and of a run against it. */
#ifndef TESTS_REMOTE_SERVER_H
#define TESTS_REMOTE_SERVER_H

#include "remote_tools.h"

static char *server;

static inline const struct json *ledger(const char *project)
{
        return fake_call(server, arena_printf(arena, "/_ledger?mb_project_uuid=%s", project), NULL);
}

/* Starts that reached the server, whether they began a run or not. */
static inline size_t starts(const char *project)
{
        const struct json *l = ledger(project);
        ck_assert_uint_eq(json_count(json_get(l, "double_starts")), 0);
        return json_count(json_get(l, "starts"));
}

static inline void behave(const char *project, const char *fields)
{
        fake_call(server, "/_control",
                  arena_printf(arena, "{\"projects\":{\"%s\":%s}}", project, fields));
}

static inline void wait_ms(int64_t ms)
{
        usleep((useconds_t)ms * 1000);
}

/* Whether a run of the project is under way there. */
static inline bool runs(const char *project)
{
        const struct json *pair = json_first(json_get(ledger(project), "under_way"));
        for (; pair; pair = json_next(pair))
                if (strcmp(json_str(json_first(pair)), project) == 0)
                        return true;
        return false;
}

static inline void wait_for_the_end(const char *project)
{
        int64_t end_ms = clock_mono_ms() + 20000;
        while (runs(project)) {
                ck_assert_int_lt(clock_mono_ms(), end_ms);
                wait_ms(50);
        }
}

static inline const char *memo_word(const struct run *r, const char *name)
{
        struct json *v = r->memo ? json_parse(r->memo, strlen(r->memo), NULL) : NULL;
        const char *s = json_get_text(v, name, arena);
        s = s ? arena_strdup(arena, s) : NULL;
        json_free(v);
        return s;
}

/* Polls as often as it is parked, without waiting longer than the server needs. */
static inline void poll_to_the_end(struct run *r)
{
        for (int i = 0; i < 40 && r->out.kind == OUTCOME_PARKED; i++) {
                wait_ms(r->out.due_in_ms < 150 ? r->out.due_in_ms : 150);
                run_poll(r);
        }
}

#endif
