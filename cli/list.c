/* list.c - lists, page by page (table.h). */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/api.h"
#include "cli/table.h"

enum { LIMIT_DEFAULT = 50, PAGE_MAX = 500 };

struct list {
        struct cli *c;
        struct table table;
        const char *path;
        bool paged;
        int64_t left; /* rows that may come yet */
        size_t shown;
        char *cursor; /* NULL: from the beginning */
};

/* How many rows the next page may have; the API's own lists have no pages where they are short. */
static void page_path(const struct list *l, struct buf *path)
{
        buf_adds(path, l->path);
        if (!l->paged)
                return;
        autobuf limit = BUF_INIT(SIZE_MAX);
        buf_addi(&limit, l->left < PAGE_MAX ? l->left : PAGE_MAX);
        url_query(path, "limit", buf_str(&limit));
        url_query(path, "cursor", l->cursor);
}

/* The rows of one page inside the brackets of one array. */
static void print_page(struct list *l, const struct answer *a)
{
        const char *data;
        size_t len, count = json_count(a->data);
        if (l->c->quiet || l->c->output != OUTPUT_JSON) {
                table_rows(&l->table, a->data);
                return;
        }
        api_raw(a, &data, &len);
        fputs(l->shown ? "" : "[", stdout);
        if (count && len >= 2) {
                fputs(l->shown ? "," : "", stdout);
                api_print_json(l->c, data + 1, len - 2);
        }
}

static int next_page(struct list *l, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        const char *cursor;
        size_t count;
        page_path(l, &path);
        if (api_get(l->c, buf_str(&path), &a, e) < 0)
                return -1;
        cursor = json_str(json_get(a.json, "next_cursor"));
        count = json_count(a.data);
        l->table.only = !l->shown && !cursor;
        print_page(l, &a);
        l->shown += count;
        l->left -= (int64_t)count;
        free(take(l->cursor));
        if (l->paged && cursor && count)
                l->cursor = xstrdup(cursor);
        return 0;
}

static int all_pages(struct list *l, struct err *e)
{
        do {
                if (next_page(l, e) < 0)
                        return -1;
        } while (l->cursor && l->left > 0);
        return 0;
}

int list_show(struct cli *c, const char *path, const struct column *columns, size_t n,
              const char *none, struct err *e)
{
        struct list l = {.c = c, .path = path, .paged = command_takes(c->args.command, OPT_limit)};
        int64_t limit = LIMIT_DEFAULT;
        if (args_int(&c->args, OPT_limit, 1, JSON_INT_MAX, &limit, e) < 0 ||
            table_init(&l.table, c, columns, n, e) < 0)
                return -1;
        l.left = args_has(&c->args, OPT_all) ? JSON_INT_MAX : limit;
        int rc = all_pages(&l, e);
        bool more = l.cursor;
        free(l.cursor);
        if (rc < 0)
                return -1;
        if (c->output == OUTPUT_JSON && !c->quiet)
                fputs("]\n", stdout);
        else if (!l.shown && c->output == OUTPUT_TABLE)
                cli_note(c, "%s", none);
        if (more && c->output == OUTPUT_TABLE)
                cli_hint(c, "there are more: --limit N, or --all");
        return EXIT_DONE;
}
