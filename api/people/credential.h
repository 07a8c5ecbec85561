/*
 * credential.h - what a request brings to show who is asking, and what of that is worth what.
 *
 * The first of these that is there counts, and the others are not looked at:
 *   Authorization: Bearer TOKEN        a token of a program
 *   X-Dashboard-Session: SESSION       a person's session; no other site can make a browser send it
 *   Cookie: dashboard_session=SESSION  the same session, but sent by the browser also when another site has
 *                                      made it ask: alone it authorizes reading. To act, the request brings
 *                                      the session's CSRF token in X-CSRF-Token, which only our pages know,
 *                                      and must not say itself that it comes from elsewhere.
 * Whether the credential is a good one is for auth.h to find out.
 */
#ifndef API_PEOPLE_CREDENTIAL_H
#define API_PEOPLE_CREDENTIAL_H

#include "api/http/request.h"

enum proof { PROOF_NONE, PROOF_TOKEN, PROOF_SESSION, PROOF_COOKIE };
/* The text lies in the header and ends with `len`, not with a NUL. */
struct credential {
        enum proof proof;
        const char *text;
        size_t len;
};

enum {
        SECRET_BYTES = 32,
        SECRET_SIZE = 3 + 43 + 1, /* three letters that say what it is, base64, NUL */
        CSRF_SIZE = 65,
};
#define SESSION_COOKIE "dashboard_session"

/* Values of the three headers; NULL: not there. */
void credential_find(const char *authorization, const char *session, const char *cookie,
                     struct credential *out);
/* The value of a cookie, or NULL. A name that stands twice: the first. */
const char *cookie_value(const char *cookie, const char *name, size_t *len);

/* "wf_" and 43 characters, "ws_" and 43 characters: anything else is not worth a question. */
bool looks_like_token(const char *text, size_t len);
bool looks_like_session(const char *text, size_t len);
/* A fresh one, and its hash, which is what is kept. */
void token_make(char token[SECRET_SIZE], unsigned char hash[32]);
void session_make(char id[SECRET_SIZE], unsigned char hash[32]);

/* The CSRF token of a session, HMAC under a key that is the session's id; `id` looks like a session. */
void csrf_make(const char *id, char out[CSRF_SIZE]);
/*
 * A request by cookie: ERR_FORGERY where it acts without the session's CSRF token, or acts or upgrades
 * and says that another site has caused it (request_is_ours).
 */
int credential_check_forgery(const struct request *rq, const struct credential *c, struct err *e);
/*
 * Whether the browser says that a page of ours has caused it: by Sec-Fetch-Site, or else by an Origin whose
 * host is that of the request or of http.public_url. Programs say neither, and are believed.
 */
bool request_is_ours(const struct request *rq);
int credential_check_site(const struct request *rq, struct err *e); /* the same, or ERR_FORGERY */

#endif
