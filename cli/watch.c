/* watch.c - see watch.h. */
#include "cli/watch.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/api.h"
#include "cli/bar.h"
#include "cli/feed.h"
#include "cli/speed.h"
#include "cli/table.h"
#include "cli/text.h"

enum {
        TURN_MS = 200,
        AGAIN_MS = 3000,  /* until what could not be asked is asked again, events or not */
        DRAW_MS = 100,    /* at least between two pictures */
        REDRAW_MS = 1000, /* at most: the time left goes on */
        SAY_MS = 1000,    /* at least between two lines of a wave */
        SAY_SHARE = 20,   /* and this part of the time since the beginning */
        NAME_SHOWN = 24,
};

struct followed {
        const char *id;
        char *name; /* clean */
        char state[24];
        struct bar bar;
        struct speed speed;
        bool known, changed, ended;
        int64_t say_at_ms;
        char said[24]; /* the state of the last line */
};

struct watch {
        struct cli *c;
        struct followed *waves;
        size_t n;
        size_t drawn; /* lines on the terminal that the next picture replaces */
        bool dirty, check, until_pause, header;
        int64_t begun_ms, drawn_at_ms, end_ms; /* end_ms 0: no limit */
        int64_t again_ms;                      /* a wave could not be asked; 0: all were */
        char trouble[ERR_TEXT_MAX];            /* why nothing is known now; "": all is well */
};

/* ---- what is known of a wave ---- */

static bool is(const struct followed *w, const char *state)
{
        return strcmp(w->state, state) == 0;
}

static int64_t settled(const struct followed *w)
{
        return w->bar.completed + w->bar.failed + w->bar.cancelled;
}

/* What was stopped is over when the last of its bodies is. */
static bool is_over(const struct followed *w)
{
        return is(w, "completed") || is(w, "error") ||
               (is(w, "stopped") && settled(w) >= w->bar.total);
}

static int64_t progress_of(const struct json *v, const char *name, int64_t otherwise)
{
        const struct json *n = json_get(json_get(v, "progress"), name);
        if (!n)
                n = json_get(v, name);
        json_int(n, &otherwise);
        return otherwise;
}

static bool same_counts(const struct bar *a, const struct bar *b)
{
        return a->total == b->total && a->completed == b->completed && a->failed == b->failed &&
               a->cancelled == b->cancelled && a->running == b->running && a->parked == b->parked;
}

static void take_state(struct watch *watch, struct followed *w, const struct json *v)
{
        struct bar before = w->bar;
        char state[sizeof(w->state)];
        const char *now =
                *json_str_at(v, "state") ? json_str_at(v, "state") : json_str_at(v, "status");
        autobuf clean = BUF_INIT(SIZE_MAX);
        text_clean(&clean, now, strlen(now));
        snprintf(state, sizeof(state), "%s", buf_str(&clean));
        w->bar.total = progress_of(v, "total", w->bar.total);
        w->bar.completed = progress_of(v, "completed", w->bar.completed);
        w->bar.failed = progress_of(v, "failed", w->bar.failed);
        w->bar.cancelled = progress_of(v, "cancelled", w->bar.cancelled);
        w->bar.running = progress_of(v, "running", w->bar.running);
        w->bar.parked = progress_of(v, "parked", w->bar.parked);
        bool changed = !w->known || !same_counts(&before, &w->bar) || !is(w, state);
        memcpy(w->state, state, sizeof(state));
        w->bar.state = w->state;
        w->known = true;
        w->changed |= changed;
        watch->dirty |= changed;
        speed_note(&w->speed, clock_mono_ms(), settled(w));
}

