/* assets.c - see assets.h. */
#include "api/assets.h"

#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { ASSETS_MAX = 4096 };

struct assets {
        struct asset *files; /* by path */
        size_t count;
        size_t bytes;
};

/* ---- names ---- */

static const struct {
        const char *end, *type;
} types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".json", "application/json"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
};

static const struct {
        const char *end, *name;
} codings[ASSET_CODINGS] = {
        [ASSET_PLAIN] = {"", NULL},
        [ASSET_GZIP] = {".gz", "gzip"},
        [ASSET_BROTLI] = {".br", "br"},
};

const char *asset_coding_name(enum asset_coding c)
{
        return codings[c].name;
}

static bool ends_with(const char *s, const char *end)
{
        size_t len = strlen(s), end_len = strlen(end);
        return len >= end_len && strcmp(s + len - end_len, end) == 0;
}

static const char *type_of(const char *path)
{
        for (size_t i = 0; i < COUNT_OF(types); i++) {
                if (ends_with(path, types[i].end))
                        return types[i].type;
        }
        return "application/octet-stream";
}

static enum asset_coding coding_of(const char *path)
{
        for (int c = ASSET_PLAIN + 1; c < ASSET_CODINGS; c++) {
                if (ends_with(path, codings[c].end))
                        return (enum asset_coding)c;
        }
        return ASSET_PLAIN;
}

/* ---- reading ---- */

static int read_whole(int fd, char *data, size_t len)
{
        for (size_t have = 0; have < len;) {
                ssize_t n = read(fd, data + have, len - have);
                if (n <= 0)
                        return -1;
                have += (size_t)n;
        }
        return 0;
}

static int read_body(struct assets *a, const char *file, size_t len, struct asset_body *out,
                     struct err *e)
{
        if (len > ASSETS_BYTES_MAX - a->bytes)
                return err_set(e, ERR_CONFIG, "the dashboard is over %d bytes", ASSETS_BYTES_MAX);
        char *data = mem_try(NULL, len + 1);
        int fd = open(file, O_RDONLY | O_CLOEXEC);
        if (!data || fd < 0 || read_whole(fd, data, len) < 0) {
                err_errno(e, ERR_CONFIG, "could not read \"%s\"", file);
                free(data);
                if (fd >= 0)
                        close(fd);
                return -1;
        }
        close(fd);
        a->bytes += len;
        *out = (struct asset_body){.data = data, .len = len};
        negotiate_make_etag(data, len, out->etag);
        return 0;
}

static struct asset *find_or_add(struct assets *a, const char *path, size_t len)
{
        for (size_t i = 0; i < a->count; i++) {
                if (strlen(a->files[i].path) == len && memcmp(a->files[i].path, path, len) == 0)
                        return &a->files[i];
        }
        a->files = xreallocarray(a->files, a->count + 1, sizeof(*a->files));
        struct asset *f = &a->files[a->count++];
        *f = (struct asset){.path = xstrndup(path, len)};
        f->type = type_of(f->path);
        f->immutable = strncmp(f->path, "/assets/", 8) == 0;
        return f;
}

static int add_file(struct assets *a, const FTSENT *file, size_t root_len, struct err *e)
{
        const char *path = file->fts_path + root_len;
        enum asset_coding c = coding_of(path);
        if (a->count == ASSETS_MAX)
                return err_set(e, ERR_CONFIG, "the dashboard has over %d files", ASSETS_MAX);
        struct asset *f = find_or_add(a, path, strlen(path) - strlen(codings[c].end));
        return read_body(a, file->fts_path, (size_t)file->fts_statp->st_size, &f->body[c], e);
}

static int read_tree(struct assets *a, const char *root, struct err *e)
{
        char *roots[] = {(char *)(uintptr_t)root, NULL};
        FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
        if (!walk)
                return err_errno(e, ERR_CONFIG, "could not read the folder \"%s\"", root);
        int rc = 0;
        for (FTSENT *at; rc == 0 && (at = fts_read(walk)) != NULL;) {
                if (at->fts_info == FTS_F)
                        rc = add_file(a, at, strlen(root), e);
        }
        fts_close(walk);
        return rc;
}

/* ---- the table ---- */

static int by_path(const void *a, const void *b)
{
        return strcmp(((const struct asset *)a)->path, ((const struct asset *)b)->path);
}

const struct asset *assets_find(const struct assets *a, const char *path)
{
        const struct asset key = {.path = (char *)(uintptr_t)path};
        const struct asset *f = bsearch(&key, a->files, a->count, sizeof(key), by_path);
        return f && f->body[ASSET_PLAIN].data ? f : NULL;
}

struct assets *assets_load(const char *dir, struct err *e)
{
        struct assets *a = xcalloc(1, sizeof(*a));
        autofree char *root = xstrdup(dir);
        for (size_t len = strlen(root); len > 1 && root[len - 1] == '/';)
                root[--len] = '\0';
        int rc = read_tree(a, root, e);
        if (a->count)
                qsort(a->files, a->count, sizeof(*a->files), by_path);
        if (rc == 0 && (!a->count || !assets_find(a, "/index.html")))
                rc = err_set(e, ERR_NOT_FOUND, "there is no index.html in \"%s\"", dir);
        if (rc == 0)
                return a;
        assets_free(a);
        return NULL;
}

void assets_free(struct assets *a)
{
        if (!a)
                return;
        for (size_t i = 0; i < a->count; i++) {
                for (int c = 0; c < ASSET_CODINGS; c++)
                        free(a->files[i].body[c].data);
                free(a->files[i].path);
        }
        free(a->files);
        free(a);
}

size_t assets_count(const struct assets *a)
{
        return a->count;
}
