/*
 * submit_children.c - the parent of the children that load large waves: one job each, a short line
 * before them, a new child for one that died. A child's death is seen as the end of file on its socket;
 * the request that it had gets 503, for PostgreSQL has undone what was not committed.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/app.h"
#include "api/submit.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

enum { WAITING_MAX = 8, CREATED = 201, RESTART_MS = 500, BUSY_RETRY_MS = 10000 };

struct load {
        struct list link;
        struct request *rq;
        struct idempotency key;
        int64_t taken_ms;
};

struct child {
        struct submit_children *all;
        pid_t pid;
        int fd; /* -1: it is dead, and will be replaced */
        struct event *event;
        struct loop_timer *restart;
        struct load *job;
};

struct submit_children {
        struct app *app;
        struct list waiting;
        size_t waiting_count;
        char *message; /* SUBMIT_MESSAGE_MAX */
        size_t count;
        struct child child[];
};

static void next_jobs(struct submit_children *all);

/* ---- forking ---- */

/* The child keeps its socket and the standard descriptors, and what its parent had open it closes
 * without a word to anybody. */
__attribute__((noreturn)) static void become_child(const struct app *app, int fd, pid_t parent)
{
        static const int handled[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2, SIGPIPE};
        const struct rlimit none = {0, 0};
        enum log_level level;
        sigset_t nothing;
        for (size_t i = 0; i < COUNT_OF(handled); i++)
                sigaction(handled[i], &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        sigemptyset(&nothing);
        sigprocmask(SIG_SETMASK, &nothing, NULL);
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "wavefleet-load");
        if (getppid() != parent)
                _exit(0);
        setrlimit(RLIMIT_CORE, &none);
        if (fd > 3)
                close_range(3, (unsigned)fd - 1, 0);
        close_range((unsigned)fd + 1, ~0U, 0);
        log_init("wavefleet-api-submit",
                 log_level_parse(app->config->log_level, &level) == 0 ? level : LOG_INFO);
        submit_child_run(app->config, fd);
}

static void on_message(evutil_socket_t fd, short what, void *arg);

static int child_start(struct child *c)
{
        struct app *app = c->all->app;
        int ends[2];
        pid_t parent = getpid();
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
                log_error("submit.no_child", LS("reason", strerror(errno)));
                return -1;
        }
        c->pid = fork();
        if (c->pid == 0)
                become_child(app, ends[1], parent);
        close(ends[1]);
        if (c->pid < 0) {
                log_error("submit.no_child", LS("reason", strerror(errno)));
                close(ends[0]);
                return -1;
        }
        evutil_make_socket_nonblocking(ends[0]);
        c->fd = ends[0];
        c->event = event_new(loop_base(app->loop), c->fd, EV_READ | EV_PERSIST, on_message, c);
        event_add(c->event, NULL);
        return 0;
}

static void restart(void *arg)
{
        struct child *c = arg;
        if (child_start(c) < 0)
                loop_timer_start(c->restart, RESTART_MS);
        else
                next_jobs(c->all);
}

int submit_children_start(struct app *app)
{
        size_t n = (size_t)app->config->http_submit_children;
        struct submit_children *all = xcalloc(1, sizeof(*all) + n * sizeof(all->child[0]));
        all->app = app;
        all->count = n;
        all->message = xmalloc(SUBMIT_MESSAGE_MAX + 1);
        list_init(&all->waiting);
        app->submit = all;
        for (size_t i = 0; i < n; i++)
                all->child[i] = (struct child){
                        .all = all,
                        .fd = -1,
                        .restart = loop_timer_new(app->loop, restart, &all->child[i])};
        for (size_t i = 0; i < n; i++) {
                if (child_start(&all->child[i]) < 0)
                        return -1;
        }
        return 0;
}

/* ---- death ---- */

static void load_free(struct load *j)
{
        free(j);
}

static void load_fail(struct load *j, const struct err *e)
{
        struct request *rq = j->rq;
        load_free(j);
        respond_error(rq, e);
}

