/* test_api_events_ring.c - tokens, the words of a message, and what the ring keeps and says of a place. */
#include "api/events/events_ring.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { ROOM = 65536 };

static void add(struct ring *r, int64_t ms, int64_t part, const char *data)
{
        const struct message m = {.token = {ms, 0, part}, .kind = EVENT_MIGRATIONS, .wave_no = ms};
        ring_add(r, &m, data, strlen(data));
}

/* ---- tokens ---- */

START_TEST(a_token_is_read_as_it_was_printed)
{
        const struct token t = {1764124000123, 7, TOKEN_ALL_PARTS};
        struct token read = {0};
        char text[TOKEN_TEXT_SIZE];
        token_print(&t, text);
        ck_assert_str_eq(text, "1764124000123-7.999999");
        ck_assert(token_parse(text, &read));
        ck_assert_int_eq(token_compare(&t, &read), 0);
}
END_TEST

static const char *const no_tokens[] = {"",
                                        "1",
                                        "1-",
                                        "1-2",
                                        "1-2.",
                                        "-1-2.3",
                                        "1-2.3 ",
                                        " 1-2.3",
                                        "1.2-3",
                                        "1-2.-3",
                                        "a-b.c",
                                        "1-2.3.4",
                                        "99999999999999999999-0.0"};

START_TEST(what_is_no_token)
{
        struct token t = {5, 5, 5};
        ck_assert(!token_parse(no_tokens[_i], &t));
        ck_assert_int_eq(t.ms, 5);
}
END_TEST

START_TEST(tokens_have_an_order)
{
        static const struct token all[] = {{1, 0, 0}, {1, 0, 1},      {1, 1, 0},
                                           {2, 0, 0}, {2, 0, 999999}, {3, 0, 0}};
        for (size_t i = 0; i < COUNT_OF(all); i++)
                for (size_t k = 0; k < COUNT_OF(all); k++)
                        ck_assert_int_eq(token_compare(&all[i], &all[k]), (i > k) - (i < k));
}
END_TEST

/* ---- words ---- */

START_TEST(a_message_in_words)
{
        struct ring r;
        ring_init(&r, ROOM);
        add(&r, 5, 2, "{\"a\":1}");
        const struct message *m = ring_get(&r, 0);
        ck_assert_int_eq(m->len, strlen("id: 5-0.2\nevent: migrations\ndata: {\"a\":1}\n\n"));
        ck_assert_int_eq(
                memcmp(m->text, "id: 5-0.2\nevent: migrations\ndata: {\"a\":1}\n\n", m->len), 0);
        ring_fini(&r);
}
END_TEST

/* Lengths of 125, 126, 65535 and 65536 bytes have different heads (RFC 6455, 5.2). */
START_TEST(a_frame_says_how_long_it_is)
{
        static const struct {
                size_t whole, head;
        } sizes[] = {{125, 2}, {126, 4}, {65535, 4}, {65536, 10}};
        const struct token t = {1, 2, 3};
        char *data = xmalloc(sizes[_i].whole);
        memset(data, '7', sizes[_i].whole);
        struct buf probe = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
        frame_print(&probe, &t, "log", "", 0);
        size_t frame = probe.len - 2; /* all but the data */
        frame_print(&out, &t, "log", data, sizes[_i].whole - frame);
        const unsigned char *b = (const unsigned char *)out.data;
        ck_assert_uint_eq(out.len, sizes[_i].head + sizes[_i].whole);
        ck_assert_uint_eq(b[0], 0x81);
        uint64_t said = b[1];
        for (size_t i = 2, n = sizes[_i].head; i < n; i++)
                said = i == 2 ? b[i] : said << 8 | b[i];
        ck_assert_uint_eq(said, sizes[_i].whole);
        static const char begins[] = "{\"id\":\"1-2.3\",\"event\":\"log\",\"data\":7";
        ck_assert_int_eq(memcmp(out.data + sizes[_i].head, begins, sizeof(begins) - 1), 0);
        ck_assert_int_eq(out.data[out.len - 1], '}');
        buf_fini(&probe);
        buf_fini(&out);
        free(data);
}
END_TEST

