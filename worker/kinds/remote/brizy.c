/* brizy.c - lists by pages, creates, and the second look after a create that went wrong. */
#include "worker/kinds/remote/brizy.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

enum {
        PAGE_ENTRIES = 100,
        PAGES_MAX = 10000,
        LOOK_AGAIN_MS = 1000, /* after a failed create; doubles */
        URL_MAX = 64 * 1024,
};

CLEANUP_DEFINE(json, struct json *, json_free)

/* ---- calls ---- */

static int fail_status(struct remote *r, const struct http_answer *a, const char *url, struct err *e)
{
        enum err_code code = ERR_INVALID;
        if (a->status == 401 || a->status == 403)
                code = ERR_FORBIDDEN;
        else if (a->status == 408)
                code = ERR_LOST;
        else if (a->status == 409)
                code = ERR_CONFLICT;
        else if (a->status == 429)
                code = ERR_RATE;
        else if (a->status >= 500)
                code = ERR_UPSTREAM;
        const char *words = remote_clean(r, remote_error_text(a->body, a->len, r->arena));
        err_set(e, code, "Brizy answers %d to %s%s%s", a->status, http_url_shown(url, r->arena),
                words ? ": " : "", words ? words : "");
        if (e)
                e->retry_after_ms = (uint32_t)a->retry_after_ms;
        return -1;
}

/* The JSON of a 2xx; form NULL: GET. The value is the caller's. */
static struct json *call(struct remote *r, const char *path_and_query, const char *form,
                         struct err *e)
{
        const char *base = r->cfg->brizy_url;
        size_t len = strlen(base);
        while (len && base[len - 1] == '/')
                len--;
        const char *url = arena_printf(r->arena, "%.*s%s", (int)len, base, path_and_query);
        autofree char *token = xasprintf("x-auth-user-token: %s", r->cfg->brizy_token);
        struct http_request q = {.url = url,
                                 .form = form,
                                 .header = token,
                                 .timeout_ms = remote_call_timeout(r),
                                 .once = form != NULL};
        struct http_answer a;
        if (http_call(r->http, &q, r->arena, &a, e) < 0)
                return NULL;
        if (a.status < 200 || a.status > 299) {
                fail_status(r, &a, url, e);
                return NULL;
        }
        struct err why = ERR_INIT;
        struct json *v = json_parse(a.body, a.len, &why);
        if (!v)
                err_set(e, ERR_UPSTREAM, "the answer of %s is no JSON: %s",
                        http_url_shown(url, r->arena), why.text);
        return v;
}

static int64_t id_of(const struct json *v)
{
        const struct json *id = json_get(v, "id");
        int64_t i = 0;
        if (json_int(id, &i) == 0)
                return i > 0 ? i : 0;
        const char *s = json_str(id);
        size_t digits = s ? strspn(s, "0123456789") : 0;
        if (!digits || s[digits] || digits > 15)
                return 0;
        for (; *s; s++)
                i = i * 10 + (*s - '0');
        return i;
}

/* ---- find ---- */

struct page {
        size_t entries;
        int64_t first_id; /* 0: none */
        int64_t found_id; /* the smallest id of that name; 0: none */
};

static void read_page(struct remote *r, const struct json *list, const char *name, struct page *out)
{
        *out = (struct page){0};
        for (const struct json *i = json_first(list); i; i = json_next(i)) {
                int64_t id = id_of(i);
                const char *its = json_get_text(i, "name", r->arena);
                if (out->entries++ == 0)
                        out->first_id = id;
                if (id && its && strcmp(its, name) == 0 && (!out->found_id || id < out->found_id))
                        out->found_id = id;
        }
}

