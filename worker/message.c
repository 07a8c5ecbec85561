/* message.c - the table of messages, and the one encoder and decoder that follow it. */
#include "worker/message.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum { HEAD_MARK = 0x5746, NO_TEXT = 0 };

struct head {
        uint32_t len; /* of what follows */
        uint16_t mark;
        uint8_t type;
        uint8_t zero;
};
_Static_assert(sizeof(struct head) == MESSAGE_HEAD_BYTES, "the head has no holes");

/* ---- the table ---- */

enum field_type {
        FIELD_INT32,
        FIELD_INT64,
        FIELD_BOOL,
        FIELD_ENUM, /* an int from 0 up to below the limit */
        FIELD_TEXT, /* const char *, NULL too */
        FIELD_DATA, /* struct message_text: may hold no NUL either, but knows its length */
};
struct field {
        enum field_type type;
        uint16_t offset;
        uint16_t limit;
        bool needed; /* a text that is never NULL */
};
#define F(type_, of, member)                                                                       \
        {                                                                                          \
                .type = FIELD_##type_, .offset = offsetof(struct of, member)                       \
        }
#define F_TEXT(of, member)                                                                         \
        {                                                                                          \
                .type = FIELD_TEXT, .offset = offsetof(struct of, member), .needed = true          \
        }
#define F_ENUM(of, member, count)                                                                  \
        {                                                                                          \
                .type = FIELD_ENUM, .offset = offsetof(struct of, member), .limit = (count)        \
        }

static const struct field job_fields[] = {
        F(INT64, job, id),
        F(INT64, job, wave_no),
        F(INT32, job, attempt),
        F(INT32, job, spent),
        F(INT32, job, max_attempts),
        F(BOOL, job, poll),
        F(INT64, job, timeout_ms),
        F(INT64, job, brz_project_id),
        F(INT64, job, first_started_ms),
        F(INT64, job, started_ms),
        F(INT32, job, polls),
        F_TEXT(job, wave_id),
        F(TEXT, job, wave_name),
        F_TEXT(job, kind),
        F_TEXT(job, project),
        F(TEXT, job, params),
        F(TEXT, job, project_params),
        F(TEXT, job, workspace_id),
        F(TEXT, job, workspace_name),
        F(TEXT, job, memo),
        F(TEXT, job, traceparent),
        F(TEXT, job, webhook_url),
        F(TEXT, job, site_id),
        F(TEXT, job, site_secret),
        F(TEXT, job, options),
};
static const struct field reply_fields[] = {
        F(BOOL, message_reply, ok),
        F_ENUM(message_reply, code, ERR_COUNT),
        F(TEXT, message_reply, text),
};
static const struct field log_fields[] = {
        F_TEXT(message_log, stream),
        F(DATA, message_log, line),
};
static const struct field progress_fields[] = {
        F_TEXT(message_progress, json),
};
static const struct field ask_fields[] = {
        F_TEXT(message_ask, op),
        F(TEXT, message_ask, arg1),
        F(TEXT, message_ask, arg2),
};
static const struct field outcome_fields[] = {
        F_ENUM(message_outcome, outcome.kind, OUTCOME_HANDED_BACK + 1),
        F_ENUM(message_outcome, outcome.class, CLASS_COUNT),
        F(TEXT, message_outcome, outcome.error),
        F(TEXT, message_outcome, outcome.result),
        F(TEXT, message_outcome, outcome.memo),
        F(INT64, message_outcome, outcome.due_in_ms),
        F(INT64, message_outcome, outcome.brz_project_id),
        F(TEXT, message_outcome, outcome.domain),
        F(BOOL, message_outcome, leftovers),
        F(INT64, message_outcome, lines_dropped),
        F(INT64, message_outcome, outcome.took_us),
};
/* Enumerations travel as int. */
_Static_assert(sizeof(enum outcome_kind) == sizeof(int) &&
                       sizeof(enum error_class) == sizeof(int) && sizeof(int32_t) == sizeof(int),
               "enumerations are int");

static const struct {
        const char *name;
        enum message_way way;
        const struct field *fields;
        size_t count;
} types[] = {
        [MESSAGE_READY] = {"READY", MESSAGE_UP, NULL, 0},
        [MESSAGE_JOB] = {"JOB", MESSAGE_DOWN, job_fields, COUNT_OF(job_fields)},
        [MESSAGE_REPLY] = {"REPLY", MESSAGE_DOWN, reply_fields, COUNT_OF(reply_fields)},
        [MESSAGE_LOG] = {"LOG", MESSAGE_UP, log_fields, COUNT_OF(log_fields)},
        [MESSAGE_PROGRESS] = {"PROGRESS", MESSAGE_UP, progress_fields, COUNT_OF(progress_fields)},
        [MESSAGE_ASK] = {"ASK", MESSAGE_UP, ask_fields, COUNT_OF(ask_fields)},
        [MESSAGE_OUTCOME] = {"OUTCOME", MESSAGE_UP, outcome_fields, COUNT_OF(outcome_fields)},
};
_Static_assert(COUNT_OF(types) == MESSAGE_TYPE_COUNT, "each message has a row");

const char *message_name(enum message_type type)
{
        assert((unsigned)type < MESSAGE_TYPE_COUNT);
        return types[type].name;
}

/* ---- encoding ---- */

/* Length + 1, then the bytes and a NUL; or NO_TEXT. */
static void put_text(struct buf *out, const char *data, size_t len)
{
        uint32_t n = data ? (uint32_t)len + 1 : NO_TEXT;
        if (len >= MESSAGE_MAX_BYTES) {
                out->failed = true;
                return;
        }
        buf_add(out, &n, sizeof(n));
        if (!data)
                return;
        buf_add(out, data, len);
        buf_addc(out, '\0');
}

