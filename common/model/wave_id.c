/* wave_id.c - making and recognising ids of waves. */
#include "model/wave_id.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/rand.h"

enum { RANDOM_DIGITS = 12, SECONDS_DIGITS_MAX = 19 };

void wave_id_new(char out[WAVE_ID_SIZE])
{
        long long seconds = clock_wall_ms() / 1000;
        snprintf(out, WAVE_ID_SIZE, "%lld_%06u%06u", seconds, rand_below(1000000),
                 rand_below(1000000));
}

bool wave_id_ok(const char *id)
{
        static const char digits[] = "0123456789";
        size_t seconds = strspn(id, digits);
        if (seconds == 0 || seconds > SECONDS_DIGITS_MAX || id[seconds] != '_')
                return false;
        const char *rest = id + seconds + 1;
        return strspn(rest, digits) == RANDOM_DIGITS && rest[RANDOM_DIGITS] == '\0';
}
