/* url.c - see url.h. */
#include "broker/url.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/mem.h"
#include "base/rand.h"
#include "broker/broker.h"
#include "broker/keys.h"

enum { DEFAULT_PORT = 6379, PORT_MAX = 65535, DB_MAX = 65535 };

/* What is left of the text to read. */
struct span {
        const char *s;
        size_t len;
};

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

static int decode(struct span in, const char *what, char **out, struct err *e)
{
        autofree char *text = xmalloc(in.len + 1);
        size_t n = 0;
        for (size_t i = 0; i < in.len; i++) {
                text[n] = in.s[i];
                if (in.s[i] == '%') {
                        int high = i + 2 < in.len ? hex_digit(in.s[i + 1]) : -1;
                        int low = high >= 0 ? hex_digit(in.s[i + 2]) : -1;
                        text[n] = (char)(high * 16 + low);
                        if (low < 0 || text[n] == '\0')
                                return err_set(
                                        e, ERR_CONFIG,
                                        "the %s in the Redis URL is not percent-encoded correctly",
                                        what);
                        i += 2;
                }
                n++;
        }
        text[n] = '\0';
        *out = take(text);
        return 0;
}

static int read_number(struct span in, const char *what, int min, int max, int *out, struct err *e)
{
        int64_t n;
        if (!id_parse(in.s, in.len, &n) || n < min || n > max)
                return err_set(e, ERR_CONFIG,
                               "the %s in the Redis URL must be a number from %d to %d", what, min,
                               max);
        *out = (int)n;
        return 0;
}

/* Cuts off what stands before the first (or last) `c`; false where there is none. */
static bool cut(struct span *rest, char c, bool last, struct span *before)
{
        const char *at = last ? memrchr(rest->s, c, rest->len) : memchr(rest->s, c, rest->len);
        if (!at)
                return false;
        *before = (struct span){rest->s, (size_t)(at - rest->s)};
        rest->len -= before->len + 1;
        rest->s = at + 1;
        return true;
}

static int read_credentials(struct span in, struct redis_url *u, struct err *e)
{
        struct span user = {0};
        bool named = cut(&in, ':', false, &user);
        if (named && user.len > 0 && decode(user, "user name", &u->user, e) < 0)
                return -1;
        return in.len > 0 ? decode(in, "password", &u->password, e) : 0;
}

static int read_address(struct span in, struct redis_url *u, struct err *e)
{
        struct span host = in, port = {0};
        int n = DEFAULT_PORT;
        if (in.len > 0 && in.s[0] == '[') {
                const char *end = memchr(in.s, ']', in.len);
                if (!end || (end + 1 < in.s + in.len && end[1] != ':'))
                        return err_set(e, ERR_CONFIG, "the host in the Redis URL lacks its ']'");
                host = (struct span){in.s + 1, (size_t)(end - in.s) - 1};
                if (end + 1 < in.s + in.len)
                        port = (struct span){end + 2, (size_t)(in.s + in.len - end) - 2};
        } else if (cut(&in, ':', true, &host)) {
                port = in;
        }
        if (host.len == 0)
                return err_set(e, ERR_CONFIG, "the Redis URL names no host");
        if (port.s && read_number(port, "port", 1, PORT_MAX, &n, e) < 0)
                return -1;
        u->port = (uint16_t)n;
        if (decode(host, "host", &u->host, e) < 0)
                return -1;
        u->shown = strchr(u->host, ':') ? xasprintf("[%s]:%d", u->host, n)
                                        : xasprintf("%s:%d", u->host, n);
        return 0;
}

/* ?db=N; nothing else is known. */
static int read_query(struct span in, struct redis_url *u, struct err *e)
{
        if (in.len < 3 || strncmp(in.s, "db=", 3) != 0)
                return err_set(e, ERR_CONFIG, "the Redis URL may end with ?db=N and nothing else");
        return read_number((struct span){in.s + 3, in.len - 3}, "database", 0, DB_MAX, &u->db, e);
}

static int read_tcp(struct span in, struct redis_url *u, struct err *e)
{
        struct span rest = in, part;
        if (cut(&rest, '?', false, &part)) {
                if (read_query(rest, u, e) < 0)
                        return -1;
                in = part;
        }
        if (cut(&in, '@', true, &part) && read_credentials(part, u, e) < 0)
                return -1;
        if (!cut(&in, '/', false, &part))
                return read_address(in, u, e);
        if (read_address(part, u, e) < 0)
                return -1;
        return in.len > 0 ? read_number(in, "database", 0, DB_MAX, &u->db, e) : 0;
}

static int read_socket(struct span in, struct redis_url *u, struct err *e)
{
        struct span path, credentials;
        if (cut(&in, '?', false, &path)) {
                if (read_query(in, u, e) < 0)
                        return -1;
        } else {
                path = in;
        }
        if (cut(&path, '@', true, &credentials) && read_credentials(credentials, u, e) < 0)
                return -1;
        if (path.len == 0 || path.s[0] != '/')
                return err_set(e, ERR_CONFIG,
                               "the socket in the Redis URL must be an absolute path");
        if (decode(path, "path", &u->path, e) < 0)
                return -1;
        assert(u->path);
        if (strlen(u->path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
                return err_set(e, ERR_CONFIG,
                               "the socket in the Redis URL is longer than %zu bytes",
                               sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
        u->shown = xstrdup(u->path);
        return 0;
}

static int parse(const char *text, struct redis_url *u, struct err *e)
{
        static const char tcp[] = "redis://", tls[] = "rediss://", local[] = "unix://";
        if (strncmp(text, tls, strlen(tls)) == 0)
                return err_set(e, ERR_CONFIG,
                               "cannot use rediss://: this build's hiredis has no TLS; use "
                               "redis:// through a "
                               "tunnel, or unix://");
        if (strncmp(text, tcp, strlen(tcp)) == 0)
                return read_tcp((struct span){text + strlen(tcp), strlen(text + strlen(tcp))}, u, e);
        if (strncmp(text, local, strlen(local)) == 0)
                return read_socket(
                        (struct span){text + strlen(local), strlen(text + strlen(local))}, u, e);
        return err_set(e, ERR_CONFIG, "the Redis URL must begin with redis:// or unix://");
}

int redis_url_parse(const char *text, struct redis_url *out, struct err *e)
{
        struct redis_url u = {0};
        if (parse(text, &u, e) < 0) {
                redis_url_fini(&u);
                return -1;
        }
        *out = u;
        return 0;
}

void redis_url_fini(struct redis_url *u)
{
        if (u->password)
                mem_wipe(u->password, strlen(u->password));
        free(u->host);
        free(u->path);
        free(u->user);
        free(u->password);
        free(u->shown);
        *u = (struct redis_url){0};
}

int broker_url_check(const char *url, struct err *e)
{
        struct redis_url u = {0};
        if (redis_url_parse(url, &u, e) < 0)
                return -1;
        redis_url_fini(&u);
        return 0;
}
