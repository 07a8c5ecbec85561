/*
 * submission.c - reading a wave: its own fields by a table, then the projects one by one, then what
 * only the whole list can tell (duplicates, targets).
 */
#include "engine/submission.h"

#include <assert.h>
#include <ctype.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_list.h"
#include "base/mem.h"
#include "base/rand.h"
#include "broker/broker.h"
#include "engine/submission_graph.h"
#include "model/kind.h"
#include "model/seal.h"

CLEANUP_DEFINE(json, struct json *, json_free)

static const char *const list_names[] = {"project_uuids", "projects"};
enum { LIST_UUIDS, LIST_PROJECTS, LISTS };
enum {
        POINTER_SIZE = 48,
        SHOWN_BYTES = 100,
        ENOUGH_MISTAKES = 1000, /* the rest of a list is not looked at */
};

/* The body as it came. */
struct fields {
        const char *name, *kind, *queue, *workspace_name;
        const struct json *params;
        const struct json *uuids, *projects; /* empty: the lists are read from the text */
        int64_t workspace_id, batch_size, priority, max_attempts, timeout_s;
        int64_t canary;
        bool mgr_manual, cloning, has_timeout;
        const struct json *start_at, *deadline_at, *max_failures, *depends_on;
};

/* One element of `projects`. */
struct element {
        const char *project, *mb_project_uuid;
        int64_t target;
        const struct json *params, *depends_on;
};

#define FIELD(type, name_, want_, min_, max_, member)                                              \
        {                                                                                          \
                .name = (name_), .want = (want_), .min = (min_), .max = (max_),                    \
                .offset = offsetof(struct type, member), .present = NO_PRESENT                     \
        }

static const struct json_field wave_fields[] = {
        {.name = "name",
         .want = WANT_STRING,
         .required = true,
         .min = 1,
         .max = SUBMISSION_HEAD_MAX,
         .offset = offsetof(struct fields, name),
         .present = NO_PRESENT},
        FIELD(fields, "project_uuids", WANT_ARRAY, 0, 0, uuids),
        FIELD(fields, "projects", WANT_ARRAY, 0, 0, projects),
        FIELD(fields, "batch_size", WANT_INT, 1, 10000, batch_size),
        FIELD(fields, "mgr_manual", WANT_BOOL, 0, 0, mgr_manual),
        FIELD(fields, "enable_cloning", WANT_BOOL, 0, 0, cloning),
        FIELD(fields, "kind", WANT_STRING, 1, 64, kind),
        FIELD(fields, "params", WANT_OBJECT, 0, 0, params),
        FIELD(fields, "workspace_id", WANT_INT_OR_TEXT, 1, JSON_INT_MAX, workspace_id),
        FIELD(fields, "workspace_name", WANT_STRING, 1, 1024, workspace_name),
        FIELD(fields, "queue", WANT_STRING, 1, QUEUE_NAME_MAX, queue),
        FIELD(fields, "priority", WANT_INT, 0, PRIORITY_MAX, priority),
        FIELD(fields, "max_attempts", WANT_INT, 1, 1000, max_attempts),
        {.name = "timeout_seconds",
         .want = WANT_INT,
         .max = WAVE_TIMEOUT_MAX_S,
         .offset = offsetof(struct fields, timeout_s),
         .present = offsetof(struct fields, has_timeout)},
        FIELD(fields, "start_at", WANT_ANY, 0, 0, start_at),
        FIELD(fields, "deadline_at", WANT_ANY, 0, 0, deadline_at),
        FIELD(fields, "canary", WANT_INT, 1, WAVE_PROJECTS_MAX, canary),
        FIELD(fields, "max_failures", WANT_ANY, 0, 0, max_failures),
        FIELD(fields, "depends_on", WANT_ARRAY, 0, 0, depends_on),
};

static const struct json_field element_fields[] = {
        FIELD(element, "project", WANT_STRING, 0, 0, project),
        FIELD(element, "mb_project_uuid", WANT_STRING, 0, 0, mb_project_uuid),
        FIELD(element, "brz_project_id", WANT_INT_OR_TEXT, 1, JSON_INT_MAX, target),
        FIELD(element, "params", WANT_OBJECT, 0, 0, params),
        FIELD(element, "depends_on", WANT_ARRAY, 0, PROJECT_DEPENDENCIES_MAX, depends_on),
};

struct reading {
        struct submission *s;
        const struct config *cfg;
        struct mistakes *m;
        const struct kind_spec *kind; /* NULL: unknown */
        const char *list;             /* "project_uuids" */
        uint32_t *places;             /* where in the list each project stands */
        size_t cap;
        bool too_many, starved;
        char *scratch;         /* PROJECT_BYTES_MAX */
        bool has_dependencies; /* some project has */
        struct err seal_error; /* why a secret could not be sealed */
};

