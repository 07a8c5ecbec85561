/*
 * params.h - what is sent with a start: from the restart's switches, the project's params, the
 * wave's params, in this order; site and secret from the project's params, else from the job, else
 * from the wave's params.
 */
#ifndef WORKER_REMOTE_PARAMS_H
#define WORKER_REMOTE_PARAMS_H

#include "base/arena.h"
#include "model/job.h"

struct remote_params { /* as they are sent, not encoded; NULL: not given */
        const char *site_id;
        const char *secret;
        char *secret_copy; /* of params; NULL: none, or the job's own is used */
        const char *workspace_id;
        const char *page_slug;
        const char *element_name;
        const char *skip_media_upload; /* "true" or "false", and the next two */
        const char *skip_cache;
        const char *quality_analysis;
        const char *mgr_manual; /* "0" or "1" */
};

void remote_params_read(const struct job *job, struct arena *a, struct remote_params *out);
/* Overwrites the copy; the job's is wiped by whoever owns the job. */
void remote_params_wipe(struct remote_params *p);

#endif
