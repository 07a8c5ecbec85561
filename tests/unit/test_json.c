/* test_json.c - what is refused and where, what is read, what is written. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static struct json *parse(const char *text)
{
        struct err e = ERR_INIT;
        struct json *v = json_parse(text, strlen(text), &e);
        ck_assert_msg(v != NULL, "%s: %s", text, e.text);
        return v;
}

static void json_done(struct json **v)
{
        json_free(*v);
}
#define autojson cleanup(json_done) struct json

static void assert_refused(const char *text, size_t len, const char *why)
{
        struct err e = ERR_INIT;
        struct json *v = json_parse(text, len, &e);
        ck_assert_msg(v == NULL, "accepted: %s", text);
        ck_assert_int_eq(e.code, ERR_MALFORMED);
        ck_assert_msg(strstr(e.text, why) != NULL, "%s: \"%s\" does not say \"%s\"", text, e.text,
                      why);
}

/* ---- parsing ---- */

static const struct {
        const char *text, *why;
} refused[] = {
        {"", "line 1, column 1: the text ends"},
        {" \n ", "line 2, column 2: the text ends"},
        {"\xEF\xBB\xBF{}", "line 1, column 1: a byte order mark"},
        {"{} x", "line 1, column 4: something stands behind"},
        {"[1,2] [3]", "column 7: something stands behind"},
        {"nul", "column 1: a value was expected"},
        {"TRUE", "a value was expected"},
        {"NaN", "a value was expected"},
        {"-Infinity", "column 2: a digit is missing"},
        {"[1,]", "column 4: a value was expected"},
        {"[,1]", "column 2: a value was expected"},
        {"[1 2]", "column 4: a comma or ]"},
        {"[1}", "column 3: a comma or ]"},
        {"{\"a\":1]", "column 7: a comma or }"},
        {"{\"a\" 1}", "column 6: a colon"},
        {"{\"a\":}", "column 6: a value was expected"},
        {"{\"a\":1,}", "column 8: the name of a member"},
        {"{a:1}", "column 2: the name of a member"},
        {"{'a':1}", "the name of a member"},
        {"{1:1}", "the name of a member"},
        {"[", "column 2: the text ends"},
        {"{\"a\":", "the text ends"},
        {"{\"a\":[1,\n2", "line 2, column 2: a comma or ]"},
        {"\"abc", "column 1: the string does not end"},
        {"\"abc\\", "the string does not end"},
        {"\"a\nb\"", "column 3: control character"},
        {"\"a\tb\"", "control character"},
        {"\"\\x41\"", "column 2: unknown escape"},
        {"\"\\u12\"", "four hexadecimal digits"},
        {"\"\\u12g4\"", "four hexadecimal digits"},
        {"\"\\u12\x10\x30\"", "four hexadecimal digits"}, /* a control character is no digit */
        {"\"\\ud83d\\ude0\x10\"", "half of a surrogate pair"},
        {"\"ab\\u0000c\"", "column 4: \\u0000 is not allowed"},
        {"{\"a\\u0000\":1}", "\\u0000 is not allowed"},
        {"\"\\ud800\"", "half of a surrogate pair"},
        {"\"\\ud800\\u0041\"", "half of a surrogate pair"},
        {"\"\\udc00\\ud800\"", "half of a surrogate pair"},
        {"\"\xC3\xA9\xC3\x28\"", "column 3: bytes that are not UTF-8"},
        {"\"\xC0\xAF\"", "not UTF-8"},
        {"\"\xED\xA0\x80\"", "not UTF-8"},
        {"\"\xF4\x90\x80\x80\"", "not UTF-8"},
        {"\"\xE2\x82\"", "not UTF-8"},
        {"01", "leading zero"},
        {"-01", "leading zero"},
        {"1.", "a digit is missing"},
        {".5", "a value was expected"},
        {"+1", "a value was expected"},
        {"1e", "a digit is missing"},
        {"1e+", "a digit is missing"},
        {"-", "a digit is missing"},
        {"0x10", "something stands behind"},
        {"1e999", "a number out of range"},
        {"[-1e999]", "column 2: a number out of range"},
        {"1000000000000000000000000000000000000000000000000000000000000000", "62 characters"},
        {"/* c */ 1", "a value was expected"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "column 14: the name \"a\" stands twice"},
        {"[{\"x\":{\"y\":1}},\n {\"p\":1, \"\\u0070\":2}]", "line 2, column 10: the name \"p\""},
        {"{\"\":1,\"\":2}", "stands twice"},
};

