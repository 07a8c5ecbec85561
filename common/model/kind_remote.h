/*
 * kind_remote.h - the params of the kind `remote`, of a wave and of one project alike. All are
 * optional:
 *
 *   mb_site_id         integer above 0, or its digits      mb_secret        string; never shown
 *   brz_workspaces_id  likewise                            mb_page_slug     string
 *   mb_element_name    string                              mgr_manual       true, false, 0 or 1
 *   skip_media_upload, skip_cache, quality_analysis        true or false
 */
#ifndef MODEL_KIND_REMOTE_H
#define MODEL_KIND_REMOTE_H

#include "base/json.h"

/* The name of the limit under which the migration server is called. */
#define REMOTE_LIMIT "migration-server"

/* As in struct kind_spec. */
void kind_remote_check_params(const struct json *params, const char *pointer, struct mistakes *m);
void kind_remote_check_project(const struct json *params, const char *pointer, struct mistakes *m);

#endif