static void put_field(struct buf *out, const struct field *f, const char *body)
{
        const char *at = body + f->offset;
        const char *text;
        struct message_text data;
        switch (f->type) {
        case FIELD_INT32:
        case FIELD_ENUM:
                buf_add(out, at, sizeof(int32_t));
                break;
        case FIELD_INT64:
                buf_add(out, at, sizeof(int64_t));
                break;
        case FIELD_BOOL:
                buf_addc(out, *(const bool *)at ? 1 : 0);
                break;
        case FIELD_TEXT:
                text = *(const char *const *)(const void *)at;
                put_text(out, text, text ? strlen(text) : 0);
                break;
        case FIELD_DATA:
                memcpy(&data, at, sizeof(data));
                put_text(out, data.data, data.len);
                break;
        }
}

int message_encode(struct buf *out, enum message_type type, const void *body)
{
        size_t before = out->len;
        out->starved = false;
        struct head head = {.mark = HEAD_MARK, .type = (uint8_t)type};
        buf_add(out, &head, sizeof(head));
        for (size_t i = 0; i < types[type].count; i++)
                put_field(out, &types[type].fields[i], body);
        if (!buf_ok(out) || out->len - before > MESSAGE_MAX_BYTES) {
                out->failed = false;
                out->len = before;
                return -1;
        }
        head.len = (uint32_t)(out->len - before - sizeof(head));
        memcpy(out->data + before, &head, sizeof(head));
        return 0;
}

/* ---- decoding ---- */

struct reading {
        const char *at, *end;
        bool checked; /* texts must be valid UTF-8 */
};

static int get_bytes(struct reading *r, void *out, size_t len)
{
        if ((size_t)(r->end - r->at) < len)
                return -1;
        memcpy(out, r->at, len);
        r->at += len;
        return 0;
}

static int get_text(struct reading *r, const char **text, size_t *len)
{
        uint32_t n;
        if (get_bytes(r, &n, sizeof(n)) < 0)
                return -1;
        *text = NULL;
        *len = 0;
        if (n == NO_TEXT)
                return 0;
        if ((size_t)(r->end - r->at) < n || memchr(r->at, '\0', n) != r->at + n - 1)
                return -1;
        *text = r->at;
        *len = n - 1;
        r->at += n;
        return r->checked && !utf8_valid(*text, *len) ? -1 : 0;
}

static int get_enum(struct reading *r, char *at, const struct field *f)
{
        int32_t v;
        if (get_bytes(r, &v, sizeof(v)) < 0 || v < 0 || v >= f->limit)
                return -1;
        memcpy(at, &v, sizeof(v));
        return 0;
}

static int get_bool(struct reading *r, char *at)
{
        char c;
        if (get_bytes(r, &c, 1) < 0 || (c != 0 && c != 1))
                return -1;
        bool v = c == 1;
        memcpy(at, &v, sizeof(v));
        return 0;
}

static int get_field(struct reading *r, const struct field *f, char *body)
{
        char *at = body + f->offset;
        struct message_text text;
        switch (f->type) {
        case FIELD_INT32:
                return get_bytes(r, at, sizeof(int32_t));
        case FIELD_INT64:
                return get_bytes(r, at, sizeof(int64_t));
        case FIELD_ENUM:
                return get_enum(r, at, f);
        case FIELD_BOOL:
                return get_bool(r, at);
        case FIELD_TEXT:
                if (get_text(r, &text.data, &text.len) < 0 || (f->needed && !text.data))
                        return -1;
                memcpy(at, &text.data, sizeof(text.data));
                return 0;
        case FIELD_DATA:
                if (get_text(r, &text.data, &text.len) < 0 || !text.data)
                        return -1;
                memcpy(at, &text, sizeof(text));
                return 0;
        }
        return -1;
}

long message_size(const char *data, size_t len, struct err *e)
{
        struct head head;
        if (len < sizeof(head))
                return 0;
        memcpy(&head, data, sizeof(head));
        if (head.mark != HEAD_MARK || head.zero != 0 || head.type >= MESSAGE_TYPE_COUNT)
                return err_set(e, ERR_MALFORMED, "what came is no message");
        if (head.len > MESSAGE_MAX_BYTES - sizeof(head))
                return err_set(e, ERR_MALFORMED, "a message of %u bytes is too large",
                               (unsigned)head.len);
        return (long)(head.len + sizeof(head));
}

int message_decode(const char *frame, size_t len, enum message_way way, struct message *out,
                   struct err *e)
{
        struct head head;
        if (len < sizeof(head) || message_size(frame, len, e) != (long)len)
                return err_set(e, ERR_MALFORMED, "a message of the wrong length");
        memcpy(&head, frame, sizeof(head));
        if (types[head.type].way != way)
                return err_set(e, ERR_MALFORMED, "%s is not said on this side",
                               types[head.type].name);
        struct message m = {.type = (enum message_type)head.type};
        struct reading r = {
                .at = frame + sizeof(head), .end = frame + len, .checked = way == MESSAGE_UP};
        for (size_t i = 0; i < types[head.type].count; i++) {
                if (get_field(&r, &types[head.type].fields[i], (char *)&m.u) < 0)
                        return err_set(e, ERR_MALFORMED, "field %zu of %s is broken", i + 1,
                                       types[head.type].name);
        }
        if (r.at != r.end)
                return err_set(e, ERR_MALFORMED, "%s is longer than its fields",
                               types[head.type].name);
        *out = m;
        return 0;
}
