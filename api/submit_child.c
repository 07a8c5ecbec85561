/*
 * submit_child.c - the child: simple, synchronous code. It reads a job, the body from its descriptor,
 * checks, loads with COPY in one transaction, and answers. Its memory grows with the body and is given
 * back after each job. It owns nothing that its parent had open.
 */
#include "api/submit.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/submission_tx.h"
#include "store/pg_sync.h"

enum {
        CREATED = 201,
        PATIENCE_MS = 600000, /* a million rows may take long on a slow disk */
        COPY_BYTES = 65536,
        MISTAKES_BYTES = 1 << 20,
        MANY = 20000, /* rows after which plans are made anew */
};

CLEANUP_DEFINE(pg_sync, struct pg_sync *, pg_sync_close)
CLEANUP_DEFINE(arena, struct arena *, arena_free)

struct load {
        const struct config *cfg;
        struct arena *arena; /* of this job */
        struct json *header;
        const char *principal, *traceparent, *request_id;
        struct idempotency key;
        int body; /* descriptor */
        struct submission s;
        struct mistakes mistakes;
        struct submitted wave;
};

/* ---- the job ---- */

/* A message with one descriptor; its length, 0: the parent has gone. */
static size_t receive(int fd, char *out, size_t size, int *body)
{
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec part = {out, size};
        struct msghdr m = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
        ssize_t n;
        while ((n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
                continue;
        *body = -1;
        struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
        if (c && c->cmsg_type == SCM_RIGHTS)
                memcpy(body, CMSG_DATA(c), sizeof(*body));
        return n > 0 && *body >= 0 ? (size_t)n : 0;
}

static void read_key(struct load *j)
{
        const char *key = json_str(json_get(j->header, "key"));
        const char *body = json_str(json_get(j->header, "body"));
        j->key.given = key && body && hash_unhex(key, j->key.key, HASH_BYTES) == 0 &&
                       hash_unhex(body, j->key.body, HASH_BYTES) == 0;
}

static int read_header(struct load *j, const char *text, size_t len, struct err *e)
{
        j->header = json_parse(text, len, e);
        if (!j->header)
                return -1;
        j->principal = json_str(json_get(j->header, "principal"));
        j->traceparent = json_str(json_get(j->header, "traceparent"));
        j->request_id = json_str(json_get(j->header, "request_id"));
        read_key(j);
        return 0;
}

/* The body is mapped, not read: only what is looked at takes memory, and not for longer than that. */
static int read_body(struct load *j, struct err *e)
{
        struct stat st;
        if (fstat(j->body, &st) < 0)
                return err_errno(e, ERR_UNAVAILABLE, "could not look at the body");
        size_t len = (size_t)st.st_size;
        if (len == 0)
                return err_set(e, ERR_MALFORMED, "the body is empty");
        char *text = mmap(NULL, len, PROT_READ, MAP_PRIVATE, j->body, 0);
        if (text == MAP_FAILED)
                return err_errno(e, ERR_UNAVAILABLE, "could not read the body");
        int good = submission_read(&j->s, text, len, j->cfg, &j->mistakes, e);
        munmap(text, len);
        j->s.created_by = j->principal;
        j->s.traceparent = j->traceparent;
        return good;
}

/* ---- loading ---- */

/* COPY's text format: backslash, newline, carriage return and tab are escaped. */
static void add_text(struct buf *out, const char *s)
{
        while (*s) {
                size_t plain = strcspn(s, "\\\n\r\t");
                buf_add(out, s, plain);
                s += plain;
                if (!*s)
                        return;
                buf_addc(out, '\\');
                buf_addc(out, *s == '\\' ? '\\' : *s == '\n' ? 'n' : *s == '\r' ? 'r' : 't');
                s++;
        }
}

static void add_row(struct buf *out, const struct load *j, size_t i)
{
        const struct submission_project *p = &j->s.projects[i];
        buf_addi(out, j->wave.first + (int64_t)i);
        buf_addc(out, '\t');
        buf_addi(out, j->wave.facts.wave_no);
        buf_addc(out, '\t');
        add_text(out, p->name);
        buf_addc(out, '\t');
        if (p->target)
                buf_addi(out, p->target);
        else
                buf_adds(out, "\\N");
        buf_addc(out, '\t');
        if (p->params)
                add_text(out, p->params);
        else
                buf_adds(out, "\\N");
        buf_addc(out, '\n');
}

static int copy_rows(const struct load *j, struct pg_sync *c, struct err *e)
{
        autobuf rows = BUF_INIT(SIZE_MAX);
        if (pg_sync_copy_begin(c, SQL_SUBMIT_COPY, e) < 0)
                return -1;
        for (size_t i = 0; i < j->s.count; i++) {
                add_row(&rows, j, i);
                if (rows.len < COPY_BYTES && i + 1 < j->s.count)
                        continue;
                if (pg_sync_copy_data(c, rows.data, rows.len, e) < 0)
                        return -1;
                buf_consume(&rows, rows.len);
        }
        return pg_sync_copy_end(c, e);
}

static void wave_made(const struct pg_result *r, const struct err *e, void *arg)
{
        struct load *j = arg;
        (void)e;
        submission_read_wave(r, idempotency_statements(&j->key), &j->s, &j->wave);
}

static int load_dependencies(const struct load *j, struct pg_sync *c, struct err *e)
{
        struct pg_tx *tx = pg_tx_new();
        submission_add_dependencies(tx, &j->s);
        if (pg_tx_statements(tx))
                return pg_sync_run(c, tx, NULL, NULL, e);
        pg_tx_free(tx);
        return 0;
}

static int load_wave(struct load *j, struct pg_sync *c, struct err *e)
{
        if (pg_sync_begin(c, e) < 0)
                return -1;
        struct pg_tx *tx = pg_tx_new();
        idempotency_add(tx, &j->key, CREATED, submit_answer(&j->s, j->arena));
        submission_add_wave(tx, &j->s);
        if (pg_sync_run(c, tx, wave_made, j, e) < 0 || copy_rows(j, c, e) < 0 ||
            load_dependencies(j, c, e) < 0) {
                pg_sync_rollback(c);
                return -1;
        }
        FAULT_POINT(load_copied);
        return pg_sync_commit(c, e);
}

static void renew_plans(size_t count, struct pg_sync *c)
{
        struct err e = ERR_INIT;
        if (count < MANY)
                return;
        struct pg_tx *tx = pg_tx_new();
        pg_stmt(tx, SQL_SUBMIT_ANALYZE);
        if (pg_sync_run(c, tx, NULL, NULL, &e) < 0)
                log_warn("submit.not_analyzed", LE(&e));
}

/* ---- the answer ---- */

static void add_mistakes(struct json_out *o, const struct mistakes *m)
{
        json_out_array(o, "mistakes");
        for (size_t i = 0; i < m->count && o->buf->len < SUBMIT_MESSAGE_MAX / 2; i++) {
                size_t room = strlen(m->list[i].pointer) + strlen(m->list[i].detail);
                if (room > SUBMIT_MESSAGE_MAX / 16)
                        continue;
                json_out_object(o, NULL);
                json_out_str(o, "pointer", m->list[i].pointer);
                json_out_str(o, "detail", m->list[i].detail);
                json_out_int(o, "code", m->list[i].code);
                json_out_object_end(o);
        }
        json_out_array_end(o);
}

static void add_refusal(struct json_out *o, const struct load *j, const struct err *e)
{
        json_out_bool(o, "done", false);
        json_out_int(o, "code", e->code);
        json_out_str(o, "text", e->text);
        json_out_int(o, "retry_after_ms", e->retry_after_ms);
        add_mistakes(o, &j->mistakes);
}

static void add_success(struct json_out *o, const struct load *j)
{
        json_out_bool(o, "done", true);
        json_out_str(o, "wave_id", j->s.wave_id);
        json_out_str(o, "answer", submit_answer(&j->s, j->arena));
        json_out_int(o, "wave_no", j->wave.facts.wave_no);
        json_out_int(o, "version", j->wave.facts.version);
        json_out_int(o, "first", j->wave.first);
        json_out_int(o, "last", j->wave.last);
        json_out_int(o, "released_last", j->wave.released_last);
        json_out_bool(o, "some_blocked", j->wave.some_blocked);
        json_out_bool(o, "paused", j->wave.facts.paused);
        json_out_int(o, "batch_size", j->s.batch_size);
        json_out_int(o, "priority", j->s.priority);
        json_out_str(o, "queue", j->s.queue);
}

static void answer(int fd, const struct load *j, const struct err *e)
{
        autobuf text = BUF_INIT(SUBMIT_MESSAGE_MAX);
        struct json_out o;
        json_out_init(&o, &text);
        json_out_object(&o, NULL);
        if (e)
                add_refusal(&o, j, e);
        else
                add_success(&o, j);
        json_out_object_end(&o);
        if (!buf_ok(&text) || send(fd, text.data, text.len, MSG_NOSIGNAL) < 0)
                _exit(1); /* the parent sees the end of file */
}

/* ---- the whole ---- */

static struct pg_sync *connect_pg(const struct load *j, struct err *e)
{
        const struct config *cfg = j->cfg;
        int64_t patience = cfg->database_query_timeout_ms;
        const struct pg_opts opts = {.url = cfg->database_url,
                                     .name = "wavefleet-api submit",
                                     .connect_timeout_ms = cfg->database_connect_timeout_ms,
                                     .query_timeout_ms =
                                             patience > PATIENCE_MS ? patience : PATIENCE_MS};
        return pg_sync_open(&opts, e);
}

static void serve(struct load *j, int fd, const char *text, size_t len)
{
        struct err e = ERR_INIT;
        int64_t begun_ms = clock_mono_ms();
        if (read_header(j, text, len, &e) < 0 || read_body(j, &e) < 0) {
                answer(fd, j, &e);
                return;
        }
        int64_t read_ms = clock_mono_ms();
        struct pg_sync *c cleanup(pg_sync_cleanup) = connect_pg(j, &e);
        if (!c || load_wave(j, c, &e) < 0) {
                answer(fd, j, &e);
                return;
        }
        FAULT_POINT(load_committed);
        answer(fd, j, NULL);
        FAULT_POINT(load_answered);
        size_t count = j->s.count;
        log_info("submit.loaded", LS("wave", j->s.wave_id), LI("total", j->s.count),
                 LS("request_id", j->request_id), LI("read_ms", read_ms - begun_ms),
                 LI("load_ms", clock_mono_ms() - read_ms));
        submission_fini(&j->s);
        malloc_trim(0);
        renew_plans(count, c);
}

void submit_child_run(const struct config *cfg, int fd)
{
        autofree char *message = xmalloc(SUBMIT_MESSAGE_MAX);
        size_t len;
        int body;
        while ((len = receive(fd, message, SUBMIT_MESSAGE_MAX, &body)) > 0) {
                struct load j = {.cfg = cfg, .arena = arena_new(0), .body = body};
                struct arena *words cleanup(arena_cleanup) = arena_new(MISTAKES_BYTES);
                j.mistakes.arena = words;
                serve(&j, fd, message, len);
                close(body);
                submission_fini(&j.s);
                json_free(j.header);
                arena_free(j.arena);
                malloc_trim(0);
        }
        _exit(0);
}