static bool has_value(const struct json *v, const char *name)
{
        const struct json *member = json_get(v, name);
        return member && json_type_of(member) != JSON_NULL;
}

/* ---- sealing ---- */

static bool stored_one_is_meant(const struct json *secret)
{
        const char *text = json_str(secret);
        return json_type_of(secret) == JSON_NULL || (text && strcmp(text, SEAL_MASK) == 0);
}

int params_seal(const struct json *params, const struct config *cfg, struct arena *a,
                const char **out, struct err *e)
{
        autobuf text = BUF_INIT(SIZE_MAX);
        struct json_out o;
        json_out_init(&o, &text);
        json_out_object(&o, NULL);
        for (const struct json *i = json_first(params); i; i = json_next(i)) {
                if (strcmp(json_name(i), "mb_secret") != 0) {
                        json_out_value(&o, json_name(i), i);
                        continue;
                }
                if (stored_one_is_meant(i) || !json_str(i))
                        continue;
                autofree char *sealed = NULL;
                if (seal(cfg->secret_key, json_str(i), &sealed, e) < 0)
                        return -1;
                json_out_str(&o, "mb_secret", sealed);
        }
        json_out_object_end(&o);
        if (buf_check(&text, "the parameters", e) < 0)
                return -1;
        const char *kept = arena_text(a, &text);
        if (!kept)
                return arena_check(a, "the parameters", e);
        *out = kept;
        return 0;
}

static const char *sealed_params(struct reading *r, const struct json *params)
{
        const char *text = NULL;
        if (params && params_seal(params, r->cfg, r->s->arena, &text, &r->seal_error) < 0)
                return NULL;
        return text;
}

/* ---- the wave's own fields ---- */

static size_t characters(const char *s)
{
        size_t n = 0;
        for (; *s; s++)
                n += ((unsigned char)*s & 0xC0) != 0x80;
        return n;
}

static bool is_blank(const char *s)
{
        return s[strspn(s, " \t\r\n\v\f")] == '\0';
}

void wave_name_check(const char *name, const char *pointer, struct mistakes *m)
{
        if (name && is_blank(name))
                mistake_add(m, ERR_INVALID, pointer, "must not be blank");
        else if (name && characters(name) > WAVE_NAME_MAX)
                mistake_add(m, ERR_INVALID, pointer, "must have at most %d characters",
                            WAVE_NAME_MAX);
}

static void check_queue(struct reading *r, const char *queue)
{
        if (queue && !queue_name_ok(queue))
                mistake_add(r->m, ERR_INVALID, "#/queue",
                            "must consist of lower-case letters, digits, \"_\" and \"-\"");
}

static void check_kind(struct reading *r, const struct fields *f)
{
        r->kind = kind_spec_find(f->kind);
        if (r->kind)
                r->kind->check_params(f->params, "#/params", r->m);
        else
                mistake_add(r->m, ERR_INVALID, "#/kind", "is none of %s", kind_names());
}

/* A wave that starts later is planned: when its time has come, or when other waves are completed. */
static void read_steering(struct reading *r, const struct fields *f)
{
        struct steering *t = &r->s->steering;
        int64_t start_ms = 0;
        steering_read_time(f->start_at, "#/start_at", r->s->arena, r->m, &t->start_at);
        steering_read_time(f->deadline_at, "#/deadline_at", r->s->arena, r->m, &t->deadline_at);
        steering_read_limit(f->max_failures, "#/max_failures", r->m, &t->max_failures,
                            &t->max_failures_percent);
        if (f->depends_on)
                steering_read_waves(f->depends_on, "#/depends_on", r->s->arena, r->m, t);
        t->canary = f->canary;
        t->planned =
                t->ndepends_on > 0 || (t->start_at && clock_parse(t->start_at, &start_ms) == 0 &&
                                       start_ms > clock_wall_ms());
}

static void check_fields(struct reading *r, const struct fields *f)
{
        wave_name_check(f->name, "#/name", r->m);
        wave_name_check(f->workspace_name, "#/workspace_name", r->m);
        check_queue(r, f->queue);
        check_kind(r, f);
        read_steering(r, f);
}

