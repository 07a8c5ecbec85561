/* item.h - an outcome on its way to PostgreSQL: what a batch of the exchange is made of. */
#ifndef ENGINE_ITEM_H
#define ENGINE_ITEM_H

#include "base/err.h"
#include "base/list.h"
#include "engine/exchange.h"
#include "engine/settle.h"

struct item {
        struct list link;
        struct attempt of;
        bool alone;       /* was in a batch that PostgreSQL refused as a mistake of ours */
        bool bare;        /* was refused alone too: goes without its JSON */
        struct outcome o; /* points into texts */
        char *why;        /* bare: the error instead of its own */
        exchange_fn fn;
        void *arg;
        char texts[];
};

/* A copy of everything. NULL: there is no memory for it (ERR_UNAVAILABLE). */
struct item *item_new(const struct attempt *of, const struct outcome *o, exchange_fn fn, void *arg,
                      struct err *e);
void item_free(struct item *it);
/* Of a body that is known to be short, and nobody waits for its answer. */
bool item_is_short(const struct item *it);
/* It was refused alone: `error` stands for its own, and for its JSON. Only once. */
void item_strip(struct item *it, const char *error);
/* At most SETTLE_MAX, in the order of their ids: neighbours stand side by side in PostgreSQL's pages, too. */
void items_sort(struct list *items);
/* At most SETTLE_MAX, in their order; point into them. Returns how many. */
size_t items_rows(const struct list *items, struct settle_row *rows);

#endif
