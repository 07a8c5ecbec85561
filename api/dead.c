/* dead.c - dead letters: what failed for good. */
#include "api/app.h"
#include "api/reply.h"
#include "api/routes.h"
#include "model/state.h"

void dead_list(struct request *rq)
{
        struct page page;
        struct err e = ERR_INIT;
        enum error_class class;
        const char *of = request_query(rq, "class"), *wave = request_query(rq, "wave");
        if (of && *of && error_class_parse(of, &class) < 0) {
                reply_bad_query(rq, "class",
                                "is none of temporary, dependency, data, critical, crashed, "
                                "timed_out, lost");
                return;
        }
        if (page_read(rq, INT64_MAX, &page, &e) < 0) {
                respond_error(rq, &e);
                return;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_DEAD_LIST);
        pg_arg_text(tx, wave && *wave ? wave : NULL);
        pg_arg_text(tx, of && *of ? of : NULL);
        pg_arg_int(tx, page.from);
        pg_arg_int(tx, page.limit + 1);
        reply_page(rq, tx, &page);
}
