#include "worker/parcel.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"

struct parcel *parcel_pack(const struct job *job, struct err *e)
{
        static struct buf frame = {.max = MESSAGE_MAX_BYTES};
        struct parcel *p = NULL;
        if (message_encode(&frame, MESSAGE_JOB, job) == 0)
                p = mem_try(NULL, sizeof(*p) + frame.len);
        else if (!frame.starved)
                err_set(e, ERR_TOO_LARGE, "it is larger than %d bytes with its parameters",
                        MESSAGE_MAX_BYTES);
        if (!p && (frame.starved || frame.len > 0))
                err_set(e, ERR_UNAVAILABLE, "out of memory");
        if (p) {
                *p = (struct parcel){.id = job->id,
                                     .attempt = job->attempt,
                                     .timeout_ms = job->timeout_ms,
                                     .since_ms = clock_mono_ms(),
                                     .secret = job->site_secret != NULL,
                                     .len = frame.len};
                list_init(&p->link);
                memcpy(p->frame, frame.data, frame.len);
        }
        if (job->site_secret && frame.data)
                mem_wipe(frame.data, frame.len);
        buf_reset(&frame);
        return p;
}

void parcel_free(struct parcel *p)
{
        if (!p)
                return;
        list_remove(&p->link);
        if (p->secret)
                mem_wipe(p->frame, p->len);
        free(p);
}
