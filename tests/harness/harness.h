/*
 * What integration tests stand on: a Redis and a PostgreSQL of their own, and waiting for a
 * condition. A test program calls harness_stack_up() in main, before srunner_run_all(), so that all
 * its tests (each a process of its own) share one stack; the stack and its folder are gone when the
 * program is, however it ended.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <stdbool.h>

struct harness_stack {
        const char *dir; /* an empty temporary folder but for what the stack keeps in it */
        const char *database_url;
        const char *redis_url;
};

/*
 * Starts the stack (about a second), or returns the one that runs. The URLs are in the environment
 * as well, as WAVEFLEET_DATABASE_URL and WAVEFLEET_REDIS_URL. Ends the program with code 99 if the
 * servers cannot be started.
 */
const struct harness_stack *harness_stack_up(void);

/* Starts what a test has killed, on the same ports and with the same data. */
void harness_stack_restart(void);

/* Process id of the stack's server ("redis" or "postgres"), for tests that stop or kill it. */
int harness_server_pid(const char *server);

/* Asks `condition` every few milliseconds; true as soon as it holds, false after the deadline. */
bool harness_wait(bool (*condition)(void *arg), void *arg, int deadline_ms);

#endif