START_TEST(a_frame_is_made_once)
{
        struct ring r;
        size_t len, again;
        ring_init(&r, ROOM);
        add(&r, 5, 1, "{}");
        size_t before = r.bytes;
        const char *frame = message_frame(&r, ring_get(&r, 0), &len);
        ck_assert_uint_eq(r.bytes, before + len);
        ck_assert_ptr_eq(message_frame(&r, ring_get(&r, 0), &again), frame);
        ck_assert_uint_eq(again, len);
        ring_fini(&r);
}
END_TEST

/* ---- places ---- */

START_TEST(a_place_is_found)
{
        struct ring r;
        uint64_t n = 99;
        ring_init(&r, ROOM);
        ring_restart(&r, &(struct token){1, 0, TOKEN_ALL_PARTS});
        for (int64_t ms = 2; ms <= 6; ms++)
                for (int64_t part = 1; part <= 2; part++)
                        add(&r, ms, part, "{}");
        ck_assert(ring_after(&r, &(struct token){1, 0, TOKEN_ALL_PARTS}, &n));
        ck_assert_uint_eq(n, 0);
        ck_assert(ring_after(&r, &(struct token){3, 0, 1}, &n));
        ck_assert_uint_eq(n, 3);
        ck_assert(ring_after(&r, &(struct token){3, 0, TOKEN_ALL_PARTS}, &n));
        ck_assert_uint_eq(n, 4);
        ck_assert(ring_after(&r, &r.head, &n));
        ck_assert_uint_eq(n, r.next);
        ck_assert(!ring_after(&r, &(struct token){1, 0, 5}, &n));
        ck_assert(!ring_after(&r, &(struct token){6, 0, 3}, &n));
        ring_fini(&r);
}
END_TEST

START_TEST(the_oldest_goes_and_its_place_with_it)
{
        struct ring r;
        uint64_t n;
        static char data[1000];
        memset(data, '1', sizeof(data) - 1);
        ring_init(&r, ROOM);
        ring_restart(&r, &(struct token){1, 0, 0});
        for (int64_t ms = 2; ms < 5000; ms++)
                add(&r, ms, 1, data);
        ck_assert_uint_le(r.bytes, ROOM);
        ck_assert_uint_gt(r.next - r.first, 40);
        ck_assert_int_eq(r.since.ms, ring_get(&r, r.first)->token.ms - 1);
        ck_assert(ring_after(&r, &r.since, &n));
        ck_assert_uint_eq(n, r.first);
        const struct token before = {r.since.ms, 0, 0};
        ck_assert(!ring_after(&r, &before, &n));
        ring_fini(&r);
}
END_TEST

/* More of them than it began with room for, and around its end. */
START_TEST(it_grows)
{
        struct ring r;
        ring_init(&r, 1 << 24);
        for (int64_t ms = 1; ms <= 10000; ms++)
                add(&r, ms, 1, "{}");
        for (uint64_t n = r.first; n < r.next; n++)
                ck_assert_int_eq(ring_get(&r, n)->token.ms, (int64_t)n + 1);
        ring_fini(&r);
}
END_TEST

/* One that is larger than all of it is still told to those who are there. */
START_TEST(the_newest_stays)
{
        struct ring r;
        ring_init(&r, 100);
        add(&r, 1, 1, "{}");
        add(&r, 2, 1, "{}");
        ck_assert_uint_eq(r.next - r.first, 1);
        ck_assert_int_eq(ring_get(&r, r.first)->token.ms, 2);
        ring_fini(&r);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("events_ring");
        TCase *t = tcase_create("events_ring");
        suite_add_tcase(s, t);
        tcase_add_test(t, a_token_is_read_as_it_was_printed);
        tcase_add_loop_test(t, what_is_no_token, 0, COUNT_OF(no_tokens));
        tcase_add_test(t, tokens_have_an_order);
        tcase_add_test(t, a_message_in_words);
        tcase_add_loop_test(t, a_frame_says_how_long_it_is, 0, 4);
        tcase_add_test(t, a_frame_is_made_once);
        tcase_add_test(t, a_place_is_found);
        tcase_add_test(t, the_oldest_goes_and_its_place_with_it);
        tcase_add_test(t, it_grows);
        tcase_add_test(t, the_newest_stays);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
