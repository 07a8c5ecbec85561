/*
 * upstream.h - questions to the migration server, asked from the loop: status, log, health, handshake
 * (the protocol's sections "Status", "Log", "Health and handshake").
 *
 * Status and log take their turn under the one limit of the fleet ("10 a second in all"); an answer,
 * good or bad, is kept for 3 s, and whoever asks the same meanwhile gets it or waits for it with the
 * others. Redirects are not followed, proxies of the environment are not used, an answer is at most
 * 4 MiB, and no text of an error holds the address' user or query. Nothing is started from here.
 */
#ifndef API_UPSTREAM_H
#define API_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/err.h"
#include "base/loop.h"
#include "broker/broker.h"

enum { UPSTREAM_FRESH_MS = 3000, UPSTREAM_TURN_MS = 2000, UPSTREAM_ANSWER_MAX = 4 << 20 };

struct upstream;
/* cfg and broker are kept by reference. */
struct upstream *upstream_new(struct loop *l, const struct config *cfg, struct broker *broker);
/* Who waits gets ERR_UNAVAILABLE. Before the broker; NULL is fine. */
void upstream_free(struct upstream *u);

struct upstream_reply {
        int status;       /* of HTTP */
        const char *body; /* NUL-terminated; valid during the call */
        size_t len;
};
/*
 * One of r and e is NULL. e: ERR_UPSTREAM (no whole answer), ERR_RATE (not our turn; retry_after_ms),
 * ERR_UNAVAILABLE (the limit could not be asked), ERR_CONFIG (the address cannot be called). Never
 * called from inside the functions below.
 */
typedef void (*upstream_fn)(const struct upstream_reply *r, const struct err *e, void *arg);

void upstream_status(struct upstream *u, const char *project, int64_t brz_project_id,
                     upstream_fn fn, void *arg);
void upstream_log(struct upstream *u, int64_t brz_project_id, upstream_fn fn, void *arg);
void upstream_health(struct upstream *u, upstream_fn fn, void *arg);
/* callback_url: ours, that the server then posts to. */
void upstream_handshake(struct upstream *u, const char *callback_url, upstream_fn fn, void *arg);
/* Forgets what is kept of the status; true: there was something. */
bool upstream_forget(struct upstream *u, const char *project, int64_t brz_project_id);

#endif
