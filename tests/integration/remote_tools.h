/*
 * remote_tools.h - what the tests of the kind `remote` share: the fakes of both outside systems, a
 * server that says whatever a test wants, and a run: the kind's body in a process of its own, as in
 * a runner, with the test as its supervisor, which answers its questions and notes what it says.
 */
#ifndef TESTS_REMOTE_TOOLS_H
#define TESTS_REMOTE_TOOLS_H

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "worker/kinds/body.h"
#include "worker/kinds/remote/remote.h"

#ifndef HARNESS_ROOT
#define HARNESS_ROOT "."
#endif

#define SECRET "s3cr&t/ключ"
#define BRIZY_TOKEN "brizy-token-for-tests"

static struct arena *arena; /* of the test */
static struct json *answers_kept[512];
static size_t answers_count;

static inline void tools_setup(void)
{
        arena = arena_new(0);
}
static inline void tools_teardown(void)
{
        while (answers_count)
                json_free(answers_kept[--answers_count]);
        arena_free(arena);
}

/* ---- the fakes: one process each for all tests ---- */

/* Starts tests/fakes/<script>, which ends with this program, and gives its address. */
static inline char *fake_start(const char *script)
{
        int ends[2];
        char line[256];
        if (pipe(ends) < 0)
                exit(99);
        pid_t parent = getpid();
        if (fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() != parent)
                        _exit(1);
                dup2(ends[1], STDOUT_FILENO);
                close(ends[0]);
                char *path = xasprintf("%s/tests/fakes/%s", HARNESS_ROOT, script);
                execl("/usr/bin/python3", "python3", path, (char *)NULL);
                _exit(127);
        }
        close(ends[1]);
        FILE *in = fdopen(ends[0], "r");
        if (!fgets(line, sizeof(line), in)) {
                fprintf(stderr, "tests/fakes/%s did not start\n", script);
                exit(99);
        }
        fclose(in);
        struct json *v = json_parse(line, strlen(line), NULL);
        char *url = xstrdup(json_str(json_get(v, "url")));
        json_free(v);
        return url;
}

/* post NULL: GET. The answer's JSON, until the test ends. */
static inline const struct json *fake_call(const char *base, const char *path, const char *post)
{
        struct http *h = http_new(NULL);
        struct http_request q = {
                .url = arena_printf(arena, "%s%s", base, path), .form = post, .timeout_ms = 10000};
        struct http_answer a;
        struct err e = ERR_INIT;
        ck_assert_msg(http_call(h, &q, arena, &a, &e) == 0, "%s", e.text);
        ck_assert_msg(a.status == 200 || a.status == 202, "%s: %s", path, a.body);
        http_free(h);
        ck_assert_uint_lt(answers_count, COUNT_OF(answers_kept));
        return answers_kept[answers_count++] = json_parse(a.body, a.len, NULL);
}

/* ---- a server that says what a test wants ---- */

struct canned {
        pid_t pid;
        char *url;
        char *seen; /* the requests' bytes, one after the other; shared with the child */
};
enum { CANNED_SEEN = 1 << 20 };

/* The next request's connection: a new one, or `kept` again where the client goes on with it. */
static inline int canned_next(int fd, int kept)
{
        struct pollfd ends[] = {{.fd = fd, .events = POLLIN}, {.fd = kept, .events = POLLIN}};
        poll(ends, 2, -1);
        if (ends[1].revents && !ends[0].revents)
                return kept;
        if (kept >= 0)
                close(kept);
        return accept(fd, NULL, NULL);
}

static inline void canned_read(int c, char *seen)
{
        size_t at = strlen(seen);
        while (!strstr(seen + at, "\r\n\r\n")) {
                size_t len = strlen(seen);
                if (read(c, seen + len, CANNED_SEEN - 1 - len) <= 0)
                        break;
        }
}

static inline void canned_write(int c, const char *text)
{
        for (size_t len = strlen(text); len;) {
                ssize_t n = send(c, text, len, MSG_NOSIGNAL);
                if (n <= 0)
                        break;
                text += n;
                len -= (size_t)n;
        }
}

/*
 * Answers are given one by one, the last again and again. NULL: closes without a word; behind a
 * '+': the connection is kept.
 */
