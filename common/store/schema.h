/*
 * schema.h - brings the schema `wavefleet` to the version of this program.
 *
 * Numbered files (schema/NNNN_name.sql), each applied once, in order, in a transaction of its own,
 * under an advisory lock, noted in wavefleet.schema_versions with a checksum. A landed file is never
 * edited; every file fits the previous release too. A database that is ahead of the program is fine.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "store/pg_sync.h"

/* The version this program needs. */
int schema_version_wanted(void);
/* Applies what is missing. Blocking. */
int schema_apply(struct pg_sync *c, struct err *e);
/* The version that is there; 0: no schema. */
int schema_version(struct pg_sync *c, int *version, struct err *e);

/*
 * Without blocking the loop: applies (apply true) or waits for (false) the wanted version, trying
 * again until it is there, then calls fn once. It works in a child process of its own.
 */
struct schema_job;
struct schema_job *schema_start(struct loop *l, const struct pg_opts *opts, bool apply,
                                void (*fn)(void *arg), void *arg);
void schema_job_free(struct schema_job *j);

#endif
