/* test_config.c - three sources and their weights, all mistakes at once, the documents. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/mem.h"

#ifndef HARNESS_ROOT
#define HARNESS_ROOT "."
#endif

extern char **environ;

static struct config config;
static enum config_action action;
static struct buf report = {.max = SIZE_MAX};
static struct err error;
static char yaml_file[] = "/tmp/test_config_XXXXXX";
static int operands;
static char *argv[20];

static void setup(void)
{
        static char *no_environment[] = {NULL};
        environ = no_environment;
        int fd = mkstemp(yaml_file);
        ck_assert_int_ge(fd, 0);
        close(fd);
        error = ERR_INIT;
}

static void teardown(void)
{
        config_fini(&config);
        buf_fini(&report);
        unlink(yaml_file);
}

static void write_yaml(const char *text)
{
        FILE *f = fopen(yaml_file, "w");
        ck_assert_ptr_nonnull(f);
        fputs(text, f);
        fclose(f);
}

/* The words of a command line, up to a NULL. */
static int load_as(enum config_program program, ...)
{
        va_list ap;
        va_start(ap, program);
        int argc = 0;
        static char name[] = "program";
        argv[argc++] = name;
        char *word;
        while ((word = va_arg(ap, char *)))
                argv[argc++] = word;
        argv[argc] = NULL;
        va_end(ap);
        config_fini(&config);
        buf_reset(&report);
        int result = config_load(&config, program, &argc, argv, &action, &report, &error);
        operands = argc;
        return result;
}

static int load_yaml(const char *text)
{
        write_yaml(text);
        return load_as(CONFIG_WORKER, "--config", yaml_file, NULL);
}

/* The report with the file's name as "F". */
static const char *said(void)
{
        static struct buf text = {.max = SIZE_MAX};
        buf_reset(&text);
        const char *from = buf_str(&report), *at;
        while ((at = strstr(from, yaml_file))) {
                buf_add(&text, from, (size_t)(at - from));
                buf_addc(&text, 'F');
                from = at + strlen(yaml_file);
        }
        buf_adds(&text, from);
        return buf_str(&text);
}

#define GOOD(result) ck_assert_msg((result) == 0, "%s", said())

/* ---- what wins ---- */

START_TEST(defaults)
{
        GOOD(load_as(CONFIG_API, NULL));
        ck_assert_int_eq(action, CONFIG_RUN);
        ck_assert_str_eq(config.listen, "127.0.0.1:8088");
        ck_assert_int_eq(config.worker_lease_ms, 15000);
        ck_assert(config.monitoring_dashboard);
        ck_assert(!config.notifications_enabled);
        ck_assert_ptr_null(config.file);
        ck_assert_int_eq(operands, 1);
}
END_TEST

START_TEST(every_source_by_its_weight)
{
        write_yaml("retry:\n  base_ms: 1\n  cap_ms: 2\n  max_attempts: 3\n");
        GOOD(load_as(CONFIG_WORKER, "--config", yaml_file, NULL));
        ck_assert_int_eq(config.retry_base_ms, 1);
        ck_assert_str_eq(config.file, yaml_file);
        setenv("WAVEFLEET_RETRY_BASE_MS", "10", 1);
        setenv("WAVEFLEET_RETRY_CAP_MS", "20", 1);
        setenv("WAVEFLEET_RETRY_MAX_ATTEMPTS", "", 1); /* as if it were not there */
        GOOD(load_as(CONFIG_WORKER, "--retry-base-ms=100", "--config", yaml_file, NULL));
        ck_assert_int_eq(config.retry_base_ms, 100);
        ck_assert_int_eq(config.retry_cap_ms, 20);
        ck_assert_int_eq(config.retry_max_attempts, 3);
}
END_TEST