START_TEST(mistakes_are_refused_where_they_stand)
{
        assert_refused(refused[_i].text, strlen(refused[_i].text), refused[_i].why);
}
END_TEST

START_TEST(nul_bytes_are_refused)
{
        assert_refused("{}\0", 3, "something stands behind");
        assert_refused("\"a\0b\"", 5, "control character");
        assert_refused("\"a\\\0\"", 5, "unknown escape");
        assert_refused("\0", 1, "a value was expected");
}
END_TEST

START_TEST(no_byte_behind_the_end_is_read)
{
        static const char text[] = "{\"a\":[1.5e3,\"\\ud83d\\ude00\\n\",true,false,null,-0]}";
        size_t whole = sizeof(text) - 1;
        for (size_t len = 0; len <= whole; len++) {
                autofree char *copy = xmalloc(len); /* so that a sanitizer sees it */
                memcpy(copy, text, len);
                struct err e = ERR_INIT;
                struct json *v = json_parse(copy, len, &e);
                ck_assert_int_eq(v != NULL, len == whole);
                json_free(v);
        }
}
END_TEST

START_TEST(depth_is_limited)
{
        char text[2 * (JSON_DEPTH_MAX + 1) + 1] = "";
        memset(text, '[', JSON_DEPTH_MAX);
        memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
        autojson *v = parse(text);
        autobuf out = BUF_INIT(1000);
        json_print(v, &out);
        ck_assert_str_eq(buf_str(&out), text);
        memset(text, '[', JSON_DEPTH_MAX + 1);
        memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
        assert_refused(text, strlen(text), "column 65: nested too deeply");
}
END_TEST

START_TEST(twins_among_many_members)
{
        autobuf text = BUF_INIT(1 << 22);
        buf_addc(&text, '{');
        for (int i = 0; i < 50000; i++)
                buf_addf(&text, "\"k%d\":%d,", i, i);
        size_t end = text.len;
        buf_adds(&text, "\"other\":1}");
        autojson *v = parse(buf_str(&text));
        ck_assert_uint_eq(json_count(v), 50001);
        text.len = end;
        buf_adds(&text, "\"k777\":1}");
        autofree char *why = xasprintf("column %zu: the name \"k777\"", end + 1);
        assert_refused(text.data, text.len, why);
}
END_TEST

START_TEST(a_million_strings)
{
        autobuf text = BUF_INIT(64 << 20);
        buf_addc(&text, '[');
        for (int i = 0; i < 1000000; i++)
                buf_addf(&text, "%s\"project-%d\"", i ? "," : "", i);
        buf_addc(&text, ']');
        autojson *v = parse(buf_str(&text));
        ck_assert_uint_eq(json_count(v), 1000000);
        autobuf out = BUF_INIT(64 << 20);
        json_print(v, &out);
        ck_assert_uint_eq(out.len, text.len);
        ck_assert_int_eq(memcmp(out.data, text.data, out.len), 0);
}
END_TEST

/* ---- looking ---- */

START_TEST(values_are_what_they_are)
{
        autojson *v = parse(" {\"s\":\"a\\\"\\u00e9\\ud83d\\ude00\\/\", \"i\":-7, \"d\":1.5, "
                            "\"t\":true, \"f\":false, \"n\":null, \"a\":[1,2,3], \"o\":{}, "
                            "\"S\":1}\r\n\t");
        ck_assert_int_eq(json_type_of(v), JSON_OBJECT);
        ck_assert_str_eq(json_str(json_get(v, "s")), "a\"\xC3\xA9\xF0\x9F\x98\x80/");
        int64_t i = 0;
        ck_assert_int_eq(json_int(json_get(v, "i"), &i), 0);
        ck_assert_int_eq(i, -7);
        ck_assert_int_eq(json_int(json_get(v, "d"), &i), -1);
        ck_assert_int_eq(json_int(json_get(v, "s"), &i), -1);
        ck_assert_double_eq(json_double(json_get(v, "d")), 1.5);
        ck_assert(json_bool(json_get(v, "t")));
        ck_assert(!json_bool(json_get(v, "f")));
        ck_assert(!json_bool(json_get(v, "i")));
        ck_assert_int_eq(json_type_of(json_get(v, "f")), JSON_BOOL);
        ck_assert_int_eq(json_type_of(json_get(v, "n")), JSON_NULL);
        ck_assert_uint_eq(json_count(json_get(v, "a")), 3);
        ck_assert_uint_eq(json_count(json_get(v, "o")), 0);
        ck_assert_uint_eq(json_count(json_get(v, "s")), 0);
        ck_assert_ptr_null(json_get(v, "x"));
        ck_assert_ptr_null(json_get(json_get(v, "a"), "x"));
        ck_assert_ptr_null(json_get(NULL, "x"));
        ck_assert_ptr_null(json_str(NULL));
        ck_assert_str_eq(json_name(json_first(v)), "s");
        ck_assert_str_eq(json_name(json_next(json_first(v))), "i");
}
END_TEST

