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

#define TO(s) (1U << MIGRATION_##s)
/*
 * Where a row may go. A settlement of a poll or a webhook may find the row `retrying` when an attempt
 * that was given up turns out to have succeeded; "restart", "reset" and "set-completed" are acts of a
 * person. A restarted row whose dependencies are not met is blocked again.
 */
static const unsigned ways[MIGRATION_STATE_COUNT] = {
        [MIGRATION_BLOCKED] = TO(PENDING) | TO(COMPLETED) | TO(CANCELLED),
        [MIGRATION_PENDING] = TO(BLOCKED) | TO(RUNNING) | TO(COMPLETED) | TO(CANCELLED),
        [MIGRATION_RUNNING] = TO(PENDING) | TO(PARKED) | TO(RETRYING) | TO(COMPLETED) | TO(FAILED) |
                              TO(CANCELLED),
        [MIGRATION_PARKED] = TO(PENDING) | TO(PARKED) | TO(RETRYING) | TO(COMPLETED) | TO(FAILED) |
                             TO(CANCELLED),
        [MIGRATION_RETRYING] =
                TO(PENDING) | TO(RUNNING) | TO(COMPLETED) | TO(FAILED) | TO(CANCELLED),
        [MIGRATION_COMPLETED] = TO(BLOCKED) | TO(PENDING),
        [MIGRATION_FAILED] = TO(BLOCKED) | TO(PENDING) | TO(COMPLETED) | TO(CANCELLED),
        [MIGRATION_CANCELLED] = TO(BLOCKED) | TO(PENDING) | TO(COMPLETED),
};

bool migration_can_go(enum migration_state from, enum migration_state to)
{
        assert((unsigned)from < MIGRATION_STATE_COUNT && (unsigned)to < MIGRATION_STATE_COUNT);
        return ways[from] >> to & 1;
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

struct step {
        int verdict; /* as wave_transition() */
        enum wave_state to;
};
/* clang-format off */
#define GO(s) {1, WAVE_##s}
#define IS    {0, WAVE_PLANNING} /* in effect already: stays where it is */
#define NO    {-1, WAVE_PLANNING}
/*
 * ACT_STOP ends the wave for people at once, its running bodies are cancelled after it; ACT_END of a
 * stopped wave notes that the last of them is gone. ACT_END leads to `completed`; that it is `error`
 * when a migration failed is what the counts say, not this table. ACT_RESTART of migrations in a wave
 * that has not ended leaves the wave's state alone.
 */
static const struct step steps[][WAVE_STATE_COUNT] = {
        /*               planning     ready        running        paused         completed    error        stopped */
        [ACT_START]   = {GO(RUNNING), GO(RUNNING), IS,            NO,            NO,          NO,          NO},
        [ACT_PAUSE]   = {NO,          NO,          GO(PAUSED),    IS,            NO,          NO,          NO},
        [ACT_RESUME]  = {NO,          GO(RUNNING), IS,            GO(RUNNING),   NO,          NO,          NO},
        [ACT_STOP]    = {NO,          GO(STOPPED), GO(STOPPED),   GO(STOPPED),   NO,          NO,          IS},
        [ACT_RESTART] = {NO,          GO(RUNNING), IS,            IS,            GO(RUNNING), GO(RUNNING), GO(RUNNING)},
        [ACT_RESET]   = {NO,          IS,          GO(READY),     GO(READY),     GO(READY),   GO(READY),   GO(READY)},
        [ACT_END]     = {NO,          NO,          GO(COMPLETED), GO(COMPLETED), IS,          IS,          IS},
};
/* clang-format on */
_Static_assert(COUNT_OF(steps) == ACT_COUNT, "each act has a row");

int wave_transition(enum wave_state from, enum wave_act act, enum wave_state *to)
{
        assert((unsigned)from < WAVE_STATE_COUNT && (unsigned)act < ACT_COUNT);
        const struct step *s = &steps[act][from];
        if (s->verdict >= 0)
                *to = s->verdict ? s->to : from;
        return s->verdict;
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
