/* kind_remote.c - see the header. */
#include "model/kind_remote.h"

#include <stddef.h>

#include "base/mem.h"

enum { TEXT_MAX = 1024 };

struct params {
        int64_t site_id, workspace_id;
        const char *secret, *page_slug, *element_name;
        bool skip_media, skip_cache, quality;
        const struct json *manual;
};

#define FIELD(name_, want_, min_, max_, member)                                                    \
        {                                                                                          \
                .name = (name_), .want = (want_), .min = (min_), .max = (max_),                    \
                .offset = offsetof(struct params, member), .present = NO_PRESENT                   \
        }

static const struct json_field fields[] = {
        FIELD("mb_site_id", WANT_INT_OR_TEXT, 1, JSON_INT_MAX, site_id),
        FIELD("mb_secret", WANT_STRING, 1, TEXT_MAX, secret),
        FIELD("brz_workspaces_id", WANT_INT_OR_TEXT, 1, JSON_INT_MAX, workspace_id),
        FIELD("mb_page_slug", WANT_STRING, 1, TEXT_MAX, page_slug),
        FIELD("mb_element_name", WANT_STRING, 1, TEXT_MAX, element_name),
        FIELD("skip_media_upload", WANT_BOOL, 0, 0, skip_media),
        FIELD("skip_cache", WANT_BOOL, 0, 0, skip_cache),
        FIELD("quality_analysis", WANT_BOOL, 0, 0, quality),
        FIELD("mgr_manual", WANT_ANY, 0, 0, manual),
};

static void check(const struct json *params, const char *pointer, struct mistakes *m)
{
        struct params p = {0};
        json_read(params, fields, COUNT_OF(fields), &p, pointer, m);
        if (!p.manual || json_type_of(p.manual) == JSON_BOOL || json_type_of(p.manual) == JSON_NULL)
                return;
        const char *where = json_pointer(m->arena, pointer, "mgr_manual");
        int64_t i;
        if (json_int(p.manual, &i) < 0)
                mistake_add(m, ERR_WRONG_TYPE, where, "must be true, false, 0 or 1");
        else if (i != 0 && i != 1)
                mistake_add(m, ERR_INVALID, where, "must be true, false, 0 or 1");
}

void kind_remote_check_params(const struct json *params, const char *pointer, struct mistakes *m)
{
        if (params)
                check(params, pointer, m);
}

void kind_remote_check_project(const struct json *params, const char *pointer, struct mistakes *m)
{
        check(params, pointer, m);
}
