/*
 * crowd.h - many workers on the few processors of one host. Where these are at their limit and bodies take
 * microseconds, one more worker adds nothing: batches become smaller, and everybody's caches colder. Whether this
 * worker is one of those that could rest, or wait with their start.
 *
 * Each has a seat, the first that was free when it came: an abstract Unix socket (unix(7)) which it has bound, and which
 * is free again when its process is gone. Whoever has one of the first seats, of as many as there are processors, and of
 * two at least, is never too many.
 */
#ifndef ENGINE_CROWD_H
#define ENGINE_CROWD_H

#include <stdbool.h>
#include <stdint.h>

/* NULL is a crowd in which nobody is too many: fine for all of these but crowd_wait. */
struct crowd;

/*
 * Takes a seat. stat: /proc/stat (proc(5)), or what a test has in its place; not copied. whose: the same for all workers
 * that serve the same queues of the same fleet, and for no others.
 */
struct crowd *crowd_new(const char *stat, const char *whose);
void crowd_free(struct crowd *c);
/* Takes a seat before its own, where one is free: to be called now and then. */
void crowd_move_up(struct crowd *c);
/* Leaves its seat to others; from now on it is not too many. */
void crowd_leave(struct crowd *c);
enum crowding {
        CROWD_FINE,
        /* It has none of the first seats, and nobody has asked for a while: what the processors do will be known soon. */
        CROWD_UNKNOWN,
        /* It has none of the first seats, and the processors are busy, or were when they were looked at before. */
        CROWD_FULL
};
/* Looks at them now and then. Fine, too, where nobody can know. */
enum crowding crowd_now(struct crowd *c);
/*
 * Sleeps until it is not so at two looks in a row, most_ms at most; where it has one of the first seats not at all.
 * Returns how long, in milliseconds.
 */
int64_t crowd_wait(struct crowd *c, int64_t most_ms);

#endif
