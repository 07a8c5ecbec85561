/* local.h - what this process can see by itself: its configuration, its descriptors, its folder for bodies. */
#ifndef API_DOCTOR_LOCAL_H
#define API_DOCTOR_LOCAL_H

#include "api/doctor/findings.h"
#include "base/config.h"

/* public_url: what webhooks are sent to. */
void local_look(struct findings *f, const struct config *config, const char *public_url);

#endif
