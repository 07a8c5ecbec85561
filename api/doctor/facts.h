/* facts.h - members of what PostgreSQL tells as JSON, for who judges it: "", 0 and false where there is none. */
#ifndef API_DOCTOR_FACTS_H
#define API_DOCTOR_FACTS_H

#include "base/json.h"

static inline const char *fact_text(const struct json *facts, const char *name)
{
        const char *s = json_str(json_get(facts, name));
        return s ? s : "";
}

static inline int64_t fact_number(const struct json *facts, const char *name)
{
        int64_t n = 0;
        json_int(json_get(facts, name), &n);
        return n;
}

static inline bool fact_is(const struct json *facts, const char *name)
{
        return json_bool(json_get(facts, name));
}

#endif
