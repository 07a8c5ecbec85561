/* news.c - writing and reading entries. */
#include "model/news.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { ENTRY_MAX = 65536 }; /* of some 16 bytes a row: batches are of a few hundred */

static const char letters[] = {
        [MIGRATION_BLOCKED] = 'b', [MIGRATION_PENDING] = 'p',   [MIGRATION_RUNNING] = 'r',
        [MIGRATION_PARKED] = 'k',  [MIGRATION_RETRYING] = 't',  [MIGRATION_COMPLETED] = 'c',
        [MIGRATION_FAILED] = 'f',  [MIGRATION_CANCELLED] = 'x',
};
_Static_assert(COUNT_OF(letters) == MIGRATION_STATE_COUNT, "each state has a letter");

static const struct {
        char letter;
        const char *name;
} workers[] = {
        [NEWS_JOINED] = {'j', "joined"},
        [NEWS_LEFT] = {'l', "left"},
        [NEWS_DEAD] = {'d', "dead"},
        [NEWS_DRAINING] = {'r', "draining"},
};

const char *news_worker_name(enum news_worker what)
{
        return workers[what].name;
}

/* ---- putting together ---- */

void news_fini(struct news *n)
{
        buf_fini(&n->text);
}

void news_reset(struct news *n)
{
        buf_reset(&n->text);
        n->wave = 0;
}

bool news_empty(const struct news *n)
{
        return n->text.len == 0 && buf_ok(&n->text);
}

const char *news_text(const struct news *n)
{
        return buf_ok(&n->text) ? buf_str(&n->text) : "r";
}

static void begin(struct news *n, char kind)
{
        n->text.max = ENTRY_MAX;
        if (n->text.len)
                buf_addc(&n->text, ' ');
        buf_addc(&n->text, kind);
        n->wave = 0;
}

static void numbered(struct news *n, char kind, int64_t no)
{
        begin(n, kind);
        buf_addi(&n->text, no);
}

static void add_row(struct news *n, int64_t wave_no, int64_t id)
{
        if (n->wave == wave_no) {
                buf_addc(&n->text, ',');
        } else {
                numbered(n, 'm', wave_no);
                buf_addc(&n->text, ':');
                n->wave = wave_no;
        }
        buf_addi(&n->text, id);
}

void news_row(struct news *n, int64_t wave_no, int64_t id, int32_t attempt, const char *state)
{
        enum migration_state s;

        add_row(n, wave_no, id);
        if (n->shared || !state || migration_state_parse(state, &s) < 0)
                return;
        buf_addc(&n->text, '.');
        buf_addi(&n->text, attempt);
        buf_addc(&n->text, letters[s]);
}

void news_row_unknown(struct news *n, int64_t wave_no, int64_t id)
{
        add_row(n, wave_no, id);
}

void news_wave(struct news *n, int64_t wave_no)
{
        numbered(n, 'w', wave_no);
}

void news_wave_rows(struct news *n, int64_t wave_no)
{
        numbered(n, 'a', wave_no);
}

void news_lines(struct news *n, int64_t low, int64_t high, const int64_t *migrations, size_t count)
{
        numbered(n, 'l', low);
        buf_addc(&n->text, '-');
        buf_addi(&n->text, high);
        for (size_t i = 0; i < count; i++) {
                buf_addc(&n->text, i ? ',' : ':');
                buf_addi(&n->text, migrations[i]);
        }
}

void news_worker(struct news *n, int64_t worker, enum news_worker what)
{
        numbered(n, 'k', worker);
        buf_addc(&n->text, workers[what].letter);
}

void news_queue(struct news *n, const char *queue, bool paused)
{
        begin(n, 'q');
        buf_adds(&n->text, queue);
        buf_addc(&n->text, paused ? '-' : '+');
}

void news_reread(struct news *n)
{
        begin(n, 'r');
}

/* ---- taking apart ---- */

void news_open(struct news_reader *r, const char *text, size_t len)
{
        *r = (struct news_reader){.at = text, .end = text + len};
}

