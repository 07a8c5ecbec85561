#include "engine/item.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/settle.h"

static size_t text_bytes(const char *s)
{
        return s ? strlen(s) + 1 : 0;
}

static const char *put_text(char **at, const char *s)
{
        char *text = *at;
        size_t n = text_bytes(s);

        if (!s)
                return NULL;
        memcpy(text, s, n);
        *at += n;
        return text;
}

/* What a program printed may become part of an error: PostgreSQL takes UTF-8 only. */
static void make_valid(char *text)
{
        if (utf8_valid(text, strlen(text)))
                return;
        for (char *q = text; *q; q++)
                if ((unsigned char)*q >= 0x80)
                        *q = '?';
}

struct item *item_new(const struct attempt *of, const struct outcome *o, exchange_fn fn, void *arg,
                      struct err *e)
{
        struct item *it = mem_try(NULL, sizeof(*it) + text_bytes(o->error) + text_bytes(o->result) +
                                                text_bytes(o->memo));
        char *at;

        if (!it) {
                err_set(e, ERR_UNAVAILABLE, "could not hold the outcome: out of memory");
                return NULL;
        }
        *it = (struct item){.of = *of, .o = *o, .fn = fn, .arg = arg};
        list_init(&it->link);
        at = it->texts;
        it->o.error = put_text(&at, o->error);
        it->o.result = put_text(&at, o->result);
        it->o.memo = put_text(&at, o->memo);
        it->o.domain = NULL;
        if (it->o.error)
                make_valid(it->texts);
        return it;
}

void item_free(struct item *it)
{
        free(it->why);
        free(it);
}

bool item_is_short(const struct item *it)
{
        return !it->of.lone && !it->of.poll && !it->fn;
}

void item_strip(struct item *it, const char *error)
{
        it->bare = true;
        it->o.error = it->why = xasprintf("the outcome could not be stored: %s", error);
        it->o.result = it->o.memo = NULL;
}

static int by_id(const void *a, const void *b)
{
        const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;

        return (x->of.id > y->of.id) - (x->of.id < y->of.id);
}

void items_sort(struct list *list)
{
        struct item *items[SETTLE_MAX];
        size_t n = 0;

        LIST_EACH(l, list)
        {
                items[n++] = CONTAINER_OF(l, struct item, link);
        }
        // cppcheck-suppress uninitvar ; the first n are set
        qsort(items, n, sizeof(items[0]), by_id);
        list_init(list);
        for (size_t i = 0; i < n; i++)
                list_push_back(list, &items[i]->link);
}

size_t items_rows(const struct list *items, struct settle_row *rows)
{
        size_t n = 0;

        LIST_EACH(l, items)
        {
                const struct item *it = CONTAINER_OF(l, struct item, link);
                rows[n++] = (struct settle_row){it->of.id, it->of.number, it->of.poll, &it->o};
        }
        return n;
}
