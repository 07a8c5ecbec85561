/*
 * job.h - one run of a body: what it gets (struct job) and what it returns (struct outcome).
 */
#ifndef MODEL_JOB_H
#define MODEL_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "model/state.h"

struct job {
        int64_t id; /* of the migration */
        int64_t wave_no;
        int32_t attempt; /* the fence: every word about this run names it */
        int32_t spent;   /* attempts counted so far, this one not */
        int32_t max_attempts;
        bool poll;                /* parked: ask how it is, do not start */
        int64_t timeout_ms;       /* of the body; 0: none */
        int64_t brz_project_id;   /* target; 0: not known yet */
        int64_t first_started_ms; /* wall clock of the first attempt since the last restart */
        int64_t started_ms;       /* wall clock of this attempt's claim (PostgreSQL's) */
        int32_t polls;            /* polls of this attempt so far */
        const char *wave_id;
        const char *wave_name;
        const char *kind;
        const char *project;
        const char *params;         /* JSON object of the wave, or NULL */
        const char *project_params; /* JSON object of the migration, or NULL */
        const char *workspace_id;   /* or NULL */
        const char *workspace_name; /* or NULL */
        const char *memo;           /* JSON that the body left for itself, or NULL */
        const char *traceparent;    /* or NULL */
        const char *webhook_url;    /* remote: where the result of this attempt is posted */
        const char *site_id;     /* remote: from the restart, the wave or the settings; or NULL */
        const char *site_secret; /* likewise; never logged; wiped after use */
        const char *options;     /* JSON of switches (quality_analysis, mgr_manual…), or NULL */
};

enum outcome_kind { OUTCOME_COMPLETED, OUTCOME_PARKED, OUTCOME_FAILED, OUTCOME_HANDED_BACK };

struct outcome {
        enum outcome_kind kind;
        enum error_class class; /* failed */
        const char *error;      /* failed: one sentence */
        const char *result;     /* JSON object, or NULL */
        const char *memo; /* parked, or failed and to be retried: JSON for the next run, NULL keeps */
        int64_t due_in_ms; /* parked: next poll; failed dependency/temporary: at least so long (Retry-After); -1: by backoff */
        int64_t brz_project_id; /* learnt target; 0: none */
        const char *domain;     /* brizy_project_domain learnt, or NULL */
        int64_t took_us;        /* how long the body ran; 0: nobody knows */
};

#endif
