/* prompt.h - a password from a person or from a pipe. */
#ifndef API_PEOPLE_PROMPT_H
#define API_PEOPLE_PROMPT_H

#include "base/err.h"
#include "model/password.h"

/*
 * Asks at the terminal, without showing what is typed, twice. Where the process is interrupted meanwhile the
 * terminal shows again what is typed before it ends. -1: there is no terminal, or the two differ.
 */
int prompt_password(const char *username, char out[PASSWORD_MAX + 1], struct err *e);
/* The first line of the standard input. */
int prompt_read_line(char out[PASSWORD_MAX + 1], struct err *e);

#endif
