/* gate.c - route, role, media type, length. */
#include "api/http/gate.h"

#include <string.h>
#include <strings.h>

#include "api/people/role.h"

enum { NO_BODY_MAX = 1024 };

/* ---- the route ---- */

static int not_found(struct request *rq, struct err *e)
{
        if (!rq->match.allow[0])
                return err_set(e, ERR_NOT_FOUND, "there is nothing at '%s'", rq->path);
        respond_header(rq, "Allow", rq->match.allow);
        return err_set(e, ERR_METHOD, "'%s' does not take %s, only %s", rq->path, rq->method,
                       rq->match.allow);
}

static int decode_params(struct request *rq, struct err *e)
{
        for (size_t i = 0; i < rq->match.params; i++) {
                rq->params[i] = request_decode(rq->arena, rq->match.param[i].value,
                                               rq->match.param[i].value_len, false);
                if (!rq->params[i] && arena_failed(rq->arena))
                        return arena_check(rq->arena, "the path", e);
                if (!rq->params[i])
                        return err_set(e, ERR_BAD_REQUEST,
                                       "'%.*s' in the path is not percent-encoded UTF-8",
                                       (int)rq->match.param[i].value_len, rq->match.param[i].value);
        }
        return 0;
}

/* What stands under these is for programs: what is not there is no page either. */
static bool is_for_programs(const char *path)
{
        static const char *const roots[] = {"/api", "/livez", "/readyz", "/metrics"};
        for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
                size_t len = strlen(roots[i]);
                if (strncmp(path, roots[i], len) == 0 && (!path[len] || path[len] == '/'))
                        return true;
        }
        return false;
}

int gate_route(struct request *rq, const struct gate *g, struct err *e)
{
        route_find_in(g->routes, g->routes_count, rq->method, rq->path, strlen(rq->path),
                      &rq->match);
        if (!rq->match.route && !rq->match.allow[0] && g->pages && !is_for_programs(rq->path))
                route_find_in(g->pages, 1, rq->method, rq->path, strlen(rq->path), &rq->match);
        if (!rq->match.route)
                return not_found(rq, e);
        if (!rq->match.route->handler)
                return err_set(e, ERR_NOT_OFFERED, "'%s' is not offered by this server", rq->path);
        if (decode_params(rq, e) < 0)
                return -1;
        return request_read_query(rq, e);
}

/* ---- the role ---- */

/* RFC 6750, section 3. */
static int refuse_role(struct request *rq, enum auth_verdict verdict, struct err *e)
{
        if (verdict == AUTH_MISSING) {
                respond_header(rq, "WWW-Authenticate", "Bearer");
                return err_set(e, ERR_UNAUTHORIZED,
                               "a token or a session is wanted: send 'Authorization: Bearer "
                               "TOKEN', or log in");
        }
        respond_header(rq, "WWW-Authenticate", "Bearer error=\"invalid_token\"");
        if (rq->credential.proof != PROOF_TOKEN)
                return err_set(e, ERR_UNAUTHORIZED,
                               "the session is unknown or has ended: log in again");
        return err_set(e, ERR_UNAUTHORIZED, "the token is unknown or was revoked");
}

static int check_role(struct request *rq, const struct auth_answer *who, struct err *e)
{
        enum role wanted = rq->match.route->role;
        if (wanted == ROLE_OPEN)
                return 0;
        if (who->verdict == AUTH_AWAY) {
                *e = *who->err;
                return -1;
        }
        if (who->verdict != AUTH_KNOWN)
                return wanted == ROLE_ANYONE ? 0 : refuse_role(rq, who->verdict, e);
        if (credential_check_forgery(rq, &rq->credential, e) < 0)
                return -1;
        rq->role = who->role;
        rq->principal = arena_strdup(rq->arena, who->name);
        if (who->role >= wanted)
                return 0;
        respond_header(rq, "WWW-Authenticate", "Bearer error=\"insufficient_scope\"");
        return err_set(e, ERR_FORBIDDEN, "this wants the role %s; %s '%s' has the role %s",
                       role_name(wanted),
                       rq->credential.proof == PROOF_TOKEN ? "the token" : "the user",
                       rq->principal, role_name(who->role));
}

int gate_role(struct request *rq, const struct gate *g, const struct auth_answer *who, struct err *e)
{
        if (check_role(rq, who, e) < 0)
                return -1;
        return g->admit ? g->admit(rq->app, rq->match.route, e) : 0;
}

/* ---- the body ---- */

/* "application/json", with parameters or without; any "+json". */
static bool is_json(const char *type)
{
        size_t len = strcspn(type, "; \t");
        if (len == strlen("application/json") && strncasecmp(type, "application/json", len) == 0)
                return true;
        return len > 17 && strncasecmp(type, "application/", 12) == 0 &&
               strncasecmp(type + len - 5, "+json", 5) == 0;
}

static int check_type(struct request *rq, struct err *e)
{
        const char *coding = request_header(rq, "Content-Encoding");
        if (coding && strcasecmp(coding, "identity") != 0)
                return err_set(e, ERR_MEDIA_TYPE, "bodies are taken uncompressed only, not as '%s'",
                               coding);
        const char *type = request_header(rq, "Content-Type");
        bool wants_json = rq->match.route->body == BODY_JSON || rq->match.route->body == BODY_WAVE;
        if (wants_json && type && !is_json(type))
                return err_set(e, ERR_MEDIA_TYPE, "the body must be application/json, not '%s'",
                               type);
        return 0;
}

static uint64_t limit_of(const struct gate *g, enum body_kind kind)
{
        switch (kind) {
        case BODY_NONE:
                return NO_BODY_MAX;
        case BODY_WAVE:
                return g->wave_body_max;
        default:
                return g->body_max;
        }
}

int gate_body(struct request *rq, const struct gate *g, struct err *e)
{
        if (!rq->has_body)
                return 0;
        if (check_type(rq, e) < 0)
                return -1;
        rq->body_limit = limit_of(g, rq->match.route->body);
        bool chunked = rq->parser.flags & F_CHUNKED;
        if (!chunked && rq->parser.content_length > rq->body_limit)
                return err_set(e, ERR_TOO_LARGE,
                               "the body of %llu bytes is over the limit of %llu bytes",
                               (unsigned long long)rq->parser.content_length,
                               (unsigned long long)rq->body_limit);
        return 0;
}
