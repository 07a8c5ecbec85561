/*
 * What reaches a terminal: text_clean, and cutting, filling and wrapping what it made; server-sent events in
 * pieces.
 */
#include "tests/fuzz/fuzz.h"

#include <locale.h>

#include "cli/sse.h"
#include "cli/text.h"

static void check_clean(const char *text, size_t len, struct buf *clean)
{
        text_clean(clean, text, len);
        must(buf_ok(clean) && utf8_valid(buf_str(clean), clean->len));
        must(strlen(buf_str(clean)) == clean->len);
        const char *end = buf_str(clean) + clean->len;
        for (const char *p = buf_str(clean); p < end; p += utf8_step(p, (size_t)(end - p))) {
                uint32_t character;
                must(text_steers(p, (size_t)(end - p), &character) == 0);
        }
        autobuf again = BUF_INIT(SIZE_MAX);
        text_clean(&again, buf_str(clean), clean->len);
        must(strcmp(buf_str(&again), buf_str(clean)) == 0);
}

static void check_fit(const char *text, size_t width)
{
        autobuf fit = BUF_INIT(SIZE_MAX), cut = BUF_INIT(SIZE_MAX);
        text_fit(&fit, text, width, width % 2 ? ALIGN_LEFT : ALIGN_RIGHT, "…");
        must(text_width(buf_str(&fit)) == width);
        text_cut(&cut, text, width, "…");
        must(text_width(buf_str(&cut)) <= width);
        if (text_width(text) <= width)
                must(strcmp(buf_str(&cut), text) == 0);
}

/* No line is wider, but where a single character is; and nothing but spaces is lost. */
static void check_wrap(const char *text, size_t width, size_t indent)
{
        autobuf out = BUF_INIT(SIZE_MAX), kept = BUF_INIT(SIZE_MAX), was = BUF_INIT(SIZE_MAX);
        text_wrap(&out, text, width, indent, 0);
        for (const char *line = buf_str(&out); *line;) {
                size_t len = strcspn(line, "\n");
                autofree char *one = xstrndup(line, len);
                must(width <= indent || text_width(one) <= width || width - indent < 2);
                line += len + (line[len] == '\n');
        }
        for (const char *p = buf_str(&out); *p; p++) {
                if (*p != ' ' && *p != '\n')
                        buf_addc(&kept, *p);
        }
        for (const char *p = text; *p; p++) {
                if (*p != ' ')
                        buf_addc(&was, *p);
        }
        must(strcmp(buf_str(&kept), buf_str(&was)) == 0);
}

static void note_event(const char *name, const char *data, size_t len, void *arg)
{
        buf_adds(arg, name);
        buf_addc(arg, '\0');
        buf_add(arg, data, len);
        buf_addc(arg, '\0');
}

static void read_events(const char *text, size_t len, size_t piece, struct buf *events)
{
        struct sse s;
        sse_init(&s, note_event, events);
        for (size_t at = 0; at < len; at += piece)
                sse_feed(&s, text + at, len - at < piece ? len - at : piece);
        if (sse_last_id(&s))
                buf_adds(events, sse_last_id(&s));
        sse_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        setlocale(LC_CTYPE, "C.UTF-8");
        struct input in = input_of(data, size);
        size_t width = input_choice(&in, 64), indent = input_choice(&in, 8), len;
        autofree char *text = input_rest(&in, &len);
        autobuf clean = BUF_INIT(SIZE_MAX), whole = BUF_INIT(SIZE_MAX), pieces = BUF_INIT(SIZE_MAX);
        check_clean(text, len, &clean);
        check_fit(buf_str(&clean), width);
        check_wrap(buf_str(&clean), width, indent);
        read_events(text, len, len + 1, &whole);
        read_events(text, len, width + 1, &pieces);
        must(whole.len == pieces.len &&
             (!whole.len || same_bytes(whole.data, pieces.data, whole.len)));
        return 0;
}
