/* rand.c - libsodium behind the names that the project uses. */
#include "base/rand.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

_Static_assert(HASH_BYTES == crypto_hash_sha256_BYTES, "SHA-256");
_Static_assert(HASH_BYTES == crypto_auth_hmacsha256_BYTES, "HMAC-SHA-256");

struct hash_stream {
        crypto_hash_sha256_state state;
};

void rand_init(void)
{
        if (sodium_init() < 0)
                abort();
}

void rand_bytes(void *out, size_t len)
{
        randombytes_buf(out, len);
}

uint64_t rand_u64(void)
{
        uint64_t v;
        randombytes_buf(&v, sizeof(v));
        return v;
}

uint32_t rand_below(uint32_t upper)
{
        return randombytes_uniform(upper);
}

void rand_uuid(char out[UUID_SIZE])
{
        unsigned char b[16];
        randombytes_buf(b, sizeof(b));
        b[6] = (b[6] & 0x0F) | 0x40; /* RFC 9562 §5.4: version 4, variant 10 */
        b[8] = (b[8] & 0x3F) | 0x80;
        char *at = out;
        for (size_t i = 0; i < sizeof(b); i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *at++ = '-';
                hash_hex(&b[i], 1, at);
                at += 2;
        }
}

void rand_token(char *out, size_t bytes)
{
        const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
        unsigned char *raw = xmalloc(bytes);
        randombytes_buf(raw, bytes);
        sodium_bin2base64(out, sodium_base64_encoded_len(bytes, variant), raw, bytes, variant);
        sodium_memzero(raw, bytes);
        free(raw);
}

void hash_sha256(const void *data, size_t len, unsigned char out[HASH_BYTES])
{
        crypto_hash_sha256(out, data, len);
}

void hash_hmac(const unsigned char key[HASH_BYTES], const void *data, size_t len,
               unsigned char out[HASH_BYTES])
{
        crypto_auth_hmacsha256(out, data, len, key);
}

struct hash_stream *hash_stream_new(void)
{
        struct hash_stream *h = xmalloc(sizeof(*h));
        crypto_hash_sha256_init(&h->state);
        return h;
}

void hash_stream_add(struct hash_stream *h, const void *data, size_t len)
{
        crypto_hash_sha256_update(&h->state, data, len);
}

void hash_stream_end(struct hash_stream *h, unsigned char out[HASH_BYTES])
{
        crypto_hash_sha256_final(&h->state, out);
        sodium_memzero(h, sizeof(*h));
        free(h);
}

void hash_hex(const unsigned char *bytes, size_t len, char *out)
{
        sodium_bin2hex(out, 2 * len + 1, bytes, len);
}

int hash_unhex(const char *hex, unsigned char *out, size_t len)
{
        size_t written;
        size_t digits = strlen(hex);
        if (digits != 2 * len || sodium_hex2bin(out, len, hex, digits, NULL, &written, NULL) != 0 ||
            written != len)
                return -1;
        return 0;
}

bool hash_equal(const void *a, const void *b, size_t len)
{
        return sodium_memcmp(a, b, len) == 0;
}

void mem_wipe(void *p, size_t len)
{
        if (p)
                sodium_memzero(p, len);
}
