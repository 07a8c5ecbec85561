/* request.c - what a request holds, and what handlers ask it. */
#include "api/http/request.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/http/request_inside.h"
#include "base/mem.h"

enum {
        HEAD_KEEP = 4096,
        ANSWER_HEAD_MAX = 65536,
        ANSWER_TAIL_MAX = 1 << 26,
        TRACEPARENT_MAX = 128
};

/* ---- its life ---- */

struct request *request_new(void)
{
        struct request *rq = xcalloc(1, sizeof(*rq));
        rq->arena = arena_new(0);
        buf_init(&rq->body, SIZE_MAX); /* body_limit is held before anything is added */
        buf_init(&rq->extra, ANSWER_HEAD_MAX);
        buf_init(&rq->out, ANSWER_HEAD_MAX * 2);
        buf_init(&rq->tail, ANSWER_TAIL_MAX);
        rq->principal = "";
        list_init(&rq->waiting.link);
        return rq;
}

static void drop_body(struct request *rq)
{
        json_free(rq->json);
        rq->json = NULL;
        spool_free(rq->spool);
        rq->spool = NULL;
}

void request_free(struct request *rq)
{
        if (!rq)
                return;
        drop_body(rq);
        arena_free(rq->arena);
        buf_fini(&rq->body);
        buf_fini(&rq->extra);
        buf_fini(&rq->out);
        buf_fini(&rq->tail);
        free(rq->head);
        free(rq);
}

/* Keeps what costs an allocation and is small; clears the rest, but not the table of headers. */
void request_reset(struct request *rq)
{
        drop_body(rq);
        arena_reset(rq->arena);
        if (rq->head_cap > HEAD_KEEP) {
                free(rq->head);
                rq->head = NULL;
                rq->head_cap = 0;
        }
        rq->head_len = rq->url_at = rq->url_len = rq->headers_count = 0;
        rq->in_value = rq->head_done = rq->body_done = false;
        rq->fault.code = ERR_OK;
        rq->method = rq->path = rq->query_text = NULL;
        rq->query = NULL;
        rq->query_count = 0;
        rq->match.route = NULL;
        rq->match.params = 0;
        rq->match.allow[0] = '\0';
        rq->role = ROLE_OPEN;
        rq->principal = "";
        rq->credential = (struct credential){0};
        rq->has_body = rq->expects_continue = false;
        rq->body_limit = rq->body_len = 0;
        rq->mistakes = NULL;
        rq->answered = rq->close = rq->quiet = false;
        rq->own_headers = 0;
        buf_reset(&rq->body);
        buf_reset(&rq->extra);
        buf_reset(&rq->out);
        buf_reset(&rq->tail);
        rq->conn = NULL;
}

/* ---- the body ---- */

/* What has come so far moves into a file. */
static int begin_spool(struct request *rq, struct err *e)
{
        rq->spool = spool_new(rq->spool_dir, e);
        if (!rq->spool)
                return -1;
        int rc = spool_add(rq->spool, buf_str(&rq->body), rq->body.len, e);
        buf_reset(&rq->body);
        return rc;
}

int request_body_add(struct request *rq, const char *data, size_t len, struct err *e)
{
        rq->body_len += len;
        if (rq->body_len > rq->body_limit)
                return err_set(e, ERR_TOO_LARGE, "the body is over the limit of %llu bytes",
                               (unsigned long long)rq->body_limit);
        enum body_kind kind = rq->match.route->body;
        if (kind == BODY_NONE)
                return 0;
        if (kind == BODY_WAVE && rq->body_len > SPOOL_BYTES && !rq->spool && begin_spool(rq, e) < 0)
                return -1;
        if (rq->spool)
                return spool_add(rq->spool, data, len, e);
        buf_add(&rq->body, data, len);
        return buf_check(&rq->body, "the body", e);
}

int request_body_end(struct request *rq, struct err *e)
{
        return rq->spool ? spool_end(rq->spool, rq->spool_hash, e) : 0;
}

const char *request_body(const struct request *rq, size_t *len)
{
        if (len)
                *len = rq->body.len;
        return buf_str(&rq->body);
}

