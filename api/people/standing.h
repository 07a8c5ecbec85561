/*
 * standing.h - whether somebody who was let in is still who he was: for answers that go on for longer than a
 * token or a session is remembered.
 */
#ifndef API_PEOPLE_STANDING_H
#define API_PEOPLE_STANDING_H

#include "api/people/auth.h"
#include "api/people/credential.h"

/* What the request brought, copied; wiped at the end. */
struct standing {
        struct credential brought;
        char *text; /* of it */
        struct auth_wait wait;
        void (*fn)(bool good, void *arg);
        void *arg;
};

void standing_take(struct standing *s, const struct request *rq);
void standing_fini(struct standing *s);
/* fn: false where he may not read any more; maybe within the call. That nobody can say is no reason. */
void standing_check(struct standing *s, struct auth *auth, void (*fn)(bool good, void *arg),
                    void *arg);

#endif
