/* pg_sync_inside.h - pg_sync.h for the store's own files: longer patience, COPY by text. */
#ifndef STORE_PG_SYNC_INSIDE_H
#define STORE_PG_SYNC_INSIDE_H

#include "store/pg_sync.h"

/* How long an answer may take before the connection is given up. Returns what it was. */
int64_t pg_sync_set_patience(struct pg_sync *c, int64_t patience_ms);
/* As pg_sync_copy_begin() for a statement that is no file. */
int pg_sync_copy_text(struct pg_sync *c, const char *name, const char *text, struct err *e);

#endif
