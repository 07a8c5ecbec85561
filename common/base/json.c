/* json.c - parsing and looking at values. cJSON is seen here and nowhere else. */
#include "base/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/mem.h"

/* `struct json` is never defined: a pointer to one is a pointer to a cJSON. */
static const cJSON *item(const struct json *v)
{
        return (const cJSON *)(const void *)v;
}

static const struct json *value(const cJSON *i)
{
        return (const struct json *)(const void *)i;
}

/* ---- names that stand twice in an object ---- */

enum { FEW_MEMBERS = 16 };

static int by_name(const void *a, const void *b)
{
        const cJSON *const *x = a, *const *y = b;
        return strcmp((*x)->string, (*y)->string);
}

/* The later one of two members of the same name. */
static const cJSON *later_of(const cJSON *a, const cJSON *b)
{
        for (const cJSON *i = a; i; i = i->next) {
                if (i == b)
                        return b;
        }
        return a;
}

static const cJSON *twin_among_many(const cJSON *object, size_t count, bool *starved)
{
        autofree const cJSON **sorted = mem_try_array(NULL, count, sizeof(const cJSON *));
        size_t n = 0;
        if (!sorted) {
                *starved = true;
                return NULL;
        }
        for (const cJSON *i = object->child; i; i = i->next)
                sorted[n++] = i;
        qsort(sorted, n, sizeof(const cJSON *), by_name);
        for (size_t k = 1; k < n; k++) {
                if (by_name(&sorted[k - 1], &sorted[k]) == 0)
                        return later_of(sorted[k - 1], sorted[k]);
        }
        return NULL;
}

static const cJSON *twin_in_object(const cJSON *object, bool *starved)
{
        size_t count = 0;
        for (const cJSON *i = object->child; i; i = i->next)
                count++;
        if (count > FEW_MEMBERS)
                return twin_among_many(object, count, starved);
        for (const cJSON *i = object->child; i; i = i->next) {
                for (const cJSON *j = object->child; j != i; j = j->next) {
                        if (strcmp(i->string, j->string) == 0)
                                return i;
                }
        }
        return NULL;
}

/*
 * A member anywhere in v whose name stood before in its object. Depth is limited by the scan. NULL and
 * *starved: it is not known.
 */
static const cJSON *twin_in(const cJSON *v, bool *starved)
{
        const cJSON *twin = cJSON_IsObject(v) ? twin_in_object(v, starved) : NULL;
        for (const cJSON *i = v->child; i && !twin && !*starved; i = i->next) {
                if (i->child)
                        twin = twin_in(i, starved);
        }
        return twin;
}

/* Counts the names that stand before `wanted` in the text. */
static bool names_before(const cJSON *v, const cJSON *wanted, size_t *names)
{
        for (const cJSON *i = v->child; i; i = i->next) {
                if (i == wanted)
                        return true;
                *names += i->string ? 1 : 0;
                if (names_before(i, wanted, names))
                        return true;
        }
        return false;
}

static int no_memory(size_t len, struct err *e)
{
        return err_set(e, ERR_UNAVAILABLE, "could not parse %zu bytes: out of memory", len);
}

static int refuse_twins(const cJSON *root, const char *text, size_t len, struct err *e)
{
        bool starved = false;
        const cJSON *twin = twin_in(root, &starved);
        if (starved)
                return no_memory(len, e);
        if (!twin)
                return 0;
        char what[160];
        const int shown = 100; /* a name can be as long as the text */
        snprintf(what, sizeof(what), "the name \"%.*s\" stands twice in its object", shown,
                 twin->string);
        size_t names = 0;
        names_before(root, twin, &names);
        return json_scan_blame_name(text, len, names, what, e);
}

/* ---- parsing ---- */

#ifdef WAVEFLEET_FAULTS
static void *alloc_node(size_t size_bytes)
{
        return mem_denied() ? NULL : xmalloc(size_bytes);
}

/* Each node of a tree is small; how many there are is up to the input. */
static void let_nodes_fail(void)
{
        cJSON_Hooks hooks = {.malloc_fn = alloc_node, .free_fn = free};
        cJSON_InitHooks(&hooks);
}
#else
static void let_nodes_fail(void) {}
#endif

struct json *json_parse(const char *text, size_t len, struct err *e)
{
        let_nodes_fail();
        if (json_scan(text, len, e) < 0)
                return NULL;
        cJSON *root = cJSON_ParseWithLengthOpts(text, len, NULL, false);
        if (!root) {
                no_memory(len, e);
                return NULL;
        }
        if (refuse_twins(root, text, len, e) < 0) {
                cJSON_Delete(root);
                return NULL;
        }
        return (struct json *)(void *)root;
}

void json_free(struct json *v)
{
        cJSON_Delete((cJSON *)(void *)v);
}

/* ---- looking ---- */

enum json_type json_type_of(const struct json *v)
{
        switch (item(v)->type & 0xFF) {
        case cJSON_False:
        case cJSON_True:
                return JSON_BOOL;
        case cJSON_Number:
                return JSON_NUMBER;
        case cJSON_String:
                return JSON_STRING;
        case cJSON_Array:
                return JSON_ARRAY;
        case cJSON_Object:
                return JSON_OBJECT;
        default:
                return JSON_NULL;
        }
}

const struct json *json_get(const struct json *v, const char *name)
{
        if (!v || !cJSON_IsObject(item(v)))
                return NULL;
        return value(cJSON_GetObjectItemCaseSensitive(item(v), name));
}

const struct json *json_first(const struct json *v)
{
        return v ? value(item(v)->child) : NULL;
}

const struct json *json_next(const struct json *v)
{
        return v ? value(item(v)->next) : NULL;
}

const char *json_name(const struct json *v)
{
        return v ? item(v)->string : NULL;
}

size_t json_count(const struct json *v)
{
        size_t n = 0;
        for (const struct json *i = json_first(v); i; i = json_next(i))
                n++;
        return n;
}

const char *json_str(const struct json *v)
{
        return v && cJSON_IsString(item(v)) ? item(v)->valuestring : NULL;
}

bool json_bool(const struct json *v)
{
        return v && cJSON_IsTrue(item(v));
}

double json_double(const struct json *v)
{
        return v && cJSON_IsNumber(item(v)) ? item(v)->valuedouble : 0;
}

int json_int(const struct json *v, int64_t *out)
{
        if (!v || !cJSON_IsNumber(item(v)))
                return -1;
        double d = item(v)->valuedouble;
        if (fabs(d) > (double)JSON_INT_MAX || d != floor(d))
                return -1;
        *out = (int64_t)d;
        return 0;
}

const char *json_get_text(const struct json *v, const char *name, struct arena *a)
{
        const struct json *m = json_get(v, name);
        if (!m)
                return NULL;
        autobuf text = BUF_INIT(64);
        switch (json_type_of(m)) {
        case JSON_STRING:
                return json_str(m);
        case JSON_BOOL:
                return json_bool(m) ? "true" : "false";
        case JSON_NUMBER:
                buf_addd(&text, json_double(m));
                return arena_strdup(a, buf_str(&text));
        default:
                return NULL;
        }
}