START_TEST(flags_in_all_forms)
{
        GOOD(load_as(CONFIG_WORKER, "--worker-lease-ms", "500", "--concurrency=7",
                     "--monitoring-real-time-enabled=false", "--notifications-enabled", "one",
                     "--redis-prefix=--x", "-2", "three", "--", "--four", NULL));
        ck_assert_int_eq(config.worker_lease_ms, 500);
        ck_assert_int_eq(config.worker_concurrency, 7);
        ck_assert(!config.monitoring_real_time);
        ck_assert(config.notifications_enabled);
        ck_assert_str_eq(config.redis_prefix, "--x");
        ck_assert_int_eq(operands, 5);
        ck_assert_str_eq(argv[1], "one");
        ck_assert_str_eq(argv[2], "-2");
        ck_assert_str_eq(argv[3], "three");
        ck_assert_str_eq(argv[4], "--four");
        ck_assert_ptr_null(argv[5]);
}
END_TEST

START_TEST(names_of_their_own)
{
        setenv("WAVEFLEET_LISTEN", "[::1]:0", 1);
        setenv("WAVEFLEET_DATABASE_URL", "host=/tmp dbname=x", 1);
        setenv("WAVEFLEET_LOG_LEVEL", "debug", 1);
        GOOD(load_as(CONFIG_API, NULL));
        ck_assert_str_eq(config.listen, "[::1]:0");
        ck_assert_str_eq(config.database_url, "host=/tmp dbname=x");
        ck_assert_str_eq(config.log_level, "debug");
        GOOD(load_as(CONFIG_API, "--listen", ":80", NULL));
        ck_assert_str_eq(config.listen, ":80");
}
END_TEST

START_TEST(the_coordinators_groups)
{
        GOOD(load_yaml("migration:\n"
                       "  batch_size: 5\n"
                       "  max_parallel: 12\n"
                       "  retry_attempts: 4\n"
                       "  timeout_seconds: 90\n"
                       "monitoring:\n"
                       "  interval_seconds: 2\n"
                       "  real_time_enabled: no\n"
                       "  dashboard_enabled: off\n"
                       "notifications:\n"
                       "  enabled: True\n"
                       "database:\n"
                       "  connection_pool_size: 9\n"
                       "  query_timeout: 7\n"));
        ck_assert_int_eq(config.batch_size, 5);
        ck_assert_int_eq(config.worker_concurrency, 12);
        ck_assert_int_eq(config.retry_max_attempts, 4);
        ck_assert_int_eq(config.timeout_ms, 90000);
        ck_assert_int_eq(config.monitoring_interval_s, 2);
        ck_assert(!config.monitoring_real_time);
        ck_assert(!config.monitoring_dashboard);
        ck_assert(config.notifications_enabled);
        ck_assert_int_eq(config.database_pool, 9);
        ck_assert_int_eq(config.database_query_timeout_ms, 7000);
}
END_TEST

START_TEST(actions)
{
        static const struct {
                const char *flag;
                enum config_action action;
        } cases[] = {{"--help", CONFIG_HELP},
                     {"--version", CONFIG_VERSION},
                     {"--print-config", CONFIG_PRINT},
                     {"--check", CONFIG_CHECK}};
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                GOOD(load_as(CONFIG_API, cases[i].flag, NULL));
                ck_assert_int_eq(action, cases[i].action);
        }
        GOOD(load_as(CONFIG_API, "--help", "--no-such-flag", NULL)); /* help is never refused */
}
END_TEST

/* ---- YAML ---- */

START_TEST(empty_files_and_groups)
{
        GOOD(load_yaml(""));
        GOOD(load_yaml("# nothing\n"));
        GOOD(load_yaml("---\n...\n"));
        GOOD(load_yaml("worker:\n  # lease_ms: 1\nlog:\n  level:\nredis: ~\n"));
        ck_assert_int_eq(config.worker_lease_ms, 15000);
        ck_assert_str_eq(config.log_level, "info");
        GOOD(load_yaml("brizy: {token: \"\"}\nredis: {prefix: \"null\"}\n"));
        ck_assert_str_eq(config.redis_prefix, "null"); /* quoted: a text */
}
END_TEST

