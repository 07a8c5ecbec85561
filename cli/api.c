/* api.c - see api.h. */
#include "cli/api.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/text.h"

enum { ERRORS_SHOWN = 10, ERROR_BYTES = 1000 };

void answer_fini(struct answer *a)
{
        json_free(a->json);
        reply_fini(&a->reply);
        *a = (struct answer){0};
}

/* ---- problems ---- */

/* By its name, else by its status. */
static enum err_code problem_code(const char *name, int status)
{
        enum err_code found = status >= 500 ? ERR_UPSTREAM : ERR_BAD_REQUEST;
        for (int i = ERR_COUNT - 1; i > 0; i--) {
                if (err_http_status((enum err_code)i) == status)
                        found = (enum err_code)i;
        }
        for (int i = 1; name && i < ERR_COUNT; i++) {
                if (strcmp(err_name((enum err_code)i), name) == 0)
                        found = (enum err_code)i;
        }
        /* On our side this means a mistake on the command line. */
        return found == ERR_CONFIG ? ERR_INTERNAL : found;
}

static void note_errors(struct cli *c, const struct json *errors, const char *sentence)
{
        size_t shown = 0, count = json_count(errors);
        /* A single mistake is the sentence itself. */
        if (count == 1 && strstr(sentence, json_str_at(json_first(errors), "detail")))
                return;
        for (const struct json *i = json_first(errors); i && shown < ERRORS_SHOWN;
             i = json_next(i)) {
                buf_addf(&c->problem, "  %.*s: %.*s\n", ERROR_BYTES, json_str_at(i, "pointer"),
                         ERROR_BYTES, json_str_at(i, "detail"));
                shown++;
        }
        if (count > shown)
                buf_addf(&c->problem, "  and %zu more\n", count - shown);
}

static int problem(struct cli *c, const struct answer *a, struct err *e)
{
        const struct reply *r = &a->reply;
        const char *sentence = json_str(json_get(a->json, "error"));
        const char *name = json_str(json_get(a->json, "code"));
        autobuf clean = BUF_INIT(ERR_TEXT_MAX);
        buf_reset(&c->problem);
        if (sentence)
                text_clean(&clean, sentence, strlen(sentence));
        else
                buf_addf(&clean, "%s answers %d, and not in the words of wavefleet's API",
                         client_url(c->client), r->status);
        note_errors(c, json_get(a->json, "errors"), sentence ? sentence : "");
        if (*r->request_id)
                buf_addf(&c->problem, "  (status %d, request %s)\n", r->status, r->request_id);
        return err_set(e, problem_code(name, r->status), "%s", buf_str(&clean));
}

/* ---- calls ---- */

static bool is_json(const struct answer *a)
{
        const char *text = buf_str(&a->reply.body);
        return text[strspn(text, " \t\r\n")] == '{';
}

int api_call(struct cli *c, const struct call *q, struct answer *a, struct err *e)
{
        *a = (struct answer){0};
        if (client_call(c->client, q, &a->reply, e) < 0)
                return -1;
        if (is_json(a))
                a->json = json_parse(buf_str(&a->reply.body), a->reply.body.len, NULL);
        a->data = json_get(a->json, "data");
        if (a->reply.status < 200 || a->reply.status > 299)
                return problem(c, a, e);
        if (!a->json && !q->accept)
                return err_set(e, ERR_UPSTREAM,
                               "%s answers something else than wavefleet's API would",
                               client_url(c->client));
        return 0;
}

int api_get(struct cli *c, const char *path, struct answer *a, struct err *e)
{
        return api_call(c, &(struct call){.path = path}, a, e);
}

int api_post(struct cli *c, const char *path, const char *body, struct answer *a, struct err *e)
{
        if (!body)
                body = "{}";
        return api_call(
                c,
                &(struct call){.method = "POST", .path = path, .body = body, .len = strlen(body)},
                a, e);
}

