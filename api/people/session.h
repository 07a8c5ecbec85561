/*
 * session.h - what the answers to login and check share: the user, and members that stand both in `data` and
 * beside it, where the existing client reads them.
 */
#ifndef API_PEOPLE_SESSION_H
#define API_PEOPLE_SESSION_H

#include "api/http/request.h"
#include "store/pg.h"

/* Texts are valid as long as what they come from. */
struct session_user {
        const char *expires_at; /* of the session, RFC 3339 */
        int64_t id;             /* 0: a token, not a user */
        const char *username, *full_name, *email;
        enum role role;
};
/* The first row of a statement whose columns are those of login_done.sql. -1: there is none. */
int session_read(const struct pg_result *r, size_t statement, struct session_user *out);
/* The member "user"; NULL: null. */
void session_print_user(const struct session_user *u, struct json_out *o);
/* Answers 200; `object` is a JSON object that is not empty. */
void session_respond(struct request *rq, const struct buf *object);
/* id NULL: the browser is to forget it. */
void session_set_cookie(struct request *rq, const char *id);

#endif