static const struct {
        const char *yaml, *said;
} mistakes[] = {
        {"worker:\n  leas_ms: 5\n", "F:2: worker.leas_ms: is not a known key\n"},
        {"no:\n  such: {group: [1, {a: b}]}\nworker:\n  lease_ms: 1\n",
         "F:2: no: is not a known key\n"
         "F:4: worker.lease_ms: must be an integer from 500 to 600000, not \"1\"\n"},
        {"worker: 5\n", "F:1: worker: must be a group of keys\n"},
        {"worker: [5]\n", "F:1: worker: must be a group of keys\n"},
        {"worker:\n  lease_ms: [5000]\n", "F:2: worker.lease_ms: must be a single value\n"},
        {"worker:\n  lease_ms: {a: 1}\n", "F:2: worker.lease_ms: must be a single value\n"},
        {"a: &x 1\nworker:\n  lease_ms: *x\n",
         "F:1: a: is not a known key\n"
         "F:3: worker.lease_ms: must not refer to another value\n"},
        {"worker:\n  lease_ms: 600\n  lease_ms: 700\n",
         "F:3: worker.lease_ms: stands here a second time\n"},
        {"worker: {lease_ms: 600}\nworker: {queues: a}\n",
         "F:2: worker: stands here a second time\n"},
        {"worker:\n  concurrency: 5\nmigration:\n  max_parallel: 5\n",
         "F:4: migration.max_parallel: is the same as worker.concurrency; only one of them may be "
         "given\n"},
        {"migration:\n  timeout_seconds: 604801\n",
         "F:2: migration.timeout_seconds: must be an integer from 0 to 604800, not \"604801\"\n"},
        {"database:\n  query_timeout: 0\n",
         "F:2: database.query_timeout: must be an integer from 1 to 3600, not \"0\"\n"},
        {"worker:\n  lease_ms: 1_000\n",
         "F:2: worker.lease_ms: must be an integer from 500 to 600000, not \"1_000\"\n"},
        {"worker:\n  lease_ms: 99999999999999999999\n",
         "F:2: worker.lease_ms: must be an integer from 500 to 600000, not "
         "\"99999999999999999999\"\n"},
        {"notifications:\n  enabled: maybe\n",
         "F:2: notifications.enabled: must be true or false, not \"maybe\"\n"},
        {"[1, 2]\n", "F:1: must be groups of keys\n"},
        {"text\n", "F:1: must be groups of keys\n"},
        {"log: {level: info}\n---\nlog: {level: info}\n", "F:2: a second document begins here\n"},
        {"? [a, b]\n: 1\n", "F:1: a key must be a single word\n"},
        {"log:\n  level: \"in\\0fo\"\n", "F:2: log.level: must not contain a NUL\n"},
};

START_TEST(mistakes_in_the_file)
{
        ck_assert_int_eq(load_yaml(mistakes[_i].yaml), -1);
        ck_assert_str_eq(said(), mistakes[_i].said);
        ck_assert_int_eq(error.code, ERR_CONFIG);
        ck_assert_ptr_null(config.log_level); /* empty */
}
END_TEST

START_TEST(broken_and_missing_files)
{
        ck_assert_int_eq(load_yaml("worker:\n  lease_ms: [1\nlog:\n"), -1);
        ck_assert_ptr_nonnull(strstr(said(), "F:3: is no YAML: "));
        ck_assert_int_eq(load_yaml("\x01\n"), -1);
        ck_assert_ptr_nonnull(strstr(said(), "is no YAML"));
        ck_assert_int_eq(load_as(CONFIG_API, "--config", "/nonexistent/x.yaml", NULL), -1);
        ck_assert_str_eq(said(), "/nonexistent/x.yaml: could not be opened: No such file or "
                                 "directory\n");
        ck_assert_int_eq(load_as(CONFIG_API, "--config", "/tmp", NULL), -1);
        ck_assert_ptr_nonnull(strstr(said(), "/tmp"));
}
END_TEST

