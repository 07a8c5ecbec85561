/*
 * spool.h - a large body on its way into an unlinked file, hashed as it comes.
 *
 * Pieces are gathered to 64 KiB, so that a body sent byte by byte does not become a system call a
 * byte; a write goes to the page cache and no piece is larger. ERR_UNAVAILABLE: the disk refuses.
 */
#ifndef API_HTTP_SPOOL_H
#define API_HTTP_SPOOL_H

#include <stddef.h>

#include "base/err.h"

struct spool;

struct spool *spool_new(const char *dir, struct err *e);
int spool_add(struct spool *s, const void *data, size_t len, struct err *e);
/* Writes what is left, gives the SHA-256 of all and goes back to the beginning. */
int spool_end(struct spool *s, unsigned char hash[32], struct err *e);
int spool_fd(const struct spool *s);
void spool_free(struct spool *s); /* NULL is fine; closes the file */

#endif
