/*
 * health.h - is it alive, is it ready, what does it lack: /livez, /readyz, GET /api/health.
 *
 * PostgreSQL counts as there while the pool is up and a question asked every 2 s was answered within
 * the last 6 s; Redis while the command connection is up, answers within its time-out and takes writes.
 * Both say what is wrong otherwise, without naming addresses: these calls are open to all.
 */
#ifndef API_HEALTH_H
#define API_HEALTH_H

#include "api/routes.h"

struct app;
struct health;
struct health *health_new(struct app *app);
void health_free(struct health *h); /* NULL is fine */
/* Why nothing new can be taken in, in a sentence; NULL: it can. */
const char *health_problem(const struct app *app);

#endif
