/*
 * export.h - all migrations of a wave as comma-separated values (api/reports/csv.h), written as they are read: a page
 * of them is in memory at a time, and the next is read when the client has taken most of the one before.
 */
#ifndef API_REPORTS_EXPORT_H
#define API_REPORTS_EXPORT_H

#include "api/http/request.h"

enum { EXPORTS_MAX = 4 }; /* at once, by one process */

/* The wave of the path. Answers, with 503 where as many are written already. */
void export_wave(struct request *rq);

#endif
