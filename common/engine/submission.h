/*
 * submission.h - a wave as somebody submits it: the body of POST /api/waves read and checked, its
 * secrets sealed. Plain data, shared by the API's loop (small bodies) and its child (large ones);
 * neither PostgreSQL nor Redis is touched here.
 */
#ifndef ENGINE_SUBMISSION_H
#define ENGINE_SUBMISSION_H

#include "base/arena.h"
#include "base/config.h"
#include "base/json.h"
#include "engine/steering.h"
#include "model/wave_id.h"

enum {
        WAVE_PROJECTS_MAX = 1000000,
        WAVE_NAME_MAX = 255,           /* characters */
        WAVE_TIMEOUT_MAX_S = 604800,   /* of an attempt: a week */
        PROJECT_NAME_MAX = 1024,       /* bytes: it is indexed */
        PROJECT_BYTES_MAX = 65536,     /* of one element of `projects` */
        SUBMISSION_HEAD_MAX = 1048576, /* bytes of all but the list */
};

/* One member of projects; strings live in the submission's arena. */
struct submission_project {
        const char *name;
        const char *params;            /* JSON, secrets sealed; NULL: none */
        int64_t target;                /* brz_project_id; 0: none */
        const char *const *depends_on; /* names, as they came */
        size_t ndepends_on;
};

struct submission {
        struct arena *arena;
        char wave_id[WAVE_ID_SIZE];
        const char *name, *kind, *queue;
        const char *params; /* JSON, secrets sealed */
        int64_t batch_size, priority, max_attempts, timeout_ms;
        bool mgr_manual, cloning;
        int64_t workspace_id;       /* 0: none */
        const char *workspace_name; /* or NULL */
        struct submission_project *projects;
        size_t count;
        bool has_params, has_targets; /* some project has */
        struct steering steering;
        /* Edges: the project at places[i] depends on the one at on_places[i]; by places, ascending. */
        int32_t *places, *on_places;
        size_t edges;
        /* from the request, set by the caller; may be NULL */
        const char *created_by, *traceparent;
};

/*
 * Fills *s from a body; `text` is not needed afterwards. -1: e says the first mistake, m all of them;
 * ERR_MALFORMED where the text is no JSON, ERR_UNAVAILABLE where a secret cannot be sealed. Either
 * way submission_fini() follows.
 */
int submission_read(struct submission *s, const char *text, size_t len, const struct config *cfg,
                    struct mistakes *m, struct err *e);
void submission_fini(struct submission *s);

/* A wave's name: neither blank nor too long. */
void wave_name_check(const char *name, const char *pointer, struct mistakes *m);

/*
 * A kind's params as JSON text in the arena, the member mb_secret sealed; a mask or null means the
 * stored secret, so it is left out. -1: the secret cannot be sealed.
 */
int params_seal(const struct json *params, const struct config *cfg, struct arena *a,
                const char **out, struct err *e);

#endif
