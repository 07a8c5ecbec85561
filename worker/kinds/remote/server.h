/*
 * server.h - the calls to the migration server. Each takes its turn under the fleet's limit first
 * ("10 a second in all"), which can mean a short wait, or that now is not the time.
 */
#ifndef WORKER_REMOTE_SERVER_H
#define WORKER_REMOTE_SERVER_H

#include "worker/kinds/remote/remote.h"

/* Why a call led to nothing. */
struct server_trouble {
        const char *why;        /* one sentence, without secrets */
        enum error_class class; /* what it means where nothing was started yet */
        int64_t due_in_ms;      /* as in struct outcome: when to come again; -1: not said */
};

struct server_reply {
        enum remote_reply reply;
        struct remote_answer status; /* REPLY_STATUS */
        int64_t date_ms;             /* the server's clock at at_ms of ours; 0: not said */
        int64_t at_ms;
        struct server_trouble trouble; /* REPLY_FAILED */
};
void server_status(struct remote *r, struct server_reply *out);

enum server_begun { BEGUN_YES, BEGUN_NO, BEGUN_UNKNOWN };
struct server_start {
        enum server_begun begun;
        bool reached;                  /* BEGUN_NO: the server itself refused */
        struct server_trouble trouble; /* not BEGUN_YES */
};
/* Takes the turn of a start; -1: not now, *trouble. */
int server_turn(struct remote *r, struct server_trouble *trouble);
/* Sends it; the turn was taken. */
void server_start(struct remote *r, struct server_start *out);

#endif