START_TEST(integers_are_exact_or_refused)
{
        static const struct {
                const char *text;
                int result;
                int64_t value;
        } cases[] = {
                {"0", 0, 0},
                {"-0", 0, 0},
                {"1e3", 0, 1000},
                {"2.0", 0, 2},
                {"9007199254740991", 0, JSON_INT_MAX},
                {"-9007199254740991", 0, -JSON_INT_MAX},
                {"9007199254740992", -1, 0},
                {"9007199254740993", -1, 0},
                {"-9007199254740993", -1, 0},
                {"1e300", -1, 0},
                {"0.5", -1, 0},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                autojson *v = parse(cases[i].text);
                int64_t out = 0;
                ck_assert_msg(json_int(v, &out) == cases[i].result, "%s", cases[i].text);
                ck_assert_int_eq(out, cases[i].value);
        }
}
END_TEST

START_TEST(members_as_text)
{
        autojson *v = parse("{\"s\":\"x\",\"i\":12345678901,\"d\":0.25,\"t\":true,\"n\":null,"
                            "\"a\":[]}");
        struct arena *a = arena_new(0);
        ck_assert_str_eq(json_get_text(v, "s", a), "x");
        ck_assert_str_eq(json_get_text(v, "i", a), "12345678901");
        ck_assert_str_eq(json_get_text(v, "d", a), "0.25");
        ck_assert_str_eq(json_get_text(v, "t", a), "true");
        ck_assert_ptr_null(json_get_text(v, "n", a));
        ck_assert_ptr_null(json_get_text(v, "a", a));
        ck_assert_ptr_null(json_get_text(v, "x", a));
        arena_free(a);
}
END_TEST

START_TEST(printing_reads_back)
{
        static const char text[] = "{\"a\":[1,-2.5,true,false,null,\"q\\\"\\\\\\n\\u0001\xC3\xA9\","
                                   "{}],\"b\":9007199254740991,\"c\":{\"d\":[]}}";
        autojson *v = parse(text);
        autobuf out = BUF_INIT(1000);
        json_print(v, &out);
        ck_assert_str_eq(buf_str(&out), text);
}
END_TEST

/* ---- fields ---- */

struct target {
        const char *name;
        int64_t size, id;
        bool fast, fast_given;
        double ratio;
        const struct json *params, *list, *any;
        bool any_given;
};
#define AT(member) offsetof(struct target, member)
static const struct json_field fields[] = {
        {"name", WANT_STRING, true, 1, 5, AT(name), NO_PRESENT},
        {"size", WANT_INT, false, 1, 100, AT(size), NO_PRESENT},
        {"id", WANT_INT_OR_TEXT, false, 0, 0, AT(id), NO_PRESENT},
        {"fast", WANT_BOOL, false, 0, 0, AT(fast), AT(fast_given)},
        {"ratio", WANT_DOUBLE, false, 0, 1, AT(ratio), NO_PRESENT},
        {"params", WANT_OBJECT, false, 0, 0, AT(params), NO_PRESENT},
        {"list", WANT_ARRAY, false, 1, 3, AT(list), NO_PRESENT},
        {"any", WANT_ANY, false, 0, 0, AT(any), AT(any_given)},
};

static struct mistakes mistakes;

static struct json *read_into(const char *text, struct target *t, struct err *e)
{
        mistakes = (struct mistakes){.arena = arena_new(0)};
        struct json *v = parse(text);
        json_read(v, fields, COUNT_OF(fields), t, "#", &mistakes);
        mistakes_check(&mistakes, e);
        return v;
}

