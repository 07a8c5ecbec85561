/* dead.c - dead letters: the list of what failed for good, and what is asked for of them. */
#include <stdlib.h>
#include <string.h>

#include "api/act.h"
#include "api/app.h"
#include "api/dead_many.h"
#include "api/reply.h"
#include "api/routes.h"
#include "base/mem.h"

enum { IDS_MAX = 10000, ID_DIGITS = 18 };

/* ---- the list ---- */

static bool wants_discarded(struct request *rq)
{
        const char *text = request_query(rq, "discarded");
        if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
                mistake_add(request_mistakes(rq), ERR_INVALID, "#/discarded",
                            "must be true or false");
        return text && strcmp(text, "true") == 0;
}

void dead_list(struct request *rq)
{
        struct page page;
        struct err e = ERR_INIT;
        struct ended_filter f;
        ended_filter_query(rq, &f);
        bool discarded = wants_discarded(rq);
        if (page_read(rq, INT64_MAX, &page, &e) < 0 ||
            mistakes_check(request_mistakes(rq), &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_DEAD_LIST);
        pg_arg_text(tx, f.wave);
        ended_filter_add(tx, &f);
        pg_arg_bool(tx, discarded);
        pg_arg_int(tx, page.from);
        pg_arg_int(tx, page.limit + 1);
        reply_page(rq, tx, &page);
}

/* ---- one ---- */

/* "m12" or "12"; 0: neither. */
static int64_t parse_id(const char *text)
{
        size_t len;
        text += *text == 'm';
        len = strspn(text, "0123456789");
        return len && len <= ID_DIGITS && !text[len] ? strtoll(text, NULL, 10) : 0;
}

static void act_on_one(struct request *rq, bool restart)
{
        int64_t *id = ARENA_ARRAY(request_arena(rq), int64_t, 1);
        if (act_read(rq, NULL, 0, NULL) < 0)
                return;
        *id = parse_id(request_param(rq, "id"));
        if (*id)
                dead_many(rq,
                          &(struct dead_wish){.restart = restart, .one = true, .ids = id, .n = 1});
        else
                respond_errorf(rq, ERR_NOT_FOUND, "there is no migration \"%s\"",
                               request_param(rq, "id"));
}

void dead_restart_one(struct request *rq)
{
        act_on_one(rq, true);
}

void dead_discard_one(struct request *rq)
{
        act_on_one(rq, false);
}

/* ---- many ---- */

struct many_body {
        const struct json *ids, *filter;
        bool all, dry_run;
};

#define FIELD(name_, want_, max_)                                                                  \
        {                                                                                          \
                .name = #name_, .want = (want_), .min = (max_) ? 1 : 0, .max = (max_),             \
                .offset = offsetof(struct many_body, name_), .present = NO_PRESENT                 \
        }

static const struct json_field many_fields[] = {
        FIELD(ids, WANT_ARRAY, IDS_MAX), FIELD(filter, WANT_OBJECT, 0), FIELD(all, WANT_BOOL, 0),
        FIELD(dry_run, WANT_BOOL, 0)};

static void read_ids(struct request *rq, const struct json *list, struct dead_wish *w)
{
        struct mistakes *m = request_mistakes(rq);
        int64_t *ids = arena_try(request_arena(rq), (json_count(list) + 1) * sizeof(*ids));
        for (const struct json *i = json_first(list); ids && i; i = json_next(i)) {
                const char *text = json_str(i);
                int64_t id = text ? parse_id(text) : 0;
                const char *at = json_pointer_at(request_arena(rq), "#/ids", w->n);
                if (!text && json_int(i, &id) < 0)
                        mistake_add(m, ERR_WRONG_TYPE, at, "must be \"m12\" or 12");
                else if (id <= 0)
                        mistake_add(m, ERR_INVALID, at, "is no id of a migration, as \"m12\"");
                ids[w->n++] = id;
        }
        w->ids = ids;
}

/* Nobody restarts everything by an empty body or a field that was forgotten. */
static void check_many(struct request *rq, const struct many_body *b, const struct ended_filter *f)
{
        struct mistakes *m = request_mistakes(rq);
        bool narrow = f->wave || f->class || f->text || f->since || f->until;
        if (b->ids && (b->filter || b->all))
                mistake_add(m, ERR_INVALID, "#/ids", "cannot stand beside a filter or \"all\"");
        else if (narrow && b->all)
                mistake_add(m, ERR_INVALID, "#/all", "cannot stand beside a filter");
        else if (!b->ids && !narrow && !b->all)
                mistake_add(m, ERR_INVALID, b->filter ? "#/filter" : "#",
                            "asks for nothing: \"ids\", a \"filter\", or \"all\": true");
}

static void act_on_many(struct request *rq, bool restart)
{
        struct err e = ERR_INIT;
        struct many_body b = {0};
        struct dead_wish w = {.restart = restart};
        const struct json *body = request_json(rq);
        if (!body)
                return;
        json_read(body, many_fields, COUNT_OF(many_fields), &b, "#", request_mistakes(rq));
        if (b.filter)
                ended_filter_read(rq, b.filter, ENDED_WAVE, &w.filter);
        if (b.ids)
                read_ids(rq, b.ids, &w);
        if (mistakes_check(request_mistakes(rq), &e) == 0)
                check_many(rq, &b, &w.filter);
        if (mistakes_check(request_mistakes(rq), &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        if (arena_check(request_arena(rq), "the ids", &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        w.dry_run = b.dry_run;
        dead_many(rq, &w);
}

void dead_restart_many(struct request *rq)
{
        act_on_many(rq, true);
}

void dead_discard_many(struct request *rq)
{
        act_on_many(rq, false);
}
