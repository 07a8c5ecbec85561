/* login.c - the commands login and logout. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "cli/api.h"
#include "cli/session.h"

enum { LINE_MAX_BYTES = 4096, BODY_MAX = 64 << 10 };

static void wipe(struct buf *b)
{
        if (b->data)
                mem_wipe(b->data, b->cap);
        buf_fini(b);
}

static int read_first_line(const char *path, struct buf *out, struct err *e)
{
        char line[LINE_MAX_BYTES];
        FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
        bool got;
        if (!f)
                return err_errno(e, ERR_CONFIG, "could not open %s", path);
        got = fgets(line, sizeof(line), f);
        if (f != stdin)
                fclose(f);
        if (got)
                buf_add(out, line, strcspn(line, "\r\n"));
        mem_wipe(line, sizeof(line));
        return out->len ? 0 : err_set(e, ERR_CONFIG, "there is no password in %s", path);
}

static int read_name(const struct cli *c, struct buf *out, struct err *e)
{
        const char *name = args_value(&c->args, OPT_username);
        if (!name)
                return term_ask("Name: ", false, out, e);
        buf_adds(out, name);
        return 0;
}

static int read_password(const struct cli *c, struct buf *out, struct err *e)
{
        const char *file = args_value(&c->args, OPT_password_file);
        return file ? read_first_line(file, out, e) : term_ask("Password: ", true, out, e);
}

static int log_in(struct cli *c, const char *name, const char *password, struct answer *a,
                  struct err *e)
{
        struct buf body = BUF_INIT(BODY_MAX);
        struct json_out o;
        json_out_init(&o, &body);
        json_out_object(&o, NULL);
        json_out_str(&o, "username", name);
        json_out_str(&o, "password", password);
        json_out_object_end(&o);
        struct call q = {.method = "POST",
                         .path = "/api/auth/login",
                         .body = buf_str(&body),
                         .len = body.len,
                         .once = true};
        int rc = api_call(c, &q, a, e);
        wipe(&body);
        return rc;
}

static int keep(struct cli *c, const struct answer *a, const char *name, struct err *e)
{
        const char *id = json_str(json_get(a->data, "session_id"));
        if (!id)
                id = json_str(json_get(a->json, "session_id"));
        if (!id)
                return err_set(e, ERR_UPSTREAM, "the API answered no session");
        if (session_store(client_url(c->client), id, name, e) < 0)
                return -1;
        cli_say(c, "logged in to %s as %s", client_url(c->client), name);
        if (client_has_token(c->client))
                cli_note(c, "a token is given, too, and goes before the session");
        return EXIT_DONE;
}

int login(struct cli *c, struct err *e)
{
        struct buf name = BUF_INIT(LINE_MAX_BYTES), password = BUF_INIT(LINE_MAX_BYTES);
        autoanswer a = {0};
        int rc = -1;
        if (client_is_open(c->client))
                cli_note(c, "warning: %s is plain HTTP: the password can be read on the way",
                         client_url(c->client));
        /* Without the session that may be there already. */
        if (cli_connect(c, NULL, e) == 0 && read_name(c, &name, e) == 0 &&
            read_password(c, &password, e) == 0 &&
            log_in(c, buf_str(&name), buf_str(&password), &a, e) == 0)
                rc = keep(c, &a, buf_str(&name), e);
        /* What log_in says of credentials is no call for logging in. */
        if (rc < 0 && e->code == ERR_UNAUTHORIZED)
                e->code = ERR_FORBIDDEN;
        wipe(&password);
        buf_fini(&name);
        return rc;
}

int logout(struct cli *c, struct err *e)
{
        autofree char *session = NULL;
        autofree char *url = xstrdup(client_url(c->client));
        autoanswer a = {0};
        struct err told = ERR_INIT;
        if (session_load(url, &session, e) < 0)
                return -1;
        if (!session) {
                cli_say(c, "there is no session for %s", url);
                return EXIT_DONE;
        }
        if (cli_connect(c, session, e) < 0 || session_store(url, NULL, NULL, e) < 0)
                return -1;
        if (api_post(c, "/api/auth/logout", NULL, &a, &told) < 0 && told.code != ERR_UNAUTHORIZED) {
                *e = told;
                return err_wrap(e, "the session is forgotten here, but not ended there");
        }
        cli_say(c, "logged out of %s", url);
        return EXIT_DONE;
}
