/*
 * settings.c - what bodies of the remote kind need besides their job: the URL of the attempt's webhook, and
 * the site and secret, from the project, the wave or the settings, unsealed.
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
        char *base;          /* what webhooks are sent to */
        struct arena *arena; /* what the last job was dressed with */
        char *secret;        /* likewise, wiped */
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
        if (pg_rows(r, 0))
                s->known = hash_unhex(pg_text(r, 0, 0, 1), s->key, sizeof(s->key)) == 0;
        hands_want(s->w);
}

void settings_read(struct settings *s)
{
        static const char *const keys[] = {"webhook_key"};
        struct pg_tx *tx;

        if (s->asking || s->known)
                return;
        s->asking = true;
        tx = pg_tx_new();
        pg_stmt(tx, SQL_SETTINGS_GET);
        pg_arg_texts(tx, keys, COUNT_OF(keys));
        pg_send(s->w->look, tx, got, s);
}

static struct json *parse(const char *text)
{
        return text ? json_parse(text, strlen(text), NULL) : NULL;
}

/* The first that has it: the project's own params, the wave's, the settings. */
static const char *pick(struct settings *s, struct json *const *layers, const char *name)
{
        const char *v = NULL;

        for (size_t i = 0; i < 3 && !v; i++)
                v = json_get_text(layers[i], name, s->arena);
        return v ? arena_strdup(s->arena, v) : NULL;
}

static void dress_site(struct settings *s, struct job *job, const char *stored)
{
        struct json *layers[] = {parse(job->project_params), parse(job->params), parse(stored)};
        const char *secret = pick(s, layers, "mb_secret");
        struct err e = ERR_INIT;

        job->site_id = pick(s, layers, "mb_site_id");
        if (secret && unseal(s->w->cfg->secret_key, secret, &s->secret, &e) == 0)
                job->site_secret = s->secret;
        else if (secret)
                log_error("secret.sealed", LI("id", job->id), LE(&e));
        for (size_t i = 0; i < COUNT_OF(layers); i++)
                json_free(layers[i]);
}

void settings_dress(struct settings *s, struct job *job, const char *stored)
{
        char token[WEBHOOK_TOKEN_SIZE];

        if (strcmp(job->kind, "remote") != 0)
                return;
        forget_secret(s);
        arena_reset(s->arena);
        dress_site(s, job, stored);
        webhook_token_make(s->key, job->id, job->attempt, token);
        job->webhook_url = webhook_url(s->arena, s->base, token);
}
