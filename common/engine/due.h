/*
 * due.h - what the clock asks of waves: planned ones start, deadlines stop, and a judgement is made that a
 * process died before. The leader looks every second; each act looks again under its wave's lock.
 */
#ifndef ENGINE_DUE_H
#define ENGINE_DUE_H

#include "engine/worker_internal.h"

struct due;
struct due *due_new(struct engine_worker *w);
/* What is under way comes to its end by itself. */
void due_free(struct due *d);
/* One look. Nothing while the last one is under way. */
void due_look(struct due *d);

#endif
