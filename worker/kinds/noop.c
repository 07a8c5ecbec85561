/* noop.c - the kind that migrates nothing (see model/kind_noop.h). */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/kind_noop.h"
#include "worker/kinds/kind.h"

extern const struct kind kind_noop;

static bool is_empty(const char *params)
{
        return !params || strcmp(params, "{}") == 0;
}

static void sleep_until(int64_t end_mono_ms)
{
        int64_t left;
        while ((left = end_mono_ms - clock_mono_ms()) > 0)
                clock_sleep_ms(left);
}

static void fail(struct body *b, const struct job *job, const struct noop_params *p,
                 struct outcome *out)
{
        if (p->fail_class == CLASS_CRASHED)
                kill(getpid(), SIGKILL);
        while (p->fail_class == CLASS_TIMED_OUT)
                pause();
        outcome_failed(b, out, p->fail_class,
                       "attempt %" PRId32 " failed, as params.fail says (%" PRId64 " times)",
                       job->attempt, p->fail_times);
}

static double wall_s(void)
{
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *result_of(struct body *b, const struct noop_params *p, double from)
{
        autobuf result = BUF_INIT(SIZE_MAX);
        if (p->stamp)
                buf_addf(&result, "{\"from\": %.6f, \"to\": %.6f}", from, wall_s());
        else if (p->result)
                json_print(p->result, &result);
        else
                return NULL;
        return arena_strdup(body_arena(b), buf_str(&result));
}

static void run(struct body *b, const struct job *job, const struct noop_params *p,
                struct outcome *out)
{
        double from = wall_s();
        int64_t end = clock_mono_ms() + p->sleep_ms;
        for (int64_t i = 1; i <= p->log_lines; i++)
                body_log(b, "line %" PRId64 " of %" PRId64, i, p->log_lines);
        sleep_until(end);
        if (job->attempt <= p->fail_times) {
                fail(b, job, p, out);
                return;
        }
        outcome_completed(out, result_of(b, p, from));
}

static struct json *read_params(const char *text, struct noop_params *p, struct mistakes *m)
{
        struct json *params = is_empty(text) ? NULL : json_parse(text, strlen(text), NULL);
        kind_noop_read(params, "#/params", p, m);
        return params;
}

static void noop_start(struct body *b, const struct job *job, struct outcome *out)
{
        if (is_empty(job->params) && is_empty(job->project_params)) {
                outcome_completed(out, NULL);
                return;
        }
        struct noop_params p = {0};
        struct mistakes m = {.arena = body_arena(b)};
        struct err e = ERR_INIT;
        struct json *wave = read_params(job->params, &p, &m);
        struct json *project = read_params(job->project_params, &p, &m);
        if (mistakes_check(&m, &e) < 0)
                outcome_failed(b, out, CLASS_DATA, "%s", e.text);
        else
                run(b, job, &p, out);
        json_free(wave);
        json_free(project);
}

const struct kind kind_noop = {.name = "noop", .start = noop_start};
