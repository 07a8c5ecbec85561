/*
 * events.h - live events: GET /api/events (server-sent events) and /api/ws (WebSocket).
 *
 *     Redis, stream `events` -> feed -> tell -> ring -> pump -> readers
 *                                   \-> waves: how far they are, from PostgreSQL
 *
 * One connection reads the stream while there are readers (events_feed.c). Each entry is taken apart and put
 * into words once (events_tell.c, events_ring.h); what PostgreSQL alone knows is asked for all of them together. Readers hold
 * nothing but their place in the ring; the pump (events_pump.c) gives each what it has not had and wants, a
 * bounded piece of work at a time. How far a wave is, is read at most five times a second, and only where
 * somebody wants to know (events_waves.c).
 */
#ifndef API_EVENTS_EVENTS_H
#define API_EVENTS_EVENTS_H

#include <stddef.h>

struct app;
struct events;

struct events *events_new(struct app *app);
/* Redis is another one than before: what is missing nobody knows. */
void events_other_server(struct events *ev);
/* After server, pool and broker; nobody listens any more. */
void events_free(struct events *ev);

#endif
