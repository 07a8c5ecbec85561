/* rawhttp.c - sockets, plainly. */
#include "rawhttp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 10 };

int rawhttp_connect(int port)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in sa = {.sin_family = AF_INET,
                                 .sin_port = htons((in_port_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct timeval patience = {.tv_sec = PATIENCE_S};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
                return fd;
        close(fd);
        return -1;
}

bool rawhttp_sendn(int fd, const void *data, size_t len)
{
        const char *at = data;
        while (len) {
                ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return false;
                at += n;
                len -= (size_t)n;
        }
        return true;
}

bool rawhttp_send(int fd, const char *text)
{
        return rawhttp_sendn(fd, text, strlen(text));
}

static int status_of(const char *head)
{
        static const char begin[] = "HTTP/1.1 ";
        bool fits = strncmp(head, begin, sizeof(begin) - 1) == 0;
        return fits ? (int)strtol(head + sizeof(begin) - 1, NULL, 10) : 0;
}

/* Byte by byte, so that nothing of the next answer is taken. */
static bool read_head(int fd, struct reply *r)
{
        size_t len = 0;
        while (len + 1 < sizeof(r->head)) {
                ssize_t n = recv(fd, r->head + len, 1, 0);
                if (n <= 0)
                        return false;
                r->head[++len] = '\0';
                if (len >= 4 && memcmp(r->head + len - 4, "\r\n\r\n", 4) == 0)
                        return (r->status = status_of(r->head)) != 0;
        }
        return false;
}

const char *reply_header(const struct reply *r, const char *name)
{
        static char value[1024];
        size_t len = strlen(name);
        for (const char *line = strchr(r->head, '\n'); line && line[1]; line = strchr(line, '\n')) {
                line++;
                if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
                        const char *from = line + len + 1 + strspn(line + len + 1, " ");
                        snprintf(value, sizeof(value), "%.*s", (int)strcspn(from, "\r\n"), from);
                        return value;
                }
        }
        return NULL;
}

static bool read_body(int fd, struct reply *r, size_t len)
{
        r->body = malloc(len + 1);
        while (r->body_len < len) {
                ssize_t n = recv(fd, r->body + r->body_len, len - r->body_len, 0);
                if (n <= 0)
                        return false;
                r->body_len += (size_t)n;
        }
        r->body[len] = '\0';
        return true;
}

void reply_free(struct reply *r)
{
        free(r->body);
        *r = (struct reply){0};
}

int rawhttp_read_head(int fd, struct reply *r)
{
        reply_free(r);
        if (!read_head(fd, r))
                r->status = 0;
        return r->status;
}

int rawhttp_read(int fd, struct reply *r)
{
        if (rawhttp_read_head(fd, r) == 0)
                return 0;
        const char *length = reply_header(r, "Content-Length");
        if (length && !read_body(fd, r, strtoul(length, NULL, 10)))
                r->status = 0;
        return r->status;
}

int rawhttp_once(int port, const char *text, struct reply *r)
{
        int fd = rawhttp_connect(port);
        rawhttp_send(fd, text);
        int status = rawhttp_read(fd, r);
        close(fd);
        return status;
}

static long now_ms(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool rawhttp_ends(int fd, int ms)
{
        long deadline = now_ms() + ms;
        for (;;) {
                char dropped[4096];
                long left = deadline - now_ms();
                struct pollfd p = {.fd = fd, .events = POLLIN};
                if (left < 0 || poll(&p, 1, (int)left) <= 0)
                        return false;
                ssize_t n = recv(fd, dropped, sizeof(dropped), 0);
                if (n <= 0)
                        return n == 0;
        }
}
