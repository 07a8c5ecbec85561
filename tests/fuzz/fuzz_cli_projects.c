/* Files of projects: what is read is JSON that the API could take, without an empty line; else it is said why. */
#include "tests/fuzz/fuzz.h"

#include "cli/projects.h"

static void check_names(const struct json *all, bool csv)
{
        const struct json *list = json_get(all, csv ? "projects" : "project_uuids");
        must(list && json_type_of(list) == JSON_ARRAY && json_count(list) > 0);
        for (const struct json *i = json_first(list); i; i = json_next(i)) {
                const char *name = json_str(csv ? json_get(i, "project") : i);
                must(name && (csv || (*name && !strchr(name, '\n'))));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = input_of(data, size);
        bool csv = input_choice(&in, 2);
        size_t len;
        autofree char *text = input_rest(&in, &len);
        autobuf out = BUF_INIT(SIZE_MAX);
        struct err e = ERR_INIT;
        struct json_out o;
        json_out_init(&o, &out);
        json_out_object(&o, NULL);
        if ((csv ? projects_csv : projects_lines)(&o, text, len, "FILE", &e) < 0) {
                must_explain(&e);
                must(e.code == ERR_CONFIG || e.code == ERR_TOO_LARGE);
                return 0;
        }
        json_out_object_end(&o);
        struct json *v = json_parse(buf_str(&out), out.len, &e);
        /* What a parameter brings along can be too deep, or name a member twice: the API says so. */
        if (v)
                check_names(v, csv);
        else
                must(csv && strstr(text, "params."));
        json_free(v);
        return 0;
}
