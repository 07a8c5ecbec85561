/* pg_libpq.c - around libpq's edges. */
#include "store/pg_libpq.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

void pg_reason(char out[PG_REASON_MAX], const char *text)
{
        size_t n = 0;
        while (*text == ' ' || *text == '\n' || *text == '\t')
                text++;
        for (; *text && *text != '\n' && n < PG_REASON_MAX - 1; text++) {
                if (*text != ' ' || (n && out[n - 1] != ' ')) /* "FATAL:  sorry" */
                        out[n++] = *text;
        }
        out[n] = '\0';
        if (!n)
                snprintf(out, PG_REASON_MAX, "no reason given");
}

void pg_log_notice(void *unused, const PGresult *notice)
{
        (void)unused;
        log_debug("postgres.notice",
                  LS("severity", PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED)),
                  LS("reason", PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY)));
}

bool pg_notice_is_fatal(const PGresult *notice)
{
        const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
        return severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

/*
 * libpq reads 8 KiB at a time; a TLS record of a newer server may be longer, and its rest is in
 * OpenSSL, where no event on the socket tells of it. OpenSSL is libpq's, we are not linked with it.
 */
bool pg_more_in_tls(PGconn *conn)
{
        static int (*pending)(const void *ssl);
        void *ssl = PQsslInUse(conn) ? PQsslStruct(conn, "OpenSSL") : NULL;
        if (!ssl)
                return false;
        if (!pending) {
                void *symbol = dlsym(RTLD_DEFAULT, "SSL_pending");
                memcpy(&pending, &symbol, sizeof(pending));
        }
        return pending && pending(ssl) > 0;
}

void pg_detach(PGconn *conn)
{
        int fd = conn ? PQsocket(conn) : -1;
        if (fd < 0)
                return;
        int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (other < 0 || dup3(other, fd, O_CLOEXEC) < 0)
                close(fd);
        if (other >= 0)
                close(other);
}