/* ---- JSON as it came ---- */

/* The end of the value that begins at p; the text was parsed, so it is JSON. */
static const char *value_end(const char *p)
{
        int depth = 0;
        do {
                if (*p == '"') {
                        for (p++; *p != '"'; p++)
                                p += *p == '\\';
                } else if (*p == '{' || *p == '[') {
                        depth++;
                } else if (*p == '}' || *p == ']') {
                        depth--;
                }
                p++;
        } while (depth > 0);
        /* A number or a word goes on to what follows it. */
        while (*p && !strchr(",}] \t\r\n", *p) && p[-1] != '"' && p[-1] != '}' && p[-1] != ']')
                p++;
        return p;
}

static const char *skip_space(const char *p)
{
        return p + strspn(p, " \t\r\n");
}

void api_raw(const struct answer *a, const char **data, size_t *len)
{
        static const char name[] = "\"data\"";
        const char *p = skip_space(buf_str(&a->reply.body)) + 1;
        *data = "null";
        *len = strlen(*data);
        while (a->data && *(p = skip_space(p)) == '"') {
                const char *member = p;
                p = skip_space(skip_space(value_end(p)) + 1);
                if (strncmp(member, name, sizeof(name) - 1) == 0) {
                        *data = p;
                        *len = (size_t)(value_end(p) - p);
                        return;
                }
                p = skip_space(value_end(p));
                p += *p == ',';
        }
}

void api_print_json(const struct cli *c, const char *json, size_t len)
{
        autobuf out = BUF_INIT(SIZE_MAX);
        const char *end = json + len;
        if (!c->term.safe) {
                fwrite(json, 1, len, stdout);
                return;
        }
        for (const char *p = json; p < end;) {
                uint32_t character = 0;
                size_t n = text_steers(p, (size_t)(end - p), &character);
                /* White space between values is JSON's own; in texts it stands escaped. */
                if (n && !strchr(" \t\r\n", *p)) {
                        buf_addf(&out, "\\u%04x", character);
                        p += n;
                } else {
                        buf_addc(&out, *p++);
                }
        }
        cli_write(&out);
}

void api_print_raw(const struct cli *c, const struct answer *a)
{
        const char *data;
        size_t len;
        api_raw(a, &data, &len);
        api_print_json(c, data, len);
        fputc('\n', stdout);
}

const struct json *json_at(const struct json *v, const char *path)
{
        while (v && *path) {
                size_t len = strcspn(path, ".");
                autofree char *name = xstrndup(path, len);
                v = json_get(v, name);
                path += len + (path[len] == '.');
        }
        return v;
}

int64_t json_int_at(const struct json *v, const char *path)
{
        int64_t n = 0;
        json_int(json_at(v, path), &n);
        return n;
}

const char *json_str_at(const struct json *v, const char *path)
{
        const char *s = json_str(json_at(v, path));
        return s ? s : "";
}

/* ---- waves by name ---- */

int api_wave_id(struct cli *c, const char *wave, struct buf *out, struct err *e)
{
        autoanswer a = {0};
        const struct json *newest;
        if (strcmp(wave, "last") != 0) {
                buf_adds(out, wave);
                return 0;
        }
        if (api_get(c, "/api/waves?limit=1", &a, e) < 0)
                return -1;
        newest = json_first(a.data);
        if (!newest)
                return err_set(e, ERR_NOT_FOUND, "there is no wave yet");
        buf_adds(out, json_str_at(newest, "id"));
        return 0;
}

int api_wave_path(struct cli *c, const char *wave, const char *rest, struct buf *out, struct err *e)
{
        autobuf id = BUF_INIT(SIZE_MAX);
        if (api_wave_id(c, wave, &id, e) < 0)
                return -1;
        buf_adds(out, "/api/waves/");
        url_escape(out, buf_str(&id));
        buf_adds(out, rest);
        return 0;
}
