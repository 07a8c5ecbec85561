/* The parser gives the same whatever the pieces in which the bytes come. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/parse.h"
#include "base/mem.h"

enum { HEAD_MAX = 4096 };

static const struct route any = {"*", "*", ROLE_OPEN, BODY_ANY, NULL};

/* Everything that came of a text, in words; to be compared. */
struct outcome {
        char text[8192];
};

static void describe(const struct request *rq, const struct err *e, size_t left, struct outcome *out)
{
        autobuf b = BUF_INIT(sizeof(out->text) - 1);
        if (e->code != ERR_OK)
                buf_addf(&b, "error %s: %s", err_name(e->code), e->text);
        else
                buf_addf(&b, "%s %s ? %s ", rq->method, rq->path,
                         rq->query_text ? rq->query_text : "-");
        for (size_t i = 0; rq->path && i < rq->headers_count; i++)
                buf_addf(&b, "[%s=%s]", rq->head + rq->headers[i].name,
                         rq->head + rq->headers[i].value);
        if (e->code == ERR_OK)
                buf_addf(&b, " body '%s' close %d left %zu", buf_str(&rq->body), rq->close, left);
        ck_assert(buf_ok(&b));
        memcpy(out->text, buf_str(&b), b.len + 1);
}

/* One request from `text`, in pieces that end at `cut` and at every `step` bytes. */
static void parse(const char *text, size_t len, size_t cut, size_t step, struct outcome *out)
{
        struct request *rq = request_new();
        struct err e = ERR_INIT;
        enum parse_result r = PARSE_MORE;
        size_t at = 0;
        parse_begin(rq);
        rq->match.route = &any;
        rq->body_limit = 100;
        while (at < len && r == PARSE_MORE) {
                size_t end = at < cut ? cut : at + step < len ? at + step : len, used;
                bool in_head = !rq->head_done;
                /* from memory of its own size, so that a read past the end is seen */
                autofree char *piece = xmalloc(end - at);
                memcpy(piece, text + at, end - at);
                r = in_head ? parse_head(rq, piece, end - at, HEAD_MAX, &used, &e)
                            : parse_body(rq, piece, end - at, &used, &e);
                at += used;
                if (in_head && r == PARSE_DONE) {
                        r = parse_finish(rq, &e) < 0 ? PARSE_BAD : PARSE_MORE;
                        if (r == PARSE_MORE && !rq->has_body) {
                                at++;
                                break;
                        }
                }
        }
        describe(rq, &e, r == PARSE_BAD ? 0 : len - at, out);
        request_free(rq);
}

#define CHUNKED "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
#define DIGITS "01234567890123456789012345678901234567890123456789"

static const char *const texts[] = {
        "GET /a/b?c=d&e HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nEmpty:\r\nTrailing: a b \t \r\n\r\n",
        "GET / HTTP/1.1\nHost: x\n\nGET /next",
        "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /next HTTP/1.1",
        CHUNKED "3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\nrest",
        CHUNKED "3\r\nhelXX2\r\n",
        "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\r\n" DIGITS DIGITS DIGITS,
        "GET http://h:80/abs?x HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nFold: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nBad name: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nControl: a\x01z\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUpgrade: h2c\r\n\r\n",
        "BREW / HTTP/1.1\r\n\r\n",
        "\r\n\r\nGET /after-blank-lines HTTP/1.1\r\nHost: x\r\n\r\n",
};

START_TEST(every_split_gives_the_same)
{
        const char *text = texts[_i];
        size_t len = strlen(text);
        struct outcome whole, split;
        parse(text, len, 0, len, &whole);
        for (size_t cut = 0; cut <= len; cut++) {
                parse(text, len, cut, len, &split);
                ck_assert_str_eq(split.text, whole.text);
        }
        for (size_t step = 1; step <= 7; step++) {
                parse(text, len, 0, step, &split);
                ck_assert_str_eq(split.text, whole.text);
        }
}
END_TEST

static void expect(size_t i, const char *want)
{
        struct outcome o;
        parse(texts[i], strlen(texts[i]), 0, strlen(texts[i]), &o);
        ck_assert_str_eq(o.text, want);
}

START_TEST(what_comes_of_some)
{
        expect(0, "GET /a/b ? c=d&e [Host=x][Accept=*/*][Empty=][Trailing=a b] body '' close 0 "
                  "left 0");
        expect(1, "GET / ? - [Host=x] body '' close 0 left 9");
        expect(2, "POST /p ? - [Host=x][Content-Length=5] body 'hello' close 0 left 18");
        expect(3, "POST /p ? - [Host=x][Transfer-Encoding=Chunked] body 'hello' close 0 left 4");
        expect(6, "GET /abs ? x  body '' close 1 left 0");
}
END_TEST

START_TEST(heads_are_limited)
{
        for (size_t len = HEAD_MAX - 1; len <= HEAD_MAX + 1; len++) {
                autobuf b = BUF_INIT(HEAD_MAX * 2);
                buf_adds(&b, "GET / HTTP/1.1\r\nHost: ");
                while (b.len < len - 4)
                        buf_addc(&b, 'x');
                buf_adds(&b, "\r\n\r\n");
                struct outcome o;
                parse(b.data, b.len, 0, 1000, &o);
                bool fits = strncmp(o.text, "GET / ", 6) == 0;
                ck_assert_msg(fits == (len <= HEAD_MAX), "%zu: %.60s", len, o.text);
        }
}
END_TEST

#define TRACE "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
static const struct {
        const char *value;
        bool taken;
} traces[] = {
        {"00-" TRACE "-01", true},
        {"01-" TRACE "-01", true},
        {"01-" TRACE "-01-more-of-a-later-version", false},
        {"01-" TRACE "-01-0abc", true},
        {"00-" TRACE "-01-0abc", false},
        {"ff-" TRACE "-01", false},
        {"00-" TRACE "-0", false},
        {"00-" TRACE "-0\xFF", false}, /* PostgreSQL would refuse it, and the wave with it */
        {"\xFF\xFE", false},
        {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false},
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
        {"", false},
};

START_TEST(a_traceparent_is_one_or_is_not_taken)
{
        struct request *rq = request_new();
        struct err e = ERR_INIT;
        size_t used;
        autofree char *head =
                xasprintf("GET / HTTP/1.1\r\nHost: x\r\ntraceparent: %s\r\n\r\n", traces[_i].value);
        parse_begin(rq);
        ck_assert_int_eq(parse_head(rq, head, strlen(head), HEAD_MAX, &used, &e), PARSE_DONE);
        ck_assert_int_eq(parse_finish(rq, &e), 0);
        const char *taken = request_traceparent(rq);
        ck_assert_msg(!!taken == traces[_i].taken, "%s", traces[_i].value);
        if (taken)
                ck_assert_str_eq(taken, traces[_i].value);
        request_free(rq);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("api_parse");
        TCase *t = tcase_create("pieces");
        tcase_add_loop_test(t, every_split_gives_the_same, 0, COUNT_OF(texts));
        tcase_add_test(t, what_comes_of_some);
        tcase_add_test(t, heads_are_limited);
        tcase_add_loop_test(t, a_traceparent_is_one_or_is_not_taken, 0, COUNT_OF(traces));
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_ENV);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
