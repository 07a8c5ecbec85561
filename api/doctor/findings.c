/* findings.c - see the header. */
#include "api/doctor/findings.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"

const char *finding_name(enum finding how)
{
        static const char *const names[] = {"ok", "warn", "fail"};
        return names[how];
}

void found(struct findings *f, enum finding how, const char *name, const char *mend,
           const char *fmt, ...)
{
        char detail[ERR_TEXT_MAX];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(detail, sizeof(detail), fmt, ap);
        va_end(ap);
        f->failed = f->failed || how == FOUND_FAIL;
        f->put(f, how, name, detail, how == FOUND_OK ? "" : mend);
}

static void put_json(struct findings *f, enum finding how, const char *name, const char *detail,
                     const char *mend)
{
        struct json_out *o = &f->out;
        json_out_object(o, NULL);
        json_out_str(o, "name", name);
        json_out_str(o, "status", finding_name(how));
        json_out_str(o, "detail", detail);
        json_out_str(o, "mend", *mend ? mend : NULL);
        json_out_object_end(o);
}

void findings_begin(struct findings *f, struct buf *text)
{
        *f = (struct findings){.put = put_json};
        json_out_init(&f->out, text);
        json_out_object(&f->out, NULL);
        json_out_array(&f->out, "checks");
}

void findings_end(struct findings *f)
{
        json_out_array_end(&f->out);
        json_out_bool(&f->out, "ok", !f->failed);
        json_out_object_end(&f->out);
}
