/* seal.c - secretbox behind two functions. */
#include "model/seal.h"

#include <sodium.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"

#define PREFIX "sealed:v1:"
enum {
        PREFIX_LEN = sizeof(PREFIX) - 1,
        OVERHEAD = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES,
        VARIANT = sodium_base64_VARIANT_ORIGINAL,
};

static int read_key(const char *hex, unsigned char key[crypto_secretbox_KEYBYTES], struct err *e)
{
        if (!hex || !*hex)
                return err_set(e, ERR_UNAVAILABLE,
                               "secrets cannot be stored: this server has no key to seal them with "
                               "(auth.secret_key, WAVEFLEET_SECRET_KEY)");
        if (hash_unhex(hex, key, crypto_secretbox_KEYBYTES) < 0)
                return err_set(e, ERR_CONFIG, "auth.secret_key is not 64 hex digits");
        return 0;
}

int seal(const char *key_hex, const char *plain, char **out, struct err *e)
{
        unsigned char key[crypto_secretbox_KEYBYTES];
        if (read_key(key_hex, key, e) < 0)
                return -1;
        size_t len = strlen(plain), size = OVERHEAD + len;
        autofree unsigned char *raw = mem_try(NULL, size);
        size_t text_size = sodium_base64_encoded_len(size, VARIANT);
        autofree char *text = mem_try(NULL, PREFIX_LEN + text_size);
        if (!raw || !text) {
                mem_wipe(key, sizeof(key));
                return err_set(e, ERR_UNAVAILABLE, "could not hold the secret: out of memory");
        }
        unsigned char *box = raw + crypto_secretbox_NONCEBYTES;
        randombytes_buf(raw, crypto_secretbox_NONCEBYTES);
        crypto_secretbox_easy(box, (const unsigned char *)plain, len, raw, key);
        mem_wipe(key, sizeof(key));
        memcpy(text, PREFIX, PREFIX_LEN);
        sodium_bin2base64(text + PREFIX_LEN, text_size, raw, size, VARIANT);
        *out = take(text);
        return 0;
}

bool seal_is(const char *text)
{
        return strncmp(text, PREFIX, PREFIX_LEN) == 0;
}

int unseal(const char *key_hex, const char *sealed, char **out, struct err *e)
{
        unsigned char key[crypto_secretbox_KEYBYTES];
        if (!seal_is(sealed))
                return err_set(e, ERR_CONFIG, "cannot open a secret: it is not sealed");
        if (!key_hex || !*key_hex)
                return err_set(e, ERR_CONFIG,
                               "cannot open a sealed secret: there is no auth.secret_key");
        if (read_key(key_hex, key, e) < 0)
                return -1;
        size_t room = strlen(sealed), size = 0;
        autofree unsigned char *raw = mem_try(NULL, room);
        bool good = raw &&
                    sodium_base642bin(raw, room, sealed + PREFIX_LEN, room - PREFIX_LEN, NULL,
                                      &size, NULL, VARIANT) == 0 &&
                    size >= OVERHEAD;
        char *plain = mem_try(NULL, good ? size - OVERHEAD + 1 : 1);
        bool starved = !raw || !plain;
        good = good && plain &&
               crypto_secretbox_open_easy((unsigned char *)plain, raw + crypto_secretbox_NONCEBYTES,
                                          size - crypto_secretbox_NONCEBYTES, raw, key) == 0;
        mem_wipe(key, sizeof(key));
        if (!good) {
                free(plain);
                if (starved)
                        return err_set(e, ERR_UNAVAILABLE,
                                       "could not hold the secret: out of memory");
                return err_set(e, ERR_CONFIG,
                               "cannot open a sealed secret: it was sealed with another "
                               "auth.secret_key, or is damaged");
        }
        plain[size - OVERHEAD] = '\0';
        *out = plain;
        return 0;
}
