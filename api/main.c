/*
 * main.c - wavefleet-api: reads what it is told, starts the parts, and stops as asked.
 *
 * Exit codes: 0 stopped as asked, 1 runtime failure, 2 usage or configuration.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/app.h"
#include "api/doctor/check.h"
#include "api/people/token.h"
#include "api/people/user.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"

enum { EXIT_USAGE = 2, STOP_GRACE_MS = 30000, REPORT_MAX = 1 << 20 };

static const char usage[] =
        "usage: wavefleet-api [--config FILE] [FLAGS]\n"
        "       wavefleet-api token create --role viewer|operator|admin --name NAME\n"
        "       wavefleet-api token list\n"
        "       wavefleet-api token revoke --name NAME\n"
        "       wavefleet-api user create NAME --role viewer|operator|admin\n"
        "                          [--full-name TEXT] [--email TEXT] [--password-stdin]\n"
        "       wavefleet-api user password NAME [--password-stdin]\n"
        "       wavefleet-api user role NAME viewer|operator|admin\n"
        "       wavefleet-api user disable|enable NAME\n"
        "       wavefleet-api user list";

struct program {
        struct app app;
        struct loop *loop;
        struct config config;
        int argc; /* as it was called, for a reload */
        char **argv;
        struct loop_timer *grace;
        bool stopping;
};

/* ---- signals ---- */

static void on_stopped(void *arg)
{
        struct program *p = arg;
        loop_stop(p->loop);
}

static void on_grace_over(void *arg)
{
        log_warn("api.stop_forced");
        on_stopped(arg);
}

/* A second one stops it at once. */
static void on_stop_signal(int signo, void *arg)
{
        struct program *p = arg;
        if (p->stopping) {
                on_grace_over(p);
                return;
        }
        log_info("api.stopping", LI("signal", signo));
        p->stopping = true;
        loop_timer_start(p->grace, STOP_GRACE_MS);
        app_stop(&p->app, on_stopped, p);
}

/* Applies the keys marked RELOAD in the table. */
static void on_reload_signal(int signo, void *arg)
{
        (void)signo;
        struct program *p = arg;
        struct config fresh;
        struct err e = ERR_INIT;
        enum config_action action;
        enum log_level level;
        autobuf report = BUF_INIT(REPORT_MAX);
        int argc = p->argc;
        autofree char **argv = xcalloc((size_t)argc + 1, sizeof(char *));
        memcpy(argv, p->argv, (size_t)argc * sizeof(char *));
        if (config_load(&fresh, CONFIG_API, &argc, argv, &action, &report, &e) < 0) {
                log_error("api.reload_failed", LS("reason", buf_str(&report)));
                return;
        }
        if (log_level_parse(fresh.log_level, &level) == 0)
                log_set_level(level);
        log_info("api.reloaded", LS("log_level", fresh.log_level));
        config_fini(&fresh);
}

/* ---- running ---- */

static int serve(struct program *p)
{
        struct err e = ERR_INIT;
        int code = EXIT_SUCCESS;
        p->loop = loop_new();
        p->grace = loop_timer_new(p->loop, on_grace_over, p);
        if (app_start(&p->app, &p->config, p->loop, &e) == 0) {
                loop_signal(p->loop, SIGTERM, on_stop_signal, p);
                loop_signal(p->loop, SIGINT, on_stop_signal, p);
                loop_signal(p->loop, SIGHUP, on_reload_signal, p);
                loop_watch(p->loop);
                loop_run(p->loop);
                log_info("api.stopped");
        } else {
                log_error("api.start_failed", LE(&e));
                code = e.code == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILURE;
        }
        app_free(&p->app);
        loop_timer_free(p->grace);
        loop_free(p->loop);
        return code;
}

static int print_config(const struct config *config)
{
        autobuf text = BUF_INIT(REPORT_MAX);
        config_print(config, CONFIG_API, &text);
        fputs(buf_str(&text), stdout);
        return EXIT_SUCCESS;
}

static int run(struct program *p, enum config_action action, int argc, char **argv,
               const struct subcommand_flags *flags)
{
        enum log_level level = LOG_INFO;
        log_level_parse(p->config.log_level, &level);
        log_set_level(level);
        if (action == CONFIG_PRINT)
                return print_config(&p->config);
        if (action == CONFIG_CHECK)
                return check_command(&p->config);
        if (argc > 1 && strcmp(argv[1], "token") == 0)
                return token_command(&p->config, argc, argv, flags);
        if (argc > 1 && strcmp(argv[1], "user") == 0)
                return user_command(&p->config, argc, argv, flags);
        if (argc > 1) {
                fprintf(stderr, "wavefleet-api: '%s' is not known here\n%s\n", argv[1], usage);
                return EXIT_USAGE;
        }
        return serve(p);
}

int main(int argc, char **argv)
{
        struct program p = {.argc = argc};
        struct subcommand_flags flags = {0};
        struct err e = ERR_INIT;
        enum config_action action;
        autobuf report = BUF_INIT(REPORT_MAX);
        autofree char **original = xcalloc((size_t)argc + 1, sizeof(char *));
        memcpy(original, argv, (size_t)argc * sizeof(char *));
        p.argv = original;
        log_init("wavefleet-api", LOG_INFO);
        rand_init();
        if (subcommand_is(argc, argv) && subcommand_take_flags(&argc, argv, &flags, &e) < 0) {
                fprintf(stderr, "wavefleet-api: %s\n", e.text);
                return EXIT_USAGE;
        }
        if (config_load(&p.config, CONFIG_API, &argc, argv, &action, &report, &e) < 0) {
                fprintf(stderr, "%swavefleet-api: %s\n", buf_str(&report), e.text);
                return EXIT_USAGE;
        }
        int code = EXIT_SUCCESS;
        if (action == CONFIG_HELP)
                config_help(CONFIG_API, usage, stdout);
        else if (action == CONFIG_VERSION)
                printf("wavefleet-api %s\n", WAVEFLEET_VERSION);
        else
                code = run(&p, action, argc, argv, &flags);
        config_fini(&p.config);
        return code;
}
