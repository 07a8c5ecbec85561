/*
 * server.h - what a Redis server says of itself (INFO, CONFIG GET), whether it can be used, and what
 * would make it forget.
 */
#ifndef BROKER_SERVER_H
#define BROKER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERVER_RUN_ID_SIZE = 64, SERVER_COMPLAINTS = 4, SERVER_COMPLAINT_SIZE = 224 };

struct server_facts {
        bool known; /* INFO was allowed */
        char run_id[SERVER_RUN_ID_SIZE];
        char version[32];
        char policy[32]; /* maxmemory-policy */
        bool loading, replica;
        bool appendonly;
        bool save_known, save; /* save points are set */
        char complaint[SERVER_COMPLAINTS][SERVER_COMPLAINT_SIZE];
        const char *complaints[SERVER_COMPLAINTS + 1]; /* NULL-ended, into complaint */
};

/* The answer to INFO. */
void server_read_info(struct server_facts *f, const char *text, size_t len);
/* Why it cannot be used now, or NULL. */
const char *server_problem(const struct server_facts *f);
/* Fills complaints. `f` may not be copied afterwards. */
void server_complain(struct server_facts *f);

#endif
