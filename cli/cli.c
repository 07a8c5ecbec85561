/* cli.c - see cli.h: connecting, and speaking to the person. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/text.h"

enum { TEXT_MAX = 64 << 10, TIMEOUT_S = 30, TIMEOUT_CREATE_S = 300, TIMEOUT_MAX_S = 86400 };

static const char url_default[] = "http://127.0.0.1:8088";

/* ---- what it is told ---- */

static const char *environment(const char *name)
{
        const char *v = getenv(name);
        return v && *v ? v : NULL;
}

const char *cli_url(const struct cli *c)
{
        const char *url = args_value(&c->args, OPT_url);
        if (!url)
                url = environment("WAVEFLEET_URL");
        return url ? url : url_default;
}

/* The first line of the file. */
static int read_token_file(const char *path, struct buf *out, struct err *e)
{
        FILE *f = fopen(path, "re");
        char line[TEXT_MAX];
        bool got;
        if (!f)
                return err_errno(e, ERR_CONFIG, "could not open %s", path);
        got = fgets(line, sizeof(line), f);
        fclose(f);
        if (got)
                buf_add(out, line, strcspn(line, "\r\n"));
        return out->len ? 0 : err_set(e, ERR_CONFIG, "there is no token in %s", path);
}

static int read_token(const struct cli *c, struct buf *out, struct err *e)
{
        const char *file = args_value(&c->args, OPT_token_file);
        const char *token = environment("WAVEFLEET_API_TOKEN");
        if (file)
                return read_token_file(file, out, e);
        if (!token)
                token = environment("WAVEFLEET_TOKEN");
        buf_adds(out, token ? token : "");
        return 0;
}

int cli_connect(struct cli *c, const char *session, struct err *e)
{
        autobuf token = BUF_INIT(TEXT_MAX);
        const char *ca_file = args_value(&c->args, OPT_ca_file);
        int64_t timeout_s = c->args.command->run == wave_create ? TIMEOUT_CREATE_S : TIMEOUT_S;
        if (args_int(&c->args, OPT_timeout, 1, TIMEOUT_MAX_S, &timeout_s, e) < 0 ||
            read_token(c, &token, e) < 0)
                return -1;
        client_free(take(c->client));
        return client_new(
                &(struct client_config){.url = cli_url(c),
                                        .token = session ? NULL : buf_str(&token),
                                        .session = session,
                                        .ca_file = ca_file ? ca_file
                                                           : environment("WAVEFLEET_CA_FILE"),
                                        .timeout_ms = timeout_s * 1000,
                                        .quiet = c->quiet},
                &c->client, e);
}

/* ---- what it says ---- */

void cli_write(const struct buf *text)
{
        if (text->len)
                fwrite(text->data, 1, text->len, stdout);
}

__attribute__((format(printf, 3, 0))) static void print_clean(FILE *where, const char *prefix,
                                                              const char *fmt, va_list ap)
{
        autobuf text = BUF_INIT(TEXT_MAX);
        autobuf clean = BUF_INIT(2 * TEXT_MAX);
        buf_addv(&text, fmt, ap);
        text_clean(&clean, buf_str(&text), text.len);
        fprintf(where, "%s%s\n", prefix, buf_str(&clean));
}

void cli_note(const struct cli *c, const char *fmt, ...)
{
        va_list ap;
        if (c->quiet)
                return;
        va_start(ap, fmt);
        print_clean(stderr, "", fmt, ap);
        va_end(ap);
}

void cli_hint(const struct cli *c, const char *fmt, ...)
{
        va_list ap;
        if (c->quiet || !isatty(STDERR_FILENO))
                return;
        va_start(ap, fmt);
        print_clean(stderr, "", fmt, ap);
        va_end(ap);
}

void cli_say(const struct cli *c, const char *fmt, ...)
{
        va_list ap;
        if (c->quiet || c->output != OUTPUT_TABLE)
                return;
        va_start(ap, fmt);
        print_clean(stdout, "", fmt, ap);
        va_end(ap);
}

/* ---- what it asks ---- */

int cli_sure(struct cli *c, struct err *e, const char *fmt, ...)
{
        autobuf text = BUF_INIT(TEXT_MAX);
        autobuf question = BUF_INIT(2 * TEXT_MAX);
        autobuf answer = BUF_INIT(0);
        va_list ap;
        if (args_has(&c->args, OPT_yes))
                return 0;
        va_start(ap, fmt);
        buf_addv(&text, fmt, ap);
        va_end(ap);
        text_clean(&question, buf_str(&text), text.len);
        if (!term_can_ask())
                return err_set(
                        e, ERR_CONFIG,
                        "%s: nobody can be asked, so nothing was done; say --yes where it is meant",
                        buf_str(&question));
        buf_adds(&question, "? [y/N] ");
        if (term_ask(buf_str(&question), false, &answer, e) < 0)
                return -1;
        if (strcasecmp(buf_str(&answer), "y") == 0 || strcasecmp(buf_str(&answer), "yes") == 0)
                return 0;
        return err_set(e, ERR_BAD_REQUEST, "nothing was done");
}
