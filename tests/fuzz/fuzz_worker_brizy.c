/*
 * brizy.c: a line for each answer, its status and its body, in the order in which they are asked for;
 * past the last one nobody answers. An id that comes of it was in one of them.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "worker/kinds/body.h"
#include "worker/kinds/remote/brizy.h"

enum { CALLS_MOST = 64, INPUT_MOST = 8192 };

static struct input answers;
static int calls;

/* The linker puts these in the places of the originals (--wrap). */
int __wrap_http_call(struct http *h, const struct http_request *q, struct arena *a,
                     struct http_answer *out, struct err *e);
void __wrap_remote_wait(const struct remote *r, int64_t ms);

int __wrap_http_call(struct http *h, const struct http_request *q, struct arena *a,
                     struct http_answer *out, struct err *e)
{
        (void)h;
        must(strncmp(q->url, "https://brizy.test/", 19) == 0 && !strpbrk(q->url, " \r\n"));
        if (answers.left == 0 || ++calls > CALLS_MOST)
                return err_set(e, q->form ? ERR_LOST : ERR_UNAVAILABLE, "nobody answers");
        autofree char *line = input_line(&answers, NULL);
        char *body;
        int status = (int)strtol(line, &body, 10);
        body += *body == ' ';
        *out = (struct http_answer){
                .status = status, .body = arena_strdup(a, body), .len = strlen(body)};
        return 0;
}

void __wrap_remote_wait(const struct remote *r, int64_t ms)
{
        (void)r;
        must(ms > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct config cfg;
        if (!cfg.listen) {
                fuzz_quiet();
                config_defaults(&cfg);
                free(cfg.brizy_url);
                cfg.brizy_url = xstrdup("https://brizy.test/");
        }
        int ends[2];
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        answers = input_of(data, size < INPUT_MOST ? size : INPUT_MOST);
        calls = 0;
        autofree char *name = input_line(&answers, NULL), *workspace = input_line(&answers, NULL);
        struct body b;
        struct job job = {.id = 1, .attempt = 1, .kind = "remote", .project = name, .params = "{}"};
        struct outcome out = {0};
        struct remote r;
        body_init(&b, &(struct pipe_ends){ends[0], ends[0]}, &cfg);
        body_begin(&b, &job);
        body_cork(&b);
        remote_begin(&r, &b, &job, &out);
        struct brizy_thing thing = {.what = "project",
                                    .path = "/projects",
                                    .name = name,
                                    .workspace = *workspace ? workspace : NULL};
        struct err e = ERR_INIT;
        int64_t id = -7;
        if (brizy_find_or_create(&r, &thing, &id, &e) == 0) {
                char digits[24];
                snprintf(digits, sizeof(digits), "%lld", (long long)id);
                must(id > 0);
        } else {
                must_explain(&e);
                must(id == -7);
        }
        remote_end(&r);
        body_fini(&b);
        close(ends[0]);
        close(ends[1]);
        return 0;
}