START_TEST(all_mistakes_of_all_sources)
{
        write_yaml("log:\n  level: loud\n");
        setenv("WAVEFLEET_RETRY_BASE_MS", "-1", 1);
        ck_assert_int_eq(load_as(CONFIG_WORKER, "--config", yaml_file, "--concurrency", "0",
                                 "--queues", "--tokn=secret", NULL),
                         -1);
        ck_assert_str_eq(said(), "F:2: log.level: must be error, warn, info or debug\n"
                                 "WAVEFLEET_RETRY_BASE_MS: must be an integer from 0 to 86400000, "
                                 "not \"-1\"\n"
                                 "--concurrency: must be an integer from 1 to 1024, not \"0\"\n"
                                 "--queues: needs a value\n"
                                 "--tokn: is not a known flag; see --help\n");
        ck_assert_str_eq(error.text, "5 mistakes in the configuration");
}
END_TEST

START_TEST(what_the_other_program_knows)
{
        write_yaml("http:\n  listen: 127.0.0.1:1\nworker:\n  concurrency: 3\n");
        setenv("WAVEFLEET_WORKER_QUEUES", "a,b", 1);
        GOOD(load_as(CONFIG_API, "--config", yaml_file, NULL));
        GOOD(load_as(CONFIG_WORKER, "--config", yaml_file, NULL));
        ck_assert_int_eq(load_as(CONFIG_API, "--concurrency", "3", NULL), -1);
        ck_assert_int_eq(load_as(CONFIG_WORKER, "--listen", ":1", NULL), -1);
        ck_assert_str_eq(said(), "--listen: is not a known flag; see --help\n");
}
END_TEST

/* ---- texts ---- */

#define HEX_64 "0123456789abcdefABCDEF000000000000000000000000000000000000000000"

static const struct {
        const char *name, *value;
        bool good;
} texts[] = {
        {"WAVEFLEET_SECRET_KEY", HEX_64, true},
        {"WAVEFLEET_SECRET_KEY", HEX_64 "0", false},
        {"WAVEFLEET_SECRET_KEY", "abc", false},
        {"WAVEFLEET_API_TOKEN", "0123456789abcdef", true},
        {"WAVEFLEET_API_TOKEN", "0123456789abcde", false},
        {"WAVEFLEET_DATABASE_URL", "postgres://u:p@h/db", true},
        {"WAVEFLEET_DATABASE_URL", "mysql://u:p@h/db", false},
        {"WAVEFLEET_DATABASE_URL", "dbname=x options=a://b", true},
        {"WAVEFLEET_DATABASE_URL", "x", false},
        {"WAVEFLEET_REDIS_URL", "rediss://h", true},
        {"WAVEFLEET_REDIS_URL", "unix:///run/redis.sock?db=1", true},
        {"WAVEFLEET_REDIS_URL", "http://h", false},
        {"WAVEFLEET_REDIS_URL", "localhost:6379", false},
        {"WAVEFLEET_PUBLIC_URL", "https://x.example", true},
        {"WAVEFLEET_PUBLIC_URL", "x.example", false},
        {"WAVEFLEET_BRIZY_URL", "http:///x", false},
        {"WAVEFLEET_BRIZY_URL", "http://a b", false},
        {"WAVEFLEET_MIGRATION_SERVER_URL", "http://localhost:1", true},
        {"WAVEFLEET_MIGRATION_SERVER_URL", "ftp://x", false},
        {"WAVEFLEET_LISTEN", "0.0.0.0:65535", true},
        {"WAVEFLEET_LISTEN", "0.0.0.0:65536", false},
        {"WAVEFLEET_LISTEN", "0.0.0.0", false},
        {"WAVEFLEET_LISTEN", "host:", false},
        {"WAVEFLEET_LISTEN", "::1:80", false},
        {"WAVEFLEET_LISTEN", "host: 80", false},
        {"WAVEFLEET_HTTP_SPOOL_DIR", "spool", false},
        {"WAVEFLEET_COMMAND_ALLOW", "/usr/bin/true,/bin/sh", true},
        {"WAVEFLEET_COMMAND_ALLOW", "/usr/bin/true,sh", false},
        {"WAVEFLEET_COMMAND_ALLOW", "/usr/bin/true,", false},
        {"WAVEFLEET_WORKER_QUEUES", "default,a-b_c.9", true},
        {"WAVEFLEET_WORKER_QUEUES", "default,,x", false},
        {"WAVEFLEET_WORKER_QUEUES", "a b", false},
        {"WAVEFLEET_LOG_LEVEL", "WARN", false},
        {"WAVEFLEET_REDIS_PREFIX", "caf\xC3\xA9:", true},
        {"WAVEFLEET_REDIS_PREFIX", "caf\xE9:", false}, /* in another coding than UTF-8 */
};

