#include "engine/hurry.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/mem.h"

CLEANUP_DEFINE(json, struct json *, json_free)

void hurry_worker(struct broker *b, int64_t worker_id, int64_t migration_id)
{
        char text[48];
        FAULT_POINT(hurry_unsent);
        snprintf(text, sizeof(text), "cancel %lld", (long long)migration_id);
        broker_control_send(b, worker_id, text);
}

void hurry_workers(struct broker *b, const char *data)
{
        struct json *v cleanup(json_cleanup) = json_parse(data, strlen(data), NULL);
        int64_t id;
        for (const struct json *w = json_first(json_get(v, "workers")); w; w = json_next(w))
                if (json_int(w, &id) == 0)
                        hurry_worker(b, id, 0);
}
