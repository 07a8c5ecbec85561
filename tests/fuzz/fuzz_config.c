/*
 * config_load: flags (one line of words), environment (lines NAME=value up to an empty one), YAML (the
 * rest). What was loaded is printed, and loaded again as the same.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "base/config.h"
#include "base/config_table.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS_MAX = 32, VARIABLES_MAX = 8, REPORT_MAX = 1 << 20 };

static const char *yaml_file(const char *text, size_t len)
{
        static int fd = -1;
        static char path[64];
        if (fd < 0) {
                fd = memfd_create("yaml", MFD_CLOEXEC);
                snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        }
        must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, text, len, 0) == (ssize_t)len);
        return path;
}

static int load(struct config *c, char **words, int count, const char *text, size_t len,
                enum config_action *action)
{
        char *argv[WORDS_MAX + 4] = {"wavefleet-api"};
        int argc = 1;
        for (int i = 0; i < count; i++)
                argv[argc++] = words[i];
        argv[argc++] = "--config";
        autofree char *path = xstrdup(yaml_file(text, len));
        argv[argc++] = path;
        autobuf report = BUF_INIT(REPORT_MAX);
        struct err e = ERR_INIT;
        int rc = config_load(c, CONFIG_API, &argc, argv, action, &report, &e);
        if (rc < 0) {
                must_explain(&e);
                must(report.len > 0 && report.data[report.len - 1] == '\n');
                must(same_bytes(c, &(struct config){0}, sizeof(*c)));
        } else {
                must(report.len == 0);
        }
        return rc;
}

static void must_be_same(const struct config *a, const struct config *b)
{
        size_t count;
        const struct config_row *rows = config_rows(&count);
        for (size_t i = 0; i < count; i++) {
                const char *x = (const char *)a + rows[i].offset,
                           *y = (const char *)b + rows[i].offset;
                if (rows[i].multiplier || rows[i].flags & SECRET || !(rows[i].flags & API))
                        continue;
                if (rows[i].type == CONFIG_STR)
                        must(strcmp(*(char *const *)(const void *)x,
                                    *(char *const *)(const void *)y) == 0);
                else if (rows[i].type == CONFIG_INT)
                        must(memcmp(x, y, sizeof(int64_t)) == 0);
                else
                        must(*(const bool *)x == *(const bool *)y);
        }
}

static void print_and_load_again(const struct config *c)
{
        autobuf text = BUF_INIT(REPORT_MAX);
        struct config again;
        enum config_action action;
        config_print(c, CONFIG_API, &text);
        must(buf_ok(&text));
        must(load(&again, NULL, 0, text.data, text.len, &action) == 0);
        must_be_same(c, &again);
        config_fini(&again);
}

static int split(char *line, char **words)
{
        int n = 0;
        for (char *word; n < WORDS_MAX && (word = strsep(&line, " "));) {
                if (*word)
                        words[n++] = word;
        }
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = input_of(data, size);
        char *words[WORDS_MAX], *variables[VARIABLES_MAX];
        int set = 0;
        autofree char *flags = input_line(&in, NULL);
        for (;;) {
                autofree char *line = input_line(&in, NULL);
                char *equals = strchr(line, '=');
                if (!equals || equals == line || set == VARIABLES_MAX)
                        break;
                *equals = '\0';
                autofree char *name = xasprintf("WAVEFLEET_%s", line);
                setenv(name, equals + 1, 1);
                variables[set++] = take(name);
        }
        size_t len;
        autofree char *text = input_rest(&in, &len);
        struct config c;
        enum config_action action;
        int rc = load(&c, words, split(flags, words), text, len, &action);
        for (int i = 0; i < set; i++) {
                unsetenv(variables[i]);
                free(variables[i]);
        }
        if (rc == 0 && (action == CONFIG_RUN || action == CONFIG_PRINT || action == CONFIG_CHECK))
                print_and_load_again(&c);
        if (rc == 0)
                config_fini(&c);
        return 0;
}
