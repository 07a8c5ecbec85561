/* kinds.c - the table of kinds. To add one: its folder, and its line here. */
#include <string.h>

#include "base/mem.h"
#include "worker/kinds/kind.h"

extern const struct kind kind_remote;  /* remote/remote.c */
extern const struct kind kind_command; /* command/command.c */
extern const struct kind kind_noop;    /* noop.c */

static const struct kind *const kinds[] = {&kind_remote, &kind_command, &kind_noop};

const struct kind *kind_find(const char *name)
{
        for (size_t i = 0; i < COUNT_OF(kinds); i++) {
                if (strcmp(kinds[i]->name, name) == 0)
                        return kinds[i];
        }
        return NULL;
}
