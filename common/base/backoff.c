/* backoff.c - full jitter: a uniformly random part of an exponentially growing bound. */
#include "base/backoff.h"

int64_t backoff_ceiling(const struct backoff *b, unsigned n)
{
        int64_t ceiling = b->base_ms;
        if (b->factor < 2 || ceiling <= 0)
                n = 1;
        /* Ends after 63 turns at the latest: by then even a factor of 2 has passed any cap. */
        for (; n > 1 && ceiling < b->cap_ms; n--) {
                if (__builtin_mul_overflow(ceiling, (int64_t)b->factor, &ceiling))
                        ceiling = b->cap_ms;
        }
        return ceiling < b->cap_ms ? ceiling : b->cap_ms;
}

int64_t backoff_wait(const struct backoff *b, unsigned n, uint64_t random)
{
        int64_t ceiling = backoff_ceiling(b, n);
        return ceiling > 0 ? (int64_t)(random % ((uint64_t)ceiling + 1)) : 0;
}
