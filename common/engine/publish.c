#include "engine/publish.h"

void publish(struct broker *b, struct news *n)
{
        if (news_empty(n))
                return;
        broker_publish(b, news_text(n));
        news_reset(n);
}

static void publish_once(struct broker *b, struct news *n)
{
        publish(b, n);
        news_fini(n);
}

void publish_wave(struct broker *b, int64_t wave_no)
{
        struct news n = {0};

        news_wave(&n, wave_no);
        publish_once(b, &n);
}

void publish_worker(struct broker *b, int64_t worker, enum news_worker what)
{
        struct news n = {0};

        news_worker(&n, worker, what);
        publish_once(b, &n);
}

void publish_queue(struct broker *b, const char *queue, bool paused)
{
        struct news n = {0};

        news_queue(&n, queue, paused);
        publish_once(b, &n);
}

void publish_reread(struct broker *b)
{
        struct news n = {0};

        news_reread(&n);
        publish_once(b, &n);
}
