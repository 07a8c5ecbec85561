/* dashboard.c - see dashboard.h. Which addresses come here is decided in gate.c. */
#include "api/dashboard.h"

#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "api/app.h"
#include "api/http/negotiate.h"
#include "base/log.h"
#include "base/mem.h"

static void dashboard_show(struct request *rq);

const struct route dashboard_route = {"GET", "/*", ROLE_OPEN, BODY_NONE, dashboard_show};

/* Beside the folder of the program: in the build tree, and as `make install` puts it. */
static const char *const places[] = {"../dashboard", "../share/wavefleet/dashboard"};

static const char not_built[] = "wavefleet-api runs here. Its dashboard is not built: run `make "
                                "dashboard` and start it again.\n"
                                "The API is under /api.\n";

/* Nothing comes from elsewhere, and nothing is framed, sent or run that is not a file of ours. */
static const struct {
        const char *name, *value;
} protections[] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
         "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
         "frame-ancestors 'none'"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
};

/* ---- loading ---- */

static struct assets *load_beside_program(void)
{
        char program[PATH_MAX];
        ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
        if (len < 0)
                return NULL;
        program[len] = '\0';
        const char *folder = dirname(program);
        struct assets *found = NULL;
        for (size_t i = 0; !found && i < COUNT_OF(places); i++) {
                autofree char *dir = xasprintf("%s/%s", folder, places[i]);
                found = assets_load(dir, NULL);
        }
        return found;
}

int dashboard_load(const struct config *config, struct assets **out, struct err *e)
{
        *out = NULL;
        if (!config->monitoring_dashboard)
                return 0;
        if (*config->dashboard_dir) {
                *out = assets_load(config->dashboard_dir, e);
                if (!*out) {
                        err_wrap(e, "dashboard.dir");
                        e->code = ERR_CONFIG;
                        return -1;
                }
        } else {
                *out = load_beside_program();
        }
        if (*out)
                log_info("api.dashboard", LI("files", assets_count(*out)));
        else
                log_info("api.no_dashboard", LS("reason", "it is not built: run make dashboard"));
        return 0;
}

/* ---- answering ---- */

/* The smallest of what the client wants most; they are in this order. */
static enum asset_coding choose(const struct asset *f, const char *accepted)
{
        enum asset_coding best = ASSET_PLAIN;
        int best_weight = negotiate_coding(accepted, "identity");
        for (int c = ASSET_PLAIN + 1; c < ASSET_CODINGS; c++) {
                int weight = negotiate_coding(accepted, asset_coding_name((enum asset_coding)c));
                if (f->body[c].data && weight > 0 && weight >= best_weight) {
                        best = (enum asset_coding)c;
                        best_weight = weight;
                }
        }
        return best;
}

static void send_asset(struct request *rq, const struct asset *f)
{
        enum asset_coding coding = choose(f, request_header(rq, "Accept-Encoding"));
        const struct asset_body *b = &f->body[coding];
        respond_header(rq, "ETag", b->etag);
        respond_header(rq, "Vary", "Accept-Encoding");
        respond_header(rq, "Cache-Control",
                       f->immutable ? "public, max-age=31536000, immutable" : "no-cache");
        for (size_t i = 0; i < COUNT_OF(protections); i++)
                respond_header(rq, protections[i].name, protections[i].value);
        if (negotiate_has_etag(request_header(rq, "If-None-Match"), b->etag)) {
                respond_text(rq, 304, NULL, "", 0);
                return;
        }
        if (coding != ASSET_PLAIN)
                respond_header(rq, "Content-Encoding", asset_coding_name(coding));
        respond_text(rq, 200, f->type, b->data, b->len);
}

static void nothing_here(struct request *rq)
{
        if (request_app(rq)->config->monitoring_dashboard && strcmp(request_path(rq), "/") == 0)
                respond_text(rq, 404, "text/plain; charset=utf-8", not_built, strlen(not_built));
        else
                respond_errorf(rq, ERR_NOT_FOUND, "there is nothing at '%s'", request_path(rq));
}

/* What the build no longer has must not come as a page. */
static bool names_asset(const char *path)
{
        return strncmp(path, "/assets/", 8) == 0;
}

static void dashboard_show(struct request *rq)
{
        const struct assets *all = request_app(rq)->dashboard;
        const char *path = request_path(rq);
        const struct asset *f = all ? assets_find(all, path) : NULL;
        if (all && !f && !names_asset(path))
                f = assets_find(all, "/index.html");
        if (f)
                send_asset(rq, f);
        else
                nothing_here(rq);
}