static inline void canned_serve(int fd, const char *const *answers, size_t count, char *seen)
{
        char rest[4096];
        int kept = -1;
        for (size_t i = 0;; i += i + 1 < count) {
                int c = canned_next(fd, kept);
                kept = -1;
                canned_read(c, seen);
                if (answers[i] && *answers[i] == '+') {
                        canned_write(c, answers[i] + 1);
                        kept = c;
                        continue;
                }
                if (answers[i])
                        canned_write(c, answers[i]);
                shutdown(c, SHUT_WR);
                while (answers[i] && read(c, rest, sizeof(rest)) > 0)
                        continue;
                close(c);
        }
}

static inline struct canned canned_start(const char *const *answers, size_t count)
{
        struct canned s = {0};
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(at);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, len), 0);
        ck_assert_int_eq(listen(fd, 16), 0);
        getsockname(fd, (struct sockaddr *)&at, &len);
        s.url = arena_printf(arena, "http://user:geheim@127.0.0.1:%d/base/", ntohs(at.sin_port));
        s.seen = mmap(NULL, CANNED_SEEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        s.pid = fork();
        if (s.pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                canned_serve(fd, answers, count, s.seen);
        }
        close(fd);
        return s;
}

static inline void canned_stop(struct canned *s)
{
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
}

/* ---- a run ---- */

struct run {
        struct config cfg;
        struct job job;
        /* what the supervisor answers */
        int64_t rate[8]; /* one by one, then 0 */
        size_t rates;
        const char *target_answer; /* "1" */
        const char *failing;       /* this question gets an error */
        const char *lock_dir;      /* locks are files here; NULL: always free */
        bool die_at_memo;          /* the worker is killed when the memo is on disk */
        /* what it noted */
        struct outcome out; /* texts in the test's arena */
        bool settled;
        const char *memo; /* durable */
        const char *progress;
        const char *workspace;
        int64_t target;
        struct buf log;
        struct buf asked; /* "lock unlock rate …" */
        int64_t took_ms;
        int lock_fd[8];
        char lock_name[8][65];
};

static inline void run_init(struct run *r, const char *project, const char *server,
                            const char *brizy)
{
        *r = (struct run){.target_answer = "1"};
        config_defaults(&r->cfg);
        free(r->cfg.migration_server_url);
        r->cfg.migration_server_url = xstrdup(server);
        if (brizy) {
                free(r->cfg.brizy_url);
                free(r->cfg.brizy_token);
                r->cfg.brizy_url = xstrdup(brizy);
                r->cfg.brizy_token = xstrdup(BRIZY_TOKEN);
        }
        r->cfg.remote_start_timeout_ms = 5000;
        r->cfg.remote_poll_initial_ms = 100;
        r->cfg.remote_poll_cap_ms = 1000;
        r->log = BUF_INIT(1 << 20);
        r->asked = BUF_INIT(1 << 20);
        r->job = (struct job){
                .id = 5,
                .wave_no = 1,
                .attempt = 1,
                .max_attempts = 5,
                .brz_project_id = brizy ? 0 : 7,
                .started_ms = clock_wall_ms(),
                .first_started_ms = clock_wall_ms(),
                .wave_id = "1769860800_123456789012",
                .wave_name = "Волна 1",
                .kind = "remote",
                .project = project,
                .webhook_url = "http://127.0.0.1:1/api/webhooks/migration-result?token=m5.1.abcdef",
                .site_id = "31",
                .site_secret = SECRET,
        };
}

static inline const char *lock_path(const struct run *r, const char *name)
{
        unsigned char hash[HASH_BYTES];
        char hex[HASH_HEX_SIZE];
        hash_sha256(name, strlen(name), hash);
        hash_hex(hash, sizeof(hash), hex);
        return arena_printf(arena, "%s/%s", r->lock_dir, hex);
}

static inline const char *run_lock(struct run *r, const char *name)
{
        if (!r->lock_dir)
                return "1";
        int fd = open(lock_path(r, name), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                close(fd);
                return "0";
        }
        for (size_t i = 0; i < COUNT_OF(r->lock_fd); i++) {
                if (r->lock_fd[i])
                        continue;
                r->lock_fd[i] = fd;
                snprintf(r->lock_name[i], sizeof(r->lock_name[i]), "%.64s", name);
                return "1";
        }
        abort();
}

