/* params.c - looks for each parameter in the layers that may hold it. */
#include "worker/kinds/remote/params.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"

CLEANUP_DEFINE(json, struct json *, json_free)

enum { LAYERS = 3 };

struct layers {
        const struct json *of[LAYERS];
        struct arena *arena;
};

static struct json *parse(const char *text)
{
        return text ? json_parse(text, strlen(text), NULL) : NULL;
}

/* The uppermost layer's text, number or switch of that name; blank and null are none. */
static char *find(const struct layers *l, const char *name)
{
        for (size_t i = 0; i < LAYERS; i++) {
                const char *s = json_get_text(l->of[i], name, l->arena);
                if (s && s[strspn(s, " ")])
                        return arena_strdup(l->arena, s);
        }
        return NULL;
}

static const char *find_switch(const struct layers *l, const char *name, const char *on,
                               const char *off)
{
        const char *s = find(l, name);
        if (!s)
                return NULL;
        return strcmp(s, "true") == 0 || strcmp(s, "1") == 0 ? on : off;
}

static const char *first(const char *a, const char *b, const char *c)
{
        return a ? a : b && *b ? b : c;
}

void remote_params_read(const struct job *job, struct arena *a, struct remote_params *out)
{
        cleanup(json_cleanup) struct json *options = parse(job->options);
        cleanup(json_cleanup) struct json *project = parse(job->project_params);
        cleanup(json_cleanup) struct json *wave = parse(job->params);
        const struct layers all = {.of = {options, project, wave}, .arena = a};
        const struct layers own = {.of = {project}, .arena = a};
        const struct layers waves = {.of = {wave}, .arena = a};
        /* Whoever made the job has looked in all places and unsealed what was sealed. */
        char *own_secret = NULL;
        if (!(job->site_secret && *job->site_secret)) {
                own_secret = find(&own, "mb_secret");
                if (!own_secret)
                        own_secret = find(&waves, "mb_secret");
        }
        *out = (struct remote_params){
                .site_id = first(job->site_id && *job->site_id ? job->site_id : NULL,
                                 find(&own, "mb_site_id"), find(&waves, "mb_site_id")),
                .secret = own_secret ? own_secret : first(NULL, job->site_secret, NULL),
                .secret_copy = own_secret,
                .workspace_id = first(find(&all, "brz_workspaces_id"), job->workspace_id, NULL),
                .page_slug = find(&all, "mb_page_slug"),
                .element_name = find(&all, "mb_element_name"),
                .skip_media_upload = find_switch(&all, "skip_media_upload", "true", "false"),
                .skip_cache = find_switch(&all, "skip_cache", "true", "false"),
                .quality_analysis = find_switch(&all, "quality_analysis", "true", "false"),
                .mgr_manual = find_switch(&all, "mgr_manual", "1", "0"),
        };
}

void remote_params_wipe(struct remote_params *p)
{
        if (p->secret_copy)
                mem_wipe(p->secret_copy, strlen(p->secret_copy));
        p->secret = p->secret_copy = NULL;
}
