/*
 * migration_ask.h - asks the migration server about a migration, and settles it where the answer is
 * the end of its own start: whatever runs outside has nobody else who looks before its next poll.
 */
#ifndef API_MIGRATION_ASK_H
#define API_MIGRATION_ASK_H

#include "api/migration_find.h"
#include "model/remote_verdict.h"

struct asked {
        enum remote_reply reply;
        struct remote_answer status; /* REPLY_STATUS */
        enum remote_verdict verdict;
        bool settled;   /* the row was settled by it */
        struct err err; /* REPLY_FAILED: why; one sentence */
};
typedef void (*asked_fn)(struct request *rq, const struct migration_facts *f, const struct asked *a);
/* fn is called later, whatever comes of it. */
void migration_ask(struct request *rq, const struct migration_facts *f, asked_fn fn);

/*
 * The outcome that a final answer comes to, for a webhook as for a question; its texts live in the
 * arena. memo: the row's, JSON or NULL.
 */
struct outcome;
void migration_outcome(struct arena *a, const struct remote_answer *s, const char *memo,
                       struct outcome *out);

#endif