/* name NULL: all, at the attempt's end. */
static inline void run_unlock(struct run *r, const char *name)
{
        for (size_t i = 0; i < COUNT_OF(r->lock_fd); i++) {
                if (!r->lock_fd[i] || (name && strncmp(r->lock_name[i], name, 64) != 0))
                        continue;
                close(r->lock_fd[i]);
                r->lock_fd[i] = 0;
        }
}

/* Whoever comes first has the target. */
static inline const char *run_take(struct run *r, const char *target)
{
        int fd = open(lock_path(r, target), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0)
                return "0";
        close(fd);
        return "1";
}

static inline const char *run_answer(struct run *r, const struct message_ask *q)
{
        buf_addf(&r->asked, "%s ", q->op);
        if (r->failing && strcmp(q->op, r->failing) == 0)
                return NULL;
        if (strcmp(q->op, "lock") == 0)
                return run_lock(r, q->arg1);
        if (strcmp(q->op, "unlock") == 0)
                run_unlock(r, q->arg1);
        if (strcmp(q->op, "rate") == 0) {
                ck_assert_str_eq(q->arg1, "migration-server");
                int64_t n = r->rates < COUNT_OF(r->rate) ? r->rate[r->rates] : 0;
                r->rates++;
                return arena_printf(arena, "%lld", (long long)n);
        }
        if (strcmp(q->op, "target") == 0) {
                r->target = strtoll(q->arg1, NULL, 10);
                return r->lock_dir ? run_take(r, q->arg1) : r->target_answer;
        }
        if (strcmp(q->op, "workspace") == 0)
                r->workspace = arena_printf(arena, "%s %s", q->arg1, q->arg2);
        if (strcmp(q->op, "memo") == 0)
                r->memo = arena_strdup(arena, q->arg1);
        return "1";
}

static inline const char *kept(const char *s)
{
        return s ? arena_strdup(arena, s) : NULL;
}

static inline void run_note(struct run *r, int fd, pid_t child, const struct message *m)
{
        autobuf frame = BUF_INIT(MESSAGE_MAX_BYTES);
        switch (m->type) {
        case MESSAGE_LOG:
                buf_add(&r->log, m->u.log.line.data, m->u.log.line.len);
                buf_addc(&r->log, '\n');
                break;
        case MESSAGE_PROGRESS:
                r->progress = kept(m->u.progress.json);
                break;
        case MESSAGE_ASK: {
                const char *text = run_answer(r, &m->u.ask);
                struct message_reply reply = {.ok = text != NULL,
                                              .code = ERR_UNAVAILABLE,
                                              .text = text ? text : "PostgreSQL is away"};
                if (r->die_at_memo && strcmp(m->u.ask.op, "memo") == 0) {
                        kill(child, SIGKILL); /* nobody is there to be answered */
                        break;
                }
                message_encode(&frame, MESSAGE_REPLY, &reply);
                ck_assert_int_ge(send(fd, frame.data, frame.len, MSG_NOSIGNAL), 0);
                break;
        }
        case MESSAGE_OUTCOME:
                r->settled = true;
                r->out = m->u.outcome.outcome;
                r->out.error = kept(r->out.error);
                r->out.result = kept(r->out.result);
                r->out.memo = kept(r->out.memo);
                r->out.domain = kept(r->out.domain);
                break;
        default:
                break;
        }
}

static inline pid_t run_fork(struct run *r, int ends[2])
{
        pid_t child = fork();
        if (child != 0)
                return child;
        struct body b;
        struct outcome out = {.kind = OUTCOME_HANDED_BACK, .due_in_ms = -1};
        close(ends[0]);
        body_init(&b, &(struct pipe_ends){ends[1], ends[1]}, &r->cfg);
        body_begin(&b, &r->job);
        (r->job.poll ? kind_remote.poll : kind_remote.start)(&b, &r->job, &out);
        body_end(&b, &out, false);
        body_fini(&b);
        exit(0);
}

