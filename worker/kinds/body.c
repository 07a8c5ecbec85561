/* body.c - what a body may use, on top of its runner's pipe. */
#include "worker/kinds/body.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

enum {
        OUT_MAX_BYTES = 2 * MESSAGE_MAX_BYTES,
        OUT_FULL_BYTES = 32 * 1024,
        ERROR_MAX_BYTES = 4000,
        LOG_TEXT_MAX_BYTES = 1024 * 1024,
        MARK_BYTES = 3, /* of U+FFFD */
};

/* ---- the pipe ---- */

static void write_all(const struct body *b, const char *data, size_t len)
{
        while (len > 0) {
                ssize_t n = write(b->pipe.up, data, len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) /* the supervisor is gone */
                        kill(0, SIGKILL);
                data += n;
                len -= (size_t)n;
        }
}

static void flush(struct body *b)
{
        if (b->out.len > 0)
                write_all(b, b->out.data, b->out.len);
        buf_reset(&b->out);
}

/* -1 where it is too large to be said. */
static int say(struct body *b, enum message_type type, const void *message)
{
        if (message_encode(&b->out, type, message) < 0)
                return -1;
        if (!b->corked || b->out.len >= OUT_FULL_BYTES)
                flush(b);
        return 0;
}

void body_cork(struct body *b)
{
        b->corked = true;
}

void body_uncork(struct body *b)
{
        b->corked = false;
        flush(b);
}

/* ---- an attempt ---- */

void body_init(struct body *b, const struct pipe_ends *pipe, const struct config *cfg)
{
        *b = (struct body){.pipe = *pipe,
                           .cfg = cfg,
                           .out = BUF_INIT(OUT_MAX_BYTES),
                           .scratch = BUF_INIT(LOG_TEXT_MAX_BYTES)};
        b->arena = arena_new(0);
        inbox_init(&b->in, pipe->down);
}

void body_fini(struct body *b)
{
        arena_free(b->arena);
        buf_fini(&b->out);
        buf_fini(&b->scratch);
        inbox_fini(&b->in);
}

void body_say_ready(struct body *b)
{
        say(b, MESSAGE_READY, NULL);
}

static volatile sig_atomic_t has_child, ending;

void body_begin(struct body *b, const struct job *job)
{
        b->job = job;
        b->lines = b->dropped = 0;
        b->had_child = false;
        ending = 0;
        b->deadline_ms = job->timeout_ms > 0 ? clock_mono_ms() + job->timeout_ms : INT64_MAX;
}

/* PostgreSQL takes objects only, and a broken one would spoil the batch it is settled with. */
static bool is_object(const char *json, struct err *e)
{
        struct json *v = json_parse(json, strlen(json), e);
        bool object = v && json_type_of(v) == JSON_OBJECT;
        json_free(v);
        return object;
}

/*
 * Valid UTF-8 without NULs, at most `most` bytes: s itself where it is that already, else a cleaned copy
 * in b->scratch, valid until the next one.
 */
static const char *clean(struct body *b, const char *s, size_t *len, size_t most)
{
        if (*len <= most && !memchr(s, '\0', *len) && utf8_valid(s, *len))
                return s;
        buf_reset(&b->scratch);
        for (size_t at = 0; at < *len;) {
                size_t step = s[at] ? utf8_step(s + at, *len - at) : 0;
                size_t bytes = step ? step : MARK_BYTES;
                if (b->scratch.len + bytes > most)
                        break;
                buf_add(&b->scratch, step ? s + at : "\xEF\xBF\xBD", bytes);
                at += step ? step : 1;
        }
        *len = b->scratch.len;
        return buf_str(&b->scratch);
}

static const char *clean_text(struct body *b, const char *s, size_t most)
{
        size_t len = s ? strlen(s) : 0;
        const char *text = s ? clean(b, s, &len, most) : NULL;
        return text == s ? s : arena_strdup(b->arena, text);
}

static void check_outcome(struct body *b, struct outcome *o)
{
        struct err e = ERR_INIT;
        if (o->result && !is_object(o->result, &e)) {
                if (e.code == ERR_UNAVAILABLE)
                        outcome_failed(b, o, CLASS_TEMPORARY, "the result: %s", e.text);
                else
                        outcome_failed(b, o, CLASS_DATA, "the result is no JSON object");
        }
        if (o->memo && !is_object(o->memo, NULL))
                o->memo = NULL;
        if (o->kind == OUTCOME_FAILED && o->class == CLASS_NONE)
                o->class = CLASS_TEMPORARY;
        o->error = clean_text(b, o->error, ERROR_MAX_BYTES);
        o->domain = clean_text(b, o->domain, ERROR_MAX_BYTES);
}

void body_end(struct body *b, struct outcome *o, bool leftovers)
{
        check_outcome(b, o);
        struct message_outcome m = {
                .outcome = *o, .leftovers = leftovers, .lines_dropped = b->dropped};
        b->corked = false;
        if (say(b, MESSAGE_OUTCOME, &m) < 0) {
                outcome_failed(b, &m.outcome, CLASS_DATA, "the result is larger than %d bytes",
                               MESSAGE_MAX_BYTES);
                m.outcome.memo = NULL;
                say(b, MESSAGE_OUTCOME, &m);
        }
        b->job = NULL;
}

