/*
 * assets.h - the files of the built dashboard, in memory, each as it is and compressed as far as the build
 * has written FILE.gz and FILE.br beside it. Requests are looked up in this table and never on the disk, so
 * no path leads out of the folder, and a build that is replaced while the program runs changes nothing.
 */
#ifndef API_ASSETS_H
#define API_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

#include "api/http/negotiate.h"
#include "base/err.h"

enum asset_coding { ASSET_PLAIN, ASSET_GZIP, ASSET_BROTLI, ASSET_CODINGS };

enum { ASSETS_BYTES_MAX = 64 << 20 }; /* of all files together */

struct asset_body {
        char *data; /* NULL: there is no such variant */
        size_t len;
        char etag[ETAG_SIZE]; /* strong: of these bytes */
};

struct asset {
        char *path;       /* as it is asked for: "/assets/index-D4f.js" */
        const char *type; /* Content-Type */
        bool immutable;   /* its name changes with its content */
        struct asset_body body[ASSET_CODINGS];
};

struct assets;
/* NULL: the folder has no index.html (ERR_NOT_FOUND), or it could not be read. */
struct assets *assets_load(const char *dir, struct err *e);
void assets_free(struct assets *a);
const struct asset *assets_find(const struct assets *a, const char *path); /* NULL: none */
size_t assets_count(const struct assets *a);
/* As Content-Encoding names it; NULL: plain. */
const char *asset_coding_name(enum asset_coding c);

#endif
