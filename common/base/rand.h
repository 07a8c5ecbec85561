/* rand.h - random numbers, tokens, hashes and comparison in constant time, all by libsodium. */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_BYTES = 32, HASH_HEX_SIZE = 65, UUID_SIZE = 37 };

/* To be called once in main, before any fork. Aborts where there is no source of randomness. */
void rand_init(void);
uint64_t rand_u64(void);
/* Uniform in [0, upper). */
uint32_t rand_below(uint32_t upper);
void rand_bytes(void *out, size_t len);
/* A random UUID, version 4, in text. */
void rand_uuid(char out[UUID_SIZE]);
/* `bytes` random bytes as URL-safe base64 without padding; out has room for bytes * 4 / 3 + 2. */
void rand_token(char *out, size_t bytes);

/* SHA-256 and HMAC-SHA-256. */
void hash_sha256(const void *data, size_t len, unsigned char out[HASH_BYTES]);
void hash_hmac(const unsigned char key[HASH_BYTES], const void *data, size_t len,
               unsigned char out[HASH_BYTES]);
struct hash_stream; /* SHA-256 of what comes in pieces */
struct hash_stream *hash_stream_new(void);
void hash_stream_add(struct hash_stream *h, const void *data, size_t len);
void hash_stream_end(struct hash_stream *h, unsigned char out[HASH_BYTES]); /* frees h */
void hash_hex(const unsigned char *bytes, size_t len, char *out);           /* 2 * len + 1 */
/* -1 where it is not exactly `len` bytes in hex. */
int hash_unhex(const char *hex, unsigned char *out, size_t len);
bool hash_equal(const void *a, const void *b, size_t len); /* constant time */
void mem_wipe(void *p, size_t len);                        /* not optimised away */

#endif