/* 0: it is known, or the API is away for now. -1: it will not be known. */
static int read_state(struct watch *watch, struct followed *w, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        struct err why = ERR_INIT;
        buf_adds(&path, "/api/waves/");
        url_escape(&path, w->id);
        buf_adds(&path, "/status");
        struct call q = {.path = buf_str(&path), .once = true, .give_up = feed_interrupted};
        if (api_call(watch->c, &q, &a, &why) < 0) {
                if (feed_interrupted())
                        return 0;
                if (!err_retryable(why.code) || !w->known) {
                        *e = why;
                        return -1;
                }
                if (!*watch->trouble && !watch->c->term.tty)
                        cli_note(watch->c, "%s; going on when it answers", why.text);
                snprintf(watch->trouble, sizeof(watch->trouble), "%s", why.text);
                watch->again_ms = clock_mono_ms() + AGAIN_MS;
                watch->dirty = true;
                return 0;
        }
        watch->dirty |= *watch->trouble != '\0';
        *watch->trouble = '\0';
        take_state(watch, w, a.data);
        w->ended = is_over(w) || (watch->until_pause && is(w, "paused"));
        return 0;
}

static int read_states(struct watch *watch, struct err *e)
{
        watch->check = false;
        watch->again_ms = 0;
        for (size_t i = 0; i < watch->n; i++) {
                if (!watch->waves[i].ended && read_state(watch, &watch->waves[i], e) < 0)
                        return -1;
        }
        return 0;
}

static void on_event(const char *name, const struct json *data, void *arg)
{
        struct watch *watch = arg;
        if (strcmp(name, "wave") != 0)
                return;
        for (size_t i = 0; i < watch->n; i++) {
                struct followed *w = &watch->waves[i];
                if (w->ended || strcmp(w->id, json_str_at(data, "id")) != 0)
                        continue;
                take_state(watch, w, data);
                /* The end is believed when the API says so itself. */
                watch->check |= is_over(w) || is(w, "paused");
        }
}

static int read_name(struct watch *watch, struct followed *w, struct err *e)
{
        autobuf path = BUF_INIT(SIZE_MAX);
        autobuf clean = BUF_INIT(SIZE_MAX);
        autoanswer a = {0};
        buf_adds(&path, "/api/waves/");
        url_escape(&path, w->id);
        if (api_get(watch->c, buf_str(&path), &a, e) < 0)
                return -1;
        const char *name = json_str_at(a.data, "wave.name");
        text_clean(&clean, name, strlen(name));
        w->name = buf_take(&clean);
        if (!w->name)
                w->name = xstrdup("");
        w->bar = (struct bar){
                .name = w->name, .state = w->state, .running = -1, .parked = -1, .left_s = -1};
        return 0;
}

static int read_names(struct watch *watch, struct err *e)
{
        size_t widest = 0;
        for (size_t i = 0; i < watch->n; i++) {
                if (read_name(watch, &watch->waves[i], e) < 0)
                        return -1;
                size_t width = text_width(watch->waves[i].name);
                if (width > widest)
                        widest = width;
        }
        for (size_t i = 0; i < watch->n; i++)
                watch->waves[i].bar.name_width = widest < NAME_SHOWN ? widest : NAME_SHOWN;
        return 0;
}

static struct bar picture_of(const struct followed *w)
{
        struct bar b = w->bar;
        int64_t now = clock_mono_ms();
        b.rate = speed_rate(&w->speed, now);
        b.left_s = speed_left(&w->speed, now, b.total - settled(w));
        return b;
}

/* ---- on a terminal ---- */

static void draw_rest(const struct watch *watch, size_t from, size_t width, struct buf *out)
{
        size_t under_way = 0;
        autobuf text = BUF_INIT(256);
        for (size_t i = from; i < watch->n; i++)
                under_way += !watch->waves[i].ended;
        buf_addf(&text, "and %zu more, %zu of them under way", watch->n - from, under_way);
        text_cut(out, buf_str(&text), width, "");
        buf_adds(out, "\033[K\n");
}

/* One length for all bars. */
static size_t bar_width_of(const struct watch *watch, size_t shown, size_t width)
{
        size_t least = 0;
        for (size_t i = 0; i < shown; i++) {
                struct bar b = picture_of(&watch->waves[i]);
                size_t fits = bar_fit(&b, width);
                if (fits && (!least || fits < least))
                        least = fits;
        }
        return least;
}

