/* server.c - what is sent to the migration server, and what its answers mean. */
#include "worker/kinds/remote/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "model/kind_remote.h"

enum { URL_MAX = 64 * 1024, TURN_RETRY_MS = 5000 };

/* ---- turns ---- */

/* What the limit answers, in broker_rate's words: 0 go, n wait n ms, -n come again after n ms. */
int server_turn(struct remote *r, struct server_trouble *trouble)
{
        const char *answer;
        struct err e = ERR_INIT;
        if (body_ask(r->body, "rate", REMOTE_LIMIT, NULL, &answer, &e) < 0) {
                const char *why = arena_printf(
                        r->arena, "could not take a turn at the migration server: %s", e.text);
                *trouble = (struct server_trouble){why, CLASS_DEPENDENCY, TURN_RETRY_MS};
                return -1;
        }
        long long ms = strtoll(answer, NULL, 10);
        if (ms >= 0) {
                remote_wait(r, ms);
                return 0;
        }
        int64_t due = -ms + (int64_t)rand_below((uint32_t)(-ms < 10000 ? -ms : 10000) / 4 + 1);
        *trouble = (struct server_trouble){"as many calls to the migration server as it takes are "
                                           "under way already",
                                           CLASS_DEPENDENCY, due};
        return -1;
}

/* ---- addresses ---- */

static void add_base(struct buf *url, const char *base, const char *path)
{
        size_t len = strlen(base);
        while (len && base[len - 1] == '/')
                len--;
        buf_add(url, base, len);
        buf_adds(url, path);
}

static void add_param(struct buf *url, const char *name, const char *value)
{
        if (!value || !*value)
                return;
        bool first = !strchr(buf_str(url), '?');
        buf_addc(url, first ? '?' : '&');
        buf_adds(url, name);
        buf_addc(url, '=');
        http_escape(url, value);
}

static void add_number(struct buf *url, const char *name, int64_t value)
{
        char text[24];
        snprintf(text, sizeof(text), "%" PRId64, value);
        add_param(url, name, text);
}

static void wipe(struct buf *url)
{
        if (url->data)
                mem_wipe(url->data, url->cap);
        buf_fini(url);
}

/* ---- the status ---- */

static enum error_class class_of_failure(const struct err *e)
{
        return e->code == ERR_CONFIG ? CLASS_CRITICAL : CLASS_TEMPORARY;
}

static int64_t due_of(const struct http_answer *a)
{
        return a->retry_after_ms > 0 ? a->retry_after_ms : -1;
}

/* "the migration server answers 503: words" */
static const char *sentence(struct remote *r, const struct http_answer *a, const char *words)
{
        bool redirect = a->status >= 300 && a->status < 400;
        if (!words && redirect)
                words = "redirects are not followed";
        if (!words)
                return arena_printf(r->arena, "the migration server answers %d", a->status);
        return arena_printf(r->arena, "the migration server answers %d: %s", a->status,
                            remote_clean(r, words));
}

static const char *words_of(struct remote *r, const struct http_answer *a)
{
        return remote_error_text(a->body, a->len, r->arena);
}

static void read_status(struct remote *r, const struct http_answer *a, struct server_reply *out)
{
        struct err e = ERR_INIT;
        out->date_ms = a->date_ms;
        out->at_ms = clock_wall_ms();
        if (a->status == 404) {
                out->reply = REPLY_UNKNOWN;
                return;
        }
        if (a->status == 200 &&
            remote_answer_parse(a->body, a->len, r->arena, &out->status, &e) == 0) {
                out->reply = REPLY_STATUS;
                return;
        }
        bool refused = a->status == 401 || a->status == 403;
        out->trouble = (struct server_trouble){
                .why = a->status == 200
                               ? arena_printf(r->arena, "the status answer cannot be used: %s",
                                              remote_clean(r, e.text))
                               : sentence(r, a, words_of(r, a)),
                .class = refused ? CLASS_CRITICAL : CLASS_TEMPORARY,
                .due_in_ms = due_of(a),
        };
}

