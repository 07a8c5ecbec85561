/*
 * dashboard.h - serving the built dashboard: its files, and its page for every address that is neither a
 * file nor one of those that programs call.
 */
#ifndef API_DASHBOARD_H
#define API_DASHBOARD_H

#include "api/assets.h"
#include "api/http/route.h"
#include "base/config.h"

/* For gate.pages. */
extern const struct route dashboard_route;

/*
 * Reads the folder that the configuration names, else that beside the program. *out NULL: none is built, or
 * it is switched off. -1: ERR_CONFIG, what was named cannot be served.
 */
int dashboard_load(const struct config *config, struct assets **out, struct err *e);

#endif
