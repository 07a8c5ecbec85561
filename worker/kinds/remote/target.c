/* target.c - locks around Brizy, one for each name. */
#include "worker/kinds/remote/target.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/rand.h"
#include "worker/kinds/remote/brizy.h"

enum {
        LOCK_WAIT_MS = 2000, /* in all; a runner is not held longer than that */
        LOCK_STEP_MS = 100,
        LOCK_DUE_MS = 1000,
        TAKEN_DUE_MS = 10000,
};

static const char *number(struct remote *r, int64_t v)
{
        return arena_printf(r->arena, "%" PRId64, v);
}

/* Held by this attempt until it ends or unlocks. -1: the outcome is filled. */
static int lock(struct remote *r, const char *name)
{
        int64_t until = clock_mono_ms() + LOCK_WAIT_MS;
        for (;;) {
                const char *answer;
                struct err e = ERR_INIT;
                if (body_ask(r->body, "lock", name, NULL, &answer, &e) < 0)
                        return remote_unanswered(r, "take a lock", &e);
                if (strcmp(answer, "1") == 0)
                        return 0;
                if (clock_mono_ms() >= until)
                        return remote_failed(r, CLASS_DEPENDENCY,
                                             LOCK_DUE_MS + rand_below(LOCK_DUE_MS / 4),
                                             "another migration is at Brizy about the same %.*s",
                                             (int)strcspn(name, ":"), name);
                remote_wait(r, LOCK_STEP_MS);
        }
}

static void unlock(struct remote *r, const char *name)
{
        const char *answer;
        struct err e = ERR_INIT;
        if (body_ask(r->body, "unlock", name, NULL, &answer, &e) < 0)
                body_log(r->body, "could not give a lock back (it ends with the attempt): %s",
                         e.text);
}

static int fail_brizy(struct remote *r, const struct brizy_thing *t, bool hits_all,
                      const struct err *e)
{
        enum error_class class = CLASS_TEMPORARY;
        if (e->code == ERR_CONFIG || e->code == ERR_FORBIDDEN)
                class = CLASS_CRITICAL;
        else if (e->code == ERR_INVALID)
                class = hits_all ? CLASS_CRITICAL : CLASS_DATA;
        return remote_failed(r, class, e->retry_after_ms ? (int64_t)e->retry_after_ms : -1,
                             "could not find or create the %s \"%s\": %s", t->what, t->name,
                             e->text);
}

static const char *workspace_name(const struct job *job)
{
        const char *name =
                job->workspace_name && *job->workspace_name ? job->workspace_name : job->wave_name;
        return name && *name ? name : NULL;
}

static int make_workspace(struct remote *r)
{
        const struct brizy_thing t = {
                .what = "workspace", .path = "/api/2.0/workspaces", .name = workspace_name(r->job)};
        const char *name = arena_printf(r->arena, "workspace:%s", t.name);
        int64_t id = 0;
        struct err e = ERR_INIT;
        const char *answer;
        if (lock(r, name) < 0)
                return -1;
        FAULT_POINT(workspace_locked);
        if (brizy_find_or_create(r, &t, &id, &e) < 0)
                return fail_brizy(r, &t, true, &e);
        FAULT_POINT(workspace_made);
        r->workspace = number(r, id);
        if (body_ask(r->body, "workspace", r->workspace, t.name, &answer, &e) < 0)
                return remote_unanswered(r, "note the wave's workspace", &e);
        FAULT_POINT(workspace_noted);
        unlock(r, name);
        return 0;
}

/* The target is this migration's from here on, or the outcome says that another has it. */
static int take_target(struct remote *r)
{
        const char *answer;
        struct err e = ERR_INIT;
        if (body_ask(r->body, "target", number(r, r->target), NULL, &answer, &e) < 0)
                return remote_unanswered(r, "note the target project", &e);
        if (strcmp(answer, "0") != 0)
                return 0;
        return remote_failed(r, CLASS_DEPENDENCY, TAKEN_DUE_MS + rand_below(TAKEN_DUE_MS / 10),
                             "another migration runs with the target project %" PRId64, r->target);
}

/* The lock lasts until the target is noted; a crash before that leaves a project to be found. */
static int make_target(struct remote *r)
{
        const struct brizy_thing t = {.what = "project",
                                      .path = "/api/2.0/projects",
                                      .name = r->job->project,
                                      .workspace = r->workspace};
        const char *name = arena_printf(r->arena, "project:%s:%s", r->workspace, t.name);
        struct err e = ERR_INIT;
        if (lock(r, name) < 0)
                return -1;
        FAULT_POINT(target_locked);
        if (brizy_find_or_create(r, &t, &r->target, &e) < 0)
                return fail_brizy(r, &t, false, &e);
        FAULT_POINT(target_made);
        if (take_target(r) < 0)
                return -1;
        FAULT_POINT(target_noted);
        unlock(r, name);
        return 0;
}

int remote_target(struct remote *r)
{
        bool brizy = r->cfg->brizy_token && *r->cfg->brizy_token;
        if (!r->target && !brizy)
                return remote_failed(
                        r, CLASS_DATA, -1,
                        "the target is missing: the project has no brz_project_id, and "
                        "without a Brizy token none can be created");
        if (r->target)
                return take_target(r); /* nothing is made for it: no workspace is needed */
        if (!r->workspace && workspace_name(r->job) && make_workspace(r) < 0)
                return -1;
        if (!r->workspace)
                return remote_failed(
                        r, CLASS_DATA, -1,
                        "the target is missing: the project has no brz_project_id, and "
                        "there is no workspace to create one in");
        return make_target(r);
}
