/* state.c - the tables behind state.h. */
#include "model/state.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* ---- migrations ---- */

static const struct {
        const char *name;
        const char *status;
        bool terminal;
} migrations[] = {
        [MIGRATION_BLOCKED] = {"blocked", "pending", false},
        [MIGRATION_PENDING] = {"pending", "pending", false},
        [MIGRATION_RUNNING] = {"running", "in_progress", false},
        [MIGRATION_PARKED] = {"parked", "in_progress", false},
        [MIGRATION_RETRYING] = {"retrying", "in_progress", false},
        [MIGRATION_COMPLETED] = {"completed", "completed", true},
        [MIGRATION_FAILED] = {"failed", "error", true},
        [MIGRATION_CANCELLED] = {"cancelled", "cancelled", true},
};
_Static_assert(COUNT_OF(migrations) == MIGRATION_STATE_COUNT, "each state has a row");

const char *migration_state_name(enum migration_state s)
{
        assert((unsigned)s < MIGRATION_STATE_COUNT);
        return migrations[s].name;
}

int migration_state_parse(const char *name, enum migration_state *out)
{
        for (size_t i = 0; i < COUNT_OF(migrations); i++) {
                if (strcmp(name, migrations[i].name) == 0) {
                        *out = (enum migration_state)i;
                        return 0;
                }
        }
        return -1;
}

const char *migration_status(enum migration_state s)
{
        assert((unsigned)s < MIGRATION_STATE_COUNT);
        return migrations[s].status;
}

bool migration_is_terminal(enum migration_state s)
{
        assert((unsigned)s < MIGRATION_STATE_COUNT);
        return migrations[s].terminal;
}

/* ---- waves ---- */

static const struct {
        const char *name;
        const char *status;
        bool ended;
} waves[] = {
        [WAVE_PLANNING] = {"planning", "pending", false},
        [WAVE_READY] = {"ready", "pending", false},
        [WAVE_RUNNING] = {"running", "in_progress", false},
        [WAVE_PAUSED] = {"paused", "paused", false},
        [WAVE_COMPLETED] = {"completed", "completed", true},
        [WAVE_ERROR] = {"error", "error", true},
        [WAVE_STOPPED] = {"stopped", "stopped", true},
};
_Static_assert(COUNT_OF(waves) == WAVE_STATE_COUNT, "each state has a row");

const char *wave_state_name(enum wave_state s)
{
        assert((unsigned)s < WAVE_STATE_COUNT);
        return waves[s].name;
}

int wave_state_parse(const char *name, enum wave_state *out)
{
        for (size_t i = 0; i < COUNT_OF(waves); i++) {
                if (strcmp(name, waves[i].name) == 0) {
                        *out = (enum wave_state)i;
                        return 0;
                }
        }
        return -1;
}

const char *wave_status(enum wave_state s)
{
        assert((unsigned)s < WAVE_STATE_COUNT);
        return waves[s].status;
}

bool wave_is_ended(enum wave_state s)
{
        assert((unsigned)s < WAVE_STATE_COUNT);
        return waves[s].ended;
}

/* ---- classes ---- */

static const char *const classes[] = {
        [CLASS_NONE] = NULL,
        [CLASS_TEMPORARY] = "temporary",
        [CLASS_DEPENDENCY] = "dependency",
        [CLASS_DATA] = "data",
        [CLASS_CRITICAL] = "critical",
        [CLASS_CRASHED] = "crashed",
        [CLASS_TIMED_OUT] = "timed_out",
        [CLASS_LOST] = "lost",
};
_Static_assert(COUNT_OF(classes) == CLASS_COUNT, "each class has a row");

const char *error_class_name(enum error_class c)
{
        assert((unsigned)c < CLASS_COUNT);
        return classes[c];
}

int error_class_parse(const char *name, enum error_class *out)
{
        for (size_t i = CLASS_NONE + 1; i < COUNT_OF(classes); i++) {
                if (strcmp(name, classes[i]) == 0) {
                        *out = (enum error_class)i;
                        return 0;
                }
        }
        return -1;
}