/* Makes sure that it is dead, and says how it died. */
static void bury(const struct child *c, bool busy)
{
        int status = 0;
        kill(c->pid, SIGKILL);
        while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
                continue;
        log_warn("submit.child_died", LI("pid", c->pid),
                 LI("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
                 LI("exit", WIFEXITED(status) ? WEXITSTATUS(status) : 0), LB("busy", busy));
}

static void close_child(struct child *c)
{
        if (c->fd < 0)
                return;
        event_free(c->event);
        close(c->fd);
        c->event = NULL;
        c->fd = -1;
}

static void died(struct child *c)
{
        struct load *j = take(c->job);
        struct err e = ERR_INIT;
        close_child(c);
        bury(c, j != NULL);
        loop_timer_start(c->restart, RESTART_MS);
        if (!j)
                return;
        err_set(&e, ERR_UNAVAILABLE, "could not load the wave: the process that did it has died");
        load_fail(j, &e);
}

/* ---- answers ---- */

static int64_t number(const struct json *v, const char *name)
{
        int64_t i = 0;
        json_int(json_get(v, name), &i);
        return i;
}

static void loaded(struct submit_children *all, struct load *j, const struct json *v)
{
        struct request *rq = j->rq;
        struct submitted w = {.facts = {.wave_no = number(v, "wave_no"),
                                        .version = (int32_t)number(v, "version"),
                                        .paused = json_bool(json_get(v, "paused")),
                                        .batch_size = (int32_t)number(v, "batch_size"),
                                        .priority = (int32_t)number(v, "priority")},
                              .first = number(v, "first"),
                              .last = number(v, "last"),
                              .released_last = number(v, "released_last"),
                              .some_blocked = json_bool(json_get(v, "some_blocked"))};
        int64_t total = w.last - w.first + 1;
        snprintf(w.facts.queue, sizeof(w.facts.queue), "%s", json_str(json_get(v, "queue")));
        FAULT_POINT(load_heard);
        engine_enqueue(all->app->engine, &w);
        metric_add(METRIC_WAVES_SUBMITTED, 1, NULL);
        metric_add(METRIC_MIGRATIONS_SUBMITTED, (double)total, NULL);
        log_info("wave.submitted", LS("wave", json_str(json_get(v, "wave_id"))), LI("total", total),
                 LS("request_id", request_id(rq)), LI("ms", clock_mono_ms() - j->taken_ms));
        load_free(j);
        respond_data(rq, CREATED, json_str(json_get(v, "answer")), -1, NULL);
}

static void refused(struct load *j, const struct json *v)
{
        struct request *rq = j->rq;
        struct err e = ERR_INIT;
        err_set(&e, (enum err_code)number(v, "code"), "%s", json_str(json_get(v, "text")));
        e.retry_after_ms = (uint32_t)number(v, "retry_after_ms");
        if (j->key.given && e.code == ERR_IN_PROGRESS) {
                struct idempotency *k = ARENA_NEW(request_arena(rq), struct idempotency);
                *k = j->key;
                load_free(j);
                idempotency_find(rq, k, true, NULL, NULL);
                return;
        }
        for (const struct json *m = json_first(json_get(v, "mistakes")); m; m = json_next(m))
                mistake_add(request_mistakes(rq), (enum err_code)number(m, "code"),
                            json_str(json_get(m, "pointer")), "%s",
                            json_str(json_get(m, "detail")));
        load_fail(j, &e);
}

static void answered(struct child *c, const char *text, size_t len)
{
        struct err e = ERR_INIT;
        struct json *v = json_parse(text, len, &e);
        struct load *j = take(c->job);
        if (!v || !j) {
                log_error("submit.bad_answer", LE(&e));
                c->job = j;
                died(c);
        } else if (json_bool(json_get(v, "done"))) {
                loaded(c->all, j, v);
        } else {
                refused(j, v);
        }
        json_free(v);
}

static void on_message(evutil_socket_t fd, short what, void *arg)
{
        struct child *c = arg;
        struct submit_children *all = c->all;
        (void)what;
        ssize_t n = recv(fd, all->message, SUBMIT_MESSAGE_MAX, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n > 0)
                answered(c, all->message, (size_t)n);
        else
                died(c);
        next_jobs(all);
}

/* ---- jobs ---- */

static int send_message(int fd, const char *text, size_t len, int body)
{
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control = {0};
        struct iovec part = {(void *)(uintptr_t)text, len};
        struct msghdr m = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &body, sizeof(body));
        return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

static int send_job(struct child *c, const struct load *j)
{
        char key[HASH_HEX_SIZE], body[HASH_HEX_SIZE];
        autobuf text = BUF_INIT(SUBMIT_MESSAGE_MAX);
        struct json_out o;
        json_out_init(&o, &text);
        json_out_object(&o, NULL);
        json_out_str(&o, "request_id", request_id(j->rq));
        json_out_str(&o, "principal", request_principal(j->rq));
        json_out_str(&o, "traceparent", request_traceparent(j->rq));
        if (j->key.given) {
                hash_hex(j->key.key, HASH_BYTES, key);
                hash_hex(j->key.body, HASH_BYTES, body);
                json_out_str(&o, "key", key);
                json_out_str(&o, "body", body);
        }
        json_out_object_end(&o);
        if (!buf_ok(&text))
                return -1;
        return send_message(c->fd, text.data, text.len, request_spool(j->rq));
}

static struct child *idle_child(struct submit_children *all)
{
        for (size_t i = 0; i < all->count; i++) {
                if (all->child[i].fd >= 0 && !all->child[i].job)
                        return &all->child[i];
        }
        return NULL;
}

static void next_jobs(struct submit_children *all)
{
        struct child *c;
        struct list *l;
        while (!list_empty(&all->waiting) && (c = idle_child(all))) {
                l = list_pop_front(&all->waiting);
                all->waiting_count--;
                c->job = CONTAINER_OF(l, struct load, link);
                if (send_job(c, c->job) < 0)
                        died(c);
                FAULT_POINT(load_given);
        }
}

/* The same key stands in the line or is being loaded. */
static bool under_way(const struct submit_children *all, const struct idempotency *k)
{
        if (!k->given)
                return false;
        for (size_t i = 0; i < all->count; i++) {
                const struct load *j = all->child[i].job;
                if (j && j->key.given && hash_equal(j->key.key, k->key, HASH_BYTES))
                        return true;
        }
        LIST_EACH(l, &all->waiting)
        {
                const struct load *j = CONTAINER_OF(l, struct load, link);
                if (j->key.given && hash_equal(j->key.key, k->key, HASH_BYTES))
                        return true;
        }
        return false;
}

void submit_children_take(struct request *rq, const struct idempotency *k)
{
        struct submit_children *all = request_app(rq)->submit;
        struct err e = ERR_INIT;
        if (under_way(all, k)) {
                idempotency_find(rq, k, true, NULL, NULL);
                return;
        }
        if (all->waiting_count == WAITING_MAX) {
                err_set(&e, ERR_UNAVAILABLE,
                        "too many large waves are being loaded: try again soon");
                e.retry_after_ms = BUSY_RETRY_MS;
                respond_error(rq, &e);
                return;
        }
        struct load *j = xcalloc(1, sizeof(*j));
        j->rq = rq;
        j->key = *k;
        j->taken_ms = clock_mono_ms();
        list_push_back(&all->waiting, &j->link);
        all->waiting_count++;
        next_jobs(all);
}

/* ---- the end ---- */

void submit_children_stop(struct app *app)
{
        struct submit_children *all = take(app->submit);
        struct err e = ERR_INIT;
        struct list *l;
        if (!all)
                return;
        err_set(&e, ERR_UNAVAILABLE, "the server is stopping: the wave was not taken");
        while ((l = list_pop_front(&all->waiting)))
                load_fail(CONTAINER_OF(l, struct load, link), &e);
        for (size_t i = 0; i < all->count; i++) {
                struct child *c = &all->child[i];
                if (c->job)
                        load_fail(take(c->job), &e);
                if (c->fd >= 0) {
                        close_child(c);
                        kill(c->pid, SIGKILL);
                        waitpid(c->pid, NULL, 0);
                }
                loop_timer_free(c->restart);
        }
        free(all->message);
        free(all);
}
