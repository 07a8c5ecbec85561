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

/* Something that would make it forget. */
struct server_fault {
        const char *about; /* "rights", "eviction", "persistence" */
        char what[SERVER_COMPLAINT_SIZE];
        const char *mend;
};

struct server_facts {
        bool known; /* INFO was allowed */
        char run_id[SERVER_RUN_ID_SIZE];
        char version[32];
        char policy[32]; /* maxmemory-policy */
        bool loading, replica;
        bool appendonly;
        bool save_known, save; /* save points are set */
        /* 0: not said */
        int64_t used_bytes, most_bytes,
                machine_bytes; /* memory: taken, maxmemory, of its machine */
        int64_t clients, clients_most;
        bool snapshot_failed, log_failed; /* the last one written to disk */
        struct server_fault faults[SERVER_COMPLAINTS];
        size_t faults_count;
        char complaint[SERVER_COMPLAINTS][SERVER_COMPLAINT_SIZE]; /* what, and how to mend it */
        const char *complaints[SERVER_COMPLAINTS + 1];            /* NULL-ended, into complaint */
};

/* The answer to INFO. */
void server_read_info(struct server_facts *f, const char *text, size_t len);
/* Why it cannot be used now, or NULL. */
const char *server_problem(const struct server_facts *f);
/* Fills faults and complaints. `f` may not be copied afterwards. */
void server_complain(struct server_facts *f);

#endif
