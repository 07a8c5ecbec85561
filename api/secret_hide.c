/* secret_hide.c - see the header. */
#include "api/secret_hide.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"
#include "model/seal.h"

enum { SECRET_MIN = 4 };

static void wipe(char **secret)
{
        if (*secret)
                mem_wipe(*secret, strlen(*secret));
        free(*secret);
}

static const char *replace(struct arena *a, const char *text, size_t *len, const char *secret)
{
        size_t n = strlen(secret);
        const char *at = text, *end = text + *len, *found = memmem(text, *len, secret, n);
        if (!found)
                return text;
        autobuf out = BUF_INIT(SIZE_MAX);
        for (; found; found = memmem(at, (size_t)(end - at), secret, n)) {
                buf_add(&out, at, (size_t)(found - at));
                buf_adds(&out, SEAL_MASK);
                at = found + n;
        }
        buf_add(&out, at, (size_t)(end - at));
        const char *hidden = arena_text(a, &out);
        *len = hidden ? out.len : 0;
        return hidden ? hidden : ""; /* the arena is failed, so no answer is made of it */
}

static void escape(struct buf *out, const char *s)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789-._~";
        for (; *s; s++) {
                if (strchr(plain, *s))
                        buf_addc(out, *s);
                else
                        buf_addf(out, "%%%02X", (unsigned)(unsigned char)*s);
        }
}

const char *secret_hide(struct arena *a, const char *text, size_t *len, const char *sealed,
                        const char *key_hex)
{
        cleanup(wipe) char *secret = NULL;
        if (!sealed || unseal(key_hex, sealed, &secret, NULL) < 0)
                return text;
        /* digits alone could be a number of the JSON, whose form must stay */
        if (strlen(secret) < SECRET_MIN || secret[strspn(secret, "0123456789.-+eE")] == '\0')
                return text;
        autobuf escaped = BUF_INIT(SIZE_MAX);
        escape(&escaped, secret);
        if (!buf_ok(&escaped)) {
                *len = 0;
                return arena_text(a, &escaped) ? text : "";
        }
        text = replace(a, text, len, secret);
        text = replace(a, text, len, buf_str(&escaped));
        mem_wipe(escaped.data, escaped.len);
        return text;
}