struct arena *body_arena(struct body *b)
{
        return b->arena;
}

const struct config *body_config(const struct body *b)
{
        return b->cfg;
}

int64_t body_time_left_ms(const struct body *b)
{
        return b->deadline_ms == INT64_MAX ? INT64_MAX : b->deadline_ms - clock_mono_ms();
}

/* ---- what it says ---- */

static bool counts(struct body *b)
{
        if (b->lines++ < b->cfg->worker_log_lines)
                return true;
        b->dropped++;
        return false;
}

void body_log_line(struct body *b, const char *stream, const char *line, size_t len)
{
        static const char said[] = "further log lines are dropped: this attempt has written "
                                   "worker.log_lines_max of them";
        if (!counts(b)) {
                struct message_log last = {"log", {said, sizeof(said) - 1}};
                if (b->dropped == 1)
                        say(b, MESSAGE_LOG, &last);
                return;
        }
        const char *text = clean(b, line, &len, (size_t)b->cfg->worker_log_line_bytes);
        struct message_log m = {stream, {text, len}};
        say(b, MESSAGE_LOG, &m);
}

void body_log(struct body *b, const char *fmt, ...)
{
        autobuf text = BUF_INIT(LOG_TEXT_MAX_BYTES);
        va_list ap;
        va_start(ap, fmt);
        buf_addv(&text, fmt, ap);
        va_end(ap);
        body_log_line(b, "log", buf_str(&text), text.len);
}

void body_progress(struct body *b, const char *json)
{
        struct message_progress m = {json};
        if (is_object(json, NULL))
                say(b, MESSAGE_PROGRESS, &m);
}

/* ---- what it asks ---- */

int body_ask(struct body *b, const char *op, const char *arg1, const char *arg2,
             const char **answer, struct err *e)
{
        struct message_ask ask = {op, arg1, arg2};
        struct message m;
        int there;
        if (message_encode(&b->out, MESSAGE_ASK, &ask) < 0)
                return err_set(e, ERR_TOO_LARGE, "the question %s is too large", op);
        flush(b);
        while ((there = inbox_find_reply(&b->in, &m, e)) == 0) {
                if (inbox_fill(&b->in, e) <= 0)
                        kill(0, SIGKILL); /* the supervisor is gone */
        }
        if (there < 0)
                abort(); /* it speaks another language: nothing can be trusted */
        if (m.u.reply.ok)
                *answer = arena_strdup(b->arena, m.u.reply.text ? m.u.reply.text : "");
        else
                err_set(e, (enum err_code)m.u.reply.code, "%s",
                        m.u.reply.text ? m.u.reply.text : "no answer");
        int result = m.u.reply.ok ? 0 : -1;
        inbox_drop_reply(&b->in);
        return result;
}

/* ---- its program ---- */

static void on_term(int signo)
{
        ending = 1;
        if (has_child)
                return;
        struct sigaction sa = {.sa_handler = SIG_DFL};
        sigaction(signo, &sa, NULL);
        raise(signo); /* comes when this handler returns */
}

void body_handle_signals(void)
{
        struct sigaction sa = {.sa_handler = on_term, .sa_flags = SA_RESTART};
        sigemptyset(&sa.sa_mask);
        sigaction(SIGTERM, &sa, NULL);
}

bool body_ending(void)
{
        return ending != 0;
}

void body_child(struct body *b, int pid)
{
        has_child = pid > 0;
        if (pid > 0)
                b->had_child = true;
}

bool body_has_leftovers(const struct body *b)
{
        pid_t pid = 0;
        if (b->had_child) {
                do
                        pid = waitpid(-1, NULL, WNOHANG);
                while (pid > 0 || (pid < 0 && errno == EINTR));
        }
        return b->had_child && pid == 0;
}

/* ---- outcomes ---- */

void outcome_completed(struct outcome *out, const char *result_json)
{
        out->kind = OUTCOME_COMPLETED;
        out->class = CLASS_NONE;
        out->error = NULL;
        out->result = result_json;
}

void outcome_failed(struct body *b, struct outcome *out, enum error_class class, const char *fmt,
                    ...)
{
        autobuf text = BUF_INIT(LOG_TEXT_MAX_BYTES);
        va_list ap;
        va_start(ap, fmt);
        buf_addv(&text, fmt, ap);
        va_end(ap);
        out->kind = OUTCOME_FAILED;
        out->class = class;
        out->error = arena_strdup(b->arena, buf_str(&text));
        out->result = NULL;
        out->due_in_ms = -1;
}

void outcome_parked(struct outcome *out, int64_t due_in_ms)
{
        out->kind = OUTCOME_PARKED;
        out->class = CLASS_NONE;
        out->error = NULL;
        out->due_in_ms = due_in_ms;
}
