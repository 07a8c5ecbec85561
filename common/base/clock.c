/* clock.c - the two clocks, RFC 3339, and the tests' hands on both. */
#include "base/clock.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#ifdef CLOCK_BOOTTIME
#define MONO CLOCK_BOOTTIME
#else
#define MONO CLOCK_MONOTONIC
#endif

static struct {
        bool on;
        int64_t mono_ms, wall_ms;
} driven;

static int64_t read_us(clockid_t id)
{
        struct timespec t;
        clock_gettime(id, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
        return driven.on ? driven.mono_ms * 1000 : read_us(MONO);
}

int64_t clock_mono_ms(void)
{
        return clock_mono_us() / 1000;
}

int64_t clock_wall_ms(void)
{
        return driven.on ? driven.wall_ms : read_us(CLOCK_REALTIME) / 1000;
}

void clock_sleep_ms(int64_t ms)
{
        const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

        nanosleep(&t, NULL);
}

void clock_drive(int64_t mono_ms, int64_t wall_ms)
{
        driven.on = true;
        driven.mono_ms = mono_ms;
        driven.wall_ms = wall_ms;
}

void clock_advance(int64_t ms)
{
        driven.mono_ms += ms;
        driven.wall_ms += ms;
}

void clock_release(void)
{
        driven.on = false;
}

void clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_SIZE])
{
        bool before = wall_ms % 1000 < 0; /* 1970, within a second: round down */
        int64_t ms = wall_ms % 1000 + (before ? 1000 : 0);
        time_t seconds = (time_t)(wall_ms / 1000 - (before ? 1 : 0));
        struct tm t;
        if (!gmtime_r(&seconds, &t))
                memset(&t, 0, sizeof(t));
        snprintf(out, CLOCK_RFC3339_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                 (unsigned)(t.tm_year + 1900) % 10000, (unsigned)(t.tm_mon + 1) % 100,
                 (unsigned)t.tm_mday % 100, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
                 (unsigned)t.tm_sec % 100, (unsigned)ms % 1000);
}

/* Exactly `digits` digits at *s, within lo..hi; moves *s on. -1 otherwise. */
static int number(const char **s, int digits, int lo, int hi, int *out)
{
        int v = 0;
        for (int i = 0; i < digits; i++) {
                if (!isdigit((unsigned char)(*s)[i]))
                        return -1;
                v = v * 10 + ((*s)[i] - '0');
        }
        if (v < lo || v > hi)
                return -1;
        *s += digits;
        *out = v;
        return 0;
}

static bool skip(const char **s, const char *any_of)
{
        if (!**s || !strchr(any_of, **s))
                return false;
        (*s)++;
        return true;
}

static int date_time(const char **s, struct tm *t)
{
        int year, month;
        if (number(s, 4, 0, 9999, &year) < 0 || !skip(s, "-") || number(s, 2, 1, 12, &month) < 0 ||
            !skip(s, "-") || number(s, 2, 1, 31, &t->tm_mday) < 0 || !skip(s, "Tt ") ||
            number(s, 2, 0, 23, &t->tm_hour) < 0 || !skip(s, ":") ||
            number(s, 2, 0, 59, &t->tm_min) < 0 || !skip(s, ":") ||
            number(s, 2, 0, 60, &t->tm_sec) < 0) /* 60: a leap second */
                return -1;
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        if (t->tm_mday > days[month - 1] + (month == 2 && leap ? 1 : 0))
                return -1;
        t->tm_year = year - 1900;
        t->tm_mon = month - 1;
        return 0;
}

/* ".123456": milliseconds; further digits are dropped. */
static int fraction(const char **s, int *ms)
{
        *ms = 0;
        if (!skip(s, "."))
                return 0;
        if (!isdigit((unsigned char)**s))
                return -1;
        for (int weight = 100; isdigit((unsigned char)**s); weight /= 10)
                *ms += (*(*s)++ - '0') * weight;
        return 0;
}

/* "Z", "+01:00", "+0100", "+01" (as PostgreSQL prints), or nothing: UTC. */
static int zone(const char **s, int *minutes)
{
        *minutes = 0;
        if (**s == '\0' || skip(s, "Zz"))
                return 0;
        int sign = **s == '-' ? -1 : 1;
        int h, m = 0;
        if (!skip(s, "+-") || number(s, 2, 0, 23, &h) < 0)
                return -1;
        if ((skip(s, ":") || **s) && number(s, 2, 0, 59, &m) < 0)
                return -1;
        *minutes = sign * (h * 60 + m);
        return 0;
}

int clock_parse(const char *s, int64_t *wall_ms)
{
        struct tm t = {0};
        int ms, minutes;
        if (date_time(&s, &t) < 0 || fraction(&s, &ms) < 0 || zone(&s, &minutes) < 0 || *s)
                return -1;
        *wall_ms = ((int64_t)timegm(&t) - (int64_t)minutes * 60) * 1000 + ms;
        return 0;
}
