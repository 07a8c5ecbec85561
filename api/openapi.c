/* openapi.c - GET /api/openapi.json: what this API takes and answers. It changes with the program only. */
#include "api/openapi.h"

#include <stdio.h>

#include "api/http/negotiate.h"
#include "api/routes.h"
#include "base/rand.h"

enum { TAG_BYTES = 16 }; /* of the SHA-256: 128 bits are plenty */

static const char *openapi_etag(void)
{
        static char etag[2 * TAG_BYTES + 3];
        unsigned char hash[HASH_BYTES];
        char hex[2 * TAG_BYTES + 1];
        if (*etag)
                return etag;
        hash_sha256(openapi_text, openapi_text_len, hash);
        hash_hex(hash, TAG_BYTES, hex);
        snprintf(etag, sizeof(etag), "\"%s\"", hex);
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