static void keep_fields(struct reading *r, const struct fields *f)
{
        struct submission *s = r->s;
        s->name = f->name ? arena_strdup(s->arena, f->name) : "";
        s->kind = arena_strdup(s->arena, f->kind);
        s->queue = arena_strdup(s->arena, f->queue);
        s->workspace_name = f->workspace_name ? arena_strdup(s->arena, f->workspace_name) : NULL;
        s->workspace_id = f->workspace_id;
        s->batch_size = f->batch_size;
        s->priority = f->priority;
        s->max_attempts = f->max_attempts;
        s->timeout_ms = f->has_timeout ? f->timeout_s * 1000 : r->cfg->timeout_ms;
        s->mgr_manual = f->mgr_manual;
        s->cloning = f->cloning;
        s->params = f->params ? sealed_params(r, f->params) : "{}";
}

/* ---- projects ---- */

__attribute__((format(printf, 5, 6))) static void blame(struct reading *r, enum err_code code,
                                                        size_t place, const char *field,
                                                        const char *fmt, ...)
{
        char pointer[POINTER_SIZE + 32], detail[256];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(detail, sizeof(detail), fmt, ap);
        va_end(ap);
        snprintf(pointer, sizeof(pointer), "#/%s/%zu%s%s", r->list, place, field ? "/" : "",
                 field ? field : "");
        mistake_add(r->m, code, pointer, "%s", detail);
}

/* Room for one more. */
static bool grow_projects(struct reading *r)
{
        struct submission *s = r->s;
        size_t cap = r->cap ? r->cap * 2 : 64;
        void *projects = mem_try_array(s->projects, cap, sizeof(*s->projects));
        if (projects)
                s->projects = projects;
        void *places = projects ? mem_try_array(r->places, cap, sizeof(*r->places)) : NULL;
        if (!places)
                return false;
        r->places = places;
        r->cap = cap;
        return true;
}

/* NULL: there are too many, or there is no memory for more. */
static struct submission_project *add_project(struct reading *r, size_t place, const char *name,
                                              size_t len)
{
        struct submission *s = r->s;
        r->too_many = s->count == WAVE_PROJECTS_MAX;
        if (r->too_many)
                return NULL;
        r->starved |= s->count == r->cap && !grow_projects(r);
        if (r->starved)
                return NULL;
        assert(s->projects && r->places); /* cap is above 0 */
        r->places[s->count] = (uint32_t)place;
        struct submission_project *p = &s->projects[s->count++];
        *p = (struct submission_project){.name = arena_strndup(s->arena, name, len)};
        return p;
}

/* Without spaces around; 0: nothing is left. */
static size_t trim(const char **name, size_t len)
{
        const char *at = *name;
        while (len && isspace((unsigned char)at[len - 1]))
                len--;
        while (len && isspace((unsigned char)*at)) {
                at++;
                len--;
        }
        *name = at;
        return len;
}

static void read_uuid(struct reading *r, size_t place, const struct json_piece *piece)
{
        if (piece->type != JSON_STRING) {
                blame(r, ERR_WRONG_TYPE, place, NULL, "must be a string");
                return;
        }
        if (piece->len > PROJECT_BYTES_MAX) {
                blame(r, ERR_INVALID, place, NULL, "must be at most %d bytes long",
                      PROJECT_NAME_MAX);
                return;
        }
        const char *name = r->scratch;
        size_t len = trim(&name, json_piece_string(piece, r->scratch));
        if (len > PROJECT_NAME_MAX)
                blame(r, ERR_INVALID, place, NULL, "must be at most %d bytes long",
                      PROJECT_NAME_MAX);
        else if (len)
                add_project(r, place, name, len);
}

/* The name under either of its two fields; NULL: there is none, and it has been said. */
static const char *element_name(struct reading *r, size_t place, const struct element *v,
                                size_t *len)
{
        const char *field = v->project ? "project" : "mb_project_uuid";
        const char *name = v->project ? v->project : v->mb_project_uuid;
        if (v->project && v->mb_project_uuid) {
                blame(r, ERR_INVALID, place, "mb_project_uuid",
                      "must not stand beside \"project\", which is the same");
                return NULL;
        }
        *len = name ? trim(&name, strlen(name)) : 0;
        if (!name)
                blame(r, ERR_INVALID, place, "project", "is required");
        else if (*len == 0)
                blame(r, ERR_INVALID, place, field, "must not be blank");
        else if (*len > PROJECT_NAME_MAX)
                blame(r, ERR_INVALID, place, field, "must be at most %d bytes long",
                      PROJECT_NAME_MAX);
        else
                return name;
        return NULL;
}

/* The migration server knows a project by its target: somebody must say which, Brizy or the wave. */
static bool brings_targets(const struct reading *r)
{
        return r->kind && strcmp(r->kind->name, "remote") == 0 && !*r->cfg->brizy_token;
}

