/*
 * parcel.h - a claimed job on its way to a runner, packed once: it can be given to one, taken back before
 * it is begun, and given to another.
 */
#ifndef WORKER_PARCEL_H
#define WORKER_PARCEL_H

#include "base/list.h"
#include "worker/message.h"

struct parcel {
        struct list link;
        int64_t id;
        int32_t attempt;
        int64_t timeout_ms;
        uint32_t number;  /* of the jobs that its runner was given; 0: none has it */
        int64_t since_ms; /* clock_mono_ms() of its packing */
        bool secret;
        size_t len;
        char frame[];
};

/* NULL: it is larger than MESSAGE_MAX_BYTES (ERR_TOO_LARGE), or there is no memory (ERR_UNAVAILABLE). */
struct parcel *parcel_pack(const struct job *job, struct err *e);
/* No copy of a secret stays behind. */
void parcel_free(struct parcel *p);

#endif