int request_spool(const struct request *rq)
{
        return rq->spool ? spool_fd(rq->spool) : -1;
}

const unsigned char *request_body_hash(const struct request *rq)
{
        if (rq->spool)
                return rq->spool_hash;
        unsigned char *hash = arena_alloc(rq->arena, HASH_BYTES);
        hash_sha256(buf_str(&rq->body), rq->body.len, hash);
        return hash;
}

const struct json *request_json(struct request *rq)
{
        if (rq->json)
                return rq->json;
        if (rq->spool) {
                respond_errorf(rq, ERR_TOO_LARGE, "the body is over the limit of %d bytes",
                               SPOOL_BYTES);
                return NULL;
        }
        struct err e = ERR_INIT;
        bool empty = rq->body.len == 0;
        rq->json = json_parse(empty ? "{}" : buf_str(&rq->body), empty ? 2 : rq->body.len, &e);
        if (!rq->json) {
                respond_error(rq, &e);
                return NULL;
        }
        if (json_type_of(rq->json) != JSON_OBJECT) {
                respond_errorf(rq, ERR_WRONG_TYPE, "the body must be a JSON object");
                return NULL;
        }
        return rq->json;
}

/* ---- path and query ---- */

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

const char *request_decode(struct arena *a, const char *s, size_t len, bool plus)
{
        char *out = arena_try(a, len + 1);
        size_t n = 0;
        if (!out)
                return NULL;
        for (size_t i = 0; i < len; i++) {
                char c = s[i];
                if (c == '%') {
                        if (len - i < 3)
                                return NULL;
                        int high = hex_value(s[i + 1]), low = hex_value(s[i + 2]);
                        if (high < 0 || low < 0 || (high | low) == 0)
                                return NULL;
                        c = (char)(high << 4 | low);
                        i += 2;
                } else if (c == '+' && plus) {
                        c = ' ';
                }
                out[n++] = c;
        }
        out[n] = '\0';
        return utf8_valid(out, n) ? out : NULL;
}

static int read_pair(struct request *rq, const char *s, size_t len, struct err *e)
{
        const char *equals = memchr(s, '=', len);
        size_t name_len = equals ? (size_t)(equals - s) : len;
        const char *value = equals ? equals + 1 : s + len;
        struct query_pair *pair = &rq->query[rq->query_count];
        pair->name = request_decode(rq->arena, s, name_len, true);
        pair->value = request_decode(rq->arena, value, (size_t)(s + len - value), true);
        if (arena_failed(rq->arena))
                return arena_check(rq->arena, "the query", e);
        if (!pair->name || !pair->value)
                return err_set(e, ERR_BAD_REQUEST,
                               "the query is not percent-encoded UTF-8 at '%.*s'",
                               (int)(len < 80 ? len : 80), s);
        rq->query_count++;
        return 0;
}

int request_read_query(struct request *rq, struct err *e)
{
        const char *s = rq->query_text;
        if (!s || !*s)
                return 0;
        rq->query = ARENA_ARRAY(rq->arena, struct query_pair, REQUEST_QUERY_MAX);
        while (*s) {
                size_t len = strcspn(s, "&");
                if (rq->query_count == REQUEST_QUERY_MAX)
                        return err_set(e, ERR_BAD_REQUEST, "the query has over %d parameters",
                                       REQUEST_QUERY_MAX);
                if (len && read_pair(rq, s, len, e) < 0)
                        return -1;
                s += len + (s[len] == '&');
        }
        return 0;
}

const char *request_param(const struct request *rq, const char *name)
{
        size_t len = strlen(name);
        for (size_t i = 0; i < rq->match.params; i++) {
                if (rq->match.param[i].name_len == len &&
                    memcmp(rq->match.param[i].name, name, len) == 0)
                        return rq->params[i];
        }
        return NULL;
}

const char *request_query(struct request *rq, const char *name)
{
        for (size_t i = 0; i < rq->query_count; i++) {
                if (strcmp(rq->query[i].name, name) == 0)
                        return rq->query[i].value;
        }
        return NULL;
}