START_TEST(good_fields_are_read)
{
        struct target t = {.size = 3};
        struct err e = ERR_INIT;
        autojson *v = read_into("{\"name\":\"abc\",\"id\":\"9223372036854775807\",\"fast\":true,"
                                "\"ratio\":0.5,\"params\":{},\"list\":[1],\"any\":null}",
                                &t, &e);
        ck_assert_uint_eq(mistakes.total, 0);
        ck_assert_int_eq(e.code, ERR_OK);
        ck_assert_str_eq(t.name, "abc");
        ck_assert_int_eq(t.size, 3); /* absent: kept */
        ck_assert_int_eq(t.id, INT64_MAX);
        ck_assert(t.fast && t.fast_given);
        ck_assert_double_eq(t.ratio, 0.5);
        ck_assert_ptr_eq(t.params, json_get(v, "params"));
        ck_assert_ptr_eq(t.list, json_get(v, "list"));
        ck_assert_int_eq(json_type_of(t.any), JSON_NULL);
        ck_assert(!t.any_given);
        arena_free(mistakes.arena);
}
END_TEST

START_TEST(null_is_absent)
{
        struct target t = {.size = 3, .fast = true, .fast_given = true};
        struct err e = ERR_INIT;
        autojson *v = read_into("{\"name\":null,\"size\":null,\"fast\":null}", &t, &e);
        ck_assert_ptr_nonnull(v);
        ck_assert_int_eq(t.size, 3);
        ck_assert(t.fast && !t.fast_given);
        ck_assert_uint_eq(mistakes.total, 1);
        ck_assert_str_eq(mistakes.list[0].pointer, "#/name");
        ck_assert_str_eq(mistakes.list[0].detail, "is required");
        ck_assert_int_eq(e.code, ERR_INVALID);
        ck_assert_str_eq(e.text, "name is required");
        arena_free(mistakes.arena);
}
END_TEST

static const struct {
        const char *text, *pointer, *detail;
        enum err_code code;
} mistaken[] = {
        {"{\"name\":7}", "#/name", "must be a string", ERR_WRONG_TYPE},
        {"{\"name\":\"\"}", "#/name", "must not be empty", ERR_INVALID},
        {"{\"name\":\"abcdef\"}", "#/name", "must be 1 to 5 bytes long", ERR_INVALID},
        {"{\"name\":\"a\",\"size\":\"7\"}", "#/size", "must be an integer", ERR_WRONG_TYPE},
        {"{\"name\":\"a\",\"size\":1.5}", "#/size", "must be an integer", ERR_WRONG_TYPE},
        {"{\"name\":\"a\",\"size\":0}", "#/size", "must be from 1 to 100", ERR_INVALID},
        {"{\"name\":\"a\",\"size\":1e300}", "#/size", "must be within +-(2^53 - 1)", ERR_INVALID},
        {"{\"name\":\"a\",\"id\":\"1x\"}", "#/id",
         "must be an integer, or a string of decimal digits", ERR_WRONG_TYPE},
        {"{\"name\":\"a\",\"id\":\"\"}", "#/id",
         "must be an integer, or a string of decimal digits", ERR_WRONG_TYPE},
        {"{\"name\":\"a\",\"id\":\"9223372036854775808\"}", "#/id",
         "must be an integer, or a string of decimal digits", ERR_WRONG_TYPE},
        {"{\"name\":\"a\",\"fast\":1}", "#/fast", "must be true or false", ERR_WRONG_TYPE},
        {"{\"name\":\"a\",\"ratio\":\"1\"}", "#/ratio", "must be a number", ERR_WRONG_TYPE},
        {"{\"name\":\"a\",\"ratio\":1.01}", "#/ratio", "must be from 0 to 1", ERR_INVALID},
        {"{\"name\":\"a\",\"params\":[]}", "#/params", "must be an object", ERR_WRONG_TYPE},
        {"{\"name\":\"a\",\"list\":{}}", "#/list", "must be an array", ERR_WRONG_TYPE},
        {"{\"name\":\"a\",\"list\":[]}", "#/list", "must not be empty", ERR_INVALID},
        {"{\"name\":\"a\",\"list\":[1,2,3,4]}", "#/list", "must have 1 to 3 elements", ERR_INVALID},
        {"{\"name\":\"a\",\"Name\":1}", "#/Name", "is not a known field", ERR_INVALID},
        {"{\"name\":\"a\",\"x/y~ \xC3\xA9\":1}", "#/x~1y~0%20%C3%A9", "is not a known field",
         ERR_INVALID},
        {"{}", "#/name", "is required", ERR_INVALID},
        {"[]", "#", "must be an object", ERR_WRONG_TYPE},
};