void server_status(struct remote *r, struct server_reply *out)
{
        *out = (struct server_reply){.reply = REPLY_FAILED};
        if (server_turn(r, &out->trouble) < 0)
                return;
        autobuf url = BUF_INIT(URL_MAX);
        add_base(&url, r->cfg->migration_server_url, "/migration-status");
        add_param(&url, "mb_project_uuid", r->job->project);
        add_number(&url, "brz_project_id", r->target);
        struct http_request q = {.url = buf_str(&url), .timeout_ms = remote_call_timeout(r)};
        struct http_answer a;
        struct err e = ERR_INIT;
        if (http_call(r->http, &q, r->arena, &a, &e) < 0)
                out->trouble = (struct server_trouble){arena_strdup(r->arena, e.text),
                                                       class_of_failure(&e), -1};
        else
                read_status(r, &a, out);
}

/* ---- the start ---- */

static void build_start(struct remote *r, struct buf *url)
{
        const struct remote_params *p = &r->params;
        const struct job *job = r->job;
        add_base(url, r->cfg->migration_server_url, "/");
        add_param(url, "mb_project_uuid", job->project);
        add_number(url, "brz_project_id", r->target);
        add_param(url, "mb_site_id", p->site_id);
        add_param(url, "mb_secret", p->secret);
        add_param(url, "brz_workspaces_id", r->workspace);
        add_param(url, "mb_page_slug", p->page_slug);
        add_param(url, "mb_element_name", p->element_name);
        add_param(url, "skip_media_upload", p->skip_media_upload);
        add_param(url, "skip_cache", p->skip_cache);
        add_param(url, "quality_analysis", p->quality_analysis);
        add_param(url, "mgr_manual", p->mgr_manual);
        add_param(url, "wave_id", job->wave_id);
        add_param(url, "webhook_url", job->webhook_url);
        add_param(url, "webhook_mb_project_uuid", job->project);
        add_number(url, "webhook_brz_project_id", r->target);
}

/* A refusal in the server's own words began nothing; a 5xx without words can be a gateway's. */
static void read_refusal(struct remote *r, const struct http_answer *a, struct server_start *out)
{
        const char *words = words_of(r, a);
        bool own = a->status < 500 ? a->status != 408 : words != NULL;
        out->begun = own ? BEGUN_NO : BEGUN_UNKNOWN;
        out->reached = true;
        out->trouble = (struct server_trouble){sentence(r, a, words), CLASS_TEMPORARY, due_of(a)};
        switch (a->status) {
        case 400: /* parameters are missing or wrong, and will be */
        case 413:
        case 414:
        case 422:
                out->trouble.class = CLASS_DATA;
                break;
        case 401:
        case 403:
                out->trouble.class = CLASS_CRITICAL;
                break;
        default:
                break;
        }
}

static void read_start(struct remote *r, const struct http_answer *a, struct server_start *out)
{
        struct err e = ERR_INIT;
        if (a->status >= 300) {
                read_refusal(r, a, out);
        } else if ((a->status == 200 || a->status == 202) &&
                   remote_start_parse(a->body, a->len, r->job->project, r->target, r->arena, &e) ==
                           0) {
                out->begun = BEGUN_YES;
        } else {
                const char *why = arena_printf(r->arena,
                                               "the answer (%d) to the start cannot be "
                                               "used%s%s",
                                               a->status, e.code ? ": " : "", e.text);
                out->trouble =
                        (struct server_trouble){remote_clean(r, why), CLASS_TEMPORARY, due_of(a)};
        }
}

void server_start(struct remote *r, struct server_start *out)
{
        *out = (struct server_start){.begun = BEGUN_UNKNOWN, .reached = true};
        cleanup(wipe) struct buf url = BUF_INIT(URL_MAX);
        buf_reserve(&url, 4096); /* so that growing leaves no copies of the secret behind */
        build_start(r, &url);
        if (!buf_ok(&url)) {
                *out = (struct server_start){
                        BEGUN_NO,
                        false,
                        {"the parameters of the start are too long", CLASS_DATA, -1}};
                return;
        }
        struct http_request q = {
                .url = buf_str(&url), .timeout_ms = remote_call_timeout(r), .once = true};
        struct http_answer a;
        struct err e = ERR_INIT;
        if (http_call(r->http, &q, r->arena, &a, &e) == 0) {
                read_start(r, &a, out);
                return;
        }
        bool sent = e.code == ERR_LOST || e.code == ERR_UPSTREAM;
        out->begun = sent ? BEGUN_UNKNOWN : BEGUN_NO;
        out->reached = sent;
        out->trouble =
                (struct server_trouble){arena_strdup(r->arena, e.text), class_of_failure(&e), -1};
}
