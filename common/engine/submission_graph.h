/*
 * submission_graph.h - which projects of a submitted wave depend on which: names made into places, and
 * cycles found.
 */
#ifndef ENGINE_SUBMISSION_GRAPH_H
#define ENGINE_SUBMISSION_GRAPH_H

#include "engine/submission.h"

enum {
        PROJECT_DEPENDENCIES_MAX = 1000, /* of one project */
        WAVE_EDGES_MAX = 1000000,        /* of a wave */
};

/* Finds the place of a name among the submission's projects; -1: there is none. */
typedef int64_t (*place_fn)(const char *name, const void *arg);

/*
 * Fills s->places and s->on_places from the names that each project brought. `list` and where[i] say where
 * a project stands in the body, for the mistakes: unknown names, itself, too many, cycles (one of them is
 * printed), a canary that waits for what comes after it. -1: there is no memory for it.
 */
int submission_graph(struct submission *s, const char *list, const uint32_t *where,
                     struct mistakes *m, place_fn find, const void *arg);

#endif
