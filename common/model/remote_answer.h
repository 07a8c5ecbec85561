/*
 * remote_answer.h - what the migration server says, in plain structs: its status answer, its answer
 * to a start, the body of its webhook, the handshake. Pure parsing, shared by worker and API.
 *
 * The server is badly mannered, and everything that follows from it is settled here: numbers come
 * as strings, an error comes as text, object or list, words have synonyms, progress has several
 * forms, times are RFC 3339, "YYYY-MM-DD HH:MM:SS", or Unix seconds, or missing. A field of a wrong
 * type is as good as absent; only what an answer cannot do without makes it unreadable. Unknown
 * fields are kept: `body` is the JSON object as it came. All texts live in the caller's arena.
 */
#ifndef MODEL_REMOTE_ANSWER_H
#define MODEL_REMOTE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/loose.h"
#include "model/state.h"

enum remote_state { REMOTE_NONE, REMOTE_PENDING, REMOTE_RUNNING, REMOTE_COMPLETED, REMOTE_ERROR };
/* "in_progress"…; REMOTE_NONE: "unknown". */
const char *remote_state_name(enum remote_state s);
/* Any case, synonyms too; REMOTE_NONE: a word that is none. */
enum remote_state remote_state_parse(const char *word);

struct remote_progress {
        bool there;          /* something of it was said */
        int64_t total, done; /* pages; -1: not said */
        int percent;         /* 0..100; -1: neither said nor to be computed */
        const char *stage;   /* or NULL */
};

struct remote_answer {
        enum remote_state state;
        struct loose_time started, updated, completed, failed;
        struct remote_progress progress;
        int64_t brizy_project_id; /* 0: not said */
        const char *domain;       /* brizy_project_domain, or NULL */
        const char *migration_id; /* or NULL */
        /*
         * Its words, in whatever language, at most LOOSE_TEXT_MAX bytes; NULL: none. Their class is
         * CLASS_TEMPORARY: prose in two languages is not guessed at. Only a field says otherwise,
         * in the error's object or beside it: "class" (temporary, data, critical), "permanent":
         * true or "retryable": false (both data).
         */
        const char *error;
        enum error_class class;
        const char *body; /* the object as it came */
};

/*
 * The body of a 200 of /migration-status. -1 (ERR_UPSTREAM) where it is no JSON object or its
 * status is no known word: nothing follows from such an answer.
 */
int remote_answer_parse(const char *text, size_t len, struct arena *a, struct remote_answer *out,
                        struct err *e);

/*
 * The body of a 200 or 202 to a start: 0 where it says that this pair is pending or in progress. -1
 * (ERR_UPSTREAM) for anything else: whether it began is then not known.
 */
int remote_start_parse(const char *text, size_t len, const char *project, int64_t brz_project_id,
                       struct arena *a, struct err *e);

/* The words of an answer that reports a failure ({"error":…} or {"message":…}); NULL: none. */
const char *remote_error_text(const char *text, size_t len, struct arena *a);

/* A webhook. answer.state is pending or in_progress, completed or error, never REMOTE_NONE. */
struct remote_webhook {
        const char *project;    /* mb_project_uuid */
        int64_t brz_project_id; /* > 0 */
        struct remote_answer answer;
        const char *migration_uuid; /* these: as text, or NULL */
        const char *date;
        const char *theme;
        const char *mb_product_name;
        const char *mb_site_id;
        const char *mb_project_domain;
        const char *warnings; /* JSON array, or NULL */
};
/*
 * A missing status is completed unless an error is there. -1: ERR_MALFORMED (no JSON),
 * ERR_WRONG_TYPE or ERR_BAD_REQUEST (what is required is missing, the status is no known word); all
 * of them a 400. ERR_UNAVAILABLE: there was no memory for it.
 */
int remote_webhook_parse(const char *text, size_t len, struct arena *a, struct remote_webhook *out,
                         struct err *e);

struct remote_handshake {
        bool ok; /* handshake_with_dashboard is "ok" */
        const char *service, *server_id, *client_ip, *timestamp, *error; /* or NULL */
        const char *body;
};
int remote_handshake_parse(const char *text, size_t len, struct arena *a,
                           struct remote_handshake *out, struct err *e);

/* {"total","done","percent","stage"}, null where not said; NULL: no progress there. */
const char *remote_progress_json(const struct remote_progress *p, struct arena *a);

/*
 * A body that came from the server as the JSON object that is kept as result: an object as it came,
 * any other JSON as {"body":…}, what is no JSON as {"text":"…"} (its first 64 KiB).
 */
const char *remote_result_json(const char *text, size_t len, struct arena *a);

#endif
