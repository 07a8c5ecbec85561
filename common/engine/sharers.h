/*
 * sharers.h - who else uses our keys in Redis. Another installation on the same database and prefix takes our ids, finds
 * them in no row of its PostgreSQL, and drops them; the reconciler brings each back, and all goes at a fraction
 * of its pace. So the leader says every second that we are here, and tells in its log who else is.
 */
#ifndef ENGINE_SHARERS_H
#define ENGINE_SHARERS_H

#include "engine/worker_internal.h"

struct sharers;
struct sharers *sharers_new(struct engine_worker *w);
/* What is under way comes to its end by itself. */
void sharers_free(struct sharers *s);
/* PostgreSQL may be another one now: our name is asked anew. */
void sharers_forget_name(struct sharers *s);
/* Says so, and looks. Nothing while the last look is under way. */
void sharers_look(struct sharers *s);

#endif