START_TEST(texts_are_checked_and_never_repeated)
{
        setenv(texts[_i].name, texts[_i].value, 1);
        bool good = load_as(CONFIG_WORKER, NULL) == 0;
        ck_assert_msg(good == texts[_i].good, "%s=%s", texts[_i].name, texts[_i].value);
        if (texts[_i].good)
                return;
        ck_assert_int_eq(strncmp(said(), texts[_i].name, strlen(texts[_i].name)), 0);
        ck_assert_ptr_null(strstr(said() + strlen(texts[_i].name), texts[_i].value));
}
END_TEST

/* ---- showing ---- */

static const struct {
        const char *url, *shown;
} masked[] = {
        {"postgresql:///wavefleet", "postgresql:///wavefleet"},
        {"postgresql://u@h/db", "postgresql://u@h/db"},
        {"postgresql://u:hunter2@h:5432/db", "postgresql://u:********@h:5432/db"},
        {"postgresql://u:hun?t/e@r2@h/db", "postgresql://u:********@h/db"},
        {"postgres://h/db?user=u&password=hunter2&x=y",
         "postgres://h/db?user=u&password=********&x=y"},
        {"host=h password=hunter2 dbname=d", "host=h password=******** dbname=d"},
        {"password = 'hun\\' ter2' host=h", "password = ******** host=h"},
        {"host=h sslpassword=hunter2", "host=h sslpassword=********"},
        {"dbname=password user=u", "dbname=password user=u"},
};

START_TEST(passwords_are_masked)
{
        setenv("WAVEFLEET_DATABASE_URL", masked[_i].url, 1);
        GOOD(load_as(CONFIG_API, NULL));
        autobuf out = BUF_INIT(SIZE_MAX);
        config_print(&config, CONFIG_API, &out);
        autofree char *line = xasprintf("database:\n  url: \"%s\"\n", masked[_i].shown);
        ck_assert_msg(strstr(buf_str(&out), line) != NULL, "%s", buf_str(&out));
        ck_assert_ptr_null(strstr(buf_str(&out), "hunter2"));
}
END_TEST