static void draw(struct watch *watch)
{
        autobuf out = BUF_INIT(SIZE_MAX);
        size_t room = term_height() - 1, width = term_width(), shown = watch->n;
        if (room < 3)
                room = 3;
        if (shown > room - 1)
                shown = room - 2;
        if (width)
                width--; /* a full line would make some terminals begin the next */
        if (watch->drawn)
                buf_addf(&out, "\033[%zuA\r", watch->drawn);
        watch->drawn = shown;
        size_t bar_width = bar_width_of(watch, shown, width);
        for (size_t i = 0; i < shown; i++) {
                struct bar b = picture_of(&watch->waves[i]);
                b.bar_width = bar_width;
                bar_print(&b, &watch->c->term, width, &out);
                buf_adds(&out, "\033[K\n");
        }
        if (shown < watch->n) {
                draw_rest(watch, shown, width, &out);
                watch->drawn++;
        }
        if (*watch->trouble) {
                buf_adds(&out, term_colour(&watch->c->term, COLOUR_YELLOW));
                text_cut(&out, watch->trouble, width ? width : ERR_TEXT_MAX, "");
                buf_adds(&out, term_plain(&watch->c->term));
                buf_adds(&out, "\033[K\n");
                watch->drawn++;
        }
        buf_adds(&out, "\033[J");
        cli_write(&out);
        fflush(stdout);
        watch->drawn_at_ms = clock_mono_ms();
        watch->dirty = false;
}

/* ---- elsewhere ---- */

static void say_json(const struct followed *w, const struct bar *b, struct buf *out)
{
        struct json_out o;
        json_out_init(&o, out);
        json_out_object(&o, NULL);
        json_out_str(&o, "id", w->id);
        json_out_str(&o, "name", w->name);
        json_out_str(&o, "state", w->state);
        json_out_object(&o, "progress");
        json_out_int(&o, "total", b->total);
        json_out_int(&o, "completed", b->completed);
        json_out_int(&o, "failed", b->failed);
        json_out_int(&o, "cancelled", b->cancelled);
        json_out_object_end(&o);
        json_out_object_end(&o);
}

static void say_csv(struct watch *watch, const struct followed *w, const struct bar *b,
                    struct buf *out)
{
        char now[CLOCK_RFC3339_SIZE];
        clock_rfc3339(clock_wall_ms(), now);
        if (!watch->header)
                buf_adds(out, "at,id,name,state,total,completed,failed,cancelled\r\n");
        watch->header = true;
        buf_addf(out, "%s,%s,", now, w->id);
        csv_cell(out, w->name, strlen(w->name), false);
        buf_addf(out, ",%s,%lld,%lld,%lld,%lld\r", w->state, (long long)b->total,
                 (long long)b->completed, (long long)b->failed, (long long)b->cancelled);
}

static void say(struct watch *watch, struct followed *w)
{
        autobuf out = BUF_INIT(SIZE_MAX);
        struct bar b = picture_of(w);
        int64_t now = clock_mono_ms();
        int64_t wait = (now - watch->begun_ms) / SAY_SHARE;
        if (watch->c->output == OUTPUT_JSON)
                say_json(w, &b, &out);
        else if (watch->c->output == OUTPUT_CSV)
                say_csv(watch, w, &b, &out);
        else
                bar_say(&b, &out);
        buf_addc(&out, '\n');
        cli_write(&out);
        fflush(stdout);
        w->say_at_ms = now + (wait > SAY_MS ? wait : SAY_MS);
        w->changed = false;
        snprintf(w->said, sizeof(w->said), "%s", w->state);
}

static void say_changes(struct watch *watch)
{
        for (size_t i = 0; i < watch->n; i++) {
                struct followed *w = &watch->waves[i];
                bool turned = strcmp(w->said, w->state) != 0;
                if (w->changed && (turned || w->ended || clock_mono_ms() >= w->say_at_ms))
                        say(watch, w);
        }
}

static void show(struct watch *watch)
{
        int64_t since = clock_mono_ms() - watch->drawn_at_ms;
        if (watch->c->quiet)
                return;
        if (!watch->c->term.tty || watch->c->output != OUTPUT_TABLE)
                say_changes(watch);
        else if ((watch->dirty && since >= DRAW_MS) || since >= REDRAW_MS)
                draw(watch);
}

