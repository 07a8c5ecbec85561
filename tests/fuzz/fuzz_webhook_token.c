/* webhook_token_verify: the token that was made and no other; a line is a token as it came. */
#include "model/webhook_token.h"
#include "tests/fuzz/fuzz.h"

static const unsigned char key[WEBHOOK_KEY_BYTES] = "the key of the fuzz target......";

/* -1, and nothing is touched; or it is the very text that this key makes. */
static void judge(const char *token)
{
        int64_t id = -7;
        int32_t attempt = -7;
        if (webhook_token_verify(key, token, &id, &attempt) < 0) {
                must(id == -7 && attempt == -7);
                return;
        }
        char made[WEBHOOK_TOKEN_SIZE];
        webhook_token_make(key, id, attempt, made);
        must(strcmp(made, token) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = input_of(data, size);
        size_t len;
        autofree char *line = input_line(&in, &len), *number = input_line(&in, NULL);
        judge(line);

        /* A genuine one, and the same with one byte changed. */
        int64_t id = strtoll(number, NULL, 10) & INT64_MAX, got_id;
        id += id == 0;
        int32_t attempt = (int32_t)(len & 0xFFFF) + 1, got_attempt;
        char made[WEBHOOK_TOKEN_SIZE];
        webhook_token_make(key, id, attempt, made);
        must(webhook_token_verify(key, made, &got_id, &got_attempt) == 0);
        must(got_id == id && got_attempt == attempt);
        size_t at = len && strlen(made) ? len % strlen(made) : 0;
        char instead = line[0] ? line[0] : '0';
        if (made[at] != instead) {
                made[at] = instead;
                judge(made);
        }

        /* Its URL, after whatever public address. */
        struct arena *a = arena_new(0);
        char *url = webhook_url(a, line, "TOKEN");
        size_t url_len = strlen(url);
        must(url_len > 6 && strcmp(url + url_len - 6, "=TOKEN") == 0);
        arena_free(a);
        return 0;
}