/* With what YAML would not let stand, or would take for the end of a line. */
#define ODD "a\"b\\c\td\x7F\xC2\x85\xC2\x9F\xE2\x80\xA8\xEF\xBF\xBF\xC3\xA9\xF0\x9F\x98\x80:"
START_TEST(printing_shows_no_secret_and_loads_again)
{
        setenv("WAVEFLEET_API_TOKEN", "hunter2-hunter2-hunter2", 1);
        setenv("WAVEFLEET_SECRET_KEY", HEX_64, 1);
        setenv("WAVEFLEET_BRIZY_TOKEN", "hunter2", 1);
        setenv("WAVEFLEET_REDIS_URL", "redis://:hunter2@h", 1);
        setenv("WAVEFLEET_REDIS_PREFIX", ODD, 1);
        setenv("WAVEFLEET_RETRY_BASE_MS", "77", 1);
        setenv("WAVEFLEET_MONITORING_DASHBOARD_ENABLED", "false", 1);
        GOOD(load_as(CONFIG_API, NULL));
        autobuf out = BUF_INIT(SIZE_MAX);
        config_print(&config, CONFIG_API, &out);
        ck_assert_ptr_null(strstr(buf_str(&out), "hunter2"));
        ck_assert_ptr_null(strstr(buf_str(&out), HEX_64));
        ck_assert_ptr_nonnull(strstr(buf_str(&out), "# api_token: \"********\"\n"));
        ck_assert_ptr_nonnull(strstr(buf_str(&out), "redis://:********@h"));
        ck_assert_ptr_null(strstr(buf_str(&out), "worker:\n  concurrency")); /* not the API's */
        clearenv();
        write_yaml(buf_str(&out));
        GOOD(load_as(CONFIG_API, "--config", yaml_file, NULL));
        ck_assert_str_eq(config.redis_prefix, ODD);
        ck_assert_int_eq(config.retry_base_ms, 77);
        ck_assert(!config.monitoring_dashboard);
}
END_TEST

START_TEST(help_lists_the_programs_flags)
{
        char *text = NULL;
        size_t len;
        FILE *f = open_memstream(&text, &len);
        config_help(CONFIG_WORKER, "usage: wavefleet-worker [flags]", f);
        fclose(f);
        ck_assert_ptr_eq(strstr(text, "usage: wavefleet-worker"), text);
        ck_assert_ptr_nonnull(strstr(text, "--concurrency N, WAVEFLEET_WORKER_CONCURRENCY"));
        ck_assert_ptr_nonnull(strstr(text, "default 15000 (500 to 600000)"));
        ck_assert_ptr_nonnull(strstr(text, "--print-config"));
        ck_assert_ptr_null(strstr(text, "--listen"));
        free(text);
}
END_TEST

/* ---- documents: with UPDATE=1 in the environment they are written instead ---- */

static bool updating;

static char *read_file(const char *path)
{
        FILE *f = fopen(path, "r");
        if (!f)
                return NULL;
        autobuf text = BUF_INIT(SIZE_MAX);
        char piece[4096];
        for (size_t n; (n = fread(piece, 1, sizeof(piece), f)) > 0;)
                buf_add(&text, piece, n);
        fclose(f);
        return buf_take(&text);
}

static void write_file(const char *path, const char *text)
{
        FILE *f = fopen(path, "w");
        ck_assert_ptr_nonnull(f);
        fputs(text, f);
        fclose(f);
}

static const char sample_file[] = HARNESS_ROOT "/deploy/wavefleet.yaml";
static const char readme_file[] = HARNESS_ROOT "/README.md";

START_TEST(the_sample_is_the_table)
{
        autobuf sample = BUF_INIT(SIZE_MAX);
        config_sample(&sample);
        if (updating)
                write_file(sample_file, buf_str(&sample));
        autofree char *text = read_file(sample_file);
        ck_assert_msg(text && strcmp(text, buf_str(&sample)) == 0,
                      "%s is not what config.def says: run this test with UPDATE=1", sample_file);
        write_yaml(text);
        GOOD(load_as(CONFIG_API, "--config", yaml_file, NULL));
}
END_TEST

/* Every key of the sample, uncommented, is a key with its default. */
START_TEST(the_sample_loads_when_uncommented)
{
        autobuf sample = BUF_INIT(SIZE_MAX), keys = BUF_INIT(SIZE_MAX);
        config_sample(&sample);
        static const char *const aliases[] = {
                "#query_timeout:", "#timeout_seconds:", "#retry_attempts:", "#max_parallel:"};
        char *rest = sample.data, *line;
        while ((line = strsep(&rest, "\n"))) {
                char *hash = strchr(line, '#');
                bool key = hash && hash[1] != ' ';
                for (size_t i = 0; i < COUNT_OF(aliases); i++)
                        key &= !hash || strncmp(hash, aliases[i], strlen(aliases[i])) != 0;
                if (key)
                        buf_addf(&keys, "  %s\n", hash + 1);
                else if (!hash)
                        buf_addf(&keys, "%s\n", line);
        }
        write_yaml(buf_str(&keys));
        GOOD(load_as(CONFIG_API, "--config", yaml_file, NULL));
        autobuf loaded = BUF_INIT(SIZE_MAX), usual = BUF_INIT(SIZE_MAX);
        config_print(&config, CONFIG_API, &loaded);
        config_fini(&config);
        config_defaults(&config);
        config_print(&config, CONFIG_API, &usual);
        ck_assert_str_eq(buf_str(&loaded), buf_str(&usual));
}
END_TEST

