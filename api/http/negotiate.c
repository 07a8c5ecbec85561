/* negotiate.c - see negotiate.h. */
#include "api/http/negotiate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/rand.h"

enum { WEIGHT_WHOLE = 1000 };

int negotiate_weight(const char *s, const char *end)
{
        if (s == end || (*s != '0' && *s != '1'))
                return 0;
        int weight = (*s++ - '0') * WEIGHT_WHOLE, unit = WEIGHT_WHOLE / 10;
        if (s < end && *s == '.')
                s++;
        else
                return s == end ? weight : 0;
        for (; s < end && unit; s++, unit /= 10) {
                if (*s < '0' || *s > '9')
                        return 0;
                weight += (*s - '0') * unit;
        }
        return s == end && weight <= WEIGHT_WHOLE ? weight : 0;
}

static const char *skip_space(const char *s, const char *end)
{
        while (s < end && (*s == ' ' || *s == '\t'))
                s++;
        return s;
}

static const char *trim_end(const char *s, const char *end)
{
        while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
        return end;
}

/* The weight of one member, "gzip;q=0.8", if it names the coding; -1: it does not. */
static int member_weight(const char *s, const char *end, const char *coding)
{
        const char *semicolon = memchr(s, ';', (size_t)(end - s));
        const char *name_end = trim_end(s, semicolon ? semicolon : end);
        if ((size_t)(name_end - s) != strlen(coding) || strncasecmp(s, coding, strlen(coding)) != 0)
                return -1;
        if (!semicolon)
                return WEIGHT_WHOLE;
        s = skip_space(semicolon + 1, end);
        if (end - s < 2 || (*s != 'q' && *s != 'Q') || s[1] != '=')
                return 0;
        return negotiate_weight(s + 2, end);
}

/* -1: no member names it. */
static int list_weight(const char *header, const char *coding)
{
        int found = -1;
        for (const char *s = header; *s && found < 0;) {
                const char *comma = s + strcspn(s, ",");
                const char *from = skip_space(s, comma);
                found = member_weight(from, trim_end(from, comma), coding);
                s = comma + (*comma == ',');
        }
        return found;
}

int negotiate_coding(const char *header, const char *coding)
{
        bool identity = strcasecmp(coding, "identity") == 0;
        if (!header)
                return identity ? WEIGHT_WHOLE : 0;
        int weight = list_weight(header, coding);
        if (weight < 0)
                weight = list_weight(header, "*");
        if (weight < 0)
                weight = identity; /* acceptable, after all that is named */
        return weight;
}

void negotiate_make_etag(const void *data, size_t len, char out[ETAG_SIZE])
{
        enum { TAG_BYTES = (ETAG_SIZE - 3) / 2 };
        unsigned char hash[HASH_BYTES];
        char hex[2 * TAG_BYTES + 1];
        hash_sha256(data, len, hash);
        hash_hex(hash, TAG_BYTES, hex);
        snprintf(out, ETAG_SIZE, "\"%s\"", hex);
}

bool negotiate_has_etag(const char *header, const char *etag)
{
        size_t len = strlen(etag);
        for (const char *s = header; s && *s;) {
                const char *comma = s + strcspn(s, ",");
                const char *from = skip_space(s, comma), *end = trim_end(from, comma);
                if (end - from == 1 && *from == '*')
                        return true;
                if (end - from > 2 && strncmp(from, "W/", 2) == 0)
                        from += 2;
                if ((size_t)(end - from) == len && memcmp(from, etag, len) == 0)
                        return true;
                s = comma + (*comma == ',');
        }
        return false;
}
