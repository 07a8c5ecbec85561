/*
 * report_html.h - the report of a wave as one page: no script, no request to anywhere, to be read on a screen
 * (light or dark), printed, or sent to somebody. All texts are escaped.
 */
#ifndef API_REPORTS_REPORT_HTML_H
#define API_REPORTS_REPORT_HTML_H

#include "base/buf.h"
#include "base/json.h"

/* What must be allowed for it to be shown as it is. */
#define REPORT_HTML_POLICY                                                                         \
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "     \
        "frame-ancestors 'self'"

/* report: what wave_report.sql answers. */
void report_html(const struct json *report, struct buf *out);

#endif
