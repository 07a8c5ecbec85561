/*
 * settings.c - the source site and its secret that starts use where nothing else says. The secret is
 * sealed before it is stored and shown as a mask; the mask, or nothing, means the stored one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/app.h"
#include "api/routes.h"
#include "base/mem.h"
#include "model/seal.h"

static const char *const keys[] = {"mb_site_id", "mb_secret"};
enum { SITE, SECRET };

struct settings_body {
        const struct json *site_id;
        const char *secret;
};

static const struct json_field fields[] = {
        {.name = "mb_site_id",
         .want = WANT_ANY,
         .offset = offsetof(struct settings_body, site_id),
         .present = NO_PRESENT},
        {.name = "mb_secret",
         .want = WANT_STRING,
         .max = 4096,
         .offset = offsetof(struct settings_body, secret),
         .present = NO_PRESENT},
};

/* ---- showing ---- */

static void on_settings(const struct pg_result *r, const struct err *e, void *arg)
{
        struct request *rq = arg;
        autobuf data = BUF_INIT(SIZE_MAX);
        struct json_out o;
        const char *site = NULL;
        bool has_secret = false;
        if (e) {
                respond_error(rq, e);
                return;
        }
        for (int i = 0; i < pg_rows(r, 0); i++) {
                if (strcmp(pg_text(r, 0, i, 0), keys[SITE]) == 0)
                        site = pg_text(r, 0, i, 1);
                if (strcmp(pg_text(r, 0, i, 0), keys[SECRET]) == 0)
                        has_secret = true;
        }
        json_out_init(&o, &data);
        json_out_object(&o, NULL);
        json_out_raw(&o, keys[SITE], site);
        json_out_str(&o, keys[SECRET], has_secret ? SEAL_MASK : NULL);
        json_out_object_end(&o);
        respond_made(rq, 200, &data, -1, NULL);
}

static void show(struct request *rq)
{
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_SETTINGS_GET);
        pg_arg_texts(tx, keys, COUNT_OF(keys));
        pg_pool_send(request_app(rq)->pg, tx, on_settings, rq);
}

void settings_show(struct request *rq)
{
        show(rq);
}

/* ---- storing ---- */

/* A form field that was left empty says nothing; digits in a string are a number. */
static void read_site(struct request *rq, const struct json *v, char out[24])
{
        struct mistakes *m = request_mistakes(rq);
        const char *text = v ? json_str(v) : NULL;
        int64_t n;
        *out = '\0';
        if (!v || json_type_of(v) == JSON_NULL || (text && !*text))
                return;
        if (text && strlen(text) < 16 && strspn(text, "0123456789") == strlen(text))
                n = strtoll(text, NULL, 10);
        else if (text || json_type_of(v) != JSON_NUMBER || json_int(v, &n) < 0) {
                mistake_add(m, ERR_WRONG_TYPE, "#/mb_site_id", "must be an integer");
                return;
        }
        if (n <= 0)
                mistake_add(m, ERR_INVALID, "#/mb_site_id", "must be above 0");
        snprintf(out, 24, "%" PRId64, n);
}

static void on_stored(const struct pg_result *r, const struct err *e, void *arg)
{
        struct request *rq = arg;
        (void)r;
        if (e)
                respond_error(rq, e);
        else
                show(rq);
}

static bool is_kept(const char *secret)
{
        return !secret || !*secret || strcmp(secret, SEAL_MASK) == 0;
}

void settings_put(struct request *rq)
{
        struct app *app = request_app(rq);
        struct settings_body b = {0};
        struct err e = ERR_INIT;
        char site[24];
        autofree char *sealed = NULL;
        const char *names[COUNT_OF(keys)], *values[COUNT_OF(keys)];
        size_t n = 0;
        const struct json *body = request_json(rq);
        if (!body)
                return;
        json_read(body, fields, COUNT_OF(fields), &b, "#", request_mistakes(rq));
        read_site(rq, b.site_id, site);
        if (mistakes_check(request_mistakes(rq), &e) < 0 ||
            (!is_kept(b.secret) && seal(app->config->secret_key, b.secret, &sealed, &e) < 0)) {
                respond_error(rq, &e);
                return;
        }
        if (*site) {
                names[n] = keys[SITE];
                values[n++] = site;
        }
        if (sealed) {
                names[n] = keys[SECRET];
                values[n++] = sealed;
        }
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_SETTINGS_PUT);
        pg_arg_texts(tx, names, n);
        pg_arg_texts(tx, values, n);
        pg_pool_send(app->pg, tx, on_stored, rq);
}
