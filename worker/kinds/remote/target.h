/*
 * target.h - where a migration goes: the wave's workspace and the project in it, found or made at
 * Brizy once however many workers ask at the same moment, and then taken, so that no two migrations
 * run with one pair.
 */
#ifndef WORKER_REMOTE_TARGET_H
#define WORKER_REMOTE_TARGET_H

#include "worker/kinds/remote/remote.h"

/* 0: r->target (and r->workspace, where there is one) are set. -1: the outcome is filled. */
int remote_target(struct remote *r);

#endif
