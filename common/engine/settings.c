/*
 * settings.c - what bodies of the remote kind need that stands in PostgreSQL: the key of the webhooks'
 * tokens, and the site and secret that people stored. Read again with each renewal of the lease.
 */
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "engine/worker_internal.h"
#include "model/seal.h"
#include "model/webhook_token.h"

struct settings {
        struct engine_worker *w;
        bool known;
        bool asking;
        unsigned char key[HASH_BYTES];
        char *site_id;
        char *site_secret; /* sealed, as it is stored */
        char *base;            /* what webhooks are sent to */
        struct arena *arena;   /* what the last job was dressed with */
        char *secret;          /* likewise, wiped */
};

struct settings *settings_new(struct engine_worker *w)
{
        struct settings *s = xcalloc(1, sizeof(*s));

        s->w = w;
        s->arena = arena_new(0);
        s->base = w->cfg->public_url[0] ? xstrdup(w->cfg->public_url)
                                        : xasprintf("http://%s", w->cfg->listen);
        return s;
}

static void forget_secret(struct settings *s)
{
        if (s->secret)
                mem_wipe(s->secret, strlen(s->secret));
        free(s->secret);
        s->secret = NULL;
}

void settings_free(struct settings *s)
{
        if (!s)
                return;
        forget_secret(s);
        mem_wipe(s->key, sizeof(s->key));
        free(s->site_id);
        free(s->site_secret);
        free(s->base);
        arena_free(s->arena);
        free(s);
}

bool settings_known(const struct settings *s)
{
        return s->known;
}

static void got(const struct pg_result *r, const struct err *e, void *arg)
{
        struct settings *s = arg;

        s->asking = false;
        if (e) {
                log_warn("settings.not_read", LE(e));
                return;
        }
        for (int i = 0; i < pg_rows(r, 0); i++) {
                const char *key = pg_text(r, 0, i, 0), *value = pg_text(r, 0, i, 1);
                char **to = !strcmp(key, "mb_site_id")  ? &s->site_id
                            : !strcmp(key, "mb_secret") ? &s->site_secret
                                                        : NULL;
                if (!strcmp(key, "webhook_key"))
                        s->known = hash_unhex(value, s->key, sizeof(s->key)) == 0;
                if (to) {
                        free(*to);
                        *to = xstrdup(value);
                }
        }
        hands_want(s->w);
}

void settings_refresh(struct settings *s)
{
        static const char *const keys[] = {"webhook_key", "mb_site_id", "mb_secret"};
        struct pg_tx *tx;

        if (s->asking)
                return;
        s->asking = true;
        tx = pg_tx_new();
        pg_stmt(tx, SQL_SETTINGS_GET);
        pg_arg_texts(tx, keys, COUNT_OF(keys));
        pg_send(s->w->beat, tx, got, s);
}

static struct json *parse(const char *text)
{
        return text ? json_parse(text, strlen(text), NULL) : NULL;
}

/* The first that has it: the project's own params, the wave's, the settings. */
static const char *pick(const struct json *project, const struct json *wave, const char *name,
                        const char *stored, struct arena *a)
{
        const char *v = json_get_text(project, name, a);

        if (!v)
                v = json_get_text(wave, name, a);
        return v ? v : stored;
}

static void dress_site(struct settings *s, struct job *job)
{
        struct json *project = parse(job->project_params), *wave = parse(job->params);
        const char *secret = pick(project, wave, "mb_secret", s->site_secret, s->arena);
        struct err e = ERR_INIT;

        job->site_id = pick(project, wave, "mb_site_id", s->site_id, s->arena);
        if (job->site_id)
                job->site_id = arena_strdup(s->arena, job->site_id);
        if (secret && unseal(s->w->cfg->secret_key, secret, &s->secret, &e) == 0)
                job->site_secret = s->secret;
        else if (secret)
                log_error("secret.sealed", LI("id", job->id), LE(&e));
        json_free(project);
        json_free(wave);
}

void settings_dress(struct settings *s, struct job *job)
{
        char token[WEBHOOK_TOKEN_SIZE];

        if (strcmp(job->kind, "remote") != 0)
                return;
        forget_secret(s);
        arena_reset(s->arena);
        dress_site(s, job);
        webhook_token_make(s->key, job->id, job->attempt, token);
        job->webhook_url = webhook_url(s->arena, s->base, token);
}