static void check_target(struct reading *r, size_t place, const struct json *v)
{
        if (brings_targets(r) && !has_value(v, "brz_project_id"))
                blame(r, ERR_INVALID, place, "brz_project_id",
                      "is required, since no Brizy token is configured");
}

/* Only taken down: what the names mean is known when the whole list is. */
static void read_dependencies(struct reading *r, size_t place, const struct json *list,
                              struct submission_project *p)
{
        size_t n = json_count(list);
        const char **names = n ? arena_try(r->s->arena, n * sizeof(*names)) : NULL;
        for (const struct json *i = json_first(list); names && i; i = json_next(i)) {
                const char *name = json_str(i);
                if (!name) {
                        blame(r, ERR_WRONG_TYPE, place, "depends_on", "must be a list of strings");
                        return;
                }
                size_t len = trim(&name, strlen(name));
                names[p->ndepends_on++] = arena_try_strndup(r->s->arena, name, len);
        }
        p->depends_on = names;
        r->has_dependencies |= n > 0;
}

static void read_element(struct reading *r, size_t place, const struct json *v)
{
        struct element el = {0};
        char pointer[POINTER_SIZE], params_at[POINTER_SIZE + 8];
        size_t len;
        snprintf(pointer, sizeof(pointer), "#/projects/%zu", place);
        snprintf(params_at, sizeof(params_at), "%s/params", pointer);
        json_read(v, element_fields, COUNT_OF(element_fields), &el, pointer, r->m);
        if (el.params && r->kind)
                r->kind->check_project(el.params, params_at, r->m);
        const char *name = element_name(r, place, &el, &len);
        if (!name)
                return;
        check_target(r, place, v);
        struct submission_project *p = add_project(r, place, name, len);
        if (!p)
                return;
        p->target = el.target;
        p->params = sealed_params(r, el.params);
        read_dependencies(r, place, el.depends_on, p);
        r->s->has_targets |= p->target != 0;
        r->s->has_params |= p->params != NULL;
}

static void read_project(struct reading *r, size_t place, const struct json_piece *piece)
{
        struct err e = ERR_INIT;
        if (piece->type != JSON_OBJECT) {
                blame(r, ERR_WRONG_TYPE, place, NULL, "must be an object");
                return;
        }
        if (piece->len > PROJECT_BYTES_MAX) {
                blame(r, ERR_INVALID, place, NULL, "must be at most %d bytes long",
                      PROJECT_BYTES_MAX);
                return;
        }
        struct json *v cleanup(json_cleanup) = json_parse(piece->text, piece->len, &e);
        if (v)
                read_element(r, place, v);
        else if (e.code == ERR_UNAVAILABLE)
                r->starved = true;
        else
                blame(r, ERR_WRONG_TYPE, place, NULL, "%s", e.text);
}

static void read_list(struct reading *r, struct json_list *list, bool objects)
{
        struct json_piece piece;
        char pointer[POINTER_SIZE];
        for (size_t place = 0; json_list_next(list, &piece) && !r->too_many && !r->starved;
             place++) {
                if (r->m->total >= ENOUGH_MISTAKES)
                        break;
                if (objects)
                        read_project(r, place, &piece);
                else
                        read_uuid(r, place, &piece);
        }
        snprintf(pointer, sizeof(pointer), "#/%s", r->list);
        if (r->too_many)
                mistake_add(r->m, ERR_INVALID, pointer, "must have at most %d projects",
                            WAVE_PROJECTS_MAX);
        else if (r->s->count == 0 && r->m->total == 0 && !r->starved)
                mistake_add(r->m, ERR_INVALID, pointer, "must name at least one project");
}

/* ---- names ---- */

/* A keyed hash: names come from outside, and a chosen one must not make all fall together. */
static uint64_t hash_of(const char *name, const unsigned char *key)
{
        uint64_t h;
        crypto_shorthash((unsigned char *)&h, (const unsigned char *)name, strlen(name), key);
        return h;
}

static void blame_twin(struct reading *r, size_t twin, size_t first)
{
        assert(r->s->projects && r->places);
        const char *name = r->s->projects[twin].name;
        size_t shown = 0;
        for (size_t n; name[shown] && (n = utf8_step(name + shown, 4)) && shown + n <= SHOWN_BYTES;)
                shown += n;
        blame(r, ERR_INVALID, r->places[twin], NULL,
              "repeats \"%.*s%s\", which stands at %u already", (int)shown, name,
              name[shown] ? "..." : "", r->places[first]);
}

/* The names by their hash: index + 1 of the project, 0 where the place is free. */
struct names {
        const struct submission *s;
        uint32_t *table;
        size_t size;
        unsigned char key[crypto_shorthash_KEYBYTES];
};

