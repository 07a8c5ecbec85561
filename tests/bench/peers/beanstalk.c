/* A client of beanstalkd, for want of one in Debian: `enqueue` puts all jobs into the tube `default`,
 * `work` reserves and deletes them on as many threads as PEER_CONCURRENCY says, each with a connection of
 * its own to beanstalkd and to PostgreSQL, until it is killed. A job is deleted when its work is committed; the
 * delete and the next reserve travel together. README.md says what a program is given and what it writes.
 * The protocol: doc/protocol.txt of beanstalkd. */
#include <arpa/inet.h>
#include <errno.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PUTS_AT_ONCE = 100, THREADS_MAX = 256 };

static struct {
        atomic_ulong count;
        _Atomic double first, last;
} tally;
static char work_sql[4096];

static _Noreturn void die(const char *what, const char *why)
{
        fprintf(stderr, "beanstalk: %s: %s\n", what, why);
        exit(1);
}

static const char *setting(const char *name)
{
        const char *value = getenv(name);

        if (!value)
                die(name, "is not set");
        return value;
}

static long number(const char *name)
{
        return strtol(setting(name), NULL, 10);
}

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_REALTIME, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- beanstalkd ---- */

static FILE *dial(void)
{
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)number("PEER_BEANSTALK_PORT")),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
        FILE *stream;

        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
                die("cannot connect to beanstalkd", strerror(errno));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        stream = fdopen(fd, "r+");
        if (!stream)
                die("fdopen", strerror(errno));
        return stream;
}

static void say(FILE *server, const char *text, size_t length)
{
        if (write(fileno(server), text, length) != (ssize_t)length)
                die("cannot write to beanstalkd", strerror(errno));
}

/* One line of the answer, which must begin with `wanted`. */
static void hear(FILE *server, char line[256], const char *wanted)
{
        if (!fgets(line, 256, server))
                die("beanstalkd closed the connection; awaited", wanted);
        if (strncmp(line, wanted, strlen(wanted)) != 0)
                die("beanstalkd answered", line);
}

static void enqueue(void)
{
        FILE *server = dial();
        long jobs = number("PEER_JOBS");
        char text[PUTS_AT_ONCE * 64], line[256], id[24];

        for (long next = 1; next <= jobs;) {
                size_t used = 0;
                int sent = 0;

                for (; sent < PUTS_AT_ONCE && next <= jobs; sent++, next++) {
                        int length = snprintf(id, sizeof(id), "%ld", next);

                        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                                 "put 0 0 600 %d\r\n%s\r\n", length, id);
                }
                say(server, text, used);
                while (sent-- > 0)
                        hear(server, line, "INSERTED ");
        }
        fclose(server);
}

/* ---- the work ---- */

static PGconn *database(void)
{
        PGconn *c = PQconnectdb(setting("PEER_DATABASE_URL"));
        PGresult *r = PQprepare(c, "work", work_sql, 1, NULL);

        if (PQresultStatus(r) != PGRES_COMMAND_OK)
                die("cannot prepare the work", PQerrorMessage(c));
        PQclear(r);
        return c;
}

static void do_work(PGconn *c, const char *id)
{
        PGresult *r = PQexecPrepared(c, "work", 1, &id, NULL, NULL, 0);

        if (PQresultStatus(r) != PGRES_COMMAND_OK)
                die("the work failed", PQerrorMessage(c));
        PQclear(r);
}

static void count_one(void)
{
        double at = now(), none = 0;

        atomic_compare_exchange_strong(&tally.first, &none, at);
        atomic_store(&tally.last, at);
        atomic_fetch_add(&tally.count, 1);
}

static void *work(void *arg)
{
        PGconn *c = number("PEER_DURABLE") ? database() : NULL;
        FILE *server = dial();
        char text[64], line[256], id[256];

        say(server, "reserve\r\n", 9);
        for (;;) {
                unsigned long job;
                int length;

                hear(server, line, "RESERVED ");
                job = strtoul(line + strlen("RESERVED "), NULL, 10);
                if (!fgets(id, sizeof(id), server))
                        die("beanstalkd closed the connection", "in a job");
                id[strcspn(id, "\r\n")] = '\0';
                if (c)
                        do_work(c, id);
                count_one();
                length = snprintf(text, sizeof(text), "delete %lu\r\nreserve\r\n", job);
                say(server, text, (size_t)length);
                hear(server, line, "DELETED");
        }
        return arg;
}

static void read_sql(void)
{
        FILE *file = fopen(setting("PEER_SQL"), "r");

        if (!file || fread(work_sql, 1, sizeof(work_sql) - 1, file) == 0)
                die("cannot read the work", setting("PEER_SQL"));
        fclose(file);
}

static void write_tally(void)
{
        char path[4096], new_path[4096 + 4];
        FILE *file;

        snprintf(path, sizeof(path), "%s/tally.%d", setting("PEER_DIR"), (int)getpid());
        snprintf(new_path, sizeof(new_path), "%s.new", path);
        file = fopen(new_path, "w");
        if (!file || fprintf(file, "%lu %.6f %.6f\n", tally.count, tally.first, tally.last) < 0 ||
            fclose(file) != 0 || rename(new_path, path) < 0)
                die(path, strerror(errno));
}

/* The main thread only looks after the tally. */
static _Noreturn void work_for_ever(void)
{
        const struct timespec between = {.tv_nsec = 50 * 1000 * 1000};
        long threads = number("PEER_CONCURRENCY");
        pthread_t thread;

        read_sql();
        for (long i = 0; i < threads && i < THREADS_MAX; i++)
                if (pthread_create(&thread, NULL, work, NULL) != 0)
                        die("cannot start", "a thread");
        for (;;) {
                write_tally();
                nanosleep(&between, NULL);
        }
}

int main(int argc, char **argv)
{
        if (argc == 2 && strcmp(argv[1], "enqueue") == 0)
                enqueue();
        else if (argc == 2 && strcmp(argv[1], "work") == 0)
                work_for_ever();
        else
                die("usage", "beanstalk enqueue|work");
        return 0;
}
