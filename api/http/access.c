/* access.c - event http.request. */
#include "api/http/access.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

static bool is_reading(const char *method)
{
        return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
               strcmp(method, "OPTIONS") == 0;
}

static void write_line(const struct request *rq, const struct answer *a, const char *route,
                       int64_t took_us)
{
        const char *method = rq->method ? rq->method : "-";
        enum log_level level = a->status >= 400 || !is_reading(method) ? LOG_INFO : LOG_DEBUG;
        LOG_AT(level, "http.request", LS("method", method), LS("path", request_path(rq)),
               LS("route", route), LI("status", a->status),
               LD("duration_ms", (double)took_us / 1000), LI("bytes", a->body_bytes),
               LS("principal", rq->principal), LS("peer", rq->peer), LS("request_id", rq->id));
}

void access_note(const struct request *rq, const struct answer *a)
{
        if (rq->quiet)
                return;
        const char *route = rq->match.route ? rq->match.route->path : "none";
        int64_t took_us = clock_mono_us() - rq->begun_us;
        char status[12];
        snprintf(status, sizeof(status), "%d", a->status);
        metric_add(METRIC_HTTP_REQUESTS, 1, route, rq->method ? rq->method : "-", status, NULL);
        metric_observe(METRIC_HTTP_SECONDS, (double)took_us / 1e6, route, NULL);
        write_line(rq, a, route, took_us);
}
