/* test_rand.c - formats, known hashes, comparison. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"

START_TEST(uuids)
{
        char a[UUID_SIZE], b[UUID_SIZE];
        rand_uuid(a);
        rand_uuid(b);
        ck_assert_uint_eq(strlen(a), UUID_SIZE - 1);
        ck_assert_str_ne(a, b);
        ck_assert_int_eq(a[14], '4');
        ck_assert_ptr_nonnull(strchr("89ab", a[19]));
        for (int i = 0; i < UUID_SIZE - 1; i++) {
                if (i == 8 || i == 13 || i == 18 || i == 23)
                        ck_assert_int_eq(a[i], '-');
                else
                        ck_assert_ptr_nonnull(strchr("0123456789abcdef", a[i]));
        }
}
END_TEST

START_TEST(tokens)
{
        for (size_t bytes = 1; bytes <= 64; bytes++) {
                autofree char *token = xmalloc(bytes * 4 / 3 + 2);
                rand_token(token, bytes);
                ck_assert_uint_eq(strlen(token), (bytes * 4 + 2) / 3);
                ck_assert_uint_eq(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
                                                "wxyz0123456789-_"),
                                  strlen(token));
        }
}
END_TEST

START_TEST(numbers)
{
        ck_assert(rand_u64() != rand_u64() || rand_u64() != rand_u64());
        unsigned seen = 0;
        for (int i = 0; i < 1000; i++) {
                uint32_t n = rand_below(5);
                ck_assert_uint_lt(n, 5);
                seen |= 1u << n;
        }
        ck_assert_uint_eq(seen, 31);
        unsigned char bytes[32] = {0}, zeros[32] = {0};
        rand_bytes(bytes, sizeof(bytes));
        ck_assert_int_ne(memcmp(bytes, zeros, sizeof(bytes)), 0);
}
END_TEST

/* FIPS 180-2, appendix B.1. */
#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

START_TEST(sha256)
{
        unsigned char hash[HASH_BYTES];
        char hex[HASH_HEX_SIZE];
        hash_sha256("abc", 3, hash);
        hash_hex(hash, HASH_BYTES, hex);
        ck_assert_str_eq(hex, SHA_ABC);
        struct hash_stream *h = hash_stream_new();
        hash_stream_add(h, "a", 1);
        hash_stream_add(h, "", 0);
        hash_stream_add(h, "bc", 2);
        hash_stream_end(h, hash);
        hash_hex(hash, HASH_BYTES, hex);
        ck_assert_str_eq(hex, SHA_ABC);
}
END_TEST

START_TEST(hmac)
{
        /* RFC 4231 §4.2, whose key of 20 bytes is padded with zeros as HMAC does itself. */
        unsigned char key[HASH_BYTES] = {0}, hash[HASH_BYTES];
        memset(key, 0x0b, 20);
        hash_hmac(key, "Hi There", 8, hash);
        char hex[HASH_HEX_SIZE];
        hash_hex(hash, HASH_BYTES, hex);
        ck_assert_str_eq(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}
END_TEST

START_TEST(unhex)
{
        unsigned char out[4] = {0};
        ck_assert_int_eq(hash_unhex("00fFa1Bc", out, 4), 0);
        ck_assert_int_eq(memcmp(out, "\x00\xff\xa1\xbc", 4), 0);
        ck_assert_int_eq(hash_unhex("00ff", out, 4), -1);
        ck_assert_int_eq(hash_unhex("00ffa1bc00", out, 4), -1);
        ck_assert_int_eq(hash_unhex("00ffa1bg", out, 4), -1);
        ck_assert_int_eq(hash_unhex("00 fa1bc", out, 4), -1);
        ck_assert_int_eq(hash_unhex("", out, 4), -1);
}
END_TEST

START_TEST(equality_and_wiping)
{
        char a[] = "secret", b[] = "secreT";
        ck_assert(hash_equal(a, a, 6));
        ck_assert(!hash_equal(a, b, 6));
        ck_assert(hash_equal(a, b, 5));
        mem_wipe(a, 6);
        ck_assert_int_eq(memcmp(a, "\0\0\0\0\0\0", 6), 0);
        mem_wipe(NULL, 0);
}
END_TEST

int main(void)
{
        rand_init();
        Suite *s = suite_create("rand");
        TCase *t = tcase_create("rand");
        suite_add_tcase(s, t);
        tcase_add_test(t, uuids);
        tcase_add_test(t, tokens);
        tcase_add_test(t, numbers);
        tcase_add_test(t, sha256);
        tcase_add_test(t, hmac);
        tcase_add_test(t, unhex);
        tcase_add_test(t, equality_and_wiping);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
