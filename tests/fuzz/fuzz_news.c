/*
 * An entry of the stream of events: what can be read is written again as an entry that says the same; ids are
 * positive and names are what queues may be called.
 */
#include "broker/broker.h"
#include "model/news.h"
#include "tests/fuzz/fuzz.h"

static void write(struct news *n, const struct news_item *it)
{
        char queue[QUEUE_NAME_MAX + 1];
        switch (it->kind) {
        case NEWS_ROW:
                must(it->wave_no > 0 && it->id > 0 && it->attempt >= 0);
                if (it->known)
                        news_row(n, it->wave_no, it->id, it->attempt,
                                 migration_state_name(it->state));
                else
                        news_row_unknown(n, it->wave_no, it->id);
                break;
        case NEWS_WAVE:
                news_wave(n, it->wave_no);
                break;
        case NEWS_WAVE_ROWS:
                news_wave_rows(n, it->wave_no);
                break;
        case NEWS_LINES:
                must(it->low > 0 && it->high > 0);
                news_lines(n, it->low, it->high, &it->id, 1);
                break;
        case NEWS_WORKER:
                must(it->id > 0 && news_worker_name(it->worker));
                news_worker(n, it->id, it->worker);
                break;
        case NEWS_QUEUE:
                must(it->queue_len < sizeof(queue));
                snprintf(queue, sizeof(queue), "%.*s", (int)it->queue_len, it->queue);
                must(strlen(queue) == it->queue_len && queue_name_ok(queue));
                news_queue(n, queue, it->paused);
                break;
        case NEWS_REREAD:
                news_reread(n);
                break;
        }
}

/* The number of items; those that could be read are written into out. */
static size_t read_all(const char *text, size_t len, struct news *out, int *end)
{
        struct news_reader r;
        struct news_item it;
        size_t n = 0;
        news_open(&r, text, len);
        while ((*end = news_next(&r, &it)) > 0) {
                if (out)
                        write(out, &it);
                n++;
        }
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct news n = {0};
        int end, again;
        size_t items = read_all((const char *)data, size, &n, &end);
        if (items && strcmp(news_text(&n), "r") != 0) {
                must(read_all(news_text(&n), n.text.len, NULL, &again) == items);
                must(again == 0);
        }
        news_fini(&n);
        return 0;
}
