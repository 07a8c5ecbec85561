/* hurry.h - requests to end bodies stand in PostgreSQL; these words only hurry their workers. */
#ifndef ENGINE_HURRY_H
#define ENGINE_HURRY_H

#include "broker/broker.h"

void hurry_worker(struct broker *b, int64_t worker_id, int64_t migration_id);
/* All that the data of an act names in its member "workers". */
void hurry_workers(struct broker *b, const char *data);

#endif
