/*
 * state.h - the states of waves and migrations, what the API shows for them, and error classes. Names are as
 * they stand in PostgreSQL, where also the tables of allowed transitions are (store/schema).
 */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include <stdbool.h>

enum migration_state {
        MIGRATION_BLOCKED,
        MIGRATION_PENDING,
        MIGRATION_RUNNING,
        MIGRATION_PARKED,
        MIGRATION_RETRYING,
        MIGRATION_COMPLETED,
        MIGRATION_FAILED,
        MIGRATION_CANCELLED,
        MIGRATION_STATE_COUNT
};
enum wave_state {
        WAVE_PLANNING,
        WAVE_READY,
        WAVE_RUNNING,
        WAVE_PAUSED,
        WAVE_COMPLETED,
        WAVE_ERROR,
        WAVE_STOPPED,
        WAVE_STATE_COUNT
};
/* What follows from a class: DESIGN of retries, README "When things fail". */
enum error_class {
        CLASS_NONE,
        CLASS_TEMPORARY,  /* retry with backoff */
        CLASS_DEPENDENCY, /* something else must be there or end first: wait, spend nothing */
        CLASS_DATA,       /* permanent for this migration */
        CLASS_CRITICAL,   /* permanent and likely to hit the others: the wave pauses */
        CLASS_CRASHED,    /* the body's process died; small budget */
        CLASS_TIMED_OUT,  /* the body ran too long; small budget */
        CLASS_LOST,       /* its worker died or was fenced; spends nothing, small budget */
        CLASS_COUNT
};

const char *migration_state_name(enum migration_state s);
int migration_state_parse(const char *name, enum migration_state *out); /* -1: no such */
const char *migration_status(enum migration_state s);                   /* as the API shows it */
bool migration_is_terminal(enum migration_state s);

const char *wave_state_name(enum wave_state s);
int wave_state_parse(const char *name, enum wave_state *out);
const char *wave_status(enum wave_state s);
bool wave_is_ended(enum wave_state s);

const char *error_class_name(enum error_class c); /* CLASS_NONE: NULL */
int error_class_parse(const char *name, enum error_class *out);

#endif
