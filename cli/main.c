/*
 * main.c - wavefleet: the command line. Talks to wavefleet's API over HTTP, and to nothing else.
 *
 * What was asked for goes to standard output; notes, questions and errors to standard error.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/session.h"
#include "cli/text.h"

enum { PROBLEM_MAX = 64 << 10 };

static enum exit_code exit_of(const struct err *e)
{
        switch (e->code) {
        case ERR_CONFIG:
                return EXIT_USAGE;
        case ERR_UNAVAILABLE:
        case ERR_TIMEOUT:
        case ERR_LOST:
        case ERR_RATE:
        case ERR_UPSTREAM:
                return EXIT_AWAY;
        case ERR_UNAUTHORIZED:
        case ERR_FORBIDDEN:
                return EXIT_REFUSED;
        default:
                return EXIT_FAILED;
        }
}

static int complain(const struct cli *c, const struct err *e)
{
        autobuf clean = BUF_INIT(2 * ERR_TEXT_MAX);
        text_clean(&clean, e->text, strlen(e->text));
        fflush(stdout);
        fprintf(stderr, "wavefleet: %s\n", buf_str(&clean));
        for (const char *line = buf_str(&c->problem); *line;) {
                size_t len = strcspn(line, "\n");
                buf_reset(&clean);
                text_clean(&clean, line, len);
                fprintf(stderr, "%s\n", buf_str(&clean));
                line += len + (line[len] == '\n');
        }
        if (e->code == ERR_UNAUTHORIZED && !c->quiet)
                fprintf(stderr, "  log in with wavefleet login, or give a token: --token-file, "
                                "WAVEFLEET_API_TOKEN\n");
        return exit_of(e);
}

static int read_output(struct cli *c, struct err *e)
{
        static const char *const names[] = {
                [OUTPUT_TABLE] = "table", [OUTPUT_CSV] = "csv", [OUTPUT_JSON] = "json"};
        const char *text = args_value(&c->args, OPT_output);
        for (size_t i = 0; text && i < COUNT_OF(names); i++) {
                if (strcmp(text, names[i]) == 0) {
                        c->output = (enum output)i;
                        return 0;
                }
        }
        return text ? err_set(e, ERR_CONFIG, "--output is table, json or csv, not \"%s\"", text)
                    : 0;
}

/* Help and completion call nobody, so what is wrong with the address is no matter for them. */
static int connect_for(struct cli *c, struct err *e)
{
        autofree char *session = NULL;
        if (c->args.command->run == help || c->args.command->run == completion)
                return 0;
        if (cli_connect(c, NULL, e) < 0)
                return -1;
        if (client_has_token(c->client))
                return 0;
        if (session_load(client_url(c->client), &session, e) < 0)
                return -1;
        return session ? cli_connect(c, session, e) : 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
        if (args_read(&c->args, argc, argv, e) < 0)
                return -1;
        term_init(&c->term, args_has(&c->args, OPT_no_color));
        c->quiet = args_has(&c->args, OPT_quiet);
        if (args_has(&c->args, OPT_version)) {
                puts("wavefleet " WAVEFLEET_VERSION);
                return EXIT_DONE;
        }
        if (args_has(&c->args, OPT_help))
                return help_print(c->args.command, c->args.command ? c->args.command->noun : NULL);
        if (read_output(c, e) < 0 || connect_for(c, e) < 0)
                return -1;
        return c->args.command->run(c, e);
}

int main(int argc, char **argv)
{
        struct cli c = {.problem = BUF_INIT(PROBLEM_MAX)};
        struct err e = ERR_INIT;
        rand_init();
        curl_global_init(CURL_GLOBAL_DEFAULT);
        int rc = run(&c, argc, argv, &e);
        if (rc < 0)
                rc = complain(&c, &e);
        if (fflush(stdout) != 0 || ferror(stdout)) {
                fprintf(stderr, "wavefleet: could not write all of the answer\n");
                rc = rc ? rc : EXIT_FAILED;
        }
        client_free(c.client);
        args_fini(&c.args);
        buf_fini(&c.problem);
        curl_global_cleanup();
        return rc;
}
