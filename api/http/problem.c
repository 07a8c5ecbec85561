/* problem.c - the one form of every 4xx and 5xx. */
#include "api/http/problem.h"

#include <http_parser.h>
#include <stdio.h>

const char *status_phrase(int status)
{
        return http_status_str((enum http_status)status);
}

static void print_mistakes(struct json_out *o, const struct mistakes *m)
{
        json_out_array(o, "errors");
        for (size_t i = 0; m && i < m->count; i++) {
                json_out_object(o, NULL);
                json_out_str(o, "pointer", m->list[i].pointer);
                json_out_str(o, "detail", m->list[i].detail);
                json_out_object_end(o);
        }
        json_out_array_end(o);
}

void problem_print(struct buf *out, const struct problem *p)
{
        const char *code = err_name(p->err->code);
        int status = err_http_status(p->err->code);
        char type[64];
        snprintf(type, sizeof(type), "urn:wavefleet:problem:%s", code);
        struct json_out o;
        json_out_init(&o, out);
        json_out_object(&o, NULL);
        json_out_str(&o, "type", type);
        json_out_str(&o, "title", status_phrase(status));
        json_out_int(&o, "status", status);
        json_out_str(&o, "detail", p->err->text);
        json_out_str(&o, "instance", p->instance ? p->instance : "");
        json_out_bool(&o, "success", false);
        json_out_str(&o, "error", p->err->text);
        json_out_str(&o, "code", code);
        print_mistakes(&o, p->mistakes);
        json_out_str(&o, "request_id", p->request_id);
        if (p->data)
                json_out_raw(&o, "data", p->data);
        json_out_object_end(&o);
}