/* Takes all whole frames from what has come. */
static inline void run_listen(struct run *r, int fd, pid_t child, struct buf *in)
{
        struct message m;
        struct err e = ERR_INIT;
        long size;
        while ((size = message_size(buf_str(in), in->len, &e)) > 0 && (size_t)size <= in->len) {
                int rc = message_decode(in->data, (size_t)size, MESSAGE_UP, &m, &e);
                ck_assert_msg(rc == 0, "%s", e.text);
                run_note(r, fd, child, &m);
                buf_consume(in, (size_t)size);
        }
        ck_assert_msg(size >= 0, "%s", e.text);
}

/* Runs the body to its end and notes everything. */
static inline void run_once(struct run *r)
{
        int ends[2], status;
        autobuf in = BUF_INIT(2 * MESSAGE_MAX_BYTES);
        int64_t begun = clock_mono_ms();
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        r->settled = false;
        r->progress = NULL;
        r->rates = 0;
        buf_reset(&r->log);
        buf_reset(&r->asked);
        r->job.memo = r->memo;
        pid_t child = run_fork(r, ends);
        close(ends[1]);
        for (ssize_t n; (n = read(ends[0], buf_reserve(&in, 65536), 65536)) > 0;) {
                in.len += (size_t)n;
                run_listen(r, ends[0], child, &in);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(r->die_at_memo || (WIFEXITED(status) && WEXITSTATUS(status) == 0),
                      "the body died: %d\n%s", status, buf_str(&r->log));
        close(ends[0]);
        run_unlock(r, NULL);
        if (r->settled && r->out.memo)
                r->memo = r->out.memo;
        r->took_ms = clock_mono_ms() - begun;
}

/* Nothing that anybody may read holds a secret, as it is or percent-encoded. */
static inline void run_check_secrets(const struct run *r)
{
        const char *const texts[] = {buf_str(&r->log), r->out.error, r->memo, r->progress};
        const char *const secrets[] = {SECRET, "s3cr%26t", "token=m5", BRIZY_TOKEN, "geheim"};
        for (size_t i = 0; i < COUNT_OF(texts) * COUNT_OF(secrets); i++) {
                const char *text = texts[i % COUNT_OF(texts)];
                const char *secret = secrets[i / COUNT_OF(texts)];
                ck_assert_msg(!text || !strstr(text, secret), "\"%s\" in: %s", secret, text);
        }
}

static inline void run_start(struct run *r)
{
        r->job.poll = false;
        run_once(r);
        run_check_secrets(r);
}

static inline void run_poll(struct run *r)
{
        r->job.poll = true;
        run_once(r);
        run_check_secrets(r);
        r->job.polls++;
}

/* The next claim; spent: how many attempts were counted. */
static inline void run_claim(struct run *r, int32_t spent)
{
        r->job.attempt++;
        r->job.spent = spent;
        r->job.polls = 0;
        r->job.started_ms = clock_wall_ms();
        if (r->out.brz_project_id)
                r->job.brz_project_id = r->out.brz_project_id;
}

static inline void run_fini(struct run *r)
{
        buf_fini(&r->log);
        buf_fini(&r->asked);
        config_fini(&r->cfg);
}

/* ---- what is expected of an outcome ---- */

#define expect_parked(r)                                                                           \
        ck_assert_msg((r)->settled && (r)->out.kind == OUTCOME_PARKED, "not parked: %s\n%s",       \
                      (r)->out.error ? (r)->out.error : "", buf_str(&(r)->log))
#define expect_completed(r)                                                                        \
        ck_assert_msg((r)->settled && (r)->out.kind == OUTCOME_COMPLETED, "not completed: %s\n%s", \
                      (r)->out.error ? (r)->out.error : "", buf_str(&(r)->log))
#define expect_failed(r, class_)                                                                   \
        ck_assert_msg((r)->settled && (r)->out.kind == OUTCOME_FAILED &&                           \
                              (r)->out.class == (class_),                                          \
                      "kind %d class %d: %s\n%s", (r)->out.kind, (r)->out.class,                   \
                      (r)->out.error ? (r)->out.error : "", buf_str(&(r)->log))
#define expect_text(text, part)                                                                    \
        ck_assert_msg((text) && strstr((text), (part)), "\"%s\" is not in: %s", (part),            \
                      (text) ? (text) : "(null)")

#endif
