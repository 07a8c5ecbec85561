/*
 * metrics.h - counters, gauges and histograms of this process, in Prometheus text format 0.0.4.
 *
 * metrics.def is the table. Label values are passed in the order of the row's label names; a series
 * comes into being with its first use. Histograms have fixed buckets from 0.5 ms to 60 s.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdint.h>

#include "base/buf.h"

enum metric_id {
#define METRIC(id, name, type, labels, help) id,
#include "base/metrics.def"
#undef METRIC
        METRIC_COUNT
};

/* Label values follow, as many as the row names, then NULL: metric_add(METRIC_CLAIMS, 3, "claimed", NULL) */
void metric_add(enum metric_id id, double value, ...) __attribute__((sentinel));
void metric_set(enum metric_id id, double value, ...) __attribute__((sentinel));
void metric_observe(enum metric_id id, double seconds, ...) __attribute__((sentinel));
/* Forgets all series of a gauge, before it is filled anew. */
void metric_clear(enum metric_id id);
/* The whole table, with # HELP and # TYPE. */
void metrics_print(struct buf *out);
/* Rows for the documentation: | name | type | labels | help | */
void metrics_markdown(struct buf *out);

#endif