/* A positive number. */
static bool number(struct news_reader *r, int64_t max, int64_t *out)
{
        const char *begins = r->at;
        int64_t n = 0;

        for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
                if (__builtin_mul_overflow(n, 10, &n) ||
                    __builtin_add_overflow(n, *r->at - '0', &n) || n > max)
                        return false;
        *out = n;
        return r->at > begins && n > 0;
}

static bool taken(struct news_reader *r, char c)
{
        if (r->at == r->end || *r->at != c)
                return false;
        r->at++;
        return true;
}

static bool state_letter(struct news_reader *r, enum migration_state *out)
{
        for (size_t i = 0; r->at < r->end && i < COUNT_OF(letters); i++) {
                if (*r->at == letters[i]) {
                        *out = (enum migration_state)i;
                        r->at++;
                        return true;
                }
        }
        return false;
}

static bool worker_letter(struct news_reader *r, enum news_worker *out)
{
        for (size_t i = 0; r->at < r->end && i < COUNT_OF(workers); i++) {
                if (*r->at == workers[i].letter) {
                        *out = (enum news_worker)i;
                        r->at++;
                        return true;
                }
        }
        return false;
}

/* What is named is what a queue may be called; anything else is no entry of ours. */
static bool queue_name(struct news_reader *r, struct news_item *out)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
        enum { QUEUE_MAX = 63 };
        const char *end = r->at;

        while (end < r->end && *end != ' ')
                end++;
        if (end - r->at < 2 || end - r->at > QUEUE_MAX + 1 || (end[-1] != '+' && end[-1] != '-'))
                return false;
        out->queue = r->at;
        out->queue_len = (size_t)(end - r->at) - 1;
        out->paused = end[-1] == '-';
        for (size_t i = 0; i < out->queue_len; i++)
                if (!memchr(allowed, r->at[i], sizeof(allowed) - 1))
                        return false;
        r->at = end;
        return true;
}

/* The part of an item that its rows share, or all of it where it has none. */
static bool item_head(struct news_reader *r, struct news_item *it)
{
        char kind = *r->at++;

        *it = (struct news_item){0};
        switch (kind) {
        case 'm':
                it->kind = NEWS_ROW;
                return number(r, INT64_MAX, &it->wave_no) && taken(r, ':');
        case 'l':
                it->kind = NEWS_LINES;
                return number(r, INT64_MAX, &it->low) && taken(r, '-') &&
                       number(r, INT64_MAX, &it->high) && taken(r, ':');
        case 'w':
        case 'a':
                it->kind = kind == 'w' ? NEWS_WAVE : NEWS_WAVE_ROWS;
                return number(r, INT64_MAX, &it->wave_no);
        case 'k':
                it->kind = NEWS_WORKER;
                return number(r, INT64_MAX, &it->id) && worker_letter(r, &it->worker);
        case 'q':
                it->kind = NEWS_QUEUE;
                return queue_name(r, it);
        case 'r':
                it->kind = NEWS_REREAD;
                return true;
        default:
                return false;
        }
}

static bool row(struct news_reader *r, struct news_item *it)
{
        int64_t attempt = 0;

        if (!number(r, INT64_MAX, &it->id))
                return false;
        it->attempt = 0;
        it->known = it->kind == NEWS_ROW && taken(r, '.');
        if (!it->known)
                return true;
        /* A row that was never claimed has the attempt 0. */
        if (r->at < r->end && *r->at == '0')
                r->at++;
        else if (!number(r, INT32_MAX, &attempt))
                return false;
        it->attempt = (int32_t)attempt;
        return state_letter(r, &it->state);
}

int news_next(struct news_reader *r, struct news_item *out)
{
        if (!r->inside) {
                if (r->at == r->end)
                        return 0;
                if (!item_head(r, &r->item))
                        return -1;
                r->inside = r->item.kind == NEWS_ROW || r->item.kind == NEWS_LINES;
        }
        if (r->inside && !row(r, &r->item))
                return -1;
        *out = r->item;
        if (r->inside && taken(r, ','))
                return 1;
        r->inside = false;
        return r->at == r->end || (taken(r, ' ') && r->at < r->end) ? 1 : -1;
}
