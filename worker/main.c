/*
 * main.c - wavefleet-worker: what the command line asks for, and the order in which a worker begins:
 * runners, connections.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/config.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "worker/check.h"
#include "worker/supervisor.h"

enum { EXIT_USAGE = 2, REPORT_MAX_BYTES = 64 * 1024, DESCRIPTORS_BESIDE = 128 };

static const char program[] = "wavefleet-worker";

/* The command line, which SIGHUP reads again. */
static struct {
        int argc;
        char **argv;
} command_line;

static int load(struct config *c, enum config_action *action, struct buf *report, struct err *e)
{
        int argc = command_line.argc;
        autofree char **argv = xreallocarray(NULL, (size_t)argc + 1, sizeof(char *));
        memcpy(argv, command_line.argv, ((size_t)argc + 1) * sizeof(char *));
        if (config_load(c, CONFIG_WORKER, &argc, argv, action, report, e) < 0)
                return -1;
        if (argc > 1 && *action != CONFIG_HELP && *action != CONFIG_VERSION) {
                buf_addf(report, "%s takes no operand: '%s'\n", program, argv[1]);
                return err_set(e, ERR_CONFIG, "%s takes no operand", program);
        }
        return 0;
}

/* SIGHUP: what can be applied while it runs is; a mistake leaves everything as it was. */
static void on_hangup(int signo, void *arg)
{
        (void)signo;
        (void)arg;
        struct config c;
        enum config_action action;
        enum log_level level;
        struct err e = ERR_INIT;
        autobuf report = BUF_INIT(REPORT_MAX_BYTES);
        if (load(&c, &action, &report, &e) < 0) {
                log_error("config.refused", LE(&e), LS("report", buf_str(&report)));
        } else if (log_level_parse(c.log_level, &level) == 0) {
                log_set_level(level);
                log_info("config.reloaded", LS("log_level", c.log_level));
        }
        config_fini(&c);
}

/* Descriptors 0 to 2 are there, whatever the parent has closed: nothing else may get their numbers. */
static void keep_standard_streams(void)
{
        int fd;
        do
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        while (fd >= 0 && fd <= STDERR_FILENO);
        close(fd);
}

/* Two descriptors for each runner, and some for the rest, where the limit allows it. */
static void allow_descriptors(int64_t runners)
{
        struct rlimit limit;
        rlim_t wanted = 2 * (rlim_t)runners + DESCRIPTORS_BESIDE;
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
                return;
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(const struct config *cfg)
{
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        sigaction(SIGPIPE, &ignore, NULL);
        allow_descriptors(cfg->worker_concurrency);
        log_info("worker.starts", LS("version", WAVEFLEET_VERSION),
                 LI("runners", cfg->worker_concurrency), LS("queues", cfg->worker_queues));
        struct loop *l = loop_new();
        struct supervisor *s = supervisor_new(l, cfg);
        supervisor_start(s);
        loop_signal(l, SIGHUP, on_hangup, NULL);
        loop_watch(l);
        loop_run(l);
        bool well = supervisor_ended_well(s);
        supervisor_free(s);
        loop_free(l);
        log_info("worker.stopped", LB("settled", well));
        return well ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int print_config(const struct config *cfg)
{
        autobuf out = BUF_INIT(SIZE_MAX);
        config_print(cfg, CONFIG_WORKER, &out);
        fputs(buf_str(&out), stdout);
        return EXIT_SUCCESS;
}

static int obey(enum config_action action, const struct config *cfg)
{
        switch (action) {
        case CONFIG_HELP:
                config_help(CONFIG_WORKER, "usage: wavefleet-worker [flags]", stdout);
                return EXIT_SUCCESS;
        case CONFIG_VERSION:
                printf("%s %s\n", program, WAVEFLEET_VERSION);
                return EXIT_SUCCESS;
        case CONFIG_PRINT:
                return print_config(cfg);
        case CONFIG_CHECK:
                return check_all(cfg, stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        case CONFIG_RUN:
                break;
        }
        return run(cfg);
}

int main(int argc, char **argv)
{
        keep_standard_streams();
        command_line.argc = argc;
        command_line.argv = argv;
        log_init(program, LOG_INFO);
        rand_init();
        struct config cfg;
        enum config_action action = CONFIG_RUN;
        enum log_level level = LOG_INFO;
        struct err e = ERR_INIT;
        autobuf report = BUF_INIT(REPORT_MAX_BYTES);
        if (load(&cfg, &action, &report, &e) < 0) {
                fprintf(stderr, "%s", buf_str(&report));
                config_fini(&cfg);
                return EXIT_USAGE;
        }
        log_level_parse(cfg.log_level, &level);
        log_set_level(level);
        int code = obey(action, &cfg);
        config_fini(&cfg);
        return code;
}
