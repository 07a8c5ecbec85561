/*
 * session.h - sessions of logins, kept in $XDG_CONFIG_HOME/wavefleet/session, one for each address. The
 * file can be read by its owner only; where others can, it is not used.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "base/err.h"

/* *out: the session's id, the caller's to free; NULL: there is none. -1: the file cannot be used. */
int session_load(const char *url, char **out, struct err *e);
/* Replaces the file in one step. id NULL: forgets it. */
int session_store(const char *url, const char *id, const char *username, struct err *e);

#endif
