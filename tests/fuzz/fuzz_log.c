/* log_write: whatever a field holds, a line is one line, and JSON with the fields in it. */
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { LINE_MAX_BYTES = 64 * 1024, MANY_MOST = 2 * LINE_MAX_BYTES };

static void must_hold(const struct json *v, const char *name, const char *text, size_t len)
{
        const char *found = json_str(json_get(v, name));
        must(found || json_get(v, "cut")); /* there may have been no room for any of it */
        if (found && utf8_valid(text, len) && !json_get(v, "cut"))
                must(strlen(found) == len && memcmp(found, text, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static int fd = -1;
        if (fd < 0)
                fd = memfd_create("log", MFD_CLOEXEC);
        must(fd >= 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
        log_set_fd(fd);

        struct input in = input_of(data, size);
        size_t first_len, rest_len;
        unsigned choice = input_choice(&in, 64);
        unsigned times = choice < 63 ? 1 : 4096; /* some that do not fit */
        autofree char *first = input_line(&in, NULL), *rest = input_rest(&in, NULL);
        autobuf many = BUF_INIT(SIZE_MAX);
        first_len = strlen(first); /* a field ends at its NUL */
        rest_len = strlen(rest);
        for (unsigned i = 0; i < times && many.len < MANY_MOST; i++)
                buf_add(&many, first, first_len);
        log_info("fuzz.line", LS("first", buf_str(&many)), LI("n", size), LS("rest", rest),
                 LD("share", 0.5), LB("yes", true), LS("none", NULL));

        static char line[LINE_MAX_BYTES + 1];
        ssize_t n = pread(fd, line, sizeof(line), 0);
        must(n > 0 && n <= LINE_MAX_BYTES && memchr(line, '\n', (size_t)n) == line + n - 1);
        struct err e = ERR_INIT;
        struct json *v = json_parse(line, (size_t)n - 1, &e);
        must(v && json_type_of(v) == JSON_OBJECT);
        must_hold(v, "first", buf_str(&many), many.len);
        must_hold(v, "rest", rest, rest_len);
        json_free(v);
        return 0;
}
