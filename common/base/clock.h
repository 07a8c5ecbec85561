/*
 * clock.h - time. Durations on the monotonic clock, points in time on the wall clock, both through
 * here so that tests can drive them. Monotonic time is CLOCK_BOOTTIME where there is one: a machine
 * that slept has not renewed its lease.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void); /* since 1970, UTC */
/* Sleeps for so long, or until a signal comes. By the real clock, also in tests that drive the others. */
void clock_sleep_ms(int64_t ms);

enum { CLOCK_RFC3339_SIZE = 32 };
/* Writes "2026-01-31T12:00:00.123Z". */
void clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_SIZE]);
/* RFC 3339 with zone, seconds' fraction optional, also "YYYY-MM-DD HH:MM:SS" (UTC). 0 or -1. */
int clock_parse(const char *s, int64_t *wall_ms);

/* Tests only: from now on both clocks stand still at these values until driven again. */
void clock_drive(int64_t mono_ms, int64_t wall_ms);
void clock_advance(int64_t ms);
void clock_release(void); /* back to the real clocks */

#endif
