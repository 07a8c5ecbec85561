/* password.c - crypto_pwhash behind two functions. */
#include "model/password.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/rand.h"

_Static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "as libsodium writes it");

static const unsigned long long passes = 2;
static const size_t memory_bytes = 64 << 20;

int username_fold(const char *name, char out[USERNAME_MAX + 1])
{
        static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        static const char others[] = "abcdefghijklmnopqrstuvwxyz0123456789._@+-";
        char folded[USERNAME_MAX + 1];
        size_t len = strlen(name);
        if (len == 0 || len > USERNAME_MAX)
                return -1;
        for (size_t i = 0; i <= len; i++) {
                if (name[i] && strchr(capitals, name[i]))
                        folded[i] = (char)(name[i] - 'A' + 'a');
                else if (strchr(others, name[i])) /* the NUL at the end, too */
                        folded[i] = name[i];
                else
                        return -1;
        }
        if (strcmp(folded, "bootstrap") == 0)
                return -1;
        memcpy(out, folded, len + 1);
        return 0;
}

int password_check(const char *username, const char *password, struct err *e)
{
        size_t len = strlen(password);
        if (len < PASSWORD_MIN || len > PASSWORD_MAX)
                return err_set(e, ERR_INVALID, "a password has %d to %d bytes", PASSWORD_MIN,
                               PASSWORD_MAX);
        if (!utf8_valid(password, len))
                return err_set(e, ERR_INVALID, "a password must be UTF-8");
        if (strcasecmp(username, password) == 0)
                return err_set(e, ERR_INVALID, "a password must not be the user's name");
        return 0;
}

int password_hash(const char *password, char out[PASSWORD_HASH_SIZE], struct err *e)
{
        if (crypto_pwhash_str_alg(out, password, strlen(password), passes, memory_bytes,
                                  crypto_pwhash_ALG_ARGON2ID13) == 0)
                return 0;
        return err_set(e, ERR_UNAVAILABLE, "could not hash the password: out of memory");
}

/* libsodium says "wrong" also where it had no memory; only errno tells the two apart. */
enum password_verdict password_verify(const char *hash, const char *password)
{
        char scratch[PASSWORD_HASH_SIZE];
        if (!hash) {
                int rc = password_hash(password, scratch, NULL);
                mem_wipe(scratch, sizeof(scratch));
                return rc == 0 ? PASSWORD_WRONG : PASSWORD_STARVED;
        }
        errno = 0;
        if (crypto_pwhash_str_verify(hash, password, strlen(password)) == 0)
                return PASSWORD_RIGHT;
        return errno == ENOMEM ? PASSWORD_STARVED : PASSWORD_WRONG;
}
