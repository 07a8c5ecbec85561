/* wave_id.h - the id of a wave as people see it: "<unix seconds>_<12 random digits>". */
#ifndef MODEL_WAVE_ID_H
#define MODEL_WAVE_ID_H

#include <stdbool.h>

enum { WAVE_ID_SIZE = 40 };

void wave_id_new(char out[WAVE_ID_SIZE]);
/* Whether it has the form of one. */
bool wave_id_ok(const char *id);

#endif
