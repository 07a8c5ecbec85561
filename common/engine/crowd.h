/*
 * crowd.h - many workers on the few processors of one host. Where these are at their limit and bodies take
 * microseconds, one more worker adds nothing: batches become smaller, and everybody's caches colder. Whether this
 * worker is one of those that could rest.
 */
#ifndef ENGINE_CROWD_H
#define ENGINE_CROWD_H

#include <stdbool.h>
#include <stddef.h>

struct crowd;

/* stat: /proc/stat (proc(5)), or what a test has in its place; not copied. */
struct crowd *crowd_new(const char *stat);
void crowd_free(struct crowd *c); /* NULL is fine */
/* So many workers on this host serve the same queues, and were there before this one. */
void crowd_before(struct crowd *c, size_t n);
/*
 * There are as many as processors without this one, two at least, and the processors have been busy since it was last
 * looked at, for a tenth of a second or more. False where nobody knows.
 */
bool crowd_is_full(struct crowd *c);

#endif