/* Where a name stands, or would. */
static size_t slot_of(const struct names *n, const char *name)
{
        size_t at = hash_of(name, n->key) & (n->size - 1);
        while (n->table[at] && strcmp(n->s->projects[n->table[at] - 1].name, name) != 0)
                at = (at + 1) & (n->size - 1);
        return at;
}

static int64_t place_of(const char *name, const void *arg)
{
        const struct names *n = arg;
        return (int64_t)n->table[slot_of(n, name)] - 1;
}

/* What only the whole list can tell: names that stand twice, and what depends on what. */
static void check_names(struct reading *r)
{
        struct names n = {.s = r->s, .size = 64};
        while (n.size < 2 * r->s->count)
                n.size *= 2;
        n.table = mem_try_zeroed(n.size, sizeof(*n.table));
        r->starved |= !n.table || arena_failed(r->s->arena);
        if (r->starved) {
                free(n.table);
                return;
        }
        rand_bytes(n.key, sizeof(n.key));
        for (size_t i = 0; i < r->s->count; i++) {
                size_t at = slot_of(&n, r->s->projects[i].name);
                if (n.table[at])
                        blame_twin(r, i, n.table[at] - 1);
                else
                        n.table[at] = (uint32_t)i + 1;
        }
        if (r->has_dependencies && r->m->total == 0)
                r->starved = submission_graph(r->s, r->list, r->places, r->m, place_of, &n) < 0;
        free(n.table);
}

/* ---- the whole ---- */

static void check_remote(struct reading *r, const struct json *head, bool objects)
{
        if (!brings_targets(r))
                return;
        if (!has_value(head, "workspace_id"))
                mistake_add(r->m, ERR_INVALID, "#/workspace_id",
                            "is required, since no Brizy token is configured");
        if (!objects)
                mistake_add(
                        r->m, ERR_INVALID, "#/project_uuids",
                        "cannot name targets: no Brizy token is configured, so give \"projects\" "
                        "with a \"brz_project_id\" each");
}

static void read_projects(struct reading *r, const struct json *head, struct json_list *lists)
{
        bool objects = lists[LIST_PROJECTS].at != NULL;
        if (objects && has_value(head, "project_uuids")) {
                mistake_add(r->m, ERR_INVALID, "#/projects", "excludes \"project_uuids\"");
                return;
        }
        if (!objects && !lists[LIST_UUIDS].at) {
                if (!has_value(head, "project_uuids") && !has_value(head, "projects"))
                        mistake_add(r->m, ERR_INVALID, "#/project_uuids", "is required");
                return;
        }
        r->list = list_names[objects ? LIST_PROJECTS : LIST_UUIDS];
        r->scratch = objects ? NULL : mem_try(NULL, PROJECT_BYTES_MAX);
        r->starved |= !objects && !r->scratch;
        check_remote(r, head, objects);
        read_list(r, &lists[objects ? LIST_PROJECTS : LIST_UUIDS], objects);
        check_names(r);
}

static int verdict(const struct reading *r, struct err *e)
{
        if (r->starved || arena_failed(r->s->arena))
                return err_set(e, ERR_UNAVAILABLE, "could not hold the wave: out of memory");
        if (mistakes_check(r->m, e) < 0)
                return -1;
        if (r->seal_error.code != ERR_OK) {
                *e = r->seal_error;
                return -1;
        }
        return 0;
}

int submission_read(struct submission *s, const char *text, size_t len, const struct config *cfg,
                    struct mistakes *m, struct err *e)
{
        struct json_list lists[LISTS];
        struct fields f = {.kind = "remote",
                           .queue = "default",
                           .batch_size = cfg->batch_size,
                           .max_attempts = cfg->retry_max_attempts};
        struct reading r = {.s = s, .cfg = cfg, .m = m, .seal_error = ERR_INIT};
        *s = (struct submission){.arena = arena_new(0)};
        struct json *head cleanup(json_cleanup) =
                json_parse_head(text, len, list_names, LISTS, lists, SUBMISSION_HEAD_MAX, e);
        if (!head)
                return -1;
        json_read(head, wave_fields, COUNT_OF(wave_fields), &f, "#", m);
        check_fields(&r, &f);
        keep_fields(&r, &f);
        read_projects(&r, head, lists);
        free(r.scratch);
        free(r.places);
        wave_id_new(s->wave_id);
        return verdict(&r, e);
}

void submission_fini(struct submission *s)
{
        arena_free(s->arena);
        free(s->projects);
        free(s->places);
        free(s->on_places);
        *s = (struct submission){0};
}
