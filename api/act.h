/* act.h - how the body of an act is read, and how an act on one migration is logged and answered. */
#ifndef API_ACT_H
#define API_ACT_H

#include "api/http/request.h"

/* Reads the body by its fields; none: it may be empty, or an empty object. -1: answered. */
int act_read(struct request *rq, const struct json_field *fields, size_t n, void *out);

struct act {
        struct request *rq;
        const char *name; /* for the log */
        int64_t id;       /* of the migration; 0: the act's data says it ("ref") */
};
/*
 * An engine_act_fn whose arg is a struct act. What a worker runs is only asked to end: the data names the
 * worker, which is told to hurry, and the answer is 202.
 */
void act_answer(const char *data, int64_t touched, const struct err *e, void *act);

#endif
