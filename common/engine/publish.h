/*
 * publish.h - telling the live views what a commit changed (model/news.h, broker_publish). Always after the
 * commit, and nobody waits for it.
 */
#ifndef ENGINE_PUBLISH_H
#define ENGINE_PUBLISH_H

#include "broker/broker.h"
#include "model/news.h"

/* What was gathered, if anything was; it is empty then. */
void publish(struct broker *b, struct news *n);
void publish_wave(struct broker *b, int64_t wave_no);
void publish_worker(struct broker *b, int64_t worker, enum news_worker what);
void publish_queue(struct broker *b, const char *queue, bool paused);
/* Something may have been committed of which nobody can say what. */
void publish_reread(struct broker *b);

#endif