/* Checked from the day on which the README has the markers. */
START_TEST(the_readme_has_the_table)
{
        static const char begin[] = "<!-- config -->\n", end[] = "<!-- /config -->";
        autofree char *text = read_file(readme_file);
        char *from = text ? strstr(text, begin) : NULL;
        char *to = from ? strstr(from, end) : NULL;
        if (!to)
                return;
        from += strlen(begin);
        autobuf table = BUF_INIT(SIZE_MAX);
        config_markdown(&table);
        bool same = (size_t)(to - from) == table.len && memcmp(from, table.data, table.len) == 0;
        if (updating && !same) {
                autofree char *whole =
                        xasprintf("%.*s%s%s", (int)(from - text), text, table.data, to);
                write_file(readme_file, whole);
        }
        ck_assert_msg(same || updating,
                      "the table in %s is not what config.def says: run this test with UPDATE=1",
                      readme_file);
}
END_TEST

START_TEST(the_manual_is_a_table)
{
        autobuf table = BUF_INIT(SIZE_MAX);
        config_markdown(&table);
        ck_assert_ptr_nonnull(strstr(buf_str(&table),
                                     "\n| `worker.lease_ms` | `WAVEFLEET_WORKER_LEASE_MS` | "
                                     "`--worker-lease-ms` | both | `15000` (500 to 600000) | "));
        char *rest = table.data, *line;
        while ((line = strsep(&rest, "\n")) && *line) {
                int bars = 0;
                for (const char *c = line; *c; c++)
                        bars += *c == '|';
                ck_assert_msg(bars == 7, "%s", line);
        }
}
END_TEST

static void add_reading(TCase *t)
{
        tcase_add_test(t, defaults);
        tcase_add_test(t, every_source_by_its_weight);
        tcase_add_test(t, flags_in_all_forms);
        tcase_add_test(t, names_of_their_own);
        tcase_add_test(t, the_coordinators_groups);
        tcase_add_test(t, actions);
        tcase_add_test(t, empty_files_and_groups);
        tcase_add_loop_test(t, mistakes_in_the_file, 0, (int)COUNT_OF(mistakes));
        tcase_add_test(t, broken_and_missing_files);
        tcase_add_test(t, all_mistakes_of_all_sources);
        tcase_add_test(t, what_the_other_program_knows);
        tcase_add_loop_test(t, texts_are_checked_and_never_repeated, 0, (int)COUNT_OF(texts));
}

static void add_showing(TCase *t)
{
        tcase_add_loop_test(t, passwords_are_masked, 0, (int)COUNT_OF(masked));
        tcase_add_test(t, printing_shows_no_secret_and_loads_again);
        tcase_add_test(t, help_lists_the_programs_flags);
        tcase_add_test(t, the_sample_is_the_table);
        tcase_add_test(t, the_sample_loads_when_uncommented);
        tcase_add_test(t, the_readme_has_the_table);
        tcase_add_test(t, the_manual_is_a_table);
}

int main(void)
{
        updating = getenv("UPDATE");
        Suite *s = suite_create("config");
        TCase *t = tcase_create("config");
        suite_add_tcase(s, t);
        tcase_add_checked_fixture(t, setup, teardown);
        add_reading(t);
        add_showing(t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
