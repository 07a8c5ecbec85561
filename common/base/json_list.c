/* json_list.c - walks over JSON that is known to be good. */
#include "base/json_list.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/mem.h"

static const char *skip_space(const char *p)
{
        while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
                p++;
        return p;
}

/* From the opening quote to behind the closing one. */
static const char *skip_string(const char *p)
{
        for (p++; *p != '"'; p++)
                p += *p == '\\';
        return p + 1;
}

/* From its first bracket to behind its last. */
static const char *skip_nested(const char *p)
{
        size_t depth = 0;
        do {
                if (*p == '"') {
                        p = skip_string(p);
                        continue;
                }
                if (*p == '[' || *p == '{')
                        depth++;
                else if (*p == ']' || *p == '}')
                        depth--;
                p++;
        } while (depth);
        return p;
}

/* The value that begins at p, and behind it. `end`: of the text, for a number that ends it. */
static const char *read_piece(const char *p, const char *end, struct json_piece *out)
{
        const char *behind = p;
        out->text = p;
        if (*p == '"') {
                out->type = JSON_STRING;
                behind = skip_string(p);
        } else if (*p == '[' || *p == '{') {
                out->type = *p == '[' ? JSON_ARRAY : JSON_OBJECT;
                behind = skip_nested(p);
        } else {
                out->type = *p == 'n'                ? JSON_NULL
                            : *p == 't' || *p == 'f' ? JSON_BOOL
                                                     : JSON_NUMBER;
                while (behind < end && !strchr(" \n\t\r,]}", *behind))
                        behind++;
        }
        out->len = (size_t)(behind - p);
        return behind;
}

/* ---- strings ---- */

static unsigned hex4(const char *p)
{
        unsigned v = 0;
        for (int i = 0; i < 4; i++) {
                unsigned c = (unsigned char)p[i] | 0x20;
                v = v << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
        }
        return v;
}

static char *put_utf8(char *out, unsigned c)
{
        if (c < 0x80) {
                *out++ = (char)c;
                return out;
        }
        int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
        static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
        *out++ = (char)(lead[more] | c >> (6 * more));
        while (more--)
                *out++ = (char)(0x80 | (c >> (6 * more) & 0x3F));
        return out;
}

/* p is at the "u" of \uXXXX; a surrogate pair is two of them. */
static const char *unescape_unicode(const char *p, char **out)
{
        unsigned c = hex4(p + 1);
        p += 5;
        if (c >= 0xD800 && c < 0xDC00) {
                c = 0x10000 + ((c - 0xD800) << 10) + (hex4(p + 2) - 0xDC00);
                p += 6;
        }
        *out = put_utf8(*out, c);
        return p;
}

size_t json_piece_string(const struct json_piece *piece, char *out)
{
        assert(piece->type == JSON_STRING);
        static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
        char *begin = out;
        const char *p = piece->text + 1, *end = piece->text + piece->len - 1;
        while (p < end) {
                if (*p != '\\') {
                        *out++ = *p++;
                        continue;
                }
                p++;
                const char *known = strchr(from, *p);
                if (*p == 'u') {
                        p = unescape_unicode(p, &out);
                } else {
                        *out++ = known ? to[known - from] : *p;
                        p++;
                }
        }
        return (size_t)(out - begin);
}

/* ---- lists ---- */

bool json_list_next(struct json_list *l, struct json_piece *out)
{
        if (!l->at)
                return false;
        const char *p = skip_space(l->at);
        if (*p == ']')
                return false;
        p = skip_space(read_piece(p, l->end, out));
        l->at = *p == ',' ? p + 1 : p;
        return true;
}

/* ---- the rest ---- */

static bool is_name(const struct json_piece *p, const char *name)
{
        size_t len = strlen(name);
        if (p->len < len + 2 || p->len > 6 * len + 2) /* each character as \uXXXX at most */
                return false;
        autofree char *plain = xmalloc(p->len);
        return json_piece_string(p, plain) == len && memcmp(plain, name, len) == 0;
}

struct head {
        const char *const *names;
        size_t count;
        struct json_list *lists;
        struct buf text;
};

/* Adds the value, or keeps it as a list. */
static void add_member(struct head *h, const struct json_piece *name,
                       const struct json_piece *value, const char *end)
{
        buf_add(&h->text, name->text, name->len);
        buf_addc(&h->text, ':');
        for (size_t i = 0; value->type == JSON_ARRAY && i < h->count; i++) {
                if (!is_name(name, h->names[i]))
                        continue;
                h->lists[i] = (struct json_list){value->text + 1, end};
                buf_adds(&h->text, "[]");
                return;
        }
        buf_add(&h->text, value->text, value->len);
}

/* The object without its lists. */
static void read_members(struct head *h, const char *p, const char *end)
{
        buf_addc(&h->text, '{');
        for (p = skip_space(p + 1); *p != '}' && buf_ok(&h->text);) {
                struct json_piece name, value;
                p = skip_space(read_piece(p, end, &name)) + 1; /* the colon */
                p = skip_space(read_piece(skip_space(p), end, &value));
                add_member(h, &name, &value, end);
                if (*p == ',') {
                        buf_addc(&h->text, ',');
                        p = skip_space(p + 1);
                }
        }
        buf_addc(&h->text, '}');
}

/* Where the head's lines and columns are not those of the text, they are left out. */
static void forget_position(struct err *e)
{
        const char *what = e && strncmp(e->text, "line ", 5) == 0 ? strstr(e->text, ": ") : NULL;
        if (what)
                memmove(e->text, what + 2, strlen(what + 2) + 1);
}

struct json *json_parse_head(const char *text, size_t len, const char *const *names, size_t count,
                             struct json_list *lists, size_t head_max, struct err *e)
{
        for (size_t i = 0; i < count; i++)
                lists[i] = (struct json_list){0};
        if (json_scan(text, len, e) < 0)
                return NULL;
        const char *p = skip_space(text);
        if (*p != '{') {
                err_set(e, ERR_WRONG_TYPE, "the body must be a JSON object");
                return NULL;
        }
        struct head h = {names, count, lists, BUF_INIT(head_max)};
        struct json *v = NULL;
        read_members(&h, p, text + len);
        if (buf_ok(&h.text))
                v = json_parse(h.text.data, h.text.len, e);
        else if (h.text.starved)
                buf_check(&h.text, "the body", e);
        else
                err_set(e, ERR_TOO_LARGE, "all but the long lists must fit into %zu bytes",
                        head_max);
        if (!v)
                forget_position(e);
        buf_fini(&h.text);
        return v;
}