START_TEST(mistaken_fields_are_named_and_kept)
{
        struct target t = {.name = "kept", .size = 50, .id = 8, .ratio = 0.25}, before = t;
        struct err e = ERR_INIT;
        autojson *v = read_into(mistaken[_i].text, &t, &e);
        ck_assert_ptr_nonnull(v);
        ck_assert_uint_eq(mistakes.total, 1);
        ck_assert_str_eq(mistakes.list[0].pointer, mistaken[_i].pointer);
        ck_assert_str_eq(mistakes.list[0].detail, mistaken[_i].detail);
        ck_assert_int_eq(mistakes.list[0].code, mistaken[_i].code);
        ck_assert_int_eq(e.code, mistaken[_i].code);
        if (t.name != before.name)
                ck_assert_str_eq(t.name, "a");
        ck_assert_int_eq(t.size, before.size);
        ck_assert_int_eq(t.id, before.id);
        ck_assert_double_eq(t.ratio, before.ratio);
        ck_assert_ptr_null(t.params);
        ck_assert_ptr_null(t.list);
        ck_assert(!t.fast && !t.fast_given);
        arena_free(mistakes.arena);
}
END_TEST

START_TEST(all_mistakes_are_told_together)
{
        struct target t = {0};
        struct err e = ERR_INIT;
        autojson *v = read_into("{\"size\":1000,\"fast\":\"no\",\"bad\":1}", &t, &e);
        ck_assert_ptr_nonnull(v);
        ck_assert_uint_eq(mistakes.total, 4);
        ck_assert_int_eq(e.code, ERR_WRONG_TYPE); /* the graver kind, though not the first */
        ck_assert_str_eq(e.text, "size must be from 1 to 100 (and 3 more)");
        arena_free(mistakes.arena);
}
END_TEST

START_TEST(endless_mistakes_are_counted)
{
        struct mistakes m = {.arena = arena_new(0)};
        for (int i = 0; i < 1000; i++)
                mistake_add(&m, ERR_INVALID, json_pointer_at(m.arena, "#/a", (size_t)i), "no");
        ck_assert_uint_eq(m.total, 1000);
        ck_assert_uint_eq(m.count, JSON_MISTAKES_MAX);
        ck_assert_str_eq(m.list[99].pointer, "#/a/99");
        struct err e = ERR_INIT;
        ck_assert_int_eq(mistakes_check(&m, &e), -1);
        ck_assert_int_eq(e.code, ERR_INVALID);
        mistake_add(&m, ERR_WRONG_TYPE, "#", "no");
        mistakes_check(&m, &e);
        ck_assert_int_eq(e.code, ERR_WRONG_TYPE);
        arena_free(m.arena);
}
END_TEST

START_TEST(no_memory_for_mistakes)
{
        struct mistakes m = {.arena = arena_new(1)};
        mistake_add(&m, ERR_INVALID, "#", "no");
        struct err e = ERR_INIT;
        ck_assert_int_eq(mistakes_check(&m, &e), -1);
        ck_assert_str_eq(e.text, "1 mistakes");
        arena_free(m.arena);
}
END_TEST

/* ---- writing ---- */

START_TEST(the_writer_sets_the_commas)
{
        autobuf b = BUF_INIT(1000);
        struct json_out o;
        json_out_init(&o, &b);
        autojson *v = parse("[1]");
        json_out_object(&o, NULL);
        json_out_str(&o, "s", "a\"b\x01\xFF");
        json_out_str(&o, "z", NULL);
        json_out_int(&o, "i", INT64_MIN);
        json_out_double(&o, "d", 0.5);
        json_out_double(&o, "nan", NAN);
        json_out_double(&o, "inf", -INFINITY);
        json_out_array(&o, "a");
        json_out_array(&o, NULL);
        json_out_array_end(&o);
        json_out_object(&o, NULL);
        json_out_object_end(&o);
        json_out_bool(&o, NULL, true);
        json_out_null(&o, NULL);
        json_out_array_end(&o);
        json_out_raw(&o, "r", "{\"x\":1}");
        json_out_raw(&o, "r0", NULL);
        json_out_value(&o, "v", v);
        json_out_value(&o, "v0", NULL);
        json_out_strn(&o, "n", "abc", 2);
        json_out_object_end(&o);
        ck_assert_str_eq(buf_str(&b),
                         "{\"s\":\"a\\\"b\\u0001\xEF\xBF\xBD\",\"z\":null,"
                         "\"i\":-9223372036854775808,\"d\":0.5,\"nan\":null,\"inf\":null,"
                         "\"a\":[[],{},true,null],\"r\":{\"x\":1},\"r0\":null,\"v\":[1],"
                         "\"v0\":null,\"n\":\"ab\"}");
}
END_TEST

