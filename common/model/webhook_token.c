/* webhook_token.c - see the header. */
#include "model/webhook_token.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rand.h"

_Static_assert((int)WEBHOOK_KEY_BYTES == (int)HASH_BYTES, "the key of HMAC-SHA-256");

/* 'm', 19 and 10 digits, two points, the hash, the end. */
_Static_assert((int)WEBHOOK_TOKEN_SIZE >= 1 + 19 + 1 + 10 + 1 + (int)HASH_HEX_SIZE,
               "the longest token");

void webhook_token_make(const unsigned char key[WEBHOOK_KEY_BYTES], int64_t id, int32_t attempt,
                        char out[WEBHOOK_TOKEN_SIZE])
{
        char what[40], hex[HASH_HEX_SIZE];
        unsigned char mac[HASH_BYTES];
        int len = snprintf(what, sizeof(what), "%" PRId64 ".%" PRId32, id, attempt);
        hash_hmac(key, what, (size_t)len, mac);
        hash_hex(mac, sizeof(mac), hex);
        snprintf(out, WEBHOOK_TOKEN_SIZE, "m%s.%s", what, hex);
        mem_wipe(mac, sizeof(mac));
}

/* Decimal digits up to `max`, without a sign or a zero in front. Where they end, or NULL. */
static const char *number(const char *s, int64_t max, int64_t *out)
{
        int64_t v = 0;
        if (*s < '1' || *s > '9')
                return NULL;
        for (; *s >= '0' && *s <= '9'; s++) {
                int digit = *s - '0';
                if (v > (max - digit) / 10)
                        return NULL;
                v = v * 10 + digit;
        }
        *out = v;
        return s;
}

int webhook_token_verify(const unsigned char key[WEBHOOK_KEY_BYTES], const char *token, int64_t *id,
                         int32_t *attempt)
{
        int64_t i, n;
        if (!token || *token != 'm')
                return -1;
        const char *at = number(token + 1, INT64_MAX, &i);
        if (!at || *at != '.')
                return -1;
        at = number(at + 1, INT32_MAX, &n);
        if (!at || *at != '.' || strnlen(at, HASH_HEX_SIZE + 1) != HASH_HEX_SIZE)
                return -1;
        char right[WEBHOOK_TOKEN_SIZE];
        webhook_token_make(key, i, (int32_t)n, right);
        bool same = hash_equal(right + (at - token), at, HASH_HEX_SIZE);
        mem_wipe(right, sizeof(right));
        if (!same)
                return -1;
        *id = i;
        *attempt = (int32_t)n;
        return 0;
}

char *webhook_url(struct arena *a, const char *public_url, const char *token)
{
        size_t len = strlen(public_url);
        while (len && public_url[len - 1] == '/')
                len--;
        return arena_printf(a, "%.*s" WEBHOOK_PATH "?token=%s", (int)len, public_url, token);
}
