/* decimal.h - a number as text where printf() would take longer than what it is for. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdint.h>

enum { DECIMAL_SIZE = 20 }; /* of the longest, "-9223372036854775808"; no NUL */

/* Writes the decimal digits of n so that they end right before `end`, and returns the first. */
static inline char *decimal_before(char *end, int64_t n)
{
        uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
        do
                *--end = (char)('0' + left % 10);
        while (left /= 10);
        if (n < 0)
                *--end = '-';
        return end;
}

#endif
