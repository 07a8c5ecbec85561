/* kind.c - the table of kinds, as the API knows them. */
#include "model/kind.h"

#include <string.h>

#include "base/mem.h"
#include "model/kind_command.h"
#include "model/kind_noop.h"
#include "model/kind_remote.h"

static const struct kind_spec kinds[] = {
        {"remote", true, kind_remote_check_params, kind_remote_check_project},
        {"command", false, kind_command_check_params, kind_command_check_project},
        {"noop", false, kind_noop_check_params, kind_noop_check_project},
};

const struct kind_spec *kind_spec_find(const char *name)
{
        for (size_t i = 0; i < COUNT_OF(kinds); i++) {
                if (strcmp(kinds[i].name, name) == 0)
                        return &kinds[i];
        }
        return NULL;
}

const char *kind_names(void)
{
        static char names[256];
        struct buf b = BUF_INIT(sizeof(names) - 1);
        if (names[0])
                return names;
        for (size_t i = 0; i < COUNT_OF(kinds); i++) {
                buf_adds(&b, i ? ", " : "");
                buf_adds(&b, kinds[i].name);
        }
        memcpy(names, buf_str(&b), b.len + 1);
        buf_fini(&b);
        return names;
}