/* ---- to the end ---- */

static bool all_ended(const struct watch *watch)
{
        for (size_t i = 0; i < watch->n; i++) {
                if (!watch->waves[i].ended)
                        return false;
        }
        return true;
}

static void show_last(struct watch *watch)
{
        watch->drawn_at_ms = 0;
        watch->dirty = true;
        show(watch);
        for (size_t i = 0; i < watch->n; i++) {
                const struct followed *w = &watch->waves[i];
                if (w->bar.failed && watch->c->output == OUTPUT_TABLE)
                        cli_note(watch->c,
                                 "what failed: wavefleet migration list %s --status error", w->id);
                if (is(w, "paused"))
                        cli_hint(watch->c, "it is paused: wavefleet wave logs %s says why", w->id);
        }
}

static int worst(const struct watch *watch)
{
        static const struct {
                const char *state;
                enum exit_code code;
        } outcomes[] = {{"error", EXIT_WAVE_ERROR},
                        {"stopped", EXIT_WAVE_STOPPED},
                        {"paused", EXIT_WAVE_PAUSED}};
        for (size_t o = 0; o < COUNT_OF(outcomes); o++) {
                for (size_t i = 0; i < watch->n; i++) {
                        if (is(&watch->waves[i], outcomes[o].state))
                                return outcomes[o].code;
                }
        }
        return EXIT_DONE;
}

static int left_alone(struct watch *watch, enum exit_code code)
{
        bool many = watch->n > 1;
        show_last(watch);
        cli_note(watch->c, "%s; the wave%s on: wavefleet wave watch%s%s",
                 code == EXIT_INTERRUPTED ? "no longer watched" : "the time is over",
                 many ? "s go" : " goes", many ? "" : " ", many ? "" : watch->waves[0].id);
        return code;
}

static bool wants_look(const struct watch *watch)
{
        return watch->check || (watch->again_ms && clock_mono_ms() >= watch->again_ms);
}

static int follow(struct watch *watch, struct feed *feed, struct err *e)
{
        for (;;) {
                if (feed_turn(feed, TURN_MS) || wants_look(watch)) {
                        if (read_states(watch, e) < 0)
                                return -1;
                }
                if (feed_interrupted())
                        return left_alone(watch, EXIT_INTERRUPTED);
                if (all_ended(watch)) {
                        show_last(watch);
                        return worst(watch);
                }
                if (watch->end_ms && clock_mono_ms() >= watch->end_ms)
                        return left_alone(watch, EXIT_TIME_UP);
                show(watch);
        }
}

static int read_end(struct watch *watch, struct err *e)
{
        const char *text = args_value(&watch->c->args, OPT_for);
        int64_t ms;
        if (!text)
                return 0;
        if (duration_parse(text, &ms) < 0)
                return err_set(e, ERR_CONFIG, "--for must be a time as 90s, 10m or 2h, not \"%s\"",
                               text);
        watch->end_ms = clock_mono_ms() + ms;
        return 0;
}

int watch_waves(struct cli *c, const char *const *ids, size_t n, struct err *e)
{
        struct watch watch = {.c = c, .n = n, .begun_ms = clock_mono_ms()};
        struct feed *feed = NULL;
        int rc = -1;
        watch.until_pause = args_has(&c->args, OPT_until_pause);
        watch.waves = xcalloc(n, sizeof(*watch.waves));
        for (size_t i = 0; i < n; i++)
                watch.waves[i].id = ids[i];
        if (read_end(&watch, e) == 0 && read_names(&watch, e) == 0) {
                autobuf path = BUF_INIT(SIZE_MAX);
                buf_adds(&path, "/api/events");
                url_query(&path, "wave", n == 1 ? ids[0] : NULL);
                feed_catch_signals();
                feed = feed_open(c, buf_str(&path), on_event, &watch);
                rc = follow(&watch, feed, e);
        }
        feed_close(feed);
        for (size_t i = 0; i < n; i++)
                free(watch.waves[i].name);
        free(watch.waves);
        return rc;
}
