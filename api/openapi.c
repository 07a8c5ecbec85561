/* openapi.c - GET /api/openapi.json: what this API takes and answers. It changes with the program only. */
#include "api/openapi.h"

#include "api/http/negotiate.h"
#include "api/routes.h"

static const char *openapi_etag(void)
{
        static char etag[ETAG_SIZE];
        if (!*etag)
                negotiate_make_etag(openapi_text, openapi_text_len, etag);
        return etag;
}

void openapi_show(struct request *rq)
{
        const char *etag = openapi_etag();
        respond_header(rq, "ETag", etag);
        respond_header(rq, "Cache-Control", "public, max-age=3600");
        if (negotiate_has_etag(request_header(rq, "If-None-Match"), etag))
                respond_text(rq, 304, "application/json", "", 0);
        else
                respond_json(rq, 200, openapi_text, openapi_text_len);
}
