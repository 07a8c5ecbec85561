/*
 * findings.h - what was looked at, how it is, and how to mend what is not well: told to people, as JSON by
 * GET /api/doctor and GET /api/waves/:id/readiness, as lines by --check.
 */
#ifndef API_DOCTOR_FINDINGS_H
#define API_DOCTOR_FINDINGS_H

#include <stdbool.h>

#include "api/http/request.h"

enum finding { FOUND_OK, FOUND_WARN, FOUND_FAIL };

struct findings {
        /* Where each goes; mend "" where there is nothing to mend. */
        void (*put)(struct findings *f, enum finding how, const char *name, const char *detail,
                    const char *mend);
        bool failed;         /* one of them is FOUND_FAIL */
        struct json_out out; /* of findings_begin() */
};

const char *finding_name(enum finding how); /* "ok", "warn", "fail" */

/* `mend` is left out where it is well. */
void found(struct findings *f, enum finding how, const char *name, const char *mend,
           const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* As JSON into `text`: {"ok":…,"checks":[…]}. */
void findings_begin(struct findings *f, struct buf *text);
void findings_end(struct findings *f);

#endif
