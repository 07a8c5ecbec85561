/* pieces.c - see pieces.h. */
#include "broker/pieces.h"

#include <stdlib.h>

#include "base/mem.h"

struct piece {
        struct pieces *p;
        size_t i;
};

static void on_piece(struct broker *b, const redisReply *reply, const struct err *e, void *arg);

static void send_more(struct pieces *p)
{
        while (p->next < p->count && p->under_way < p->kind->limit && !p->problem) {
                struct piece *piece = xmalloc(sizeof(*piece));
                *piece = (struct piece){.p = p, .i = p->next++};
                p->under_way++;
                call_send(p->kind->make(p, piece->i), on_piece, piece);
                if (!broker_up(p->b))
                        break; /* its error is on the way */
        }
}

static void on_piece(struct broker *b, const redisReply *reply, const struct err *e, void *arg)
{
        struct piece *piece = arg;
        struct pieces *p = piece->p;
        p->under_way--;
        if (e && !p->problem) {
                p->problem = xmalloc(sizeof(*p->problem));
                *p->problem = *e;
        } else if (!e && p->kind->answer) {
                p->kind->answer(p, piece->i, reply);
        }
        free(piece);
        send_more(p);
        if (p->under_way > 0)
                return;
        struct err *problem = p->problem;
        p->kind->end(p, problem);
        free(problem);
}

void pieces_run(struct pieces *p, struct broker *b, const struct pieces_kind *kind, size_t count)
{
        p->b = b;
        p->kind = kind;
        p->count = count;
        send_more(p);
}
