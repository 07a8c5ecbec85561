/* session.c - see session.h. The file is one JSON object: {"http://host": {"session_id", "username"}}. */
#include "cli/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

enum { FILE_MAX = 1 << 20 };

CLEANUP_DEFINE(json, struct json *, json_free)

/* The folder, or NULL where nobody says where it is. */
static char *folder(void)
{
        const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        if (config && *config == '/')
                return xasprintf("%s/wavefleet", config);
        return home && *home ? xasprintf("%s/.config/wavefleet", home) : NULL;
}

static int no_folder(struct err *e)
{
        return err_set(
                e, ERR_CONFIG,
                "there is no place to keep a session: neither XDG_CONFIG_HOME nor HOME is set");
}

/* ---- reading ---- */

static int check_private(int fd, const char *path, struct err *e)
{
        struct stat st;
        if (fstat(fd, &st) < 0)
                return err_errno(e, ERR_CONFIG, "could not look at %s", path);
        if (st.st_uid != geteuid() || st.st_mode & (S_IRWXG | S_IRWXO))
                return err_set(
                        e, ERR_CONFIG,
                        "%s can be read by others, so it is not used: chmod 600 it, or log in "
                        "again after removing it",
                        path);
        return 0;
}

static int read_all(int fd, struct buf *out, const char *path, struct err *e)
{
        char piece[4096];
        ssize_t n;
        while ((n = read(fd, piece, sizeof(piece))) > 0)
                buf_add(out, piece, (size_t)n);
        if (n < 0)
                return err_errno(e, ERR_CONFIG, "could not read %s", path);
        return buf_check(out, "the file of sessions", e);
}

/* *out NULL: there is no file. */
static int read_file(const char *path, struct json **out, struct err *e)
{
        autobuf text = BUF_INIT(FILE_MAX);
        int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
        *out = NULL;
        if (fd < 0)
                return errno == ENOENT || errno == ENOTDIR
                               ? 0
                               : err_errno(e, ERR_CONFIG, "could not open %s", path);
        rc = check_private(fd, path, e);
        if (rc == 0)
                rc = read_all(fd, &text, path, e);
        close(fd);
        if (rc == 0) /* what is no JSON is as good as nothing: the next login writes it anew */
                *out = json_parse(buf_str(&text), text.len, NULL);
        return rc;
}

int session_load(const char *url, char **out, struct err *e)
{
        autofree char *dir = folder();
        struct json *all cleanup(json_cleanup) = NULL;
        *out = NULL;
        if (!dir)
                return 0;
        autofree char *path = xasprintf("%s/session", dir);
        if (read_file(path, &all, e) < 0)
                return -1;
        const char *id = json_str(json_get(json_get(all, url), "session_id"));
        *out = id ? xstrdup(id) : NULL;
        return 0;
}

/* ---- writing ---- */

static void print_sessions(const struct json *all, const char *url, const char *id,
                           const char *username, struct buf *out)
{
        struct json_out o;
        json_out_init(&o, out);
        json_out_object(&o, NULL);
        for (const struct json *i = json_first(all); i; i = json_next(i)) {
                if (strcmp(json_name(i), url) != 0)
                        json_out_value(&o, json_name(i), i);
        }
        if (id) {
                json_out_object(&o, url);
                json_out_str(&o, "session_id", id);
                json_out_str(&o, "username", username);
                json_out_object_end(&o);
        }
        json_out_object_end(&o);
        buf_addc(out, '\n');
}

/* Each folder on the way, for the owner only. */
static int make_folder(const char *dir, struct err *e)
{
        autofree char *path = xstrdup(dir);
        for (char *p = path + 1;; p++) {
                if (*p != '/' && *p)
                        continue;
                char here = *p;
                *p = '\0';
                if (mkdir(path, S_IRWXU) < 0 && errno != EEXIST)
                        return err_errno(e, ERR_CONFIG, "could not make the folder %s", path);
                *p = here;
                if (!here)
                        return 0;
        }
}

static int write_file(const char *path, const struct buf *text, struct err *e)
{
        autofree char *fresh = xasprintf("%s.XXXXXX", path);
        int fd = mkostemp(fresh, O_CLOEXEC); /* for its owner only */
        bool written;
        if (fd < 0)
                return err_errno(e, ERR_CONFIG, "could not write %s", fresh);
        written = write(fd, text->data, text->len) == (ssize_t)text->len;
        written = close(fd) == 0 && written;
        if (written && rename(fresh, path) == 0)
                return 0;
        err_errno(e, ERR_CONFIG, "could not write %s", path);
        unlink(fresh);
        return -1;
}

int session_store(const char *url, const char *id, const char *username, struct err *e)
{
        autofree char *dir = folder();
        struct json *all cleanup(json_cleanup) = NULL;
        autobuf text = BUF_INIT(FILE_MAX);
        if (!dir)
                return no_folder(e);
        autofree char *path = xasprintf("%s/session", dir);
        if (make_folder(dir, e) < 0 || read_file(path, &all, e) < 0)
                return -1;
        if (!id && !all)
                return 0;
        print_sessions(all, url, id, username, &text);
        return buf_check(&text, "the file of sessions", e) < 0 ? -1 : write_file(path, &text, e);
}
