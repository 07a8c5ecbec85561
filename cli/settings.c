/* settings.c - see settings.h. */
#include "cli/settings.h"

#include <string.h>

#include "base/mem.h"

enum setting_type { SETTING_TEXT, SETTING_NUMBER, SETTING_TIME, SETTING_LIMIT };

static const struct setting {
        enum option option;
        const char *member;
        enum setting_type type;
} settings[] = {
        {OPT_kind, "kind", SETTING_TEXT},
        {OPT_name, "name", SETTING_TEXT},
        {OPT_batch_size, "batch_size", SETTING_NUMBER},
        {OPT_canary, "canary", SETTING_NUMBER},
        {OPT_max_failures, "max_failures", SETTING_LIMIT},
        {OPT_max_attempts, "max_attempts", SETTING_NUMBER},
        {OPT_timeout_seconds, "timeout_seconds", SETTING_NUMBER},
        {OPT_queue, "queue", SETTING_TEXT},
        {OPT_priority, "priority", SETTING_NUMBER},
        {OPT_start_at, "start_at", SETTING_TIME},
        {OPT_deadline_at, "deadline_at", SETTING_TIME},
        {OPT_workspace_id, "workspace_id", SETTING_NUMBER},
        {OPT_workspace_name, "workspace_name", SETTING_TEXT},
        {OPT_status, "status", SETTING_TEXT},
        {OPT_class, "class", SETTING_TEXT},
        {OPT_text, "text", SETTING_TEXT},
        {OPT_wave, "wave", SETTING_TEXT},
        {OPT_since, "since", SETTING_TIME},
        {OPT_until, "until", SETTING_TIME},
};

static const struct setting *find(enum option o)
{
        for (size_t i = 0; i < COUNT_OF(settings); i++) {
                if (settings[i].option == o)
                        return &settings[i];
        }
        return NULL;
}

static int add_number(const struct cli *c, struct json_out *o, const struct setting *s,
                      struct err *e)
{
        int64_t v = 0;
        if (args_int(&c->args, s->option, 0, JSON_INT_MAX, &v, e) < 0)
                return -1;
        json_out_int(o, s->member, v);
        return 0;
}

static int add_time(const struct cli *c, struct json_out *o, const struct setting *s, struct err *e)
{
        autofree char *time = NULL;
        if (args_time(&c->args, s->option, &time, e) < 0)
                return -1;
        json_out_str(o, s->member, time);
        return 0;
}

static int add(const struct cli *c, struct json_out *o, const struct setting *s, struct err *e)
{
        const char *text = args_value(&c->args, s->option);
        bool may_be_none = s->type == SETTING_TIME || s->type == SETTING_LIMIT;
        if (may_be_none && strcmp(text, "none") == 0) {
                json_out_null(o, s->member);
                return 0;
        }
        if (s->type == SETTING_TIME)
                return add_time(c, o, s, e);
        if (s->type == SETTING_NUMBER || (s->type == SETTING_LIMIT && !strchr(text, '%')))
                return add_number(c, o, s, e);
        json_out_str(o, s->member, text);
        return 0;
}

int settings_add(const struct cli *c, struct json_out *o, const enum option *options, size_t n,
                 struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                if (args_has(&c->args, options[i]) && add(c, o, find(options[i]), e) < 0)
                        return -1;
        }
        return 0;
}

int settings_add_filter(const struct cli *c, struct json_out *o, const enum option *options,
                        size_t n, struct err *e)
{
        bool any = false;
        for (size_t i = 0; i < n; i++)
                any |= args_has(&c->args, options[i]);
        if (!any)
                return 0;
        json_out_object(o, "filter");
        if (settings_add(c, o, options, n, e) < 0)
                return -1;
        json_out_object_end(o);
        return 0;
}
