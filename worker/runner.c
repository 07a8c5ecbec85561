/* runner.c - take a job, run it, say how it went. */
#include "worker/runner.h"

#include <malloc.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/kinds/body.h"

enum { LARGE_BYTES = 256 * 1024 };

static void run_body(struct body *b, const struct job *job, struct outcome *out)
{
        const struct kind *kind = kind_find(job->kind);
        if (!kind)
                outcome_failed(b, out, CLASS_TEMPORARY, "this worker knows no kind \"%s\"",
                               job->kind);
        else if (!job->poll)
                kind->start(b, job, out);
        else if (kind->poll)
                kind->poll(b, job, out);
        else
                outcome_failed(b, out, CLASS_DATA, "the kind \"%s\" cannot park", job->kind);
}

/* Whether the runner may go on: not where the group is to be killed for what the body left behind. */
static bool run(const struct runner *r, struct body *b, const struct job *job)
{
        struct outcome out = {.kind = OUTCOME_HANDED_BACK, .due_in_ms = -1};
        int64_t begun_us = clock_mono_us();
        body_begin(b, job);
        FAULT_POINT(runner_begun);
        if (fence_open(r->fence))
                run_body(b, job, &out);
        FAULT_POINT(runner_done);
        out.took_us = clock_mono_us() - begun_us;
        bool leftovers = body_has_leftovers(b);
        body_end(b, &out, leftovers);
        FAULT_POINT(runner_said);
        if (!leftovers) /* else the fence stands until the supervisor has ended the group */
                fence_end(r->fence, r->slot);
        return !leftovers;
}

/* Takes the next job that is still ours. 0: the supervisor is gone. */
static int next_job(const struct runner *r, uint32_t *number, struct inbox *in, struct message *m,
                    struct err *e)
{
        int there = 0;
        bool begun = false, ours = false;
        for (;;) {
                if (inbox_begun(in) && !begun) {
                        begun = true;
                        ours = fence_begin(r->fence, r->slot, ++*number);
                }
                there = inbox_take(in, m, e);
                if (there > 0 && ours)
                        break;
                if (there > 0) {
                        inbox_drop(in, true);
                        begun = false;
                        continue;
                }
                long n = there < 0 ? -1 : inbox_fill(in, e);
                if (n <= 0)
                        return (int)n;
                FAULT_POINT(runner_job_read);
        }
        if (m->type != MESSAGE_JOB)
                return err_set(e, ERR_MALFORMED, "%s came instead of a job", message_name(m->type));
        return there;
}

_Noreturn void runner_main(const struct runner *r)
{
        struct body body;
        struct message m;
        struct err e = ERR_INIT;
        uint32_t number = 0;
        int there;
        mem_insist();
        body_init(&body, &r->pipe, r->cfg);
        body_say_ready(&body);
        while ((there = next_job(r, &number, &body.in, &m, &e)) > 0) {
                bool secret = m.u.job.site_secret != NULL;
                bool large = inbox_held(&body.in) > LARGE_BYTES;
                bool alone = run(r, &body, &m.u.job);
                large |= arena_used(body.arena) > LARGE_BYTES;
                arena_reset(body.arena);
                inbox_drop(&body.in, secret);
                if (large)
                        malloc_trim(0);
                if (!alone) {
                        for (;;)
                                pause();
                }
        }
        fence_hung_up(); /* who waits for a job may be faster than its watchdog */
        if (there < 0)   /* that may be a reset: what we said last was not read any more */
                log_error("runner.pipe", LE(&e));
        _exit(there < 0 ? RUNNER_EXIT_PIPE : 0);
}