START_TEST(every_byte_is_quoted_to_valid_json)
{
        char all[255];
        for (int c = 0; c < 255; c++)
                all[c] = (char)(c + 1);
        autobuf b = BUF_INIT(4096);
        json_quote(&b, all, sizeof(all));
        ck_assert(utf8_valid(b.data, b.len));
        autojson *v = parse(buf_str(&b));
        ck_assert_int_eq(strncmp(json_str(v), all, 127), 0);
}
END_TEST

START_TEST(utf8_is_judged_wherever_it_stands)
{
        char text[40];
        for (size_t at = 0; at + 2 <= 34; at++) {
                memset(text, 'a', sizeof(text));
                text[at] = '\xD0';
                text[at + 1] = '\x96';
                for (size_t len = 0; len <= 34; len++)
                        ck_assert_msg(utf8_valid(text, len) == (len != at + 1), "%zu of %zu", at,
                                      len);
                text[at + 1] = 'a';
                ck_assert(!utf8_valid(text, 34));
        }
}
END_TEST

START_TEST(utf8)
{
        static const struct {
                const char *text;
                size_t step;
        } cases[] = {
                {"a", 1},
                {"\x7F", 1},
                {"\xC2\x80", 2},
                {"\xDF\xBF", 2},
                {"\xE0\xA0\x80", 3},
                {"\xED\x9F\xBF", 3},
                {"\xEE\x80\x80", 3},
                {"\xF0\x90\x80\x80", 4},
                {"\xF4\x8F\xBF\xBF", 4},
                {"\x80", 0},
                {"\xC1\xBF", 0},
                {"\xE0\x9F\xBF", 0},
                {"\xED\xA0\x80", 0},
                {"\xF0\x8F\xBF\xBF", 0},
                {"\xF4\x90\x80\x80", 0},
                {"\xF5\x80\x80\x80", 0},
                {"\xC2", 0},
                {"\xC2x", 0},
                {"", 0},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                ck_assert_uint_eq(utf8_step(cases[i].text, strlen(cases[i].text)), cases[i].step);
        ck_assert(utf8_valid("", 0));
        ck_assert(utf8_valid("a\xC3\xA9", 3));
        ck_assert(!utf8_valid("a\xC3\xA9", 2));
}
END_TEST

static void add_parsing(TCase *t)
{
        tcase_add_loop_test(t, mistakes_are_refused_where_they_stand, 0, (int)COUNT_OF(refused));
        tcase_add_test(t, nul_bytes_are_refused);
        tcase_add_test(t, no_byte_behind_the_end_is_read);
        tcase_add_test(t, depth_is_limited);
        tcase_add_test(t, twins_among_many_members);
        tcase_add_test(t, a_million_strings);
        tcase_add_test(t, values_are_what_they_are);
        tcase_add_test(t, integers_are_exact_or_refused);
        tcase_add_test(t, members_as_text);
        tcase_add_test(t, printing_reads_back);
}

static void add_fields_and_writing(TCase *t)
{
        tcase_add_test(t, good_fields_are_read);
        tcase_add_test(t, null_is_absent);
        tcase_add_loop_test(t, mistaken_fields_are_named_and_kept, 0, (int)COUNT_OF(mistaken));
        tcase_add_test(t, all_mistakes_are_told_together);
        tcase_add_test(t, endless_mistakes_are_counted);
        tcase_add_test(t, no_memory_for_mistakes);
        tcase_add_test(t, the_writer_sets_the_commas);
        tcase_add_test(t, every_byte_is_quoted_to_valid_json);
        tcase_add_test(t, utf8);
        tcase_add_test(t, utf8_is_judged_wherever_it_stands);
}

int main(void)
{
        Suite *s = suite_create("json");
        TCase *t = tcase_create("json");
        suite_add_tcase(s, t);
        tcase_set_timeout(t, 20); /* sanitizers are slow */
        add_parsing(t);
        add_fields_and_writing(t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_NORMAL);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