static int fetch_page(struct remote *r, const struct brizy_thing *t, int number, struct page *out,
                      struct err *e)
{
        autobuf path = BUF_INIT(URL_MAX);
        buf_addf(&path, "%s?page=%d&count=%d", t->path, number, PAGE_ENTRIES);
        if (t->workspace) {
                buf_adds(&path, "&workspace=");
                http_escape(&path, t->workspace);
        }
        cleanup(json_cleanup) struct json *v = call(r, buf_str(&path), NULL, e);
        if (!v)
                return -1;
        if (json_type_of(v) != JSON_ARRAY)
                return err_set(e, ERR_UPSTREAM, "the list of %ss at Brizy is no array", t->what);
        read_page(r, v, t->name, out);
        return 0;
}

/*
 * 1: found, 0: there is none. A page shorter than was asked for need not be the last (the server
 * may allow fewer), only an empty one is, or one that begins like the page before (it knows no
 * pages).
 */
static int find(struct remote *r, const struct brizy_thing *t, int64_t *id, struct err *e)
{
        int64_t before = 0;
        for (int number = 1; number <= PAGES_MAX; number++) {
                struct page p = {0};
                if (fetch_page(r, t, number, &p, e) < 0)
                        return -1;
                if (p.found_id) {
                        *id = p.found_id;
                        return 1;
                }
                if (!p.entries || (p.first_id && p.first_id == before))
                        return 0;
                before = p.first_id;
        }
        return err_set(e, ERR_UPSTREAM, "the list of %ss at Brizy does not end", t->what);
}

/* ---- create ---- */

static int create(struct remote *r, const struct brizy_thing *t, int64_t *id, struct err *e)
{
        autobuf form = BUF_INIT(URL_MAX);
        buf_adds(&form, "name=");
        http_escape(&form, t->name);
        if (t->workspace) {
                buf_adds(&form, "&workspace=");
                http_escape(&form, t->workspace);
        }
        cleanup(json_cleanup) struct json *v = call(r, t->path, buf_str(&form), e);
        if (!v)
                return -1;
        int64_t made = id_of(json_type_of(v) == JSON_ARRAY ? json_first(v) : v);
        if (!made)
                return err_set(e, ERR_UPSTREAM, "Brizy's answer to a new %s has no id", t->what);
        *id = made;
        return 0;
}

/* Whether it may have been created all the same. */
static bool is_ambiguous(const struct err *e)
{
        return e->code == ERR_LOST || e->code == ERR_UPSTREAM || e->code == ERR_RATE ||
               e->code == ERR_CONFLICT;
}

/* 1: it was created after all, 0: it does not seem so; *e of the create stays. */
static int look_again(struct remote *r, const struct brizy_thing *t, int64_t *id,
                      const struct err *e)
{
        /* Without any answer the create may still be under way. */
        int looks = e->code == ERR_LOST ? 3 : 1;
        int64_t wait_ms = LOOK_AGAIN_MS;
        for (int i = 0; i < looks; i++, wait_ms *= 2) {
                struct err why = ERR_INIT;
                remote_wait(r, wait_ms);
                int found = find(r, t, id, &why);
                if (found > 0)
                        return 1;
                if (found < 0)
                        body_log(r->body, "could not look for the %s again: %s", t->what, why.text);
        }
        return 0;
}

int brizy_find_or_create(struct remote *r, const struct brizy_thing *t, int64_t *id, struct err *e)
{
        int found = find(r, t, id, e);
        if (found < 0)
                return -1;
        if (found) {
                body_log(r->body, "%s \"%s\" is there at Brizy: %" PRId64, t->what, t->name, *id);
                return 0;
        }
        if (create(r, t, id, e) == 0) {
                body_log(r->body, "%s \"%s\" created at Brizy: %" PRId64, t->what, t->name, *id);
                return 0;
        }
        if (!is_ambiguous(e))
                return -1;
        body_log(r->body, "creating the %s \"%s\" went wrong (%s); looks whether it is there",
                 t->what, t->name, e->text);
        if (!look_again(r, t, id, e))
                return -1;
        body_log(r->body, "%s \"%s\" was created all the same: %" PRId64, t->what, t->name, *id);
        return 0;
}
