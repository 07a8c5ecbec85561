/* bar.c - see bar.h. */
#include "cli/bar.h"

#include <string.h>

#include "cli/table.h"
#include "cli/text.h"

enum { BAR_MAX = 40, BAR_MIN = 8, NAME_MIN = 8, EIGHTHS = 8 };

/* ---- the numbers: the first ones matter most ---- */

enum part {
        PART_PERCENT,
        PART_COUNT,
        PART_STATE,
        PART_FAILED,
        PART_LEFT,
        PART_RATE,
        PART_RUNNING,
        PARTS
};

static int64_t done(const struct bar *b)
{
        return b->completed + b->failed + b->cancelled;
}

static bool moves(const struct bar *b)
{
        return strcmp(b->state, "running") == 0 || strcmp(b->state, "in_progress") == 0;
}

static int percent(const struct bar *b)
{
        return b->total > 0 ? (int)((double)done(b) * 100 / (double)b->total) : 0;
}

static void print_part(const struct bar *b, enum part part, struct buf *out)
{
        switch (part) {
        case PART_PERCENT:
                buf_addf(out, "%3d%%", percent(b));
                break;
        case PART_COUNT:
                buf_addf(out, "%lld/%lld", (long long)done(b), (long long)b->total);
                break;
        case PART_STATE:
                buf_adds(out, moves(b) ? "" : b->state);
                break;
        case PART_FAILED:
                if (b->failed)
                        buf_addf(out, "%lld failed", (long long)b->failed);
                break;
        case PART_LEFT:
                if (moves(b) && b->left_s >= 0) {
                        text_duration(out, b->left_s);
                        buf_adds(out, " left");
                }
                break;
        case PART_RATE:
                if (moves(b) && b->rate > 0)
                        text_rate(out, b->rate);
                break;
        case PART_RUNNING:
                if (moves(b) && b->running >= 0) {
                        buf_addf(out, "%lld running", (long long)b->running);
                        if (b->parked > 0)
                                buf_addf(out, ", %lld parked", (long long)b->parked);
                }
                break;
        default:
                break;
        }
}

static enum colour part_colour(const struct bar *b, enum part part)
{
        if (part == PART_FAILED)
                return COLOUR_RED;
        return part == PART_STATE ? state_colour(b->state) : COLOUR_NONE;
}

/* ---- the bar ---- */

static void repeat(struct buf *out, const char *s, size_t n)
{
        while (n-- > 0)
                buf_adds(out, s);
}

/* Blocks of eighths where they can be shown; what failed is the end of what is done. */
static void print_bar(const struct bar *b, const struct term *t, size_t width, struct buf *out)
{
        static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
        double share = b->total > 0 ? (double)done(b) / (double)b->total : 0;
        double bad = b->total > 0 ? (double)(b->failed + b->cancelled) / (double)b->total : 0;
        size_t full = (size_t)(share * (double)(width * EIGHTHS)), whole = full / EIGHTHS;
        size_t failed = (size_t)(bad * (double)width + 0.5);
        const char *block = t->utf8 ? "█" : "#";
        if (b->failed + b->cancelled > 0 && failed == 0 && whole > 0)
                failed = 1;
        if (failed > whole)
                failed = whole;
        buf_adds(out, term_colour(t, COLOUR_GREEN));
        repeat(out, block, whole - failed);
        buf_adds(out, term_colour(t, b->failed ? COLOUR_RED : COLOUR_YELLOW));
        repeat(out, block, failed);
        buf_adds(out, term_plain(t));
        if (t->utf8)
                buf_adds(out, eighths[full % EIGHTHS]);
        repeat(out, t->utf8 ? "·" : "-", width - whole - (t->utf8 && full % EIGHTHS));
}

/* ---- the line ---- */

struct layout {
        size_t name, bar; /* bar 0: none */
        bool shown[PARTS];
};

static size_t part_width(const struct bar *b, enum part part)
{
        autobuf text = BUF_INIT(256);
        print_part(b, part, &text);
        return text.len ? text.len + 2 : 0;
}

static size_t line_width(const struct bar *b, const struct layout *l)
{
        size_t width = l->name + (l->bar ? l->bar + 4 : 0);
        for (int p = 0; p < PARTS; p++)
                width += l->shown[p] ? part_width(b, (enum part)p) : 0;
        return width;
}

/* The bar gets shorter first, then the least of the numbers go, then the bar, then the name is cut. */
static void lay_out(const struct bar *b, size_t width, struct layout *l)
{
        size_t longest = b->bar_width ? b->bar_width : BAR_MAX;
        *l = (struct layout){.name = b->name_width, .bar = longest};
        memset(l->shown, true, sizeof(l->shown));
        if (!width)
                return;
        while (line_width(b, l) > width && l->bar > BAR_MIN)
                l->bar--;
        for (int p = PARTS - 1; p > PART_STATE && line_width(b, l) > width; p--)
                l->shown[p] = false;
        if (line_width(b, l) > width)
                l->bar = 0;
        while (line_width(b, l) > width && l->name > NAME_MIN)
                l->name--;
        for (int p = PART_STATE; p >= 0 && line_width(b, l) > width; p--)
                l->shown[p] = false;
        /* What a shorter line has to spare. */
        while (l->bar && l->bar < longest && line_width(b, l) < width)
                l->bar++;
}

size_t bar_fit(const struct bar *b, size_t width)
{
        struct layout l;
        lay_out(b, width, &l);
        return l.bar;
}

void bar_print(const struct bar *b, const struct term *t, size_t width, struct buf *out)
{
        struct layout l;
        lay_out(b, width, &l);
        text_fit(out, b->name, l.name, ALIGN_LEFT, t->utf8 ? "…" : ".");
        if (l.bar) {
                buf_adds(out, "  [");
                print_bar(b, t, l.bar, out);
                buf_addc(out, ']');
        }
        for (int p = 0; p < PARTS; p++) {
                enum colour colour = part_colour(b, (enum part)p);
                if (!l.shown[p] || !part_width(b, (enum part)p))
                        continue;
                buf_adds(out, "  ");
                buf_adds(out, term_colour(t, colour));
                print_part(b, (enum part)p, out);
                if (colour != COLOUR_NONE)
                        buf_adds(out, term_plain(t));
        }
}

void bar_say(const struct bar *b, struct buf *out)
{
        buf_addf(out, "%s: %s", b->name, moves(b) ? "running" : b->state);
        for (int p = 0; p < PARTS; p++) {
                autobuf text = BUF_INIT(256);
                if (p != PART_STATE)
                        print_part(b, (enum part)p, &text);
                if (text.len)
                        buf_addf(out, ", %s", buf_str(&text) + strspn(buf_str(&text), " "));
        }
}
