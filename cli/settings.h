/* settings.h - options that set a field of a wave, as members of a JSON object. */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "base/json.h"
#include "cli/cli.h"

/*
 * Adds those of the options that were given. "none" for a limit or a time takes it away (null). Ranges are
 * the API's to check. -1: ERR_CONFIG.
 */
int settings_add(const struct cli *c, struct json_out *o, const enum option *options, size_t n,
                 struct err *e);
/* The same as the member "filter"; nothing where none of them was given. */
int settings_add_filter(const struct cli *c, struct json_out *o, const enum option *options,
                        size_t n, struct err *e);

#endif
