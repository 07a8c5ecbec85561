#include "api/people/standing.h"

#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "base/mem.h"
#include "base/rand.h"

void standing_take(struct standing *s, const struct request *rq)
{
        *s = (struct standing){.brought = *request_credential(rq)};
        list_init(&s->wait.link);
        if (s->brought.text)
                s->brought.text = s->text = xstrndup(s->brought.text, s->brought.len);
}

void standing_fini(struct standing *s)
{
        auth_cancel(&s->wait);
        if (s->text)
                mem_wipe(s->text, s->brought.len);
        free(s->text);
}

static void judge(struct standing *s, const struct auth_answer *who)
{
        bool refused = who->verdict == AUTH_MISSING || who->verdict == AUTH_WRONG ||
                       (who->verdict == AUTH_KNOWN && who->role < ROLE_VIEWER);
        s->fn(!refused, s->arg);
}

static void answered(const struct auth_answer *who, void *arg)
{
        judge(arg, who);
}

void standing_check(struct standing *s, struct auth *auth, void (*fn)(bool good, void *arg),
                    void *arg)
{
        struct auth_answer who;
        if (!list_empty(&s->wait.link)) /* is being looked up */
                return;
        s->fn = fn;
        s->arg = arg;
        s->wait.fn = answered;
        s->wait.arg = s;
        auth_check(auth, &s->brought, &s->wait, &who);
        if (who.verdict != AUTH_LATER)
                judge(s, &who);
}
