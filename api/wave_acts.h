/* wave_acts.h - how a call on a wave begins and is answered, and how an act on it is. */
#ifndef API_WAVE_ACTS_H
#define API_WAVE_ACTS_H

#include "api/http/request.h"
#include "store/pg.h"

/* Whether the path names what can be a wave: what is no id is not looked for. False: it has been answered (404). */
bool wave_named(struct request *rq);
/* 404 about the wave of the path. */
void wave_missing(struct request *rq);
/* Whether PostgreSQL has found the wave: a row in its first answer. False: it has been answered. */
bool wave_found(struct request *rq, const struct pg_result *r, const struct err *e);
/* Answers with what is known of the wave; json NULL: there is none of that id. */
void wave_told(const char *json, const struct err *e, void *rq);
/* The statement that locks the wave of the request, then the act with its first parameter, the wave. */
struct pg_tx *wave_act_on(struct request *rq, enum sql_id act);
/* An engine_act_fn: answers with the act's data. */
void wave_acted(const char *data, int64_t touched, const struct err *e, void *rq);

#endif
