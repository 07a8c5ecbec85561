/* reply.c - see the header. */
#include "api/reply.h"

#include "api/app.h"

struct reply {
        struct request *rq;
        size_t last; /* the statement that answers */
        enum { DATA, LIST, PAGE, WHOLE } what;
        struct page page;
};

static void on_rows(const struct pg_result *r, const struct err *e, void *arg)
{
        const struct reply *p = arg;
        const char *json = r && pg_rows(r, p->last) > 0 ? pg_text(r, p->last, 0, 0) : NULL;
        if (e)
                respond_error(p->rq, e);
        else if (!json)
                respond_errorf(p->rq, ERR_NOT_FOUND, "it does not exist any more");
        else if (p->what == WHOLE)
                respond_json(p->rq, 200, json, pg_length(r, p->last, 0, 0));
        else if (p->what == PAGE)
                page_respond(p->rq, &p->page, json, pg_int(r, p->last, 0, 1),
                             pg_text(r, p->last, 0, 2));
        else
                respond_data(p->rq, 200, json, p->what == LIST ? pg_int(r, p->last, 0, 1) : -1,
                             NULL);
}

static void send(struct request *rq, struct pg_tx *tx, const struct reply *how)
{
        struct reply *p = ARENA_NEW(request_arena(rq), struct reply);
        *p = *how;
        p->rq = rq;
        p->last = pg_tx_statements(tx) - 1;
        pg_pool_send(request_app(rq)->pg, tx, on_rows, p);
}

void reply_data(struct request *rq, struct pg_tx *tx)
{
        send(rq, tx, &(struct reply){.what = DATA});
}

void reply_list(struct request *rq, struct pg_tx *tx)
{
        send(rq, tx, &(struct reply){.what = LIST});
}

void reply_page(struct request *rq, struct pg_tx *tx, const struct page *page)
{
        send(rq, tx, &(struct reply){.what = PAGE, .page = *page});
}

void reply_whole(struct request *rq, struct pg_tx *tx)
{
        send(rq, tx, &(struct reply){.what = WHOLE});
}

void reply_bad_query(struct request *rq, const char *name, const char *detail)
{
        struct err e = ERR_INIT;
        struct mistakes *m = request_mistakes(rq);
        mistake_add(m, ERR_INVALID, json_pointer(request_arena(rq), "#", name), "%s", detail);
        mistakes_check(m, &e);
        respond_error(rq, &e);
}