/* A mistake in the query is pointed at as if the query were an object: "#/limit". */
int request_query_int(struct request *rq, const char *name, int64_t def, int64_t min, int64_t max,
                      int64_t *out, struct err *e)
{
        const char *text = request_query(rq, name);
        if (!text) {
                *out = def;
                return 0;
        }
        struct mistakes *m = request_mistakes(rq);
        const char *pointer = json_pointer(rq->arena, "#", name);
        char *end;
        errno = 0;
        long long v = strtoll(text, &end, 10);
        bool digits = text[0] == '-' ? text[1] >= '0' && text[1] <= '9'
                                     : text[0] >= '0' && text[0] <= '9';
        if (!digits || *end)
                mistake_add(m, ERR_WRONG_TYPE, pointer, "must be an integer");
        else if (errno == ERANGE || v < min || v > max)
                mistake_add(m, ERR_INVALID, pointer, "must be within %lld and %lld", (long long)min,
                            (long long)max);
        if (m->total)
                return mistakes_check(m, e);
        *out = v;
        return 0;
}

/* ---- the rest ---- */

const char *request_header(const struct request *rq, const char *name)
{
        if (!rq->path)
                return NULL;
        size_t len = strlen(name);
        for (size_t i = 0; i < rq->headers_count; i++) {
                const struct header_span *h = &rq->headers[i];
                if (h->name_len == len && strncasecmp(rq->head + h->name, name, len) == 0)
                        return rq->head + h->value;
        }
        return NULL;
}

/* `len` lower-case hex digits at s. */
static bool is_hex(const char *s, size_t len)
{
        return strspn(s, "0123456789abcdef") >= len;
}

/* Anything else would not be understood by whoever reads it later, or not even be text. */
const char *request_traceparent(const struct request *rq)
{
        enum { TRACE = 3, PARENT = TRACE + 33, FLAGS = PARENT + 17, END = FLAGS + 2 };
        const char *s = request_header(rq, "traceparent");
        size_t len = s ? strlen(s) : 0;
        if (len < END || len > TRACEPARENT_MAX || !is_hex(s, 2) || s[2] != '-' ||
            !is_hex(s + TRACE, 32) || s[PARENT - 1] != '-' || !is_hex(s + PARENT, 16) ||
            s[FLAGS - 1] != '-' || !is_hex(s + FLAGS, 2))
                return NULL;
        if (strncmp(s, "ff", 2) == 0 || strspn(s + TRACE, "0") >= 32 ||
            strspn(s + PARENT, "0") >= 16)
                return NULL;
        if (len == END)
                return s;
        bool later = strncmp(s, "00", 2) != 0; /* may have more behind another dash */
        return later && s[END] == '-' && strspn(s + END, "0123456789abcdef-") == len - END ? s
                                                                                           : NULL;
}

struct mistakes *request_mistakes(struct request *rq)
{
        if (!rq->mistakes) {
                rq->mistakes = arena_alloc(rq->arena, sizeof(*rq->mistakes));
                rq->mistakes->arena = rq->arena;
                rq->mistakes->count = rq->mistakes->total = 0;
        }
        return rq->mistakes;
}

bool request_id_ok(const char *id)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789._-";
        size_t len = strspn(id, allowed);
        return len > 0 && len <= REQUEST_ID_MAX && id[len] == '\0';
}

struct app *request_app(const struct request *rq)
{
        return rq->app;
}

struct arena *request_arena(struct request *rq)
{
        return rq->arena;
}

const char *request_id(const struct request *rq)
{
        return rq->id;
}

const char *request_method(const struct request *rq)
{
        return rq->method ? rq->method : "";
}

const char *request_path(const struct request *rq)
{
        return rq->path ? rq->path : "";
}

bool request_takes_chunks(const struct request *rq)
{
        return rq->parser.http_major > 1 || rq->parser.http_minor >= 1;
}

enum role request_role(const struct request *rq)
{
        return rq->role;
}

const char *request_principal(const struct request *rq)
{
        return rq->principal;
}

const struct credential *request_credential(const struct request *rq)
{
        return &rq->credential;
}

const char *request_peer(const struct request *rq)
{
        return rq->peer;
}
